"""What a person watches while rows are written."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from ringfence.cli import progress
from ringfence.execute import Progress
from ringfence.revisions import Revision


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_now_and_then_where_nobody_watches(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    with progress.Rows(clock) as rows:
        rows.listen("s.t", 1000, 5000, 1.0)
        clock.now = 11.0
        rows.listen("s.t", 2500, 500_000, 1.0)
        rows.listen("s.t", 3000, 500_000, 1.2)
    assert capsys.readouterr().err == "s.t  2,500 of 500,000 rows  2,500 rows/s  3:19 left\n"


def test_a_live_line_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with progress.Rows(clock) as rows:
        rows.listen("a.b", 7, 7, 0.5)
        clock.now = 0.01
        rows.listen("c.d", 1, 9, 0.5)
        rows.listen("c.d", 9, 9, 0.5)
    wiped = "\r\033[K"
    assert capsys.readouterr().err == (
        f"a.b  7 of 7 rows  14 rows/s{wiped}c.d  9 of 9 rows  18 rows/s{wiped}"
    )


def test_short_runs_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.Rows(Clock()) as rows:
        rows.listen("s.t", 5, 5, 0.1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("columns", "above"), [(80, True), (200, False)])
def test_who_is_in_the_way_is_said_whole_where_the_terminal_is_narrow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int, above: bool
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    revision = Revision("0007", (), (), (), "Add a column", Path("x.py"), "x.py", sql=True)
    ages = ("00:00:01", "00:00:09")
    text = "waits for pid 7, user ann, psql, idle in a transaction since {}: UPDATE t SET a = 1"
    with progress.Watch("shop") as watch:
        for age in ages:
            watch.listen(Progress("blocked", revision, "up", 1, 2, text=text.format(age)))
    said = capsys.readouterr().err
    assert (f"  {text.format(ages[0])}\n" in click.unstyle(said)) is above
    assert f"  {text.format(ages[1])}\n" not in click.unstyle(said)
    assert "\r\033[K" in said

"""What a person watches while rows are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.cli import progress

if TYPE_CHECKING:
    import pytest


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

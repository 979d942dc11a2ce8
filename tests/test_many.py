"""`ringfence migrate` on several databases: a history each, and one answer about all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from faults import stages
from projects import BIN, Project, lines, shown
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two revisions, and no database of its own."""
    made = Project(tmp_path_factory.mktemp("many") / "project")
    made.revision("0001", "CREATE TABLE a ();", "DROP TABLE a;")
    made.revision("0002", "CREATE TABLE b ();", "DROP TABLE b;")
    return made


@pytest.fixture
def three(make_database: Callable[..., str]) -> list[str]:
    """Three databases; the second has a table in the way of 0002."""
    dsns = [make_database() for _ in range(3)]
    with psycopg.connect(dsns[1]) as connection:
        connection.execute("CREATE TABLE b ()")
    return dsns


def each(dsns: list[str]) -> list[str]:
    return [word for dsn in dsns for word in ("--dsn", dsn)]


def heads(project: Project, dsns: list[str]) -> list[str | None]:
    """Where each stands; None where nothing has been begun."""
    found: list[str | None] = []
    for dsn in dsns:
        there = project.query(
            "SELECT to_regclass('ringfence.alembic_version') IS NOT NULL", dsn=dsn
        )
        if there != [(True,)]:
            found.append(None)
            continue
        found.append(project.query("TABLE ringfence.alembic_version", dsn=dsn)[0][0])
    return found


@stages("F32")
def test_a_failure_stops_those_that_come_after_it(project: Project, three: list[str]) -> None:
    done = project.run("migrate", *each(three))
    assert done.status == 3
    a, b, c = map(shown, three)
    assert done.out.splitlines() == [
        f"{a}  0002  2 revisions",
        f'{b}  -     failed (3): relation "b" already exists',
        f"{c}  -     not begun",
    ]
    assert f'{b}: error: relation "b" already exists\n' in done.err
    assert f"{a}:   ✓ up   0002" in done.err
    assert heads(project, three) == ["0002", "0001", None]


@stages("F32")
@pytest.mark.parametrize("jobs", ["1", "3"])
def test_it_goes_on_where_each_of_them_stands(
    project: Project, three: list[str], jobs: str
) -> None:
    done = project.run("migrate", *each(three), "--on-error", "continue", "--jobs", jobs)
    assert done.status == 3
    assert heads(project, three) == ["0002", "0001", "0002"]
    project.query("DROP TABLE b", dsn=three[1])
    again = project.run("migrate", *each(three), "--format", "json")
    assert again.status == 0
    told = json.loads(again.out)
    assert [(t["status"], t["from"], t["to"]) for t in told["targets"]] == [
        (0, ["0002"], ["0002"]), (0, ["0001"], ["0002"]), (0, ["0002"], ["0002"]),
    ]  # fmt: skip
    assert [t["target"] for t in told["targets"]] == [shown(dsn) for dsn in three]
    assert project.run("migrate", *each(three)).out.splitlines() == [
        f"{shown(dsn)}  0002  nothing to do" for dsn in three
    ]
    back = project.run("migrate", *each(three), "--to", "base")
    assert back.status == 2
    assert "hint: say --yes to mean it\n" in back.err
    assert project.run("migrate", *each(three), "--to", "base", "--yes").status == 0


def test_a_file_lists_them(project: Project, three: list[str]) -> None:
    file = project.root / "fleet"
    file.write_text("# ours\n\n" + "\n".join(three[::2]) + "\n", encoding="utf-8")
    assert project.run("migrate", "--targets", str(file)).status == 0
    assert heads(project, three) == ["0002", None, "0002"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["error: fleet names no database"]),
        (
            "service=a\npostgresql://u:hun ter2@h:oops/db\n",
            ["line 2 of fleet", "\n  fleet:2"],
        ),
        ("service=a\nservice=a\n", ["named twice: by line 1 of fleet and by line 2 of fleet"]),
    ],
)
def test_a_file_that_does_not_say_which_is_refused(
    project: Project, text: str, said: list[str]
) -> None:
    (project.root / "fleet").write_text(text, encoding="utf-8")
    done = project.run("migrate", "--targets", "fleet")
    assert (done.status, done.out) == (2, "")
    for line in said:
        assert line in done.err
    assert "ter2" not in done.err


def test_what_is_for_one_is_refused_for_several(project: Project) -> None:
    two = ["--dsn", "service=a", "--dsn", "service=b"]
    done = project.run("migrate", *two, "--dry-run")
    assert done.err == lines("error: --dry-run is for one database", "hint: name one with --dsn")
    assert project.run("migrate", *two, "--baseline", "head").status == 2
    done = project.run("migrate", "--dsn", "service=a", "--dsn", "")
    assert done.err.startswith("error: --dsn number 2 is empty\n")


def test_no_list_of_processes_shows_a_password(project: Project, three: list[str]) -> None:
    """A run waits for a lock, and what is on its command line is looked at."""
    project.revision("0003", "SELECT pg_advisory_xact_lock(1);")
    file = project.root / "fleet"
    dsn = psycopg.conninfo.make_conninfo(three[0], password="hunter2")
    file.write_text(dsn, encoding="utf-8")
    with psycopg.connect(three[0]) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(1)")
        run = subprocess.Popen(
            [str(BIN / "ringfence"), "migrate", "--targets", "fleet"],
            cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        waits = (
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND application_name = 'ringfence' AND datname = current_database()"
        )
        wait_until(lambda: project.query(waits, dsn=three[0]))
        (child,) = subprocess.run(
            ["ps", "--ppid", str(run.pid), "-o", "args="],
            capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
        assert "migrate --format json" in child
        assert "hunter2" not in child
        # Ctrl-C, which a terminal sends to us and not to those that we have begun.
        os.kill(run.pid, signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 130, (out, err)
    assert "hunter2" not in out + err
    told = project.query(
        "SELECT event FROM ringfence.history ORDER BY id DESC LIMIT 1", dsn=three[0]
    )
    assert told == [("cancelled",)]


@pytest.mark.parametrize("again", [False, True])
def test_a_run_in_the_background_of_a_script_is_ended(
    project: Project, three: list[str], again: bool
) -> None:
    """There SIGINT is ignored, by those that it begins too."""
    project.revision("0003", "SELECT pg_sleep(600);")
    project.revision("0004", "CREATE TABLE never ();")
    (project.root / "fleet").write_text(three[0], encoding="utf-8")
    command = f"'{BIN / 'ringfence'}' migrate --targets fleet & echo $!; wait $!"
    run = subprocess.Popen(
        ["sh", "-c", command],
        cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdout is not None
    pid = int(run.stdout.readline())
    sleeps = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    wait_until(lambda: project.query(sleeps, dsn=three[0]))
    ((backend,),) = project.query(sleeps, dsn=three[0])
    if again:
        # Its server says nothing: what asks again does not wait for it.
        os.kill(backend, signal.SIGSTOP)
    try:
        os.kill(pid, signal.SIGTERM)
        if again:
            wait_until(lambda: _second(pid))
    finally:
        if again:
            os.kill(backend, signal.SIGCONT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 143, (out, err)
    wait_until(lambda: not project.query(sleeps, dsn=three[0]))
    gone = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'ringfence' AND datname = current_database()"
    wait_until(lambda: not project.query(gone, dsn=three[0]))
    assert project.query("SELECT to_regclass('never')", dsn=three[0]) == [(None,)]


def _second(pid: int) -> bool:
    """Send the signal again, until it is gone: right behind the first it is taken for the same."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "Z"


def test_a_folder_in_the_project_stands_in_nothings_way(project: Project, three: list[str]) -> None:
    (project.root / "alembic").mkdir()
    (project.root / "alembic" / "__init__.py").write_text("raise SystemError\n")
    assert project.run("migrate", *each(three[::2])).status == 0

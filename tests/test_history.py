"""The history: what is written, that it stays, that it is true; and `ringfence history`."""

from __future__ import annotations

import getpass
import json
import os
import platform
import socket
import subprocess
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from faults import stages
from projects import BIN, Project, lines, timeless
from ringfence import __version__
from ringfence.script import checksum

if TYPE_CHECKING:
    from pathlib import Path

OURS = ["ringfence.alembic_version", "ringfence.backfills", "ringfence.history"]
USER = getpass.getuser()


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A project without revisions, and an empty database."""
    return Project(tmp_path / "project", database)


@pytest.fixture
def two(project: Project) -> Project:
    """A project of two revisions, applied, the second undone."""
    project.revision("0001", "CREATE TABLE a ();", "DROP TABLE a;", title="one")
    project.revision("0002", "CREATE TABLE b ();", "DROP TABLE b;", title="two")
    project.run("migrate")
    project.run("migrate", "--to", "-1", "--yes")
    return project


def test_a_row_says_who_when_how_long_and_what(project: Project) -> None:
    text = "CREATE TABLE a ();\n"
    project.revision("0001", text, title="one")
    subprocess.run(["git", "init", "-q", str(project.root)], check=True)
    commit = ["git", "-C", str(project.root), "-c", "user.name=x", "-c", "user.email=x@x", "commit"]
    subprocess.run(["git", "-C", str(project.root), "add", "."], check=True)
    subprocess.run([*commit, "-q", "-m", "x", "--no-gpg-sign"], check=True)
    (before,) = project.query("SELECT clock_timestamp()")
    project.run("migrate")
    (after,) = project.query("SELECT clock_timestamp()")
    (started, finished) = project.history(
        "event", "revision", "direction", "attempt", "statement", "title", "checksum", "sql",
        "duration", "error", "client", "session_role", "effective_role", "server_version",
        "at", "backend", "xid::text",
    )  # fmt: skip
    assert started[:7] == ("started", "0001", "up", 1, None, "one", checksum(text.encode()))
    assert started[7:10] == (None, None, None)
    assert finished[:8] == ("finished", "0001", "up", 1, None, "one", checksum(text.encode()), text)
    assert timedelta(0) < finished[8] < timedelta(minutes=5)
    assert finished[9] is None
    head = subprocess.run(
        ["git", "-C", str(project.root), "describe", "--always", "--abbrev=12"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    settings = finished[10].pop("settings")
    assert started[10].pop("settings") == settings
    assert finished[10] == {
        "user": USER,
        "host": socket.gethostname(),
        "ringfence": __version__,
        "python": platform.python_version(),
        "git": head.stdout.strip(),
    }
    assert started[10] == finished[10]
    role = psycopg.conninfo.conninfo_to_dict(project.dsn)["user"]
    assert finished[11:13] == (role, role)
    assert finished[13] == project.query("SELECT current_setting('server_version_num')::int")[0][0]
    assert before[0] < started[14] < finished[14] < after[0]
    assert finished[15] == started[15]
    # The row finished is of the transaction that made the table and moved the version.
    assert project.query("SELECT xmin::text FROM ringfence.alembic_version") == [(finished[16],)]
    assert project.query("SELECT xmin::text FROM pg_class WHERE relname = 'a'") == [(finished[16],)]


@stages("F24")
def test_a_row_says_which_settings_change_what_a_file_means(project: Project) -> None:
    """Those that the database or the role sets otherwise than PostgreSQL."""
    name = psycopg.conninfo.conninfo_to_dict(project.dsn)["dbname"]
    project.query(f'ALTER DATABASE "{name}" SET search_path = s, public')
    project.query(f'ALTER DATABASE "{name}" SET check_function_bodies = off')
    project.revision("0001", "CREATE TABLE a ();\nSET DateStyle = SQL;")
    project.revision("0002", "CREATE TABLE b ();")
    project.run("migrate")
    told = [client["settings"] for (client,) in project.history("client")]
    assert [t["search_path"] for t in told] == ["s, public"] * 4
    assert [t["check_function_bodies"] for t in told] == ["off"] * 4
    assert "row_security" not in told[0]
    assert told[0] == told[-1]  # a file's own are its own


def test_a_row_of_undoing_has_the_sql_that_undid_it(two: Project) -> None:
    assert two.history("event", "direction", "revision", "sql")[-1] == (
        "finished", "down", "0002", "DROP TABLE b;",
    )  # fmt: skip


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE ringfence.history SET title = 'x'",
        "DELETE FROM ringfence.history",
        "DELETE FROM ringfence.history WHERE FALSE",
        "TRUNCATE ringfence.history",
        "INSERT INTO ringfence.history (id, event, revision, direction, attempt) VALUES (1, '', '', '', 1)",
    ],
)
def test_rows_are_only_ever_added(two: Project, attack: str) -> None:
    before = two.history("event", "title", "at")
    with pytest.raises(
        (psycopg.errors.InsufficientPrivilege, psycopg.errors.GeneratedAlways)
    ) as caught:
        two.query(attack)
    if not attack.startswith("INSERT"):
        assert caught.value.diag.message_primary == "the history is append-only"
    assert two.history("event", "title", "at") == before


@stages("F34")
def test_what_cannot_be_stamped_is_not_applied(two: Project) -> None:
    two.query(
        "CREATE FUNCTION no() RETURNS TRIGGER LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no stamp'; END $$;"
        "CREATE TRIGGER no BEFORE UPDATE ON ringfence.alembic_version"
        " FOR EACH ROW EXECUTE FUNCTION no()"
    )
    done = two.run("migrate")
    assert done.status == 3
    assert "error: no stamp\n" in done.err
    assert two.tables() == ["a", *OURS]
    assert two.history()[-2:] == [
        ("started", "0002", "up", 2, None), ("failed", "0002", "up", 2, None),
    ]  # fmt: skip


@stages("F34")
def test_what_cannot_be_recorded_is_not_applied(two: Project) -> None:
    two.query(
        "CREATE FUNCTION no() RETURNS TRIGGER LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no row'; END $$;"
        "CREATE TRIGGER no BEFORE INSERT ON ringfence.history"
        " FOR EACH ROW WHEN (NEW.event = 'finished') EXECUTE FUNCTION no()"
    )
    done = two.run("migrate")
    assert done.status == 3
    assert "error: no row\n" in done.err
    assert two.tables() == ["a", *OURS]
    assert two.query("TABLE ringfence.alembic_version") == [("0001",)]


def test_passwords_are_masked_in_the_sql_that_is_kept(project: Project) -> None:
    name = f"kept_{project.query('SELECT current_database()')[0][0]}"
    text = (
        f"CREATE ROLE {name} LOGIN PASSWORD 'hunter2';\n"
        "CREATE FOREIGN DATA WRAPPER w;\nCREATE SERVER s FOREIGN DATA WRAPPER w;\n"
        f"CREATE USER MAPPING FOR {name} SERVER s OPTIONS (user 'u', password 'hunter2');\n"
        f"DO $$ BEGIN ALTER ROLE {name} PASSWORD 'hunter2'; END $$;\n"
    )
    path = project.revision("0001", text, f"DROP SERVER s CASCADE; DROP ROLE {name};")
    dry = project.run("migrate", "--dry-run").out
    assert project.run("migrate").out == "now at 0001\n"
    try:
        (kept,) = [row[0] for row in project.history("sql") if row[0]]
        assert kept == text.replace("'hunter2'", "*********")
        assert path.read_text() == text
        out = project.run("history", "--all", "--format", "json").out
        assert "hunter2" not in out
        # In the script it runs, and is not kept.
        assert dry.count("hunter2") == 3
    finally:
        project.run("migrate", "--to", "base", "--yes")


# The command


def test_the_command_tells_newest_first(two: Project) -> None:
    (two.versions / "0002.up.sql").write_text("SELECT nope;")
    two.run("migrate")
    done = two.run("history")
    assert (done.status, done.err) == (0, "")
    who = f"postgres ({USER})" if USER != "postgres" else "postgres"
    assert timeless(done.out) == lines(
        f"TIME  failed      up    0002 (two)  SPAN  {who}",
        '    migrations/versions/0002.up.sql:1:8 column "nope" does not exist',
        f"TIME  finished    down  0002 (two)  SPAN  {who}",
        f"TIME  finished    up    0002 (two)  SPAN  {who}",
        f"TIME  finished    up    0001 (one)  SPAN  {who}",
    )
    assert timeless(two.run("history", "-n", "2").out) == lines(
        f"TIME  failed      up    0002 (two)  SPAN  {who}",
        '    migrations/versions/0002.up.sql:1:8 column "nope" does not exist',
        f"TIME  finished    down  0002 (two)  SPAN  {who}",
    )
    assert timeless(two.run("history", "--all", "-n", "3").out).splitlines()[2:] == [
        f"TIME  started     up    0002 (two)  {who}",
        f"TIME  finished    down  0002 (two)  SPAN  {who}",
    ]


def test_json_of_history(two: Project) -> None:
    document = json.loads(two.run("history", "--all", "--format", "json").out)
    assert document.pop("ringfence") == __version__
    events = document.pop("events")
    assert document == {"format": 1, "command": "history", "target": two.database}
    assert [(e["event"], e["revision"], e["outcome"]) for e in events] == [
        ("finished", "0002", None),
        ("started", "0002", "finished"),
        ("finished", "0002", None),
        ("started", "0002", "finished"),
        ("finished", "0001", None),
        ("started", "0001", "finished"),
    ]
    assert list(events[0]) == [
        "id", "at", "event", "revision", "direction", "attempt", "statement", "title", "checksum",
        "sql", "seconds", "error", "client", "role", "effective_role", "server_version", "backend",
        "xid", "fingerprint", "waits", "reason", "outcome",
    ]  # fmt: skip
    assert events[0]["sql"] == "DROP TABLE b;"
    assert datetime.fromisoformat(events[0]["at"]).tzinfo is not None
    assert 0 < events[0]["seconds"] < 300


def test_a_database_without_a_history(project: Project) -> None:
    done = project.run("history")
    assert (done.status, done.out) == (0, "")
    assert done.err == f"nothing has been applied to {project.database}\n"
    assert json.loads(project.run("history", "--format", "json").out)["events"] == []


def test_a_reader_that_leaves_early_is_no_error(two: Project) -> None:
    two.query(
        "INSERT INTO ringfence.history (event, revision, direction, attempt, title)"
        " SELECT 'finished', 'x', 'up', n, repeat('x', 100) FROM generate_series(1, 2000) AS n"
    )
    for command, expected in (
        ("history", 0),
        ("history --format json --all", 0),
        ("status", 1),
        ("migrate --dry-run", 0),
    ):
        words = [str(BIN / "ringfence"), *command.split(), "--dsn", two.dsn]
        done = subprocess.run(
            ["bash", "-c", '"$@" | head -1 >/dev/null; exit ${PIPESTATUS[0]}', "bash", *words],
            cwd=two.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (expected, ""), command


def test_an_answer_that_cannot_be_written_is_an_error(two: Project) -> None:
    words = [str(BIN / "ringfence"), "history", "--dsn", two.dsn]
    for unbuffered in ("", "1"):
        done = subprocess.run(
            ["bash", "-c", '"$@" >/dev/full', "bash", *words],
            cwd=two.root, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (
            2, "error: cannot write the answer: No space left on device\n",
        )  # fmt: skip


@pytest.mark.parametrize("closed", [">&- 2>&-", "2>/dev/full"])
def test_no_revision_is_given_up_for_want_of_a_listener(two: Project, closed: str) -> None:
    words = [str(BIN / "ringfence"), "migrate", "--dsn", two.dsn]
    done = subprocess.run(
        ["bash", "-c", f'"$@" {closed}', "bash", *words], cwd=two.root, check=False
    )
    assert done.returncode == 0
    assert two.tables() == ["a", "b", *OURS]


def test_a_revision_costs_one_commit(project: Project) -> None:
    for number in range(1, 4):
        project.revision(f"000{number}", f"CREATE TABLE t{number} ();")
    project.run("migrate")
    rows = project.history("event", "revision", "attempt", "xid::text")
    assert [row[:3] for row in rows] == [
        (event, f"000{number}", 1) for number in (1, 2, 3) for event in ("started", "finished")
    ]
    commits = [row[3] for row in rows]
    assert len(set(commits)) == 4
    assert commits[1:5:2] == commits[2:5:2]  # what ends and what begins is told at once


def test_what_was_to_begin_does_not_where_the_one_before_it_fails(project: Project) -> None:
    project.revision("0001", "CREATE TABLE t (id INT);")
    project.revision("0002", "INSERT INTO t VALUES ('x');")
    project.revision("0003", "CREATE TABLE u ();")
    project.run("migrate")
    assert project.history("event", "revision") == [
        ("started", "0001"), ("finished", "0001"), ("started", "0002"), ("failed", "0002"),
    ]  # fmt: skip


def test_whoever_has_locked_the_history_is_named(
    two: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringfence.pg.ledger.PATIENCE", "SET lock_timeout = '50ms'")
    with psycopg.connect(two.dsn, application_name="somebody") as holder:
        holder.execute("LOCK TABLE ringfence.history")
        who = f"ringfence.history is locked (AccessExclusiveLock) by pid {holder.info.backend_pid}"
        for command in ("status", "history", "migrate"):
            done = two.run(command)
            assert done.status == 75, command
            assert f"detail: {who}, user " in done.err
            assert done.err.endswith("hint: run it again when that is settled\n")
    assert two.run("history").status == 0


def test_who_may_only_look_is_told_what_looking_takes(two: Project) -> None:
    ((name,),) = two.query("SELECT current_database()")
    role = f"{name}_looks"
    two.query(f"CREATE ROLE {role} LOGIN")
    try:
        weak = psycopg.conninfo.make_conninfo(two.dsn, user=role)
        grants = (
            f"GRANT USAGE ON SCHEMA ringfence TO {role};"
            f" GRANT SELECT ON ALL TABLES IN SCHEMA ringfence TO {role};"
        )
        for command in ("status", "history"):
            assert two.run(command, dsn=weak).err.endswith(f"hint: to look on: {grants}\n")
        two.query(grants)
        assert two.run("history", dsn=weak).status == 0
    finally:
        two.query(f"DROP OWNED BY {role}")
        two.query(f"DROP ROLE {role}")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT format('ALTER ROLE nobody PASSWORD %L', 'hush-hush');",
        "DO $$ BEGIN RAISE NOTICE 'now %', 'hush-hush'; PERFORM 'PASSWORD ' || 'hush-hush'; END $$;",
        "DO $$ BEGIN PERFORM U&'PASSWORD ' || 'hush-hush'; RAISE 'no: %', 'hush-hush'; END $$;",
        "SELECT set_config('app.password', 'hush-hush', TRUE), 'hush-hush'::INT;",
    ],
)
def test_a_password_is_nowhere_however_it_was_put(project: Project, statement: str) -> None:
    project.revision("0001", statement)
    done = project.run("migrate")
    said = [*project.history("sql", "error::text"), done.out, done.err]
    said += [project.run("history", "--format", "json", "--all").out]
    assert "hush" not in str(said)


@pytest.mark.parametrize(
    ("up", "told", "kept"),
    [
        (
            "ALTER TABLE people ALTER card TYPE BIGINT USING card::bigint;",
            '"4111-1111-ab"',
            'invalid input syntax for type bigint: "…"',
        ),
        (
            "DO $$ BEGIN RAISE 'nobody takes % in people', (SELECT card FROM people); END $$;",
            "takes 4111-1111-ab in",
            "nobody takes … in people",
        ),
        (
            "ALTER TABLE people ADD CONSTRAINT \"2 cards\" CHECK (card < '3');",
            "4111-1111-ab",
            'check constraint "2 cards" of relation "people" is violated by some row',
        ),
        ("TABLE people4711;", "people4711", 'relation "people4711" does not exist'),
    ],
)
@pytest.mark.parametrize("python", [False, True])
def test_values_of_rows_are_told_and_not_kept(
    project: Project, up: str, told: str, kept: str, *, python: bool
) -> None:
    project.query("CREATE TABLE people (card TEXT); INSERT INTO people VALUES ('4111-1111-ab')")
    if python:
        project.python(
            "0001",
            f"def upgrade():\n    op.get_bind().exec_driver_sql({up.replace('%', '%%')!r})\n",
        )
    else:
        project.revision("0001", up)
    done = project.run("migrate")
    assert done.status == 3
    if "check constraint" not in kept:
        assert told in done.err
    ((message,),) = project.query(
        "SELECT error ->> 'message' FROM ringfence.history WHERE event = 'failed'"
    )
    assert message == kept
    assert (
        "4111"
        not in project.query("SELECT string_agg(h::text, '') FROM ringfence.history AS h")[0][0]
    )

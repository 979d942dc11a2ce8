"""Runs that meet: each other, somebody else's locks, a signal; and runs that go on where one ended."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

from faults import stages
from projects import BIN, Project, lines, timeless
from ringfence.pg.runner import LOCK_CLASS
from ringfence.pg.runner import key as _key
from ringfence.pg.watch import lockers
from waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OURS = ["ringfence.alembic_version", "ringfence.backfills", "ringfence.history"]
NONE = "-- ringfence: transaction: none\n"


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A project without revisions, and an empty database."""
    return Project(tmp_path / "project", database)


@pytest.fixture
def holder(database: str) -> Iterator[psycopg.Connection]:
    """Somebody else's session, in a transaction."""
    with psycopg.connect(database, application_name="somebody") as connection:
        yield connection


def defaults() -> None:
    """Signals as a shell in the foreground gives them to a command."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(project: Project, *argv: str) -> subprocess.Popen[str]:
    """The real command, which signals reach."""
    return project.spawn(*argv, preexec_fn=defaults)


def waiting(project: Project, kind: str = "Lock") -> Callable[[], bool]:
    """Whether a ringfence on the project's database waits for a lock."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ringfence'"
        " AND datname = current_database() AND wait_event_type = %s AND state = 'active'"
    )
    return lambda: bool(project.query(query, kind)[0][0])


# Several at once


def test_three_at_once_apply_everything_once(project: Project) -> None:
    project.revision("0001", "CREATE TABLE t (id INT); INSERT INTO t VALUES (1);")
    project.revision(
        "0002", "-- ringfence: transaction: none\nCREATE INDEX CONCURRENTLY t_id ON t (id);"
    )
    project.revision("0003", "INSERT INTO t VALUES (3);")
    runs = [start(project, "migrate") for _ in range(3)]
    ends = [(*run.communicate(timeout=PATIENCE), run.returncode) for run in runs]
    outs = sorted((out, status) for out, _, status in ends)
    assert outs == [("nothing to do: at 0003\n", 0)] * 2 + [("now at 0003\n", 0)], ends
    assert project.query("SELECT id FROM t ORDER BY 1") == [(1,), (3,)]
    assert project.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_id'::regclass") == [
        (True,)
    ]
    finished = [row[1] for row in project.history() if row[0] == "finished"]
    assert finished == ["0001", "0002", "0003"]
    assert "failed" not in {row[0] for row in project.history()}


@stages("F4")
def test_a_run_waits_for_another_and_says_for_whom(project: Project) -> None:
    project.revision("0001", "CREATE TABLE t ();")
    with psycopg.connect(project.dsn, autocommit=True, application_name="other") as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_CLASS, _key("ringfence")])
        run = start(project, "migrate")
        assert run.stderr is not None
        said = run.stderr.readline()
        pid = other.info.backend_pid
        assert said.startswith(
            f"waiting for another run: pid {pid}, user postgres, other on this machine, connected for "
        )
        assert project.tables() == []
    out, err = run.communicate(timeout=PATIENCE)
    assert (run.returncode, out) == (0, "now at 0001\n")
    assert timeless(err) == lines(
        f"1 revision to run on {project.database}", "  ✓ up   0001 (revision 0001)  SPAN"
    )


def test_a_run_does_not_wait_for_ever(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path / "p", database, config='migrate.wait = "0s"')
    project.revision("0001", "CREATE TABLE t ();")
    with psycopg.connect(project.dsn, autocommit=True, application_name="other") as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_CLASS, _key("ringfence")])
        other.execute("SELECT 1 AS a, '" + "y" * 100 + "'")
        done = project.run("migrate")
        pid = other.info.backend_pid
    assert done.status == 75
    assert done.out == ""
    error, detail, hint = done.err.splitlines()
    assert error == "error: another run of migrations holds the lock"
    assert detail.startswith(
        f"detail: pid {pid}, user postgres, other on this machine, connected for "
    )
    assert detail.endswith(" at: SELECT 1 AS a, '" + "y" * 63 + "…")
    assert hint == (
        "hint: wait for it and run again; [tool.ringfence.migrate] wait says how long to wait"
    )
    assert project.tables() == []


@stages("F4")
def test_a_run_with_nothing_to_do_does_not_wait(project: Project) -> None:
    project.revision("0001", "CREATE TABLE t ();")
    project.run("migrate")
    with psycopg.connect(project.dsn, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_CLASS, _key("ringfence")])
        assert project.run("migrate").out == "nothing to do: at 0001\n"
        assert project.run("status").status == 0
        assert project.alembic("current").out == "0001 (head)\n"


def test_the_lock_is_let_go(project: Project) -> None:
    project.revision("0001", "CREATE TABLE t ();")
    project.revision("0002", "SELECT oops;")
    project.run("migrate")
    assert (
        project.query(
            "SELECT * FROM pg_locks JOIN pg_database ON database = pg_database.oid"
            " WHERE locktype = 'advisory' AND datname = current_database()"
        )
        == []
    )


# Somebody else's locks


@pytest.mark.parametrize("way", ["one", "none"])
def test_a_table_that_somebody_locks_is_not_waited_for_long(
    project: Project, holder: psycopg.Connection, way: str
) -> None:
    project.revision("0001", "CREATE TABLE t (); CREATE TABLE u ();")
    project.run("migrate")
    project.revision(
        "0002",
        f"-- ringfence: transaction: {way}\n-- ringfence: lock-timeout: 10ms\n"
        "-- ringfence: lock-deadline: 0\nDROP TABLE u;\nALTER TABLE public.t ADD x INT;",
    )
    holder.execute("LOCK TABLE t IN ACCESS SHARE MODE")
    done = project.run("migrate")
    assert done.status == 75
    assert timeless(done.err).splitlines()[:-2] == [
        f"1 revision to run on {project.database}",
        "  ✗ up   0002 (revision 0002)  "
        + ("nothing of it is left" if way == "one" else "statement 2 of 2: run it again to go on"),
        "error: canceling statement due to lock timeout",
        "  migrations/versions/0002.up.sql:5:1",
        "  5 | ALTER TABLE public.t ADD x INT;",
        "    | ^",
    ]
    detail, hint = done.err.splitlines()[-2:]
    assert detail.startswith(
        f"detail: public.t is locked (AccessShareLock) by pid {holder.info.backend_pid}, user postgres,"
        " somebody, idle in transaction in a transaction since "
    )
    assert detail.endswith(": LOCK TABLE t IN ACCESS SHARE MODE")
    assert hint == "hint: run it again later, or give it longer: -- ringfence: lock-deadline: 10min"
    holder.rollback()
    left = ["t", "u"] if way == "one" else ["t"]
    assert project.tables() == [*OURS, *left]
    assert project.history("event", "error ->> 'sqlstate'")[-1] == ("failed", "55P03")
    assert project.run("migrate").out == "now at 0002\n"


def test_the_configured_lock_timeout_counts_for_python_too(
    tmp_path: Path, database: str, holder: psycopg.Connection
) -> None:
    config = 'migrate.lock-timeout = "10ms"\nmigrate.lock-deadline = "0s"'
    project = Project(tmp_path / "p", database, config=config)
    project.query("CREATE TABLE t ()")
    project.python("0001", "def upgrade():\n    op.execute('ALTER TABLE t ADD x INT')\n")
    holder.execute("LOCK TABLE t IN ACCESS SHARE MODE")
    done = project.run("migrate")
    assert done.status == 75
    assert (
        "error: canceling statement due to lock timeout\n  migrations/versions/0001.py:12:5\n"
        in done.err
    )


@pytest.mark.parametrize("apart", [False, True])
def test_who_is_in_pythons_way_is_said_while_it_waits(
    tmp_path: Path, database: str, holder: psycopg.Connection, *, apart: bool
) -> None:
    project = Project(tmp_path / "p", database, config='migrate.lock-timeout = "20s"')
    project.query("CREATE TABLE t ()")
    block = "with op.get_context().autocommit_block():" if apart else "if True:"
    project.python(
        "0001", f"def upgrade():\n    {block}\n        op.execute('ALTER TABLE t ADD x INT')\n"
    )
    holder.execute("LOCK TABLE t IN ACCESS SHARE MODE")
    run = start(project, "migrate")
    assert run.stderr is not None
    said = ""
    while "waits for" not in said:
        line = run.stderr.readline()
        assert line, said
        said += line
    assert f"waits for pid {holder.info.backend_pid}, user postgres, somebody, idle" in said
    holder.rollback()
    out, err = run.communicate(timeout=PATIENCE)
    assert (run.returncode, out) == (0, "now at 0001\n"), err
    ((waits,),) = project.query(
        "SELECT waits -> 'blockers' -> 0 ->> 'pid' FROM ringfence.history WHERE event = 'finished'"
    )
    assert int(waits) == holder.info.backend_pid


def test_python_goes_on_behind_what_it_has_committed(
    tmp_path: Path, database: str, holder: psycopg.Connection
) -> None:
    """A lock that is not to be had after an autocommit_block is waited for, as any other."""
    project = Project(tmp_path / "p", database, config='migrate.lock-timeout = "50ms"')
    project.query("CREATE TABLE t (id INT)")
    project.python("0001", PARTLY)
    holder.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
    run = start(project, "migrate")
    wait_until(lambda: project.query("SELECT 1 FROM pg_class WHERE relname = 'first'"))
    wait_until(waiting(project))
    assert run.stderr is not None
    while "trying all of it again" not in run.stderr.readline():
        assert run.poll() is None
    holder.rollback()
    out, err = run.communicate(timeout=PATIENCE)
    assert (run.returncode, out) == (0, "now at 0001\n"), err


PARTLY = """
def upgrade():
    op.execute("CREATE TABLE first ()")
    with op.get_context().autocommit_block():
        op.execute("CREATE TABLE second ()")
    op.execute("ALTER TABLE t ADD x INT")
"""


def test_an_index_built_concurrently_waits_for_old_transactions(
    tmp_path: Path, database: str, holder: psycopg.Connection
) -> None:
    project = Project(tmp_path / "p", database, config='migrate.lock-timeout = "1ms"')
    project.revision("0001", "CREATE TABLE t (id INT);")
    project.run("migrate")
    project.revision("0002", f"{NONE}CREATE INDEX CONCURRENTLY i ON t (id);")
    holder.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
    run = start(project, "migrate")
    wait_until(waiting(project))
    holder.rollback()
    out, err = run.communicate(timeout=PATIENCE)
    assert (run.returncode, out) == (0, "now at 0002\n"), err


def test_an_index_that_cannot_be_built_leaves_nothing(project: Project) -> None:
    project.revision("0001", "CREATE TABLE t (id INT); INSERT INTO t VALUES (1), (1);")
    project.revision("0002", f'{NONE}CREATE UNIQUE INDEX CONCURRENTLY "I" ON t (id);')
    for _ in range(2):
        done = project.run("migrate")
        assert done.status == 3
        assert (
            "detail: Key (id)=(1) is duplicated.\n"
            '  index "I" was left invalid and has been dropped\n' in done.err
        )
        assert project.query("SELECT 1 FROM pg_index WHERE NOT indisvalid") == []
    project.query("DELETE FROM t")
    assert project.run("migrate").out == "now at 0002\n"


# Signals


@stages("F26")
def test_a_signal_ends_what_plain_alembic_runs(
    project: Project, holder: psycopg.Connection
) -> None:
    project.revision("0001", "CREATE TABLE a (); SELECT pg_advisory_xact_lock(1);")
    holder.execute("SELECT pg_advisory_xact_lock(1)")
    run = subprocess.Popen(
        [str(BIN / "alembic"), "-x", f"dsn={project.dsn}", "upgrade", "head"],
        cwd=project.root, stderr=subprocess.PIPE, text=True, preexec_fn=defaults,
    )  # fmt: skip
    wait_until(waiting(project))
    run.terminate()
    _, err = run.communicate(timeout=PATIENCE)
    assert (run.returncode, err) == (143, "told to stop (SIGTERM)\n")
    assert not waiting(project)()
    assert project.tables() == OURS
    assert project.history()[-1] == ("cancelled", "0001", "up", 1, None)


@stages("F5")
def test_the_server_ends_what_a_killed_runner_had_begun(
    project: Project, holder: psycopg.Connection
) -> None:
    project.revision("0001", "CREATE TABLE a (); SELECT pg_advisory_xact_lock(1);")
    holder.execute("SELECT pg_advisory_xact_lock(1)")
    run = start(project, "migrate")
    wait_until(waiting(project))
    run.kill()
    run.communicate(timeout=PATIENCE)
    wait_until(lambda: not waiting(project)())
    holder.rollback()
    assert project.run("migrate").out == "now at 0001\n"


@stages("F26")
@pytest.mark.parametrize(
    ("number", "status", "said", "kept"),
    [
        (signal.SIGINT, 130, "interrupted", "interrupted"),
        (signal.SIGTERM, 143, "told to stop", "told to stop (SIGTERM)"),
        (signal.SIGHUP, 129, "told to stop", "told to stop (SIGHUP)"),
    ],
)
def test_a_signal_cancels_the_statement_and_leaves_nothing(
    project: Project,
    holder: psycopg.Connection,
    number: signal.Signals,
    status: int,
    said: str,
    kept: str,
) -> None:
    project.revision("0001", "CREATE TABLE a ();")
    project.revision(
        "0002",
        "-- ringfence: lock-timeout: 5min\n"
        "CREATE TABLE b (); SELECT pg_advisory_xact_lock(1); CREATE TABLE c ();",
    )
    holder.execute("SELECT pg_advisory_xact_lock(1)")
    run = start(project, "migrate")
    wait_until(waiting(project))
    run.send_signal(number)
    out, err = run.communicate(timeout=PATIENCE)
    assert (run.returncode, out) == (status, "")
    # On a slow machine it has been said meanwhile for whom it waits.
    told = [line for line in err.splitlines() if not line.startswith("  waits for pid ")]
    assert timeless(lines(*told)) == lines(
        f"2 revisions to run on {project.database}",
        "  ✓ up   0001 (revision 0001)  SPAN",
        "  ✗ up   0002 (revision 0002)  nothing of it is left",
        said,
    )
    assert not waiting(project)()
    assert project.tables() == ["a", *OURS]
    assert project.history() == [
        ("started", "0001", "up", 1, None),
        ("finished", "0001", "up", 1, None),
        ("started", "0002", "up", 1, None),
        ("cancelled", "0002", "up", 1, None),
    ]
    assert project.history("error")[-1] == ({"message": kept},)
    assert project.run("history").out.splitlines()[1] == f"    {kept}"
    assert project.query("TABLE ringfence.alembic_version") == [("0001",)]
    holder.rollback()
    assert project.run("migrate").out == "now at 0002\n"


def test_a_signal_while_waiting_for_another_run(project: Project) -> None:
    project.revision("0001", "CREATE TABLE t ();")
    with psycopg.connect(project.dsn, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_CLASS, _key("ringfence")])
        run = start(project, "migrate")
        assert run.stderr is not None
        assert run.stderr.readline().startswith("waiting for another run: ")
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=PATIENCE)
    assert (run.returncode, err) == (130, "interrupted\n")
    assert project.tables() == []


def test_nohup_is_respected(project: Project, holder: psycopg.Connection) -> None:
    project.revision("0001", "-- ringfence: lock-timeout: 5min\nSELECT pg_advisory_xact_lock(1);")
    holder.execute("SELECT pg_advisory_xact_lock(1)")

    def nohup() -> None:
        defaults()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    run = project.spawn("migrate", preexec_fn=nohup)
    wait_until(waiting(project))
    run.send_signal(signal.SIGHUP)
    holder.rollback()
    out, _ = run.communicate(timeout=PATIENCE)
    assert (run.returncode, out) == (0, "now at 0001\n")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_nobody_need_listen(project: Project, holder: psycopg.Connection, stream: str) -> None:
    project.revision("0001", "SELECT pg_advisory_xact_lock(1);")
    project.revision("0002", "CREATE TABLE t ();")
    holder.execute("SELECT pg_advisory_xact_lock(1)")
    run = start(project, "migrate")
    wait_until(waiting(project))
    closed, kept = (run.stdout, run.stderr) if stream == "stdout" else (run.stderr, run.stdout)
    assert closed is not None
    assert kept is not None
    closed.close()
    holder.rollback()
    with kept:
        rest = kept.read()
    assert run.wait(timeout=PATIENCE) == 0
    assert "Traceback" not in rest
    assert project.tables() == [*OURS, "t"]


@stages("F5")
def test_a_killed_run_is_seen_and_done_again(project: Project, holder: psycopg.Connection) -> None:
    project.revision(
        "0001",
        "-- ringfence: lock-timeout: 5min\nCREATE TABLE t (); SELECT pg_advisory_xact_lock(1);",
    )
    holder.execute("SELECT pg_advisory_xact_lock(1)")
    run = start(project, "migrate")
    wait_until(waiting(project))
    assert timeless(
        project.run("history").out
    ) == "TIME  running     up    0001 (revision 0001)  postgres (root)\n".replace(
        "(root)", f"({os.environ.get('USER') or _user()})"
    )
    run.kill()
    run.communicate(timeout=PATIENCE)
    holder.rollback()
    wait_until(lambda: not _ours(project))
    assert timeless(project.run("history").out).startswith("TIME  interrupted up    0001")
    assert project.tables() == OURS
    assert project.run("migrate").out == "now at 0001\n"
    assert project.history()[-2:] == [
        ("started", "0001", "up", 2, None), ("finished", "0001", "up", 2, None),
    ]  # fmt: skip


def _user() -> str:
    import getpass

    return getpass.getuser()


def _ours(project: Project) -> list[tuple[object, ...]]:
    return project.query(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'ringfence'"
        " AND datname = current_database() AND pid <> pg_backend_pid()"
    )


# Statement by statement


def test_statements_outside_a_transaction_are_recorded_one_by_one(project: Project) -> None:
    project.revision(
        "0001",
        f"{NONE}CREATE TABLE t (id INT);\nCREATE INDEX CONCURRENTLY i ON t (id);\nVACUUM t;",
        f"{NONE}DROP INDEX CONCURRENTLY i;\nDROP TABLE t;",
    )
    assert project.run("migrate").out == "now at 0001\n"
    assert project.run("migrate", "--to", "base", "--yes").out == "now at base\n"
    assert project.run("migrate").out == "now at 0001\n"
    assert project.history("event", "direction", "attempt", "statement", "sql")[1:6] == [
        ("statement", "up", 1, 1, "CREATE TABLE t (id INT)"),
        ("begun", "up", 1, 2, "CREATE INDEX CONCURRENTLY i ON t (id)"),
        ("statement", "up", 1, 2, "CREATE INDEX CONCURRENTLY i ON t (id)"),
        ("begun", "up", 1, 3, "VACUUM t"),
        ("statement", "up", 1, 3, "VACUUM t"),
    ]
    assert [row for row in project.history() if row[0] == "statement"] == [
        ("statement", "0001", "up", 1, 1),
        ("statement", "0001", "up", 1, 2),
        ("statement", "0001", "up", 1, 3),
        ("statement", "0001", "down", 1, 1),
        ("statement", "0001", "down", 1, 2),
        ("statement", "0001", "up", 2, 1),
        ("statement", "0001", "up", 2, 2),
        ("statement", "0001", "up", 2, 3),
    ]


@pytest.fixture
def stuck(project: Project) -> Project:
    """A project whose revision ran two statements of four and failed at the third."""
    project.revision(
        "0001",
        f"{NONE}CREATE TABLE t (id INT);\nCREATE INDEX CONCURRENTLY i ON t (id);\n"
        "INSERT INTO missing VALUES (1);\nCREATE TABLE u ();\n",
    )
    done = project.run("migrate")
    assert done.status == 3
    assert timeless(done.err) == lines(
        f"1 revision to run on {project.database}",
        "  ✗ up   0001 (revision 0001)  statement 3 of 4: run it again to go on",
        'error: relation "missing" does not exist',
        "  migrations/versions/0001.up.sql:4:13",
        "  4 | INSERT INTO missing VALUES (1);",
        "    |             ^",
    )
    assert project.tables() == [*OURS, "t"]
    assert project.query("TABLE ringfence.alembic_version") == []
    return project


def test_a_run_goes_on_at_the_statement_that_failed(stuck: Project) -> None:
    (status,) = [line for line in stuck.run("status").out.splitlines() if "0001 (" in line]
    assert status == "  pending  0001 (revision 0001)  2 statements of it have run"
    stuck.query("CREATE TABLE missing (id INT)")
    assert stuck.run("migrate").out == "now at 0001\n"
    assert stuck.query("SELECT id FROM missing") == [(1,)]
    assert stuck.tables() == ["missing", *OURS, "t", "u"]
    assert stuck.history()[-4:] == [
        ("started", "0001", "up", 2, None),
        ("statement", "0001", "up", 2, 3),
        ("statement", "0001", "up", 2, 4),
        ("finished", "0001", "up", 2, None),
    ]


def test_what_has_not_run_may_be_edited(stuck: Project) -> None:
    path = stuck.versions / "0001.up.sql"
    path.write_text(path.read_text().replace("missing", "t"))
    assert stuck.run("migrate").out == "now at 0001\n"
    assert stuck.query("SELECT id FROM t") == [(1,)]


def test_what_has_run_may_not_be_edited(stuck: Project) -> None:
    path = stuck.versions / "0001.up.sql"
    path.write_text(path.read_text().replace("(id INT)", "(id BIGINT)"))
    done = stuck.run("migrate")
    assert done.status == 1
    assert done.err.endswith(
        lines(
            "error: statement 1 of revision 0001 has run and was edited since",
            "  migrations/versions/0001.up.sql:2:1",
            "  2 | CREATE TABLE t (id BIGINT);",
            "    | ^",
            "hint: restore it; change what it made in a statement after the last",
        )
    )


def test_what_has_run_may_not_be_removed(stuck: Project) -> None:
    (stuck.versions / "0001.up.sql").write_text(f"{NONE}CREATE TABLE t (id INT);\n")
    done = stuck.run("migrate")
    assert done.status == 1
    assert done.err.endswith(
        lines(
            "error: statement 2 of revision 0001 has run and is no longer in"
            " migrations/versions/0001.up.sql",
            "hint: restore it; change what it made in a statement after the last",
        )
    )


def test_a_file_that_became_transactional_after_some_of_it_ran_is_refused(stuck: Project) -> None:
    path = stuck.versions / "0001.up.sql"
    path.write_text(path.read_text().removeprefix(NONE))
    done = stuck.run("migrate")
    assert done.status == 2
    assert done.err.startswith("error: CREATE INDEX CONCURRENTLY cannot run in a transaction")
    text = path.read_text().replace("INDEX CONCURRENTLY i", "INDEX i")
    path.write_text(text)
    done = stuck.run("migrate")
    assert done.status == 1
    assert done.err.endswith(
        lines(
            "error: 2 statements of revision 0001 have run one by one, and the file now runs in a"
            " transaction",
            "hint: put this line back at its top: -- ringfence: transaction: none",
        )
    )


def test_what_a_file_sets_holds_for_what_follows_also_after_a_failure(project: Project) -> None:
    project.revision(
        "0001",
        f"{NONE}CREATE SCHEMA s;\nSET search_path = s;\nSET ROLE pg_monitor;\nRESET ROLE;\n"
        "CREATE TABLE t ();\nSELECT oops;\nCREATE TABLE u ();\n",
    )
    assert project.run("migrate").status == 3
    assert project.tables() == [*OURS, "s.t"]
    path = project.versions / "0001.up.sql"
    path.write_text(path.read_text().replace("SELECT oops", "SELECT 1"))
    assert project.run("migrate").out == "now at 0001\n"
    assert project.tables() == [*OURS, "s.t", "s.u"]


def test_a_file_may_have_transactions_of_its_own(project: Project) -> None:
    path = project.revision(
        "0001",
        f"{NONE}CREATE TABLE a (id INT);\n"
        "BEGIN;\nSET LOCAL search_path = pg_catalog;\nCREATE TABLE public.b ();\n"
        "INSERT INTO public.a SELECT 1 WHERE current_setting('search_path') = 'pg_catalog';\n"
        "SELECT oops;\nCOMMIT;\nCREATE TABLE c ();\n",
    )
    assert project.run("migrate").status == 3
    assert project.tables() == ["a", *OURS]
    assert [row[4] for row in project.history() if row[0] == "statement"] == [1]
    path.write_text(path.read_text().replace("oops", "1"))
    assert project.run("migrate").out == "now at 0001\n"
    assert project.tables() == ["a", "b", "c", *OURS]
    assert project.query("SELECT id FROM a") == [(1,)]
    assert [row[4] for row in project.history() if row[0] == "statement"] == list(range(1, 9))


@stages("F25")
@pytest.mark.parametrize("head", ["", NONE])
@pytest.mark.parametrize(
    "statement", ["PREPARE TRANSACTION 'x'", "COMMIT PREPARED 'x'", "ROLLBACK PREPARED 'x'"]
)
def test_a_prepared_transaction_in_a_file_is_refused_before_anything_runs(
    project: Project, head: str, statement: str
) -> None:
    project.revision("0001", f"{head}CREATE TABLE a ();\n{statement};\n")
    done = project.run("migrate")
    assert (done.status, done.out) == (2, "")
    verb = " ".join(statement.split()[:2])
    assert f"error: {verb} in a revision: what is prepared outlives the run" in done.err
    assert "a" not in project.tables()


def test_a_file_that_begins_a_transaction_must_end_it(project: Project) -> None:
    project.revision("0001", f"{NONE}BEGIN;\nCREATE TABLE a ();\n")
    done = project.run("migrate")
    assert done.status == 2
    assert done.err.endswith(
        lines(
            "error: migrations/versions/0001.up.sql begins a transaction and does not end it",
            "hint: write the COMMIT",
        )
    )
    assert project.tables() == OURS
    assert project.history()[-1][0] == "failed"


def test_a_failure_between_two_files_resumes_only_its_own(project: Project) -> None:
    project.revision(
        "0001", f"{NONE}CREATE TABLE a ();\nSELECT 1;\n", f"{NONE}DROP TABLE a;\nSELECT oops;\n"
    )
    project.run("migrate")
    assert project.run("migrate", "--to", "base", "--yes").status == 3
    assert project.tables() == OURS
    path = project.versions / "0001.down.sql"
    path.write_text(path.read_text().replace("oops", "1"))
    assert project.run("migrate", "--to", "base", "--yes").out == "now at base\n"
    assert project.run("migrate").out == "now at 0001\n"
    assert project.tables() == ["a", *OURS]


def test_a_session_that_one_may_not_see_is_told_by_its_process_and_user(database: str) -> None:
    with psycopg.connect(database) as holder, psycopg.connect(database, autocommit=True) as other:
        holder.execute("CREATE TABLE held (a int)")
        holder.commit()
        holder.execute("LOCK TABLE held")
        other.execute("CREATE ROLE sees_little; GRANT CREATE ON SCHEMA public TO sees_little")
        try:
            other.execute("SET ROLE sees_little")
            pid, user = holder.info.backend_pid, holder.info.user
            said = lockers(other, ["held"])
        finally:
            other.execute("RESET ROLE; DROP OWNED BY sees_little; DROP ROLE sees_little")
    assert said.startswith(f"held is locked (AccessExclusiveLock) by pid {pid}, user {user}, ")
    assert "prepared" not in said
    assert "since :" not in said

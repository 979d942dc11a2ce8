"""Every fault that a run of migrations must survive, staged; after each the same invariant.

What the history records, replayed on an empty database, gives the catalog that is there; no index of
ours is invalid; no lock is left.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest

from faults import stages
from invariant import Invariant
from projects import Project, lines
from proxy import Cut, Proxy
from waiting import wait_until
from zygote import Zygote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NONE = "-- ringfence: transaction: none\n"


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """Where runners come from."""
    mother = Zygote()
    yield mother
    mother.close()


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A project without revisions, and an empty database."""
    return Project(tmp_path / "project", database)


@pytest.fixture
def holder(database: str) -> Iterator[psycopg.Connection]:
    """Somebody else's session, in a transaction."""
    with psycopg.connect(database, application_name="somebody") as connection:
        yield connection


def alone(project: Project) -> bool:
    """Whether no session of a runner is left on the project's database."""
    return not project.query(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'ringfence'"
        " AND datname = current_database() AND pid <> pg_backend_pid()"
    )


def waiting(project: Project, query: str = "%") -> bool:
    """Whether a runner waits for a lock, in a query like this."""
    return bool(
        project.query(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'ringfence'"
            " AND datname = current_database() AND wait_event_type = 'Lock' AND query LIKE %s",
            query,
        )
    )


@pytest.fixture
def holds(make_database: Callable[..., str]) -> Callable[[Project], None]:
    """The invariant."""
    return Invariant(make_database)


# Killed at every boundary


TRANSACTIONAL = (
    "CREATE TABLE a (id INT PRIMARY KEY);\nINSERT INTO a SELECT generate_series(1, 5);\n"
    "CREATE VIEW v AS SELECT * FROM a;\n"
)
ONE_BY_ONE = (
    f"{NONE}CREATE TABLE b (id INT);\nCREATE INDEX CONCURRENTLY b_id ON b (id);\n"
    "INSERT INTO b VALUES (1);\nDROP INDEX CONCURRENTLY b_id;\n"
)
PYTHON = """
def upgrade():
    op.execute("CREATE TABLE a (id INT PRIMARY KEY)")
    op.execute("INSERT INTO a SELECT generate_series(1, 4)")
    with op.get_context().autocommit_block():
        op.create_index("a_id", "a", ["id"], unique=True, postgresql_concurrently=True)
        op.execute("INSERT INTO a VALUES (5)")
        op.execute("CREATE VIEW v AS SELECT * FROM a")
        op.execute("DROP INDEX CONCURRENTLY a_id")
    op.execute("ALTER TABLE a ADD x INT")
    with op.get_context().autocommit_block():
        op.create_index("a_x", "a", ["x"], postgresql_concurrently=True)


def downgrade():
    pass
"""
BACKFILL = "-- ringfence: backfill key=id batch=200ms rows=2\nUPDATE a SET n = id WHERE id > 1;\n"
COUNT_A, COUNT_B = "SELECT count(*) FROM a", "SELECT count(*) FROM b"


@dataclass(frozen=True)
class Schedule:
    """Revisions, what runs them, and what is true once it was killed and has been run again.

    `boundaries` is how often the server answers at the least, `before` is in the database already,
    `then` are queries with what they say. Where the history is not `replayed`, it does not tell all.
    """

    what: str
    stages: tuple[str, ...]
    revisions: tuple[str, ...]
    boundaries: int
    then: tuple[tuple[str, list[tuple[object, ...]]], ...] = ()
    command: tuple[str, ...] = ("migrate",)
    program: str = "ringfence"
    before: str = ""
    replayed: bool = True
    slow: bool = False

    def files(self, project: Project) -> list[str]:
        """Write the revisions; their ids."""
        names = [f"{number:04}" for number in range(1, len(self.revisions) + 1)]
        for name, text in zip(names, self.revisions, strict=True):
            (project.python if "def upgrade" in text else project.revision)(name, text)
        return names


SCHEDULES = (
    Schedule(
        "a transactional revision",
        stages=("F1", "F5", "F34"),
        revisions=(TRANSACTIONAL,),
        boundaries=15,
        then=((COUNT_A, [(5,)]),),
    ),
    Schedule(
        "a revision that runs one by one",
        stages=("F2", "F5", "F8"),
        revisions=(ONE_BY_ONE,),
        boundaries=25,
        then=((COUNT_B, [(1,)]),),
    ),
    Schedule(
        "a revision in python",
        stages=("F2", "F5", "F8"),
        revisions=(PYTHON,),
        boundaries=25,
        then=((COUNT_A, [(5,)]),),
    ),
    Schedule(
        "three revisions, where one commit tells what has ended and what begins",
        stages=("F1", "F2", "F5", "F34"),
        revisions=(
            TRANSACTIONAL,
            "CREATE TABLE c (id INT);",
            f"{NONE}CREATE INDEX CONCURRENTLY c_id ON c (id);",
        ),
        boundaries=35,
        then=((COUNT_A, [(5,)]),),
        slow=True,
    ),
    Schedule(
        "a backfill",
        stages=("F33",),
        revisions=(BACKFILL,),
        boundaries=15,
        before="CREATE TABLE a (id INT PRIMARY KEY, n INT); INSERT INTO a SELECT generate_series(1, 5)",
        then=(("SELECT state, changed FROM ringfence.backfills", [("finished", 4)]),),
        replayed=False,
        slow=True,
    ),
    Schedule(
        "alembic upgrade",
        stages=("F1", "F2", "F5"),
        revisions=(
            TRANSACTIONAL,
            f"{NONE}CREATE TABLE b (id INT);\nCREATE INDEX CONCURRENTLY i ON b (id);",
        ),
        boundaries=10,
        then=((COUNT_A, [(5,)]),),
        command=("upgrade", "head"),
        program="alembic",
    ),
    Schedule(
        "alembic stamp",
        stages=("F1", "F5"),
        revisions=(TRANSACTIONAL, "CREATE TABLE b (id INT);"),
        boundaries=10,
        command=("stamp", "head"),
        program="alembic",
        replayed=False,
    ),
)
"""What is killed with kill -9 behind the server's first answer, its second, and so on."""


def killed(
    project: Project,
    zygote: Zygote,
    make_database: Callable[[], str],
    step: int,
    schedule: Schedule,
) -> Iterator[int]:
    """Run it on a new database each time, killed one boundary later; after which answer it was.

    Ends where it came to its end before it was killed.
    """
    for number in itertools.count(1, step):
        project.dsn = make_database()
        if schedule.before:
            project.query(schedule.before)
        pids: list[int] = []

        def kill(answer: int, number: int = number, pids: list[int] = pids) -> None:
            if answer == number:
                wait_until(lambda: pids)
                os.kill(pids[0], signal.SIGKILL)
                raise Cut

        with Proxy(project.dsn, answered=kill) as proxy:
            run = zygote.start(project, *schedule.command, dsn=proxy.dsn, program=schedule.program)
            pids.append(run.pid)
            end = run.end()
            reached = proxy.answers >= number
        if not reached:
            assert end.status == 0, end.err + end.out
            assert number > schedule.boundaries
            return
        # Behind the last answer it may have ended before it was killed.
        assert end.status in (-signal.SIGKILL, 0), end
        wait_until(lambda: alone(project))
        yield number


EVERY = pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
"""Every ninth boundary in `make test`, every single one in `make test-all`."""


@EVERY
@pytest.mark.parametrize(
    "schedule",
    [
        pytest.param(each, id=each.what, marks=[pytest.mark.slow] if each.slow else [])
        for each in SCHEDULES
    ],
)
def test_killed_at_every_boundary(
    project: Project,
    zygote: Zygote,
    make_database: Callable[[], str],
    holds: Callable[[Project], None],
    schedule: Schedule,
    step: int,
) -> None:
    names = schedule.files(project)
    for number in killed(project, zygote, make_database, step, schedule):
        again = zygote.start(project, *schedule.command, program=schedule.program).end()
        assert again.status == 0, (number, again.err + again.out)
        if schedule.program == "ringfence":
            assert again.out in (f"now at {names[-1]}\n", f"nothing to do: at {names[-1]}\n")
        assert project.run("status").status == 0
        if schedule.replayed:
            events = project.history("event", "revision")
            assert [revision for what, revision in events if what == "finished"] == names, number
        for query, rows in schedule.then:
            assert project.query(query) == rows, number
        if schedule.replayed:
            holds(project)


BASELINE = Schedule(
    "a baseline, which is all or nothing",
    stages=("F5",),
    revisions=("CREATE TABLE t1 ();", "CREATE TABLE t2 ();", "CREATE TABLE t3 ();"),
    boundaries=9,
    command=("migrate", "--baseline", "head"),
)


@EVERY
def test_a_baseline_is_all_or_nothing_wherever_it_is_killed(
    project: Project,
    zygote: Zygote,
    make_database: Callable[[], str],
    holds: Callable[[Project], None],
    step: int,
) -> None:
    names = BASELINE.files(project)
    for _ in killed(project, zygote, make_database, step, BASELINE):
        standing = project.run("status").out
        if "at        base" in standing:
            assert "baseline" not in standing
            assert project.run(*BASELINE.command).status == 0
        assert project.run("status").status == 0
        assert [row[:2] for row in project.history("event", "revision")] == [
            ("baseline", name) for name in names
        ]
        holds(project)


# Clocks, and several databases


@stages("F19")
def test_a_clock_that_goes_backwards_changes_nothing(
    project: Project, holds: Callable[[Project], None]
) -> None:
    """The server's clock is what the column says by default: it is turned back there."""
    project.revision("0001", "CREATE TABLE a ();", "DROP TABLE a;")
    project.run("migrate")
    for number, days in enumerate((30, 60, 90), 2):
        project.query(
            "ALTER TABLE ringfence.history ALTER at"
            f" SET DEFAULT clock_timestamp() - INTERVAL '{days} days'"
        )
        path = project.revision(
            f"000{number}", f"CREATE TABLE t{number} ();", f"DROP TABLE t{number};"
        )
        assert project.run("migrate").out == f"now at 000{number}\n"
    assert project.run("migrate", "--to", "-1", "--yes").out == "now at 0003\n"
    path.write_text("CREATE TABLE again ();")
    assert project.run("migrate").out == "now at 0004\n"
    assert project.run("status").status == 0
    told = [line.split()[3:5] for line in project.run("history").out.splitlines()]
    assert told == [
        ["up", "0004"], ["down", "0004"], ["up", "0004"], ["up", "0003"], ["up", "0002"],
        ["up", "0001"],
    ]  # fmt: skip
    holds(project)


@stages("F32")
def test_one_of_several_databases_fails_and_the_others_do_not_notice(
    project: Project, make_database: Callable[..., str], holds: Callable[[Project], None]
) -> None:
    project.revision("0001", "CREATE TABLE a ();")
    project.revision("0002", "CREATE TABLE b ();")
    three = [project.dsn, make_database(), make_database()]
    project.query("CREATE TABLE b ()", dsn=three[1])
    assert [project.run("migrate", dsn=dsn).status for dsn in three] == [0, 3, 0]
    assert [project.run("status", dsn=dsn).status for dsn in three] == [0, 1, 0]
    project.query("DROP TABLE b", dsn=three[1])
    again = [project.run("migrate", dsn=dsn).out for dsn in three]
    assert again == ["nothing to do: at 0002\n", "now at 0002\n", "nothing to do: at 0002\n"]
    for project.dsn in three:
        holds(project)


# The connection is lost


@stages("F13")
@pytest.mark.parametrize("arrives", [True, False])
def test_the_connection_is_cut_when_commit_was_sent(
    project: Project, zygote: Zygote, holds: Callable[[Project], None], arrives: bool
) -> None:
    project.revision("0000", "SELECT 1;")
    project.run("migrate")  # the history is there: the first COMMIT is a revision's
    project.revision("0001", "CREATE TABLE a ();")
    project.revision("0002", "CREATE TABLE b ();")
    commits: list[str] = []

    def asked(query: str) -> None:
        if query.startswith("COMMIT"):
            commits.append(query)
            if len(commits) == 1 and not arrives:
                raise Cut

    def answered(_: int) -> None:
        if len(commits) == 1 and arrives:
            commits.append("cut")
            raise Cut

    with Proxy(project.dsn, answered=answered, asked=asked) as proxy:
        run = zygote.start(project, "migrate", dsn=proxy.dsn)
        end = run.end()
    assert (end.status, end.out) == (0, "now at 0002\n"), end.err
    said = "had been" if arrives else "was not"
    assert f"the connection was lost at its end: it {said} committed" in end.err
    finished = [row[1:4] for row in project.history() if row[0] == "finished"]
    assert finished == [
        ("0000", "up", 1), ("0001", "up", 1 if arrives else 2), ("0002", "up", 2 if arrives else 1),
    ]  # fmt: skip
    holds(project)


@stages("F3")
def test_the_session_is_ended_during_an_index_build(
    project: Project, holder: psycopg.Connection, zygote: Zygote, holds: Callable[[Project], None]
) -> None:
    project.revision("0001", "CREATE TABLE t (id INT);")
    project.run("migrate")
    once = "-- ringfence: lock-deadline: 0\n"
    project.revision("0002", f"{NONE}{once}CREATE INDEX CONCURRENTLY i ON t (id);")
    holder.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
    run = zygote.start(project, "migrate")
    wait_until(lambda: waiting(project, "CREATE INDEX%"), lambda: run.said)
    assert project.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") == [
        (False,)
    ]
    project.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%%'"
        " AND datname = current_database() AND application_name = 'ringfence' AND pid <> %s",
        0,
    )
    # What was left goes over a new connection, and waits for as long as others take.
    since = (
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DROP INDEX%%' AND wait_event_type = 'Lock'"
        " AND datname = current_database() AND now() - query_start > %s"
    )
    wait_until(lambda: project.query(since, "1200ms"), lambda: run.said)
    holder.rollback()
    end = run.end()
    assert (end.status, end.out) == (0, "now at 0002\n"), end.err
    assert "going on over a new connection" in end.err
    holds(project)


@stages("F3")
def test_a_session_that_is_ended_again_and_again_is_an_error(
    project: Project, holder: psycopg.Connection, zygote: Zygote, holds: Callable[[Project], None]
) -> None:
    project.revision("0001", "CREATE TABLE t ();\nSELECT pg_advisory_xact_lock(1);")
    holder.execute("SELECT pg_advisory_xact_lock(1)")
    run = zygote.start(project, "migrate")
    for _ in range(2):
        wait_until(lambda: waiting(project, "SELECT pg_advisory%"))
        project.query(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname ="
            " current_database() AND wait_event_type = 'Lock' AND application_name = 'ringfence'"
        )
    end = run.end()
    assert (end.status, end.out) == (3, "")
    assert "hint: the connection was ended on the server: run it again when that is settled" in (
        end.err
    )
    assert [row[0] for row in project.history()] == ["started", "failed"] * 2
    holder.rollback()
    assert project.run("migrate").out == "now at 0001\n"
    holds(project)


# Many at once


@stages("F4")
@pytest.mark.parametrize("way", ["plain", "concurrently"])
def test_eight_runners_at_once(
    project: Project, zygote: Zygote, holds: Callable[[Project], None], way: str
) -> None:
    project.revision("0001", "CREATE TABLE t (id INT); INSERT INTO t VALUES (1);")
    if way == "concurrently":
        project.revision("0002", f"{NONE}CREATE INDEX CONCURRENTLY i ON t (id);")
    project.revision("0003", "INSERT INTO t VALUES (3);")
    ends = [run.end() for run in [zygote.start(project, "migrate") for _ in range(8)]]
    assert sorted((end.out, end.status) for end in ends) == [
        *[("nothing to do: at 0003\n", 0)] * 7,
        ("now at 0003\n", 0),
    ], ends
    assert project.query("SELECT id FROM t ORDER BY 1") == [(1,), (3,)]
    assert "failed" not in {row[0] for row in project.history()}
    holds(project)


# Somebody else's locks


@stages("F6")
@pytest.mark.parametrize("way", ["one", "none"])
def test_a_lock_that_is_held_longer_than_the_deadline(
    project: Project, holder: psycopg.Connection, holds: Callable[[Project], None], way: str
) -> None:
    project.revision("0001", "CREATE TABLE t ();")
    project.run("migrate")
    project.revision(
        "0002",
        f"-- ringfence: transaction: {way}\n-- ringfence: lock-timeout: 20ms\n"
        "-- ringfence: lock-deadline: 500ms\nALTER TABLE t ADD x INT;",
    )
    holder.execute("LOCK TABLE t IN ACCESS SHARE MODE")
    done = project.run("migrate")
    assert done.status == 75
    assert f"t is locked (AccessShareLock) by pid {holder.info.backend_pid}, user " in done.err
    assert "LOCK TABLE t IN ACCESS SHARE MODE; trying " in done.err
    assert project.query("SELECT 1 FROM pg_attribute WHERE attname = 'x'") == []
    ((waits,),) = project.query("SELECT waits FROM ringfence.history WHERE event = 'failed'")
    assert waits["retries"] >= 1
    holder.rollback()
    assert project.run("migrate").out == "now at 0002\n"
    holds(project)


@stages("F6", "F10")
@pytest.mark.parametrize("way", ["one", "none"])
def test_a_lock_that_is_released_in_time(
    project: Project,
    holder: psycopg.Connection,
    zygote: Zygote,
    holds: Callable[[Project], None],
    way: str,
) -> None:
    project.revision("0001", "CREATE TABLE t (id INT);")
    project.run("migrate")
    project.revision(
        "0002",
        f"-- ringfence: transaction: {way}\n-- ringfence: lock-timeout: 100ms\n"
        "-- ringfence: lock-deadline: 5min\nCREATE TABLE u (); ALTER TABLE t ADD x INT;",
    )
    holder.execute("LOCK TABLE t IN ACCESS SHARE MODE")
    run = zygote.start(project, "migrate")
    wait_until(lambda: "trying " in run.said)
    holder.rollback()
    end = run.end()
    assert (end.status, end.out) == (0, "now at 0002\n"), end.err
    ((waits,),) = project.query(
        "SELECT waits FROM ringfence.history WHERE waits IS NOT NULL ORDER BY id DESC LIMIT 1"
    )
    assert waits["retries"] >= 1
    assert waits["seconds"] > 0
    holds(project)


@stages("F10")
def test_who_is_in_the_way_is_said_while_it_waits(
    project: Project, holder: psycopg.Connection, zygote: Zygote, holds: Callable[[Project], None]
) -> None:
    project.revision("0001", "CREATE TABLE t (id INT);")
    project.run("migrate")
    project.revision("0002", f"{NONE}CREATE INDEX CONCURRENTLY i ON t (id);")
    holder.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
    run = zygote.start(project, "migrate")
    pid = holder.info.backend_pid
    wait_until(lambda: f"waits for pid {pid}, user " in run.said)
    said = run.said
    assert "waiting for writers before build" in said
    assert "somebody, idle in transaction in a transaction since " in said
    assert ": LOCK TABLE t IN ROW EXCLUSIVE MODE" in said
    holder.rollback()
    assert run.end().status == 0
    ((waits,),) = project.query(
        "SELECT waits FROM ringfence.history WHERE event = 'statement' AND revision = '0002'"
    )
    assert [blocker["pid"] for blocker in waits["blockers"]] == [pid]
    holds(project)


@stages("F31")
def test_a_deadlock_is_tried_anew(
    project: Project, holder: psycopg.Connection, zygote: Zygote, holds: Callable[[Project], None]
) -> None:
    project.revision("0001", "CREATE TABLE a (); CREATE TABLE b ();")
    project.run("migrate")
    project.revision(
        "0002",
        "-- ringfence: lock-timeout: 0\nSET LOCAL deadlock_timeout = '10ms';\nLOCK TABLE a;\n"
        "SELECT pg_advisory_xact_lock(1);\nLOCK TABLE b;\nCREATE TABLE c ();",
    )
    holder.execute("SET deadlock_timeout = '1h'")
    holder.execute("LOCK TABLE b")
    with psycopg.connect(project.dsn) as gate:
        gate.execute("SELECT pg_advisory_xact_lock(1)")
        run = zygote.start(project, "migrate")
        wait_until(lambda: waiting(project, "SELECT pg_advisory%"), lambda: run.said)
        other = threading.Thread(target=holder.execute, args=["LOCK TABLE a"])
        other.start()
        wait_until(
            lambda: project.query(
                "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'",
                holder.info.backend_pid,
            )
        )
    other.join()  # the runner came last, notices, and lets go
    holder.rollback()
    end = run.end()
    assert (end.status, end.out) == (0, "now at 0002\n"), end.err
    assert "; trying all of the file again\n" in end.err
    holds(project)


# Signals


@stages("F26")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_an_index_build(
    project: Project,
    holder: psycopg.Connection,
    zygote: Zygote,
    holds: Callable[[Project], None],
    number: signal.Signals,
) -> None:
    project.revision("0001", "CREATE TABLE t (id INT);")
    project.run("migrate")
    project.revision("0002", f"{NONE}CREATE INDEX CONCURRENTLY i ON t (id);")
    holder.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
    run = zygote.start(project, "migrate")
    wait_until(lambda: waiting(project, "CREATE INDEX%"), lambda: run.said)
    run.signal(number)
    end = run.end()
    assert end.status == (130 if number == signal.SIGINT else 143)
    assert project.history()[-1] == ("cancelled", "0002", "up", 1, None)
    holder.rollback()
    wait_until(lambda: alone(project))
    assert project.run("migrate").out == "now at 0002\n"
    holds(project)


# Indexes


@stages("F9")
@pytest.mark.parametrize("clause", ["", "IF NOT EXISTS "])
def test_an_invalid_index_of_somebody_elses_is_reported(
    project: Project, holds: Callable[[Project], None], clause: str
) -> None:
    project.revision("0001", "CREATE TABLE t (id INT); INSERT INTO t VALUES (1), (1);")
    project.run("migrate")
    with pytest.raises(psycopg.errors.UniqueViolation):
        project.query("CREATE UNIQUE INDEX CONCURRENTLY i ON t (id)")
    project.revision("0002", f"{NONE}CREATE INDEX CONCURRENTLY {clause}i ON t (id);")
    done = project.run("migrate")
    assert done.status == 1
    assert (
        "error: index public.i is there and invalid, and no run of this statement left it\n"
        in done.err
    )
    assert done.err.endswith("hint: see whose it is, then: DROP INDEX CONCURRENTLY public.i;\n")
    project.query("DROP INDEX CONCURRENTLY i")
    assert project.run("migrate").out == "now at 0002\n"
    holds(project)


@stages("F9")
def test_if_not_exists_is_not_trusted_over_another_index(project: Project) -> None:
    project.revision("0001", "CREATE TABLE t (id INT, x INT); CREATE INDEX i ON t (x);")
    project.run("migrate")
    path = project.revision(
        "0002", f"{NONE}CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (id) WHERE id > 0;"
    )
    done = project.run("migrate")
    assert done.status == 1
    assert "error: index public.i is there and is not what this statement makes\n" in done.err
    assert "it is USING btree (x)\n    and should be USING btree (id) WHERE (id > 0)\n" in done.err
    path.write_text(f"{NONE}CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (x);")
    assert project.run("migrate").out == "now at 0002\n"


@stages("F8")
def test_an_index_that_failed_may_be_edited(
    project: Project, holds: Callable[[Project], None]
) -> None:
    project.revision("0001", "CREATE TABLE t (id INT); INSERT INTO t VALUES (1), (1);")
    path = project.revision("0002", f"{NONE}CREATE UNIQUE INDEX CONCURRENTLY i ON t (id);")
    done = project.run("migrate")
    assert done.status == 3
    assert "Key (id)=(1) is duplicated" in done.err
    path.write_text(f"{NONE}CREATE INDEX CONCURRENTLY j ON t (id);")
    assert project.run("migrate").out == "now at 0002\n"
    holds(project)


# What the server will not have


@stages("F12")
def test_a_deferred_constraint_fails_in_its_file(
    project: Project, holds: Callable[[Project], None]
) -> None:
    project.revision(
        "0001",
        "CREATE TABLE p (id INT PRIMARY KEY);\n"
        "CREATE TABLE t (id INT REFERENCES p DEFERRABLE INITIALLY DEFERRED);",
    )
    project.revision("0002", "INSERT INTO t VALUES (1);\nSELECT 1;")
    done = project.run("migrate")
    assert done.status == 3
    assert "  migrations/versions/0002.up.sql:1:1\n" in done.err
    assert project.query("SELECT 1 FROM t") == []
    holds(project)


@stages("F12")
def test_a_deferred_constraint_fails_at_its_statement(project: Project) -> None:
    project.revision(
        "0001",
        "CREATE TABLE p (id INT PRIMARY KEY);\n"
        "CREATE TABLE t (id INT REFERENCES p DEFERRABLE INITIALLY DEFERRED);",
    )
    project.revision("0002", f"{NONE}SELECT 1;\nINSERT INTO t VALUES (1);\nANALYZE t;")
    done = project.run("migrate")
    assert done.status == 3
    assert "  migrations/versions/0002.up.sql:3:1\n" in done.err
    assert "it was checked at the end of the statement" in done.err


@stages("F22")
def test_a_missing_privilege_names_object_owner_and_grant(
    project: Project, holds: Callable[[Project], None]
) -> None:
    project.revision("0001", "SELECT 1;")
    project.run("migrate")
    (name,) = project.query("SELECT current_database()")[0]
    role = f"{name}_weak"
    project.query(f"CREATE ROLE {role} LOGIN")
    try:
        project.query(f"GRANT USAGE ON SCHEMA ringfence TO {role}")
        project.query(f"GRANT ALL ON ALL TABLES IN SCHEMA ringfence TO {role}")
        project.query("CREATE SCHEMA s; CREATE TABLE s.t ()")
        project.query(f"GRANT USAGE ON SCHEMA s TO {role}")
        weak = psycopg.conninfo.make_conninfo(project.dsn, user=role)
        path = project.revision("0002", "ALTER TABLE s.t ADD x INT;")
        done = project.run("migrate", dsn=weak)
        assert done.status == 3
        assert done.err.endswith(
            lines(
                "error: must be owner of table t",
                "  migrations/versions/0002.up.sql:1:1",
                "  1 | ALTER TABLE s.t ADD x INT;",
                "    | ^",
                "detail: table s.t belongs to role postgres",
                f"hint: connect as postgres, or have it say: GRANT postgres TO {role};",
            )
        )
        path.write_text("CREATE TABLE s.u ();")
        done = project.run("migrate", dsn=weak)
        assert "error: permission denied for schema s\n" in done.err
        assert "detail: schema s belongs to role postgres\n" in done.err
        assert f"GRANT USAGE, CREATE ON SCHEMA s TO {role};" in done.err
        assert project.tables() == [
            "ringfence.alembic_version", "ringfence.backfills", "ringfence.history", "s.t",
        ]  # fmt: skip
        project.query("DROP SCHEMA s CASCADE")
        holds(project)
    finally:
        project.query(f"DROP OWNED BY {role}")
        project.query(f"DROP ROLE {role}")


@stages("F6")
def test_what_is_locked_already_does_not_stay_so_for_each_queue_anew(project: Project) -> None:
    """The statements of a transaction share the time that they may queue."""
    project.revision("0001", "CREATE TABLE t (); CREATE TABLE seen (n INT);")
    assert project.run("migrate").status == 0
    look = "INSERT INTO seen SELECT setting::int FROM pg_settings WHERE name LIKE 'lock%timeout';"
    project.revision(
        "0002",
        f"-- ringfence: lock-timeout: 60s\n{look}\nALTER TABLE t ADD x INT;\n{look}\n{look}",
    )
    waits = (
        "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 't'::regclass"
        " AND clock_timestamp() - waitstart > '100 ms'"
    )
    with psycopg.connect(project.dsn) as holder:
        holder.execute("LOCK t")
        run = project.spawn("migrate")
        wait_until(lambda: project.query(waits))
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    first, second, third = (n for (n,) in project.query("SELECT n FROM seen ORDER BY ctid"))
    assert first == 60_000
    assert 15_000 <= second <= 59_900
    assert 15_000 <= third <= second


@stages("F22")
def test_who_may_take_the_owners_place_does_it_by_the_connection(
    project: Project,
) -> None:
    (name,) = project.query("SELECT current_database()")[0]
    owner, login = f"{name}_owner", f"{name}_deploy"
    project.query(f"CREATE ROLE {owner}; CREATE ROLE {login} LOGIN IN ROLE {owner} NOINHERIT")
    try:
        project.query(f"GRANT ALL ON DATABASE {name} TO {owner}")
        dsn = psycopg.conninfo.make_conninfo(
            project.dsn, user=login, options=f"-c role={owner} -c work_mem=9MB"
        )
        project.revision("0001", "CREATE SCHEMA s; CREATE TABLE s.t (id INT PRIMARY KEY);")
        project.revision(
            "0002",
            "-- ringfence: transaction: none\nRESET ROLE;\nCREATE INDEX CONCURRENTLY i ON s.t (id);\n"
            "CREATE TABLE s.u ();",
        )
        project.revision("0003", "-- ringfence: backfill key=id\nDELETE FROM s.t WHERE id < 0;")
        project.revision("0004", "ALTER TABLE s.t ADD x INT;")
        done = project.run("migrate", dsn=dsn)
        assert done.status == 0, done.err
        assert set(
            project.query(
                "SELECT relowner::regrole::text FROM pg_class WHERE relname IN"
                " ('t', 'i', 'u', 'history', 'backfills')"
            )
        ) == {(owner,)}
        assert set(project.history("session_role", "effective_role")) == {(login, owner)}
        assert project.run("verify", dsn=dsn).status == 0
    finally:
        project.query(f"DROP OWNED BY {owner} CASCADE; DROP ROLE {login}; DROP ROLE {owner}")


@stages("F25")
def test_commit_in_a_file_is_refused_before_anything_runs(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a ();\nCOMMIT;\nCREATE TABLE b ();")
    assert project.run("migrate").status == 2
    assert project.tables() == []


@stages("F7", "F27")
def test_limits_of_the_role_do_not_end_a_run(
    project: Project, holder: psycopg.Connection, zygote: Zygote, holds: Callable[[Project], None]
) -> None:
    (name,) = project.query("SELECT current_database()")[0]
    for key in ("statement_timeout", "idle_in_transaction_session_timeout"):
        project.query(f"ALTER DATABASE {name} SET {key} = '300ms'")
    project.revision("0001", "CREATE TABLE t (id INT);")
    project.revision("0002", f"{NONE}CREATE INDEX CONCURRENTLY i ON t (id);")
    project.run("migrate", "--to", "0001")
    holder.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
    holder.execute("SET idle_in_transaction_session_timeout = 0")
    run = zygote.start(project, "migrate")
    wait_until(lambda: waiting(project, "CREATE INDEX%"), lambda: run.said)
    began = project.query(
        "SELECT query_start FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%%'"
        " AND datname = current_database() AND pid <> %s",
        0,
    )[0][0]
    wait_until(lambda: project.query("SELECT now() - %s > '500ms'", began) == [(True,)])
    holder.rollback()
    end = run.end()
    assert (end.status, end.out) == (0, "now at 0002\n"), end.err
    holds(project)


@stages("F28")
def test_connections_are_kept_alive(project: Project) -> None:
    from ringfence.pg.connect import connect, named

    with connect(named(project.dsn, "test")) as connection:
        said = connection.info.get_parameters()
    assert said["keepalives_idle"] == "30"
    assert said["tcp_user_timeout"] == "60000"

"""Work beside the main thread: it is waited for, and ends when the main thread has to."""

from __future__ import annotations

import signal
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from projects import Project
from ringfence.pg.beside import Beside
from ringfence.pg.connect import Target, connect
from waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path


def asleep(dsn: str, database: str = "%") -> bool:
    """Whether a session of ringfence's in such a database sleeps."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event = 'PgSleep' AND state = 'active' AND datname LIKE %s"
            " AND application_name = 'ringfence'",
            [database],
        ).fetchone()
    return bool(row and row[0])


def test_it_is_waited_for_and_gives_what_it_gave(database: str) -> None:
    done: list[int] = []
    with Beside(2) as beside:
        futures = [beside.submit(done.append, number) for number in range(5)]
    assert sorted(done) == [0, 1, 2, 3, 4]
    assert [f.result() for f in futures] == [None] * 5


@pytest.mark.parametrize("late", [False, True])
def test_an_error_in_the_main_thread_cuts_it_off_but_lets_it_clean_up(
    database: str, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`late`: the other thread asks again before the one that cancels has gone on."""
    target = Target(database, "it", "it")
    ends: list[str] = []

    def work(target: Target) -> None:
        with (
            closing(connect(target, pinned=True)) as admin,
            closing(connect(target)) as connection,
        ):
            for _ in range(2):
                try:
                    connection.execute("SELECT pg_sleep(600)")
                except psycopg.Error as error:
                    ends.append(type(error).__name__)
            row = admin.execute("SELECT 'cleaned up'").fetchone()
            assert row is not None
            ends.append(str(row[0]))

    cancel = psycopg.Connection.cancel

    def then_wait(connection: psycopg.Connection[Any]) -> None:
        cancel(connection)
        wait_until(lambda: len(ends) > 1 or (ends and asleep(database)))

    if late:
        monkeypatch.setattr(psycopg.Connection, "cancel", then_wait)
    futures: list[Future[None]] = []

    def interrupted() -> None:
        with Beside(1) as beside:
            futures.extend(beside.submit(work, target) for _ in range(2))
            wait_until(lambda: asleep(database))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [f.cancelled() for f in futures] == [False, True]
    assert futures[0].done()
    # What it did is cancelled, or fails with the session; what it does next fails.
    assert ends[0] in ("QueryCanceled", "OperationalError")
    assert ends[1:] == ["OperationalError", "cleaned up"]
    wait_until(lambda: not asleep(database))


def test_ctrl_c_ends_what_verify_tries_on_shadows(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path / "project", database)
    with psycopg.connect(database) as connection:
        connection.execute(
            "CREATE TABLE t (a INT PRIMARY KEY);"
            " CREATE FUNCTION sleeps() RETURNS trigger LANGUAGE plpgsql SET statement_timeout = 0"
            " AS $$ BEGIN IF NEW.a IS NOT NULL THEN PERFORM pg_sleep(600); END IF; RETURN NEW; END $$;"
            " CREATE TRIGGER sleeps BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION sleeps();"
        )

    def shadows() -> set[str]:
        with psycopg.connect(database) as connection:
            rows = connection.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE 'ringfence\\_shadow\\_%'"
            ).fetchall()
        return {name for (name,) in rows}

    run = project.spawn(
        "verify", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
    )
    wait_until(lambda: asleep(database, "ringfence\\_shadow\\_%"))
    there = shadows()
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=PATIENCE)
    assert (run.returncode, out, err) == (130, "", "interrupted\n")
    wait_until(lambda: not there & shadows())

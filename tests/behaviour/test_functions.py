"""Functions called twice, at once, and where nothing may be written."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg

from ringfence.behaviour import functions
from ringfence.behaviour.rows import make
from ringfence.config import Tenancy

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES = """
CREATE TABLE box (id INT PRIMARY KEY, name TEXT NOT NULL UNIQUE, count INT NOT NULL DEFAULT 0);
CREATE TABLE paper (box INT NOT NULL REFERENCES box, code TEXT NOT NULL, UNIQUE (box, code));
"""

FAULTY = """
CREATE FUNCTION put(p_box INT, p_code TEXT) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE n INT;
BEGIN
    SELECT b.count INTO n FROM box AS b WHERE b.id = p_box;
    INSERT INTO paper (box, code) VALUES (p_box, p_code);
    UPDATE box SET count = n + 1 WHERE id = p_box;
END $$;
CREATE FUNCTION is_full(p_box INT) RETURNS BOOLEAN LANGUAGE plpgsql AS $$
BEGIN UPDATE box SET count = count WHERE id = p_box; RETURN false; END $$;
CREATE FUNCTION find_box(p_name TEXT) RETURNS INT LANGUAGE plpgsql AS $$
DECLARE n INT;
BEGIN
    SELECT id INTO n FROM box WHERE name = p_name;
    IF n IS NULL THEN
        INSERT INTO box (id, name) SELECT max(id) + 1, p_name FROM box RETURNING id INTO n;
    END IF;
    RETURN n;
END $$;
CREATE FUNCTION kept(p_box INT) RETURNS INT LANGUAGE sql IMMUTABLE
AS 'SELECT count FROM box WHERE id = p_box';
CREATE FUNCTION stable_writer(p_box INT) RETURNS VOID LANGUAGE plpgsql STABLE
AS 'BEGIN UPDATE box SET count = 0 WHERE id = p_box; END';
"""

SOUND = """
CREATE FUNCTION put(p_box INT, p_code TEXT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO paper (box, code) VALUES (p_box, p_code) ON CONFLICT DO NOTHING;
    IF FOUND THEN UPDATE box SET count = count + 1 WHERE id = p_box; END IF;
END $$;
CREATE FUNCTION is_full(p_box INT) RETURNS BOOLEAN LANGUAGE sql STABLE
AS 'SELECT count > 5 FROM box WHERE id = p_box';
CREATE FUNCTION twice(n INT) RETURNS INT LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n';
"""


BOOKING = """
CREATE TABLE event (id INT PRIMARY KEY, places INT NOT NULL, stock INT NOT NULL DEFAULT 9);
CREATE TABLE booking (event INT NOT NULL REFERENCES event, who TEXT NOT NULL);
CREATE TABLE paper (code TEXT);
CREATE FUNCTION book(p_event INT, p_who TEXT) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE n INT; limit_ INT;
BEGIN
    SELECT places INTO limit_ FROM event WHERE id = p_event{lock};
    SELECT count(*) INTO n FROM booking WHERE event = p_event;
    IF n >= limit_ THEN RAISE 'no place left'; END IF;
    INSERT INTO booking (event, who) VALUES (p_event, p_who);
END $$;
CREATE FUNCTION take(p_event INT) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE n INT;
BEGIN
    SELECT stock INTO n FROM event WHERE id = p_event{lock};
    IF n < 1 THEN RAISE 'nothing left'; END IF;
    UPDATE event SET stock = stock - 1 WHERE id = p_event;
END $$;
CREATE FUNCTION third_time(p_event INT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    {first}
    IF (SELECT count(*) > 8 FROM booking WHERE event = p_event) THEN RAISE 'enough'; END IF;
    INSERT INTO booking (event, who) VALUES (p_event, 'somebody');
END $$;
"""


def test_a_limit_is_overrun_only_by_who_does_not_lock(make_database: Callable[[], str]) -> None:
    """Two calls at once take the last place, where what counts them waits for nobody."""
    hole = BOOKING.format(lock="", first="")
    overrun = {("book", "lost-update"), ("take", "lost-update"), ("third_time", "lost-update")}
    assert seen(make_database(), hole) == overrun
    lock = "PERFORM FROM event WHERE id = p_event FOR UPDATE;"
    assert seen(make_database(), BOOKING.format(lock=" FOR UPDATE", first=lock)) == set()


def test_scripts_show_what_they_are_of(make_database: Callable[[], str]) -> None:
    """Each runs on the schema without rows: alone it ends with its error, in two sessions as told."""
    kinds = set()
    for tables in (TABLES + FAULTY, BOOKING.format(lock="", first="")):
        found = list(looked(make_database(), tables))
        empty = make_database()
        with psycopg.connect(empty, autocommit=True) as admin:
            admin.execute(tables.encode())
        for one in found:
            assert one.script, one
            kinds.add(one.kind)
            if "-- session 2" in one.script:
                error, left = at_once(empty, one.script)
                assert bool(error) == (one.kind == "race")
                assert bool(left) == (one.kind == "lost-update")
            else:
                alone(empty, one.script)
    assert kinds == {"race", "lost-update", "not-twice", "reader-writes", "volatility"}


def alone(dsn: str, script: str) -> None:
    """Run a script of one session. It fails as its last remark says, if it says so."""
    told = re.findall(r"^-- ([0-9A-Z]{5}): ", script, re.MULTILINE)
    with psycopg.connect(dsn, autocommit=True) as connection:
        failed = []
        try:
            connection.execute(script.encode())
        except psycopg.Error as error:
            failed = [error.sqlstate]
    assert failed == told


def at_once(dsn: str, script: str) -> tuple[str, list[str]]:
    """Run a script of two sessions, each typing what the script says when it says so; the second one's
    error, and what the script says is left."""
    parts = re.split(r"^-- (session [12]).*\n", script, flags=re.MULTILINE)[1:]
    told = re.findall(r"^--   (.*)", script, re.MULTILINE)
    with (
        psycopg.connect(dsn, autocommit=True) as one,
        psycopg.connect(dsn, autocommit=True) as two,
        psycopg.connect(dsn, autocommit=True) as third,
        ThreadPoolExecutor(1) as typing,
    ):
        one.execute("TRUNCATE " + ", ".join(_tables(third)))
        sessions = {"session 1": one, "session 2": two}
        (first, start), (second, meanwhile), (_, go_on), (_, end) = zip(
            parts[::2], parts[1::2], strict=True
        )
        assert (first, second) == ("session 1", "session 2")
        sessions[first].execute(start.encode())
        waiting = typing.submit(two.execute, meanwhile.encode())
        pid = [two.info.backend_pid]
        blocked = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
        while not waiting.done() and third.execute(blocked, pid).fetchone() == (False,):
            pass
        one.execute(go_on.encode())
        try:
            waiting.result()
            two.execute(end.encode())
        except psycopg.Error as error:
            two.execute("ROLLBACK")
            return error.sqlstate or "", told
        return "", told


def _tables(connection: psycopg.Connection) -> list[str]:
    found = connection.execute("SELECT quote_ident(tablename) FROM pg_tables"
                               " WHERE schemaname = 'public'")  # fmt: skip
    return [str(name) for (name,) in found]


def seen(dsn: str, tables: str) -> set[tuple[str, str]]:
    """What is wrong with which function."""
    return {(s.ref.name[1], s.kind) for s in looked(dsn, tables)}


def looked(dsn: str, tables: str) -> list[functions.Seen]:
    """What is wrong with functions."""
    with (
        psycopg.connect(dsn, autocommit=True) as connection,
        psycopg.connect(dsn, autocommit=True) as other,
        psycopg.connect(dsn, autocommit=True) as third,
    ):
        connection.execute(tables.encode())
        staged = functions.stage(make(connection, Tenancy(), []), [])
        found = [*functions.look(staged), *functions.race(staged, other, third)]
        left = connection.execute("SELECT count(*) FROM paper").fetchone()
        assert left == (4,), "the rows are put back, or at least not more"
        return [s for s in found if s.wrong]


def test_each_fault_is_found(make_database: Callable[[], str]) -> None:
    found = seen(make_database(), TABLES + FAULTY)
    assert found >= {
        ("put", "not-twice"),
        ("is_full", "reader-writes"),
        ("kept", "volatility"),
        ("stable_writer", "volatility"),
    }
    assert {("put", "lost-update"), ("put", "race")} & found
    assert ("find_box", "race") in found


def test_what_is_right_is_left_alone(make_database: Callable[[], str]) -> None:
    assert seen(make_database(), TABLES + SOUND) == set()

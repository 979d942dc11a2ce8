"""Functions called twice, at once, and where nothing may be written."""

from __future__ import annotations

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


def seen(dsn: str, tables: str) -> set[tuple[str, str]]:
    """What is wrong with which function."""
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
        return {(s.ref.name[1], s.kind) for s in found if s.wrong}


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

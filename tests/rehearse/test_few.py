"""A copy with few rows: as many as there is need for, and no foreign key broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from ringfence.pg.connect import connect, named
from ringfence.rehearse.few import few

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES = """
CREATE SCHEMA "we""ird";
CREATE TABLE "we""ird"."big one" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    boss bigint REFERENCES "we""ird"."big one",
    n integer,
    twice integer GENERATED ALWAYS AS (n * 2) STORED
);
CREATE TABLE child (id bigint PRIMARY KEY, big bigint REFERENCES "we""ird"."big one") PARTITION BY RANGE (id);
CREATE TABLE child_1 PARTITION OF child FOR VALUES FROM (0) TO (1000000);
CREATE TABLE grandchild (id bigint PRIMARY KEY, child bigint REFERENCES child);
CREATE TABLE small (id bigint PRIMARY KEY);
CREATE TABLE heir () INHERITS (small);
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
INSERT INTO "we""ird"."big one" (boss, n)
SELECT CASE WHEN i > 1 THEN 5000 - i + 1 END, i FROM generate_series(1, 5000) AS i;
INSERT INTO child SELECT i, i FROM generate_series(1, 5000) AS i;
INSERT INTO grandchild SELECT i, 5001 - i FROM generate_series(1, 5000) AS i;
INSERT INTO small SELECT i FROM generate_series(1, 7) AS i;
INSERT INTO heir SELECT i FROM generate_series(8, 9) AS i;
CREATE TRIGGER no BEFORE INSERT OR DELETE OR TRUNCATE ON grandchild EXECUTE FUNCTION no();
"""
COUNTS = """
SELECT (SELECT count(*) FROM "we""ird"."big one"), (SELECT count(*) FROM child),
    (SELECT count(*) FROM grandchild), (SELECT count(*) FROM small)
"""
BROKEN = """
SELECT
    (SELECT count(*) FROM "we""ird"."big one" AS a WHERE boss IS NOT NULL
        AND NOT EXISTS (SELECT FROM "we""ird"."big one" AS b WHERE b.id = a.boss)),
    (SELECT count(*) FROM child AS a
        WHERE NOT EXISTS (SELECT FROM "we""ird"."big one" AS b WHERE b.id = a.big)),
    (SELECT count(*) FROM grandchild AS a
        WHERE NOT EXISTS (SELECT FROM child AS b WHERE b.id = a.child))
"""


def test_large_tables_keep_some_rows_and_every_reference(
    make_database: Callable[..., str],
) -> None:
    dsn = make_database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(TABLES)
    with connect(named(dsn, "the test")) as connection:
        few(connection, (), large=100_000)
        ((big, child, grandchild, small),) = connection.execute(COUNTS).fetchall()
        assert isinstance(big, int)
        assert isinstance(child, int)
        assert isinstance(grandchild, int)
        assert 0 < big <= 500
        assert child <= 500
        assert grandchild <= 500
        assert small == 9
        assert connection.execute(BROKEN).fetchone() == (0, 0, 0)
        twice = connection.execute('SELECT bool_and(twice = n * 2) FROM "we""ird"."big one"')
        assert twice.fetchone() == (True,)


def test_small_tables_stay_as_they_are(make_database: Callable[..., str]) -> None:
    dsn = make_database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(TABLES)
    with connect(named(dsn, "the test")) as connection:
        few(connection, ())
        assert connection.execute(COUNTS).fetchone() == (5000, 5000, 5000, 9)

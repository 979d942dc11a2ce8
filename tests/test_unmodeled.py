"""What ringfence does not model is named, one row a thing, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from engine import catalog

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES = "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int REFERENCES a); "

CASES = {
    "a system function's privilege": (
        "REVOKE EXECUTE ON FUNCTION pg_catalog.lower(text) FROM PUBLIC",
        "privilege",
        "function lower(text)",
        "it is the system's own, and its privileges are not those it came with",
    ),
    "a system column's privilege": (
        "GRANT SELECT (rolpassword) ON pg_catalog.pg_authid TO pg_monitor",
        "privilege",
        "column rolpassword of table pg_authid",
        "it is the system's own, and its privileges are not those it came with",
    ),
    "a privilege on what an extension made": (
        "CREATE EXTENSION citext; REVOKE EXECUTE ON FUNCTION citext_eq(citext, citext) FROM PUBLIC",
        "privilege",
        "function public.citext_eq(public.citext,public.citext)",
        "it belongs to extension citext, and its privileges are not those it came with",
    ),
    "a privilege on plpgsql": (
        "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
        "privilege",
        "language plpgsql",
        "it belongs to extension plpgsql, and its privileges are not those it came with",
    ),
    "a function among the system's": (
        "CREATE FUNCTION pg_catalog.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "object in a system schema",
        "function mine()",
        "what is in schema pg_catalog is the system's own",
    ),
    "a domain among the system's": (
        "CREATE DOMAIN pg_catalog.mine AS int",
        "object in a system schema",
        "type mine",
        "what is in schema pg_catalog is the system's own",
    ),
    "a view among the system's": (
        "CREATE VIEW information_schema.mine AS SELECT 1 AS one",
        "object in a system schema",
        "view information_schema.mine",
        "what is in schema information_schema is the system's own",
    ),
    "a foreign key that is not held": (
        TABLES + "ALTER TABLE b DISABLE TRIGGER ALL",
        "disabled constraint",
        "b_id_fkey on public.b",
        "the triggers that hold it are disabled on public.b",
    ),
}

MODELED = {
    "nothing": "SELECT 1",
    "extensions as they come": "CREATE EXTENSION citext; CREATE EXTENSION hstore",
    "foreign keys": TABLES,
    "privileges on public": "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    "privileges on one's own": TABLES
    + "GRANT SELECT (id) ON a TO pg_monitor; REVOKE ALL ON b FROM PUBLIC",
    "a transform": (
        "CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal),"
        " TO SQL WITH FUNCTION int4recv(internal))"
    ),
}


def _make(database: str, text: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET allow_system_table_mods = on")
        connection.execute(text.encode())


@pytest.mark.parametrize("case", CASES)
def test_it_is_named(case: str, make_database: Callable[..., str]) -> None:
    text, what, name, reason = CASES[case]
    database = make_database()
    _make(database, text)
    assert [(u.what, u.name, u.reason) for u in catalog(database).unmodeled] == [
        (what, name, reason)
    ]


@pytest.mark.parametrize("case", MODELED)
def test_nothing_is_named(case: str, make_database: Callable[..., str]) -> None:
    database = make_database()
    _make(database, MODELED[case])
    assert catalog(database).unmodeled == ()

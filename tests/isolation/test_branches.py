"""Each branch of a policy has a row of B's in it, or is named: a table for each branch, in one schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from isolation.support import APP, roles
from ringfence.config import Tenancy
from ringfence.isolation import everything, prepare, who
from ringfence.isolation.causes import Sorter, deletes
from ringfence.isolation.judge import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from conftest import SomeServer
    from ringfence.isolation import Cell

FIRM = "nullif(current_setting('a.firm', true), '')::int"

OPEN = {
    "a pattern": ("title TEXT", "title ~* '^public[ -]'"),
    "a pattern of LIKE": ("title TEXT", "title LIKE 'pub:%'"),
    "several at once": ("a INT, b BOOLEAN NOT NULL, c TEXT", "a > 1000 AND b AND c = 'x'"),
    "a member of a document": ("meta JSONB", "meta->>'visibility' = 'public'"),
    "a document within": ("meta JSONB", """meta @> '{"public": true}'"""),
    "a member that is true": ("meta JSONB", "(meta->>'public')::boolean"),
    "a path into a document": ("meta JSONB", "(meta #>> '{acl,mode}') = 'open'"),
    "a member of an array": ("tags TEXT[] NOT NULL", "'public' = ANY (tags)"),
    "arrays that overlap": ("tags TEXT[] NOT NULL", "tags && ARRAY['public', 'shared']"),
    "the role itself": ("viewers TEXT[]", "current_user = ANY (viewers)"),
    "the role as owner": ("created_by NAME", "created_by = current_user"),
    "a length": ("title VARCHAR(80) NOT NULL", "length(title) > 40"),
    "no text at all": ("note TEXT NOT NULL DEFAULT ''", "note = ''"),
    "a range around now": ("valid TSTZRANGE", "valid @> now()"),
    "a moment between": (
        "opened TIMESTAMPTZ, closed TIMESTAMPTZ",
        "opened <= now() AND (closed IS NULL OR closed > now())",
    ),
    "what is computed": (
        "part INT NOT NULL CHECK (part BETWEEN 0 AND 100), price INT NOT NULL CHECK (price > 0),"
        " net INT GENERATED ALWAYS AS (price * (100 - part) / 100) STORED",
        "net = 0",
    ),
    "a function of the row": ("kind TEXT", "b.is_open(kind)"),
    "what is not so": ("hidden BOOLEAN NOT NULL, n INT", "NOT (hidden OR n IS NULL OR n <> 12345)"),
    "a label": ("state b.state NOT NULL", "state = 'shown'"),
    "a number too many": ('"we""ird" NUMERIC(6,2)', '"we""ird" BETWEEN 17.5 AND 17.6'),
}
"""Conditions that let a row of another tenant's through."""


def _schema(conditions: Mapping[str, tuple[str, str]]) -> str:
    tables = "".join(
        f"""CREATE TABLE "{name}" (
            id UUID PRIMARY KEY DEFAULT gen_random_uuid(), firm INT NOT NULL REFERENCES firm,
            {columns}
        );
        ALTER TABLE "{name}" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY own ON "{name}" USING (firm = {FIRM} OR {condition});
        GRANT SELECT ON "{name}" TO {APP};"""
        for name, (columns, condition) in conditions.items()
    )
    return f"""
    CREATE SCHEMA b; GRANT USAGE ON SCHEMA b TO {APP}; SET search_path = b;
    CREATE TYPE state AS ENUM ('shown', 'kept');
    CREATE FUNCTION is_open(TEXT) RETURNS BOOLEAN LANGUAGE sql IMMUTABLE
        AS $$ SELECT $1 = 'every' || 'one''s' OR $1 = 'for all' $$;
    CREATE TABLE firm (id INT PRIMARY KEY, name TEXT NOT NULL);
    ALTER TABLE firm ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY own ON firm USING (id = {FIRM});
    GRANT SELECT ON firm TO {APP};
    {tables}
    RESET search_path;"""


def _look(server: SomeServer, name: str, schema: str) -> tuple[Sequence[Cell], set[str]]:
    """Every cell, and the causes as code and object, but for what is no hole."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        roles(admin)
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        admin.execute(drop)
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            with (
                psycopg.connect(server.dsn(name), autocommit=True) as connection,
                psycopg.connect(server.dsn(name), autocommit=True) as fresh,
            ):
                connection.execute(schema.encode())
                found = who(connection, Tenancy(), ["ringfence"])
                ground = prepare(connection, Tenancy(), found, ["ringfence"])
                ground.begin()
                cells = everything(ground.examiner(), fresh)
                causes = Sorter(ground, cells, deletes(ground)).sort()
                connection.rollback()
                said = {
                    f"{c.code.removeprefix('isolation/')} {c.ref.name[-1]}"
                    for c in causes
                    if c.code not in ("isolation/unguessable-keys", "isolation/explain-tells")
                }
                return cells, said
        finally:
            admin.execute(drop)


@pytest.fixture(scope="module")
def _open(server: SomeServer) -> Iterator[tuple[Sequence[Cell], set[str]]]:
    yield _look(server, f"branches_{id(server):x}", _schema(OPEN))


@pytest.mark.parametrize("name", OPEN)
def test_a_row_is_made_for_each_branch(_open: tuple[Sequence[Cell], set[str]], name: str) -> None:
    cells, said = _open
    unknown = {c.because for c in cells if c.state is State.INCONCLUSIVE and c.ref.name[-1] == name}
    assert unknown == set()
    assert f"policy {name}" in said

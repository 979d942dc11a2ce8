"""Each branch of a policy has a row of B's in it, or is named: a table for each branch, in one schema."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from isolation.support import APP, Sound, roles
from ringfence.config import Tenancy
from ringfence.finding import Severity
from ringfence.isolation import branches, everything, prepare, who
from ringfence.isolation.causes import Sorter, deletes, try_fixes
from ringfence.isolation.judge import State
from ringfence.kinds._sql import ident

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from conftest import SomeServer
    from ringfence.isolation import Cell, Ground
    from ringfence.isolation.causes import Cause

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
        """part INT NOT NULL CHECK (part BETWEEN 0 AND 100), price INT NOT NULL CHECK (price > 0),
        net INT GENERATED ALWAYS AS (price * (100 - part) / 100) STORED""",
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


@contextmanager
def _ground(server: SomeServer, name: str, schema: str) -> Iterator[Ground]:
    """A schema of its own with two tenants' rows, in an open transaction."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        roles(admin)
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        admin.execute(drop)
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            with psycopg.connect(server.dsn(name), autocommit=True) as connection:
                connection.execute(schema.encode())
                found = who(connection, Tenancy(), ["ringfence"])
                ground = prepare(connection, Tenancy(), found, ["ringfence"])
                ground.begin()
                yield ground
                connection.rollback()
        finally:
            admin.execute(drop)


@pytest.fixture(scope="module")
def opened(server: SomeServer) -> Iterator[tuple[Ground, set[str]]]:
    """A table for each branch, and what is not known of any."""
    with _ground(server, f"branches_{id(server):x}", _schema(OPEN)) as ground:
        yield (
            ground,
            {f"{c.ref.name[-1]}: {c.because}" for c in branches.missing(ground.examiner())},
        )


@pytest.mark.parametrize("name", OPEN)
def test_a_row_is_made_for_each_branch(opened: tuple[Ground, set[str]], name: str) -> None:
    ground, unknown = opened
    assert not [why for why in unknown if why.startswith(f"{name}: ")]
    out = ground.examiner().prober.attempt(APP, ground.fixture.a, f"SELECT * FROM b.{ident(name)}")
    assert ground.fixture.shown(out.values(), but=[ground.fixture.a])


MIXED = f"""
    CREATE SCHEMA b; GRANT USAGE ON SCHEMA b TO {APP}; SET search_path = b;
    CREATE TABLE firm (id INT PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE colour (name TEXT PRIMARY KEY, said TEXT NOT NULL);
    CREATE TABLE shade (id INT PRIMARY KEY);
    CREATE TABLE tone (id INT PRIMARY KEY);
    CREATE TABLE item (
        firm INT NOT NULL REFERENCES firm, id UUID DEFAULT gen_random_uuid(), said TEXT NOT NULL,
        colour TEXT NOT NULL REFERENCES colour ON DELETE CASCADE,
        shade INT NOT NULL REFERENCES shade ON UPDATE CASCADE,
        tone INT NOT NULL REFERENCES tone, PRIMARY KEY (firm, id)
    );
    CREATE TABLE unsolved (id UUID PRIMARY KEY, firm INT NOT NULL REFERENCES firm, said TEXT NOT NULL);
    CREATE TABLE floored (id UUID PRIMARY KEY, firm INT NOT NULL REFERENCES firm, said TEXT NOT NULL);
    CREATE TABLE sent (id UUID PRIMARY KEY, firm INT NOT NULL REFERENCES firm, said TEXT NOT NULL);
    CREATE TABLE known (id UUID PRIMARY KEY, firm INT REFERENCES firm, said TEXT NOT NULL);
    CREATE TABLE fixed (id UUID PRIMARY KEY, firm INT REFERENCES firm, said TEXT NOT NULL);
    CREATE TABLE counted (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, firm INT NOT NULL REFERENCES firm);
    CREATE MATERIALIZED VIEW many AS SELECT firm, said, count(*) AS n FROM item GROUP BY 1, 2;
    CREATE VIEW mine WITH (security_barrier) AS SELECT * FROM many WHERE firm = {FIRM};
    CREATE VIEW unchecked AS SELECT firm, id, said, colour, shade, tone FROM item WHERE firm = {FIRM};
    CREATE VIEW checked AS SELECT firm, id, said, colour, shade, tone FROM item WHERE firm = {FIRM}
        WITH CHECK OPTION;
    CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
    CREATE FOREIGN TABLE elsewhere (id INT) SERVER nowhere;
    DO $$ DECLARE t TEXT; BEGIN
        FOREACH t IN ARRAY ARRAY['item', 'unsolved', 'floored', 'sent', 'known', 'fixed', 'counted'] LOOP
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        END LOOP;
    END $$;
    ALTER TABLE firm ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY own ON firm USING (id = {FIRM});
    CREATE POLICY own ON item USING (firm = {FIRM});
    CREATE POLICY own ON unsolved USING (firm = {FIRM} OR md5(said) = 'no text has this digest');
    CREATE POLICY every ON floored USING (true);
    CREATE POLICY own ON floored AS RESTRICTIVE USING (firm = {FIRM} OR said ~ '^to all: ');
    CREATE POLICY own ON sent USING (firm = {FIRM});
    CREATE POLICY feedback ON sent FOR INSERT WITH CHECK (said LIKE 'feedback: %');
    CREATE POLICY shown ON known FOR SELECT USING (firm = {FIRM} OR firm IS NULL);
    CREATE POLICY changed ON known FOR UPDATE USING (firm = {FIRM} OR firm IS NULL);
    CREATE POLICY shown ON fixed FOR SELECT USING (firm = {FIRM} OR firm IS NULL);
    CREATE POLICY own ON fixed USING (firm = {FIRM});
    CREATE POLICY own ON counted USING (firm = {FIRM});
    GRANT SELECT ON firm, colour, shade, tone, mine TO {APP};
    GRANT DELETE ON colour, tone TO {APP}; GRANT UPDATE (id) ON shade, tone TO {APP};
    GRANT SELECT, INSERT, UPDATE, DELETE ON item, unsolved, floored, sent, known, fixed, counted TO {APP};
    GRANT INSERT, UPDATE ON unchecked, checked TO {APP};
    GRANT SELECT ON elsewhere TO {APP};
    RESET search_path;"""


@pytest.fixture(scope="module")
def mixed(server: SomeServer) -> Iterator[tuple[Sequence[Cell], Sequence[Cause]]]:
    """Holes beside what is sound, in one schema: every cell, and the causes with their fixes tried."""
    name = f"branches_too_{id(server):x}"
    with (
        _ground(server, name, MIXED) as ground,
        psycopg.connect(server.dsn(name), autocommit=True) as fresh,
    ):
        cells = everything(ground.examiner(), fresh)
        causes = Sorter(ground, cells, deletes(ground)).sort()
        try_fixes(ground, causes, cells)
        yield cells, causes


def test_holes_are_told_from_what_is_sound(
    mixed: tuple[Sequence[Cell], Sequence[Cause]],
) -> None:
    _, causes = mixed
    assert set(Sound.said(causes)) == {
        "shared-cascade table:b.colour",
        "shared-cascade table:b.shade",
        "unscoped table:b.colour",
        "unscoped table:b.shade",
        "unscoped table:b.tone",
        "policy table:b.floored",
        "policy table:b.sent",
        "tenantless table:b.known",
        "view-owner-rights view:b.unchecked",
    }
    severe = {c.code for c in causes if c.severity is Severity.ERROR}
    assert {"isolation/shared-cascade", "isolation/tenantless"} <= severe
    counted = [c for c in causes if c.code == "isolation/counted-keys"]
    assert ["number is taken" in c.message and "b.counted" in c.message for c in counted] == [True]


def test_what_is_not_known_is_named(mixed: tuple[Sequence[Cell], Sequence[Cause]]) -> None:
    cells, _ = mixed
    unknown = {
        (c.ref.name[-1], c.probe.name): c.because for c in cells if c.state is State.INCONCLUSIVE
    }
    assert set(unknown) == {
        ("unsolved", "policy own"),
        ("elsewhere", "select of what lies elsewhere"),
    }
    assert "md5(said) = 'no text has this digest'" in unknown["unsolved", "policy own"]


def test_the_fixes_of_new_causes_help(mixed: tuple[Sequence[Cell], Sequence[Cause]]) -> None:
    _, causes = mixed
    tried = {
        str(c.ref): (c.fixed, c.why_not)
        for c in causes
        if c.code.endswith(("tenantless", "shared-cascade"))
    }
    assert tried == {
        "table:b.colour": (True, ""),
        "table:b.shade": (True, ""),
        "table:b.known": (True, ""),
    }


def test_who_bypasses_and_works_nowhere_is_not_tried_as(server: SomeServer) -> None:
    schema = (
        "DO $$ BEGIN CREATE ROLE ringfence_test_idle BYPASSRLS; EXCEPTION WHEN duplicate_object"
        " OR unique_violation THEN NULL; END $$;"
        f"{_schema({})} GRANT SELECT ON b.firm TO ringfence_test_idle;"
    )
    with _ground(server, f"branches_idle_{id(server):x}", schema) as ground:
        assert [r.name for r in ground.who.roles] == [APP]
        assert ground.who.idle == ("ringfence_test_idle",)

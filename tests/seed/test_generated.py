"""Schemas nobody thought of, of constraints of every sort: filled, coherent, the same twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.config import Tenancy
from ringfence.seed import desk as desks
from ringfence.seed import read, seed
from seed.support import digests, one, strangers, unsatisfied, violations

if TYPE_CHECKING:
    from seed.support import Connection

COLUMNS = (
    "INT", "BIGINT NOT NULL", "SMALLINT", "NUMERIC(8, 2)", "TEXT", "VARCHAR(20) NOT NULL", "CHAR(4)",
    "BOOLEAN NOT NULL", "DATE", "TIMESTAMPTZ NOT NULL", "TIME", "INTERVAL", "UUID", "JSONB", "BYTEA",
    "INET", "TSVECTOR", "BIT(5)", "INT[]", "TEXT[] NOT NULL", "INT4RANGE", "TSTZRANGE", "g.mood",
    "g.mood NOT NULL", "g.positive", "g.code NOT NULL", "g.pair", "MONEY", "POINT",
    "INT GENERATED ALWAYS AS IDENTITY", "TEXT GENERATED ALWAYS AS (upper('a' || id)) STORED",
)  # fmt: skip
CHECKS = (
    "k TEXT NOT NULL CHECK (k IN ('a', 'b', 'c'))",
    "k INT CHECK (k BETWEEN 10 AND 12)",
    "k TEXT CHECK (length(k) BETWEEN 3 AND 5)",
    "k TEXT NOT NULL CHECK (k ~ '^[A-Z]{2}-[0-9]{3,4}$')",
    "k TEXT CHECK (k = lower(k) AND k <> '')",
    "k JSONB NOT NULL CHECK (jsonb_typeof(k) = 'object' AND k ? 'name')",
    "k JSONB CHECK (jsonb_typeof(k) = 'array')",
    "k INT NOT NULL, l INT NOT NULL, CHECK (k < l)",
    "k INT NOT NULL, l INT NOT NULL, CHECK (k + l = 100)",
    "k TEXT, l TEXT, CHECK (num_nonnulls(k, l) = 1)",
    "k DATE NOT NULL, l DATE, CHECK (l IS NULL OR l >= k)",
    "k TEXT NOT NULL CHECK (k IN ('x', 'y')), l INT, CHECK (k <> 'x' OR l > 5)",
    "k INT[] CHECK (cardinality(k) = 2)",
    "k NUMERIC(4, 3) CHECK (k > 0 AND k < 1)",
    "k TIMESTAMPTZ CHECK (k >= '2020-01-01' AND k < '2020-02-01')",
)
KEYS = (
    "UNIQUE (tenant, u)", "UNIQUE (u)", "UNIQUE NULLS NOT DISTINCT (tenant, u)",
    "EXCLUDE USING gist (r WITH &&)", "",
)  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """A schema, as statements."""

    statements: tuple[str, ...]

    def __repr__(self) -> str:
        return ";\n".join(self.statements)


@st.composite
def schemas(draw: st.DrawFn) -> Drawn:
    made = []
    count = draw(st.integers(1, 4))
    names = [
        draw(st.sampled_from(["t", 'T "x', "of order", "año", "%s"])) + str(n) for n in range(count)
    ]
    late = []
    for n, name in enumerate(names):
        parts = ["tenant INT NOT NULL REFERENCES g.tenants", "u TEXT", "r INT4RANGE"]
        columns = draw(st.lists(st.sampled_from(COLUMNS), max_size=5))
        parts += [f"c{i} {column}" for i, column in enumerate(columns)]
        if sum("IDENTITY" in column for column in columns) > 3:
            continue
        parts += draw(st.lists(st.sampled_from(CHECKS), max_size=1))
        for m in draw(st.lists(st.integers(0, n), max_size=2, unique=True)):
            null = "" if m == n else draw(st.sampled_from(["", " NOT NULL"]))
            if draw(st.booleans()):
                parts.append(f"p{m} INT{null} REFERENCES g.{quoted(names[m])}" if m < n else
                             f"p{m} INT REFERENCES g.{quoted(name)}")  # fmt: skip
            elif m < n:
                full = draw(st.sampled_from(["", " MATCH FULL"])) if null else ""
                parts.append(f"q{m} INT{null}, FOREIGN KEY (tenant, q{m})"
                             f" REFERENCES g.{quoted(names[m])} (tenant, id){full}")  # fmt: skip
        if n and draw(st.booleans()):
            defer = draw(st.sampled_from(["", " DEFERRABLE INITIALLY DEFERRED"]))
            late.append(f"ALTER TABLE g.{quoted(names[0])} ADD COLUMN back{n} INT"
                        f" REFERENCES g.{quoted(name)}{defer}")  # fmt: skip
        key = draw(st.sampled_from(KEYS))
        parts += [key] if key else []
        parts += ["UNIQUE (tenant, id)"]
        made.append(f"CREATE TABLE g.{quoted(name)} (id INT PRIMARY KEY, {', '.join(parts)})")
        if draw(st.booleans()):
            made.append(f"CREATE UNIQUE INDEX ON g.{quoted(name)} (lower(u)) WHERE u IS NOT NULL")
    if draw(st.booleans()):
        made.append("CREATE TABLE g.parted (id INT, tenant INT NOT NULL REFERENCES g.tenants, at DATE,"
                    " PRIMARY KEY (id, at)) PARTITION BY RANGE (at)")  # fmt: skip
        made.append(
            "CREATE TABLE g.p1 PARTITION OF g.parted FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')"
        )
        made.append("CREATE TABLE g.p2 PARTITION OF g.parted DEFAULT")
    return Drawn((*made, *late))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


FRAME = """
DROP SCHEMA IF EXISTS g CASCADE;
CREATE SCHEMA g;
CREATE TYPE g.mood AS ENUM ('good', 'bad', 'so so');
CREATE DOMAIN g.positive AS INT CHECK (VALUE > 0);
CREATE DOMAIN g.code AS VARCHAR(8) CHECK (VALUE ~ '^[a-z]+[0-9]$');
CREATE TYPE g.pair AS (x g.positive, y TEXT);
CREATE TABLE g.tenants (id INT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name TEXT NOT NULL);
"""
TENANCY = Tenancy(root="g.tenants")


def holds(conn: Connection, drawn: Drawn) -> None:
    """The property: filled, every constraint validates, tenants stay apart, twice the same."""
    conn.execute(FRAME)
    for statement in drawn.statements:
        conn.execute(statement)
    seeded = seed(conn, tenants=2, rows=4, tenancy=TENANCY)
    assert seeded.shortfalls == ()
    assert all(set(f.rows) <= {1, 4} for f in seeded.tables)
    assert violations(conn) == []
    assert unsatisfied(conn, read(conn)) == []
    assert strangers(conn, "g.tenants") == []
    first = digests(conn)
    conn.execute("TRUNCATE g.tenants CASCADE")
    assert one(conn, "SELECT count(*) FROM g.tenants") == 0
    seed(conn, tenants=2, rows=4, tenancy=TENANCY)
    assert digests(conn) == first


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(deadline=None, max_examples=15, suppress_health_check=QUIET)
@given(drawn=schemas())
def test_schemas_nobody_thought_of(conn: Connection, drawn: Drawn) -> None:
    if conn.info.server_version < 150000 and "NULLS NOT DISTINCT" in repr(drawn):
        return
    holds(conn, drawn)


@pytest.mark.slow
@settings(deadline=None, max_examples=150, suppress_health_check=QUIET)
@given(drawn=schemas())
def test_many_schemas_nobody_thought_of(conn: Connection, drawn: Drawn) -> None:
    if conn.info.server_version < 150000 and "NULLS NOT DISTINCT" in repr(drawn):
        return
    holds(conn, drawn)


@settings(deadline=None, max_examples=6, suppress_health_check=QUIET)
@given(drawn=schemas())
def test_they_can_be_loaded_too(conn: Connection, drawn: Drawn) -> None:
    """Many rows of them: what does not fit is told, and what is there is in order."""
    if conn.info.server_version < 150000 and "NULLS NOT DISTINCT" in repr(drawn):
        return
    conn.execute(FRAME)
    for statement in drawn.statements:
        conn.execute(statement)
    with mock.patch.object(desks, "PLANNED", 12):
        seed(conn, tenants=2, rows=50, tenancy=TENANCY, profile="load")
    assert violations(conn) == []
    assert strangers(conn, "g.tenants") == []

"""Schemas of other projects: how many of their tables can be filled, and that all is in order then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from ringfence.seed import read, seed
from seed.support import counts, shared, unsatisfied, violations

if TYPE_CHECKING:
    from seed.support import Connection

PREPARE = {
    # Its jobs go to an extension of another process, which is not part of the schema.
    "graphile_starter": "CREATE SCHEMA graphile_worker; CREATE FUNCTION graphile_worker.add_job("
    " TEXT, JSON) RETURNS VOID LANGUAGE sql AS 'SELECT'",
}
TABLES = {
    "chinook": 11,
    "pagila": 16,
    "adventureworks": 68,
    "graphile_starter": 12,
    "crates_io": 35,
    "supabase_auth": 23,
}


@pytest.mark.parametrize("name", TABLES)
def test_all_tables_of_a_real_schema(conn: Connection, name: str) -> None:
    load(conn, "cases", "real", name)
    conn.execute("RESET search_path")
    seeded = seed(conn)
    filled = {path for path, count in counts(conn).items() if count}
    assert len(filled) == TABLES[name] == len(seeded.tables)
    assert seeded.shortfalls == ()
    assert unsatisfied(conn, read(conn)) == []
    assert violations(conn) == []


def load(conn: Connection, *folder: str) -> None:
    """Load a schema with the roles it needs; skip where this server cannot hold it."""
    path = shared(*folder, "schema.sql").parent
    if (path / "roles.sql").exists():
        # Roles belong to the server, and other tests' databases may need the same at this moment.
        for statement in (path / "roles.sql").read_text().split(";\n"):
            try:
                if statement.strip():
                    conn.execute(statement)
            except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                continue
    text = "\n".join(
        line for line in (path / "schema.sql").read_text().splitlines() if not line.startswith("\\")
    )
    try:
        conn.execute(text)
        conn.execute(PREPARE.get(folder[-1], ""))
    except psycopg.errors.FeatureNotSupported as error:
        pytest.skip(f"this server cannot hold the schema: {error}")

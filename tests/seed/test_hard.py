"""Schemas made to be hard for a differ: everything in them that can hold a row gets rows."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from ringfence.seed import read, seed
from seed.support import HERE, counts, digests, shared, tables, unsatisfied, violations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from seed.support import Connection


def cases() -> list[str]:
    """The folders' names; one that does not exist where there are none, whose test is skipped."""
    for parent in HERE.parents:
        folder = parent / "shared" / "cases" / "hard"
        if folder.is_dir():
            return sorted(path.name for path in folder.iterdir() if (path / "a.sql").exists())
    return ["none"]


@pytest.mark.parametrize("name", cases())
def test_every_table_that_can_hold_a_row_gets_rows(
    connect: Callable[[str], Connection], make_database: Callable[..., str], name: str
) -> None:
    folder = shared("cases", "hard", name, "a.sql").parent
    for side in ("a", "b"):
        conn = connect(make_database())
        load(conn, folder / f"{side}.sql")
        if not tables(conn):
            continue
        seeded = seed(conn)
        missing = {f.table for f in seeded.tables if not f.total} | set(seeded.empty)
        assert missing == set(), (side, seeded.shortfalls)
        assert all(count for table, count in counts(conn).items())
        assert unsatisfied(conn, read(conn)) == []
        if conn.execute("SELECT FROM pg_constraint WHERE contype IN ('c', 'f')").fetchone():
            assert violations(conn) == []


def test_the_same_seed_gives_the_same_digests(
    connect: Callable[[str], Connection], make_database: Callable[..., str]
) -> None:
    """Of schemas with types and keys of many sorts."""
    for name in ("06_circular_fk", "20_exclude_deferrable_include_nnd", "26_quoted_identifiers"):
        found = []
        for _ in range(2):
            conn = connect(make_database())
            load(conn, shared("cases", "hard", name, "b.sql"))
            seed(conn, seed=7)
            found.append(digests(conn))
        assert found[0] == found[1], name


def load(conn: Connection, path: Path) -> None:
    text = path.read_text()
    while True:
        # Roles belong to the server, and other tests' databases may need the same at this moment.
        try:
            conn.execute(text)
        except psycopg.errors.UndefinedObject as error:
            missing = re.match(r'role "(\w+)" does not exist', error.diag.message_primary or "")
            if missing is None:
                raise
            with contextlib.suppress(
                psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation
            ):
                conn.execute(f"CREATE ROLE {missing[1]}")
        except (
            psycopg.errors.FeatureNotSupported,
            psycopg.errors.InvalidParameterValue,
            psycopg.errors.SyntaxError,
        ) as error:
            pytest.skip(f"this server cannot hold the schema: {error}")
        except psycopg.errors.UndefinedFile as error:
            pytest.skip(f"this server has no such extension: {error}")
        else:
            break
    conn.execute("RESET ALL")

"""Every statement of the measured table, measured again: locks, rewrites, builds, scans."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psycopg
import pytest

from rehearse.measured import ROWS_, SCHEMA, Row
from ringfence.pg.connect import named
from ringfence.pg.observe import Observed, Observer
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import SomeServer

SHORT = {
    "ROW SHARE": "RS",
    "ROW EXCLUSIVE": "RE",
    "SHARE UPDATE EXCLUSIVE": "SUE",
    "SHARE": "S",
    "SHARE ROW EXCLUSIVE": "SRE",
    "EXCLUSIVE": "E",
    "ACCESS EXCLUSIVE": "AE",
}


@pytest.fixture(scope="module")
def template(server: SomeServer) -> Iterator[str]:
    """The name of a database with the tables; whoever changes it rolls back."""
    name = f"measured_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        with psycopg.connect(server.dsn(name), autocommit=True) as connection:
            connection.execute(SCHEMA)
            connection.execute("VACUUM ANALYZE")
        yield name
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def look(database: str, row: Row) -> Observed:
    """What the row's statement does."""
    text = Script("x.sql", row.sql)
    (statement,) = text.statements
    with Observer(named(database, "the test")) as observer:
        if row.setup:
            observer.connection.execute(row.setup)
        return observer.observe(text, statement, keep=False)


def short(observed: Observed) -> str:
    """The locks as the table has them."""
    return " ".join(
        sorted(
            f"{lock.relation.removeprefix('public.')}:{SHORT[lock.mode]}" for lock in observed.locks
        )
    )


def names(paths: object) -> str:
    return " ".join(sorted(p.removeprefix("public.") for p in paths))  # type: ignore[attr-defined]


def _concurrent(row: Row) -> bool:
    return "concurrently" in row.sql.split(" mv")[0] or row.sql.startswith("vacuum")


@pytest.mark.parametrize("row", ROWS_, ids=lambda r: f"{r.sql[:60]}{r.id and f'-{r.id}'}")
def test_what_it_does(
    row: Row, template: str, server: SomeServer, make_database: Callable[..., str]
) -> None:
    if not row.since <= server.major <= row.until:
        pytest.skip(f"PostgreSQL {server.major} does it in another way, or not at all")
    alone = _concurrent(row)
    lasting = bool(row.setup) or alone
    database = make_database(template) if lasting else server.dsn(template)
    seen = look(database, row)
    assert seen.error is None, seen.error
    locks = short(seen).split()
    if row.transient:
        # Locks come and go: others may be seen too, and a stronger one in the end.
        strength = list(SHORT.values())
        held = dict(lock.split(":") for lock in locks)
        for lock in row.locks.split():
            relation, mode = lock.split(":")
            assert strength.index(held[relation]) >= strength.index(mode)
        locks = sorted(row.locks.split())
    assert (
        locks,
        names(seen.rewritten),
        len(seen.built),
        names(t for t, rows in seen.scanned.items() if rows),
        seen.proven,
        names(seen.emptied),
    ) == (
        sorted(row.locks.split()),
        row.rewrite,
        row.build,
        row.scan,
        row.proven,
        row.emptied,
    )
    assert seen.waits == row.waits

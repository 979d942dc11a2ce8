"""Databases that hold the messaging schema, and the texts they are made of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from messaging.support import ROOT, VERSIONS, Migration, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from messaging.support import Connection, Server

SPECIFICATION = Path("seed", "DDL-SPEC-messaging.md")


@pytest.fixture(scope="session")
def core() -> Migration:
    """Revision 0001: what the messaging schema builds on."""
    return Migration.read("0001_core")


@pytest.fixture(scope="session")
def messaging() -> Migration:
    """Revision 0002: the messaging schema of the specification."""
    return Migration.read("0002_messaging_1_0")


@pytest.fixture(scope="session")
def head() -> list[Migration]:
    """Every revision of the main line, oldest first."""
    return [
        Migration.read(path.name.removesuffix(".up.sql"))
        for path in sorted(VERSIONS.glob("[0-9]*.up.sql"))
    ]


@pytest.fixture(scope="session")
def specification() -> str:
    """The text of the specification that version 1.0 must equal."""
    named = os.environ.get("RINGFENCE_SHARED")
    folders = [Path(named)] if named else [parent / "shared" for parent in ROOT.parents]
    for folder in folders:
        if (folder / SPECIFICATION).is_file():
            return (folder / SPECIFICATION).read_text()
    pytest.skip(f"no {SPECIFICATION} here; RINGFENCE_SHARED names the folder it is in")


@pytest.fixture(scope="session")
def make_empty(server: Server) -> Iterator[Callable[[], str]]:
    """Make an empty database that lasts as long as the tests do."""
    made: list[str] = []

    def make() -> str:
        name = f"messaging_{uuid4().hex[:12]}"
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
            )
        made.append(name)
        return server.dsn(name)

    yield make
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        for name in reversed(made):
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


@pytest.fixture(scope="session")
def at_1_0(make_empty: Callable[[], str], core: Migration, messaging: Migration) -> str:
    """A database at revision 0002 that the tests share, so none of them commits anything."""
    dsn = make_empty()
    run(dsn, core.up, messaging.up)
    return make_conninfo(dsn, options="-c default_transaction_read_only=on")


@pytest.fixture
def undoing(at_1_0: str) -> Iterator[Connection]:
    """A superuser's connection to revision 0002 in a transaction that will be undone."""
    with psycopg.connect(at_1_0) as connection:
        connection.execute("SET TRANSACTION READ WRITE")
        yield connection
        connection.rollback()


@pytest.fixture(scope="session")
def at_head(make_empty: Callable[[], str], head: list[Migration]) -> str:
    """A database at the newest revision that the tests share, so none of them commits anything."""
    dsn = make_empty()
    run(dsn, *(revision.up for revision in head))
    return make_conninfo(dsn, options="-c default_transaction_read_only=on")


@pytest.fixture(scope="session")
def by_month() -> list[Migration]:
    """The revisions of the branch `partitioned`, which follow the head, oldest first."""
    return [
        Migration.read(path.name.removesuffix(".up.sql"))
        for path in sorted(VERSIONS.glob("p[0-9]*.up.sql"))
    ]


@pytest.fixture(scope="session")
def in_months(
    make_empty: Callable[[], str], head: list[Migration], by_month: list[Migration]
) -> str:
    """A database whose messages are partitioned, which the tests share: none of them commits."""
    dsn = make_empty()
    run(dsn, *(revision.up for revision in (*head, *by_month)))
    return make_conninfo(dsn, options="-c default_transaction_read_only=on")

"""Databases for the seeder to fill."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from ringfence.seed import seed
from seed.support import HERE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ringfence.seed import Seeded
    from seed.support import Connection


@pytest.fixture
def connect() -> Iterator[Callable[[str], Connection]]:
    """Open connections in autocommit mode; they are closed afterwards."""
    opened: list[psycopg.Connection[Any]] = []

    def open_(conninfo: str) -> Connection:
        connection: psycopg.Connection[Any] = psycopg.connect(conninfo, autocommit=True)
        opened.append(connection)
        return connection

    yield open_
    for connection in opened:
        connection.close()


@pytest.fixture
def conn(connect: Callable[[str], Connection], database: str) -> Connection:
    """A connection to an empty database."""
    return connect(database)


@pytest.fixture(scope="session")
def zoo_sql() -> str:
    """A schema with one of everything."""
    return (HERE / "zoo.sql").read_text()


@pytest.fixture(scope="module")
def seeded_zoo(server: Any, zoo_sql: str) -> Iterator[tuple[Connection, Seeded]]:
    """A zoo of two parks that is looked at and left as it is, and what its seed reported."""
    name = f"test_zoo_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            with psycopg.connect(server.dsn(name), autocommit=True) as connection:
                connection.execute(zoo_sql)
                yield connection, seed(connection, tenants=2, rows=5)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def make_zoo(
    connect: Callable[[str], Connection], make_database: Callable[..., str], zoo_sql: str
) -> Callable[[], Connection]:
    """Makes databases with the zoo in them."""

    def make() -> Connection:
        connection = connect(make_database())
        connection.execute(zoo_sql)
        return connection

    return make


@pytest.fixture
def zoo(make_zoo: Callable[[], Connection]) -> Connection:
    """A database with the zoo in it."""
    return make_zoo()

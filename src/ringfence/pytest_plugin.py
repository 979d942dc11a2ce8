"""Fixtures for a project's own tests: two seeded tenants, in a database of the test's own.

pytest loads this by itself wherever ringfence is installed, so nothing happens here before a test
asks for a fixture. The project is the one that pytest's root directory lies in. Its revisions are
run and its tables seeded once a session, in a template; every test gets a copy of that.

The server is the project's embedded one, or the one that RINGFENCE_TEST_DSN names, where the role
must be allowed to create databases. No other setting is heeded: tests must never find their way
into a database that somebody needs.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from ringfence.seed import Seeded


@dataclass(frozen=True, slots=True)
class Tenants:
    """Seeded tenants in a database of their own.

    `dsn` is the database's, as who owns it; `ids` are the tenants' keys, `setting` the parameter
    that policies read them from, `role` the runtime role, "" where the project has none. `seeded`
    says what rows there are.
    """

    dsn: str = field(repr=False)
    ids: tuple[str, ...]
    setting: str
    role: str
    seeded: Seeded

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, number: int) -> str:
        return self.ids[number]

    @contextmanager
    def connect(self, tenant: str | None = None) -> Iterator[Connection[Any]]:
        """A connection in autocommit mode: as the runtime role in a tenant's name, or as the owner.

        Without a runtime role a tenant's connection is the owner's too, with the setting made.
        """
        from psycopg import sql

        from ringfence.pg.connect import connect, named
        from ringfence.seed.naming import named as named_

        with connect(named(self.dsn, "the tenants fixture")) as connection:
            connection.autocommit = True
            if tenant is not None:
                if self.setting:
                    connection.execute(
                        "SELECT set_config(%s, %s, false)",
                        (self.setting, named_(self.seeded.value, tenant)),
                    )
                if self.role:
                    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(self.role)))
            yield connection


@dataclass(frozen=True, slots=True)
class Template:
    """The database that tests' databases are copies of, on the server of `admin`."""

    name: str
    admin: str = field(repr=False)
    seeded: Seeded
    role: str

    @contextmanager
    def copy(self, name: str) -> Iterator[Tenants]:
        """A copy under another name, dropped in the end."""
        from psycopg.conninfo import make_conninfo

        with _database(self.admin, name, template=self.name):
            yield Tenants(
                make_conninfo(self.admin, dbname=name), self.seeded.tenants, self.seeded.setting,
                self.role, self.seeded,
            )  # fmt: skip


@pytest.fixture(scope="session")
def ringfence_template(pytestconfig: pytest.Config) -> Iterator[Template]:
    """The project's schema at its newest revision, with two seeded tenants."""
    from psycopg.conninfo import make_conninfo

    from ringfence import migrate, project
    from ringfence.pg.connect import connect, named
    from ringfence.seed import seed
    from ringfence.seed.loading import runtime_role
    from ringfence.seed.shape import read
    from ringfence.seed.tenancy import model

    found = project.need(pytestconfig.rootpath)
    admin = _server(found)
    name = f"ringfence_tenants_{os.getpid()}"
    history = found.config.migrate.schema
    with _database(admin, name):
        target = named(make_conninfo(admin, dbname=name), "the tenants fixture")
        migrate.migrate(found, target)
        with connect(target) as connection:
            seeded = seed(
                connection,
                tenants=2,
                tenancy=found.config.tenancy,
                settings=found.config.seed,
                exclude_schemas=(history,),
            )
            who = model(read(connection, exclude_schemas=(history,)), found.config.tenancy)
            role = runtime_role(connection, who)
        yield Template(name, admin, seeded, role)


@pytest.fixture
def tenants(ringfence_template: Template, request: pytest.FixtureRequest) -> Iterator[Tenants]:
    """Two seeded tenants in a database that the test may do with as it likes."""
    number = request.config.stash.get(_COUNT, 0) + 1
    request.config.stash[_COUNT] = number
    with ringfence_template.copy(f"{ringfence_template.name}_{number}") as copied:
        yield copied


_COUNT = pytest.StashKey[int]()


def _server(found: Any) -> str:
    """The conninfo of a database to give commands from."""
    dsn = os.environ.get("RINGFENCE_TEST_DSN")
    if dsn:
        from ringfence.pg.connect import named

        return named(dsn, "RINGFENCE_TEST_DSN").conninfo
    from ringfence.pg import embedded

    wanted = found.config.server_version or None
    server = embedded.start(embedded.home_for(found.root), server_version=wanted)
    return server.dsn("postgres")


@contextmanager
def _database(admin: str, name: str, template: str = "template0") -> Iterator[None]:
    from psycopg import sql

    from ringfence.pg.connect import connect, named

    def run(statement: sql.Composed) -> None:
        with connect(named(admin, "the tenants fixture")) as connection:
            connection.autocommit = True
            connection.execute(statement)

    run(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )
    try:
        yield
    finally:
        run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

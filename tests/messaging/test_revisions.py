"""The revisions go up and down: alone, by an ordinary role, and beside other databases' doing the same.

Roles belong to the cluster and other tests use the real ones, so these rename them: what happens to
the roles here happens to nobody else's.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from messaging.support import differences, owned, read, run, violations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from messaging.support import Connection, Migration, Own, Server

LEFT_BEHIND = """
    SELECT 'pg_class', oid FROM pg_class WHERE oid >= 16384
    UNION ALL SELECT 'pg_type', oid FROM pg_type WHERE oid >= 16384
    UNION ALL SELECT 'pg_proc', oid FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT 'pg_namespace', oid FROM pg_namespace WHERE oid >= 16384
    UNION ALL SELECT 'pg_constraint', oid FROM pg_constraint WHERE oid >= 16384
    UNION ALL SELECT 'pg_trigger', oid FROM pg_trigger WHERE oid >= 16384
    UNION ALL SELECT 'pg_policy', oid FROM pg_policy WHERE oid >= 16384
    UNION ALL SELECT 'pg_description', objoid FROM pg_description WHERE objoid >= 16384
    UNION ALL SELECT 'pg_shdepend', objid FROM pg_shdepend
        WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture
def own(server: Server, core: Migration, messaging: Migration) -> Iterator[Own]:
    """Both revisions for roles of the test's own. To be asked for before any database."""
    renamed = owned(core, messaging, uuid4().hex[:8])
    yield renamed
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        for role in (renamed.user, renamed.owner):
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def roles(dsn: str, own: Own) -> set[str]:
    """Which of the two roles there are."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [[own.user, own.owner]]
        )
        return {name for (name,) in rows}


def test_down_leaves_nothing(own: Own, database: str) -> None:
    empty = read(database)
    run(database, *own.up)
    assert differences(empty, read(database)) != []

    run(database, *own.down)
    assert differences(empty, read(database)) == []
    assert roles(database, own) == set()
    with psycopg.connect(database) as connection:
        assert connection.execute(LEFT_BEHIND).fetchall() == []


def test_each_down_undoes_its_up_alone(own: Own, database: str) -> None:
    run(database, own.core.up)
    before = read(database)
    run(database, own.messaging.up, own.messaging.down)
    assert differences(before, read(database)) == []
    assert roles(database, own) == {own.user, own.owner}


def test_up_again_after_down_is_as_before(own: Own, database: str) -> None:
    run(database, *own.up)
    once = read(database)
    run(database, *own.down, *own.up)
    assert differences(once, read(database)) == []


@pytest.mark.parametrize(
    ("object_", "revision"),
    [
        ("CREATE VIEW messaging.later AS SELECT id FROM messaging.chatbot_nodes", "messaging"),
        ("CREATE TABLE messaging.later (id INT)", "messaging"),
        ("CREATE VIEW core_users.later AS SELECT id FROM core_users.users", "core"),
        ("CREATE TABLE core_tenants.later (id INT)", "core"),
    ],
)
def test_down_does_not_sweep_away_what_came_later(
    object_: str, revision: str, own: Own, database: str
) -> None:
    run(database, own.core.up)
    if revision == "messaging":
        run(database, own.messaging.up)
    run(database, object_)
    before = read(database)
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        run(database, own.messaging.down if revision == "messaging" else own.core.down)
    assert differences(before, read(database)) == []


def test_roles_stay_as_long_as_a_database_uses_them(
    own: Own, make_database: Callable[[], str]
) -> None:
    one, two = make_database(), make_database()
    run(one, *own.up)
    run(two, own.core.up)
    run(one, *own.down)
    assert roles(one, own) == {own.user, own.owner}
    run(two, own.core.down)
    assert roles(one, own) == set()


def test_down_keeps_the_lock_timeout_of_the_session(own: Own, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("SET LOCAL lock_timeout = '7s'")
        connection.execute(own.core.up.encode())
        connection.execute(own.core.down.encode())
        assert connection.execute("SHOW lock_timeout").fetchone() == ("7s",)


class TestOrdinaryRole:
    """Whoever migrates need not be a superuser."""

    @pytest.fixture
    def migrator(self, own: Own, server: Server, database: str) -> Iterator[str]:
        """A role that owns the database and may do nothing else yet."""
        name = own.user.replace("app_user", "migrator")
        role = sql.Identifier(name)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
            dbname = sql.Identifier(connection.info.dbname)
            connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(dbname, role))
        yield name
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(role))
            connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
            connection.execute(sql.SQL("DROP ROLE {}").format(role))

    def test_with_createrole_it_makes_and_drops_the_roles(
        self, own: Own, migrator: str, database: str
    ) -> None:
        empty = read(database)
        run(database, f"ALTER ROLE {migrator} CREATEROLE")
        run(database, *own.up, user=migrator)
        with psycopg.connect(database) as connection:
            assert violations(connection, own.core.verify) == []
            assert violations(connection, own.messaging.verify) == []

        run(database, *own.down, user=migrator)
        assert differences(empty, read(database)) == []
        assert roles(database, own) == set()

    def test_it_makes_what_a_superuser_makes(
        self, own: Own, migrator: str, database: str, make_database: Callable[[], str]
    ) -> None:
        other = make_database()
        run(other, *own.up)
        run(database, f"GRANT {own.owner} TO {migrator}")
        run(database, *own.up, user=migrator)

        def same(dsn: str) -> dict[tuple[str, str], str]:
            """All but the rights on public: its owner grants them, and that is another one."""
            return {
                (what, name): fact
                for (what, name), fact in read(dsn).items()
                if (what, name) != ("grants", "public")
            }

        assert differences(same(other), same(database)) == []
        run(database, *own.down, user=migrator)
        run(other, *own.down)

    def test_roles_it_may_not_drop_stay(self, own: Own, migrator: str, database: str) -> None:
        run(database, f"CREATE ROLE {own.user} LOGIN", f"CREATE ROLE {own.owner}")
        run(database, f"GRANT {own.owner} TO {migrator}")
        run(database, *own.up, user=migrator)
        run(database, *own.down, user=migrator)
        assert roles(database, own) == {own.user, own.owner}


class TestTogether:
    """Databases of one cluster share the roles, and nobody tells them to wait for each other."""

    def test_up_waits_for_an_up_that_makes_the_roles(
        self, own: Own, server: Server, make_database: Callable[[], str]
    ) -> None:
        one, two = make_database(), make_database()
        with transaction(one, own.core.up) as first, started(two, own.core.up) as (pid, second):
            until_blocked(server, pid)
            first.commit()
            second.result()
        assert_at_0001(own, one, two)

    def test_up_makes_the_roles_when_the_one_it_waited_for_gives_up(
        self, own: Own, server: Server, make_database: Callable[[], str]
    ) -> None:
        one, two = make_database(), make_database()
        with transaction(one, own.core.up) as first, started(two, own.core.up) as (pid, second):
            until_blocked(server, pid)
            first.rollback()
            second.result()
        assert_at_0001(own, two)

    def test_up_makes_the_roles_again_that_a_down_drops_meanwhile(
        self, own: Own, server: Server, make_database: Callable[[], str]
    ) -> None:
        one, two = make_database(), make_database()
        run(one, own.core.up)
        with transaction(one, own.core.down) as first, started(two, own.core.up) as (pid, second):
            until_blocked(server, pid)
            first.commit()
            second.result()
        assert_at_0001(own, two)

    def test_down_leaves_the_roles_to_an_up_that_is_not_done(
        self, own: Own, make_database: Callable[[], str]
    ) -> None:
        one, two = make_database(), make_database()
        run(one, own.core.up)
        with transaction(two, own.core.up) as second:
            run(one, own.core.down)
            second.commit()
        assert_at_0001(own, two)

    def test_an_up_that_is_not_done_holds_the_roles_from_its_first_statement(
        self, own: Own, make_database: Callable[[], str]
    ) -> None:
        one, two = make_database(), make_database()
        run(one, own.core.up)
        only_roles = own.core.up[: own.core.up.index("GRANT CREATE ON SCHEMA public")]
        with transaction(two, only_roles) as second:
            run(one, own.core.down)
            second.execute(own.core.up.removeprefix(only_roles).encode())
            second.commit()
        assert_at_0001(own, two)

    def test_two_downs_drop_the_roles_once(
        self, own: Own, server: Server, make_database: Callable[[], str]
    ) -> None:
        one, two = make_database(), make_database()
        run(one, own.core.up)
        run(two, own.core.up)
        # Neither can drop while the other's objects are there: empty them first, roles apart.
        drop_roles = own.core.down[own.core.down.index("-- The roles belong") :]
        only_objects = own.core.down.removesuffix(drop_roles)
        run(one, only_objects)
        run(two, only_objects)
        with transaction(one, drop_roles) as first, started(two, drop_roles) as (pid, second):
            until_blocked(server, pid)
            first.commit()
            second.result()
        assert roles(one, own) == set()

    @pytest.mark.slow
    def test_many_at_once(self, own: Own, make_database: Callable[[], str]) -> None:
        databases = [make_database() for _ in range(4)]

        def go_up_and_down(dsn: str) -> None:
            for _ in range(5):
                run(dsn, *own.up)
                run(dsn, *own.down)
            run(dsn, *own.up)

        with ThreadPoolExecutor(len(databases)) as pool:
            list(pool.map(go_up_and_down, databases))
        assert_at_0001(own, *databases)


@contextmanager
def transaction(dsn: str, script: str) -> Iterator[Connection]:
    """A transaction that has run `script`; it ends as the block says, undone where it says nothing."""
    with closing(psycopg.connect(dsn)) as connection:
        connection.execute(script.encode())
        yield connection


@contextmanager
def started(dsn: str, script: str) -> Iterator[tuple[int, Future[None]]]:
    """`script` running beside the block, committed at its end: its backend's pid, and its end."""
    with closing(psycopg.connect(dsn)) as connection, ThreadPoolExecutor(1) as pool:

        def work() -> None:
            connection.execute(script.encode())
            connection.commit()

        yield connection.info.backend_pid, pool.submit(work)


def until_blocked(server: Server, pid: int) -> None:
    """Return as soon as that backend waits for another one."""
    deadline = time.monotonic() + 60
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        while connection.execute("SELECT pg_blocking_pids(%s)", [pid]).fetchone() == ([],):
            assert time.monotonic() < deadline, "it never waits"


def assert_at_0001(own: Own, *databases: str) -> None:
    """Both roles are there and each database keeps what revision 0001 promises."""
    for dsn in databases:
        assert roles(dsn, own) == {own.user, own.owner}
        with psycopg.connect(dsn) as connection:
            assert violations(connection, own.core.verify) == []

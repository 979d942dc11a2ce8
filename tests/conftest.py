"""Servers and databases for the tests.

One server for the whole run, whichever worker asks first: the embedded one in a directory of the
run's own, or the one that PGHOST names. A test gets a database of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pytest_postgresql import factories
from pytest_postgresql.executors import NoopExecutor

from ringfence.pg import embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_RUN = "RINGFENCE_TEST_RUN"
_PREFIX = "ringfence-tests-"


def pytest_configure(config: pytest.Config) -> None:
    """Keep the user's cache and the checkout's own server out of the tests."""
    if not hasattr(config, "workerinput"):
        _clear_up()
        run = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_memory())
        os.environ[_RUN] = run
        os.environ["RINGFENCE_CACHE"] = f"{run}/cache"
        os.environ["RINGFENCE_HOME"] = f"{run}/server"


_MATRIX = (
    "behaviour/",
    "isolation/",
    "messaging/",
    "rehearse/test_measured.py",
    "seed/",
    "test_corpus.py",
    "test_families.py",
    "test_laws.py",
    "test_least_change.py",
    "test_ledger.py",
    "test_migrate.py",
    "test_real.py",
    "test_roles.py",
    "test_types.py",
    "test_unmodeled.py",
)
"""Where what a server says differs from major to major."""


_SAMPLED = (
    "isolation/test_holes.py",
    "isolation/test_mutants.py",
    "isolation/test_schemas.py",
    "rehearse/test_kept.py",
    "rehearse/test_rehearse.py",
    "rehearse/test_rewrite.py",
    "rehearse/test_unknown.py",
    "rehearse/test_writers.py",
    "test_chaos.py",
    "test_demo.py",
    "test_many.py",
    "test_opt_in.py",
    "test_owners.py",
)
"""Where each case takes seconds. `make test` runs every third case of a test with several, and every
second of the other tests; `make test-all` all of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs on every major with `make test-matrix`, and what only with `make test-all`."""
    here = Path(__file__).parent
    done: Counter[str] = Counter()
    for item in items:
        path = item.path.relative_to(here).as_posix()
        if path.startswith(_MATRIX):
            item.add_marker(pytest.mark.matrix)
        if path in _SAMPLED:
            test, several, _ = item.nodeid.partition("[")
            family = test if several else path
            if done[family] % (3 if several else 2):
                item.add_marker(pytest.mark.slow)
            done[family] += 1


def _clear_up() -> None:
    """Stop the servers of runs that were killed before they could, and delete their files."""
    for run in Path(_memory() or tempfile.gettempdir()).glob(f"{_PREFIX}[0-9]*-*"):
        controller = run.name.removeprefix(_PREFIX).partition("-")[0]
        with suppress(OSError):
            if run.stat().st_uid == os.geteuid() and not Path("/proc", controller).exists():
                _throw_away(run)


def _throw_away(run: Path) -> None:
    for lock in list(run.rglob("lock")):
        embedded.destroy(lock.parent)
    shutil.rmtree(run)


def _memory() -> str | None:
    """Where files are in memory and there is room for the databases of a run; else the default."""
    shm = Path("/dev/shm")
    roomy = shm.is_dir() and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > 4 << 30
    return os.fspath(shm) if roomy else None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server that the workers shared."""
    if not hasattr(config, "workerinput"):
        _throw_away(Path(os.environ.pop(_RUN)))


class SomeServer(Protocol):
    """The server that the tests run on, as its superuser sees it."""

    @property
    def major(self) -> int:
        """Its major version: 18."""

    @property
    def version(self) -> str:
        """Its whole version: 18.6."""

    def dsn(self, dbname: str = "postgres", *, user: str = "postgres") -> str:
        """The conninfo of one of its databases."""


class NamedServer:
    """The server that PGHOST and its like name."""

    def __init__(self) -> None:
        self.user = os.environ.get("PGUSER", "postgres")
        with psycopg.connect(self.dsn()) as connection:
            number = connection.info.server_version
        self.major, minor = divmod(number, 10_000)
        self.version = f"{self.major}.{minor}"

    def dsn(self, dbname: str = "postgres", *, user: str = "") -> str:
        """The conninfo of one of its databases; what it does not say, the environment does."""
        return psycopg.conninfo.make_conninfo(
            host=os.environ["PGHOST"],
            port=os.environ.get("PGPORT", "5432"),
            user=user or self.user,
            dbname=dbname,
        )


@pytest.fixture(scope="session")
def server() -> SomeServer:
    """The server of this run. `server.dsn(dbname)` is a superuser's conninfo."""
    if os.environ.get("PGHOST"):
        return NamedServer()
    major = os.environ.get("RINGFENCE_TEST_MAJOR")
    return embedded.start(
        Path(os.environ[_RUN], "server"), server_version=int(major) if major else None
    )


class Executor(NoopExecutor):
    """The server as pytest-postgresql knows servers; its databases start empty."""

    @property
    def template_dbname(self) -> str:
        """What the template of the tests' databases is made from."""
        return "template0"


@pytest.fixture(scope="session")
def executor(server: SomeServer) -> Executor:
    """The server of this run, for `postgresql_noproc` to build on."""
    known = psycopg.conninfo.conninfo_to_dict(server.dsn())
    return Executor(
        host=str(known["host"]),
        port=str(known["port"]),
        user=str(known["user"]),
        password=os.environ.get("PGPASSWORD"),
        options="",
        dbname="postgres",
    )


postgresql_noproc = factories.postgresql_noproc(depends_on="executor")
postgresql = factories.postgresql("postgresql_noproc")

_numbers = count(1)


@pytest.fixture
def make_database(server: SomeServer) -> Iterator[Callable[..., str]]:
    """Creates databases, from `template` or empty, and gives their conninfo; drops them after."""
    made: list[str] = []

    def make(template: str | None = None) -> str:
        name = f"test_{_worker()}_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template or "template0")
                )
            )
        made.append(name)
        return server.dsn(name)

    yield make
    if made:
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            for name in made:
                admin.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                )


@pytest.fixture
def database(make_database: Callable[..., str]) -> str:
    """A fresh, empty database: the conninfo of its superuser."""
    return make_database()


def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture
def role(database: str) -> Iterator[str]:
    """A role of this test's own, with a name that has to be quoted."""
    name = f"Owner of {conninfo_to_dict(database)['dbname']}"
    with psycopg.connect(database, autocommit=True) as connection:
        quoted = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {}").format(quoted))
        yield name
        connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(quoted))
        connection.execute(sql.SQL("DROP ROLE {}").format(quoted))

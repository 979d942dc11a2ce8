"""Every case of the corpus, both ways: plan, apply with psql, and nothing is left to do.

A case is a directory `corpus/<topic>--<case>/` with `a.sql` and `b.sql`, and `seed_a.sql`, `seed_b.sql`
where rows matter. Roles and tablespaces are the cluster's: a case uses those that `roles` and
`spaces` below make, and no other. `-- from PostgreSQL 18 on` at its top leaves it out before that,
`-- with ICU` on servers without. One case in six runs with `make test`, all with `make test-all`.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from engine import CORPUS, assert_turns, pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import SomeServer

SHARED = Path(os.environ.get("RINGFENCE_SHARED", CORPUS.parents[2] / "shared"))
HARD = sorted((SHARED / "cases" / "hard").glob("*/a.sql"))
_SINCE_15 = ("20_", "24_", "27_", "30_")
CASES = sorted(CORPUS.glob("*/a.sql"))
ROLES = ("corpus_alice", "corpus_bob", "corpus_carol", "hd_app", "hd_ro", "hd_own")


def _case(path: Path) -> str:
    return path.parent.name


@pytest.fixture(autouse=True, scope="session")
def roles(server: SomeServer) -> None:
    """The roles that the cases grant to, made once on the server."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        for role in ROLES:
            admin.execute(
                f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object"
                " OR unique_violation THEN NULL; END $$"
            )


@pytest.fixture(autouse=True, scope="session")
def spaces(server: SomeServer) -> None:
    """The tablespace that the cases put things in, within the server's own directory."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("SET allow_in_place_tablespaces = on")
        with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            admin.execute("CREATE TABLESPACE corpus_space LOCATION ''")


@pytest.fixture(autouse=True)
def unsubscribed(a: Path, server: SomeServer, make_database: object) -> Iterator[None]:
    """A database with a subscription cannot be dropped: rid this process's own of theirs."""
    yield
    if "subscription" not in a.parent.name:
        return
    mine = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}_"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        found = admin.execute(
            "SELECT d.datname, s.subname FROM pg_subscription AS s"
            " JOIN pg_database AS d ON d.oid = s.subdbid WHERE starts_with(d.datname, %s)",
            [mine],
        ).fetchall()
    for database, name in found:
        with psycopg.connect(server.dsn(database), autocommit=True) as connection:
            subscription = sql.Identifier(name)
            for statement in (
                "ALTER SUBSCRIPTION {} DISABLE",
                "ALTER SUBSCRIPTION {} SET (slot_name = NONE)",
                "DROP SUBSCRIPTION {}",
            ):
                connection.execute(sql.SQL(statement).format(subscription))


@pytest.fixture
def since(server: SomeServer, a: Path) -> None:
    """Leave out a case that is of newer servers."""
    said = re.match(r"-- from PostgreSQL (\d+) on\n", a.read_text(encoding="utf-8"))
    if said is not None and server.major < int(said[1]):
        pytest.skip(f"the server is PostgreSQL {server.major}")
    if "\n-- with ICU\n" in f"\n{a.read_text(encoding='utf-8')}":
        with psycopg.connect(server.dsn()) as connection:
            row = connection.execute(
                "SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'"
            ).fetchone()
        if row is None:
            pytest.skip("the server has no ICU")


@pytest.mark.usefixtures("since")
@pytest.mark.parametrize(
    "a",
    [
        pytest.param(a, id=_case(a), marks=[] if number % 6 == 0 else [pytest.mark.slow])
        for number, a in enumerate(CASES)
    ],
)
@pytest.mark.parametrize("way", ["there", "back"])
def test_corpus(a: Path, way: str, make_database: Callable[..., str]) -> None:
    b = a.with_name("b.sql")
    if way == "there":
        assert_turns(*pair(make_database, a, b, a.with_name("seed_a.sql")))
    else:
        assert_turns(*pair(make_database, b, a, a.with_name("seed_b.sql")))


@pytest.mark.usefixtures("since")
@pytest.mark.parametrize(
    "a",
    [
        pytest.param(a, id=_case(a), marks=[] if number % 18 == 1 else [pytest.mark.slow])
        for number, a in enumerate(CASES)
    ],
)
@pytest.mark.parametrize("way", ["there", "back"])
def test_corpus_in_lock_safe_steps(a: Path, way: str, make_database: Callable[..., str]) -> None:
    b = a.with_name("b.sql")
    if way == "there":
        two = pair(make_database, a, b, a.with_name("seed_a.sql"))
    else:
        two = pair(make_database, b, a, a.with_name("seed_b.sql"))
    assert_turns(*two, safely=True)


@pytest.mark.skipif(not HARD, reason="the folder of hard cases is not beside the checkout")
@pytest.mark.parametrize("a", HARD, ids=_case)
@pytest.mark.parametrize("way", ["there", "back"])
def test_hard(a: Path, way: str, server: SomeServer, make_database: Callable[..., str]) -> None:
    if a.parent.name.startswith("23_") and not _has_icu(server):
        pytest.skip("the server has no ICU")
    if a.parent.name.startswith(_SINCE_15) and server.major < 15:
        pytest.skip("it is written for PostgreSQL 15")
    b = a.with_name("b.sql")
    if way == "there":
        assert_turns(*pair(make_database, a, b, a.with_name("seed_a.sql")))
    else:
        assert_turns(*pair(make_database, b, a, None))


def _has_icu(server: SomeServer) -> bool:
    with psycopg.connect(server.dsn()) as connection:
        row = connection.execute(
            "SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'"
        ).fetchone()
    return row is not None

"""Every case of the corpus, both ways: plan, apply with psql, and nothing is left to do.

A case is a directory `corpus/<topic>--<case>/` with `a.sql` and `b.sql`, and `seed_a.sql`, `seed_b.sql`
where rows matter. Roles are the cluster's: a case uses those that `roles` below makes, and no other.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from engine import CORPUS, assert_turns, pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import SomeServer

SHARED = Path(os.environ.get("RINGFENCE_SHARED", CORPUS.parents[2] / "shared"))
HARD = sorted((SHARED / "cases" / "hard").glob("*/a.sql"))
CASES = sorted(CORPUS.glob("*/a.sql"))
ROLES = ("corpus_alice", "corpus_bob", "corpus_carol", "hd_app", "hd_ro")


@pytest.fixture(autouse=True, scope="session")
def roles(server: SomeServer) -> None:
    """The roles that the cases grant to, made once on the server."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        for role in ROLES:
            admin.execute(
                f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object"
                " OR unique_violation THEN NULL; END $$"
            )


def _case(path: Path) -> str:
    return path.parent.name


@pytest.mark.parametrize("a", CASES, ids=_case)
@pytest.mark.parametrize("way", ["there", "back"])
def test_corpus(a: Path, way: str, make_database: Callable[..., str]) -> None:
    b = a.with_name("b.sql")
    if way == "there":
        assert_turns(*pair(make_database, a, b, a.with_name("seed_a.sql")))
    else:
        assert_turns(*pair(make_database, b, a, a.with_name("seed_b.sql")))


@pytest.mark.skipif(not HARD, reason="the folder of hard cases is not beside the checkout")
@pytest.mark.parametrize("a", HARD, ids=_case)
@pytest.mark.parametrize("way", ["there", "back"])
def test_hard(a: Path, way: str, make_database: Callable[..., str]) -> None:
    b = a.with_name("b.sql")
    if way == "there":
        assert_turns(*pair(make_database, a, b, a.with_name("seed_a.sql")))
    else:
        assert_turns(*pair(make_database, b, a, None))

"""Laws that hold for any two schemas, over ones that Hypothesis makes up (`worlds.py`).

With `make test` the same few examples each time; RINGFENCE_LAWS=200 looks at that many new ones.
"""

from __future__ import annotations

import os
import random
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from psycopg import sql

import worlds
from engine import DataRefused, assert_turned, catalog, fill, psql, residual, wipe
from ringfence.change import diff
from ringfence.errors import Refused
from ringfence.kinds import kinds
from ringfence.pg import dump
from ringfence.planner import plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import SomeServer
    from ringfence.model import Catalog, Fact, Ref
    from worlds import World

MANY = int(os.environ.get("RINGFENCE_LAWS", "0"))

_numbers = count(1)


def _examples(number: int) -> settings:
    return settings(
        max_examples=MANY or number,
        derandomize=not MANY,
        deadline=None,
        database=None,
        # A failing example is made small where somebody looks at it, not in CI.
        phases=[Phase.generate, *([Phase.shrink] if MANY else [])],
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(autouse=True, scope="session")
def roles(server: SomeServer) -> None:
    """The roles that every world has."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        for role in worlds.ROLES:
            with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))


@contextmanager
def _databases(server: SomeServer) -> Iterator[Databases]:
    made = Databases(server)
    try:
        yield made
    finally:
        made.drop()


class Databases:
    """Databases of one example, which are dropped with it."""

    def __init__(self, server: SomeServer) -> None:
        self.server = server
        self.names: list[str] = []

    def make(self, template: str = "template0") -> str:
        """A database, empty or a copy of another, and how it is reached."""
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        name = f"law_{worker}_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.server.dsn(), autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        self.names.append(name)
        return self.server.dsn(name)

    def drop(self) -> None:
        with psycopg.connect(self.server.dsn(), autocommit=True) as admin:
            for name in self.names:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _load(conninfo: str, world: World) -> list[str]:
    """Make what PostgreSQL will have of a world; what it refuses is no part of it."""
    made = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET check_function_bodies = off")
        for statement in world.statements():
            with suppress(psycopg.Error):
                connection.execute(statement.encode(), prepare=False)
                made.append(statement)
    return made


def _shuffled(catalog: Catalog) -> Catalog:
    """The same catalog in another order; only columns and attributes keep theirs."""
    ordered = [kind.name for kind in kinds().values() if kind.placed]
    dice = random.Random(7)
    loose = [item for item in catalog.facts.items() if item[0].kind not in ordered]
    tight = [item for item in catalog.facts.items() if item[0].kind in ordered]
    dice.shuffle(loose)
    facts: dict[Ref, Fact] = {}
    while loose or tight:
        ref, fact = (tight if tight and dice.random() < 0.4 else loose or tight).pop(0)
        facts[ref] = fact
    uses = list(catalog.uses.items())
    dice.shuffle(uses)
    return replace(
        catalog,
        facts=facts,
        uses={r: frozenset(dice.sample(sorted(u), len(u))) for r, u in uses},
    )


def _check(server: SomeServer, one: World, two: World) -> None:
    with _databases(server) as databases:
        a, b = databases.make(), databases.make()
        note(";\n".join(["-- a", *_load(a, one)]))
        note(";\n".join(["-- b", *_load(b, two)]))
        before, wanted, want = catalog(a), catalog(b), dump.normalised(b)

        assert diff(before, before) == ()
        assert diff(wanted, catalog(b)) == ()

        try:
            made = plan(before, wanted, executor="postgres")
        except Refused:
            return  # PostgreSQL has no way that keeps the rows, and the message says what to do
        assert plan(_shuffled(before), _shuffled(wanted), executor="postgres").steps == made.steps

        fill(a)
        _turns(databases, before, wanted, want)

        empty = databases.make()
        psql(empty, plan(catalog(empty), wanted, executor="postgres").script())
        assert residual(catalog(empty), wanted) == ()
        assert dump.normalised(empty) == want


def _turns(
    databases: Databases,
    before: Catalog,
    wanted: Catalog,
    want: tuple[str, ...],
    *,
    safely: bool = False,
) -> None:
    """A copy of the first database is turned, without its rows where the server will not have them."""
    clone = databases.make(databases.names[0])
    try:
        assert_turned(clone, before, wanted, want, safely=safely)
    except DataRefused:
        clone = databases.make(databases.names[0])
        wipe(clone)
        assert_turned(clone, before, wanted, want, safely=safely)


def _check_safely(server: SomeServer, one: World, two: World) -> None:
    """Lock-safe steps do what the plain ones do; that those do it is the law of `_check`."""
    with _databases(server) as databases:
        a, b = databases.make(), databases.make()
        note(";\n".join(["-- a", *_load(a, one)]))
        note(";\n".join(["-- b", *_load(b, two)]))
        before, wanted, want = catalog(a), catalog(b), dump.normalised(b)
        try:
            plan(before, wanted, executor="postgres")
        except Refused:
            return
        fill(a)
        _turns(databases, before, wanted, want, safely=True)


@_examples(6)
@given(worlds.pairs())
def test_any_schema_turns_into_any_other(server: SomeServer, pair: tuple[World, World]) -> None:
    _check(server, *pair)


@pytest.mark.slow
@_examples(60)
@given(worlds.pairs())
def test_many_schemas_turn_into_others(server: SomeServer, pair: tuple[World, World]) -> None:
    _check(server, *pair)


@_examples(3)
@given(worlds.pairs())
def test_any_schema_turns_into_any_other_in_lock_safe_steps(
    server: SomeServer, pair: tuple[World, World]
) -> None:
    _check_safely(server, *pair)


@pytest.mark.slow
@_examples(30)
@given(worlds.pairs())
def test_many_schemas_turn_into_others_in_lock_safe_steps(
    server: SomeServer, pair: tuple[World, World]
) -> None:
    _check_safely(server, *pair)

"""Schemas and histories of other projects: each loads, is pulled, and turns into what came next.

They lie beside the checkout (RINGFENCE_SHARED), not in it. A history is a folder of consecutive
states; every two neighbours are planned both ways, over rows, and the first and the last too. A few
run with `make test`, all with `make test-all`.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from engine import DataRefused, assert_turned, catalog, fill, psql, residual, wipe
from ringfence import pull
from ringfence.pg import dump
from ringfence.pg.load import Loader
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from conftest import SomeServer
    from ringfence.model import Catalog

HERE = Path(os.environ.get("RINGFENCE_SHARED", Path(__file__).parents[2] / "shared"))
REAL = HERE / "cases" / "real"
SCHEMAS = sorted(REAL.glob("*/schema.sql"))
STATES = [sorted(folder.glob("*.sql")) for folder in sorted(REAL.glob("*/states"))]
PAIRS = [pair for states in STATES for pair in itertools.pairwise(states)]
ENDS = [(states[0], states[-1]) for states in STATES]
QUICK = {"chinook", "pagila", "graphile_starter"}

pytestmark = pytest.mark.skipif(not SCHEMAS, reason="the folder of real cases is not here")


@dataclass(frozen=True)
class State:
    """One state of a schema in a database of its own, with rows."""

    conninfo: str
    dbname: str
    catalog: Catalog
    dump: tuple[str, ...]


class States:
    """The states that were loaded last: the second of a pair is the first of the next."""

    def __init__(self, server: SomeServer) -> None:
        self.server = server
        self.loaded: OrderedDict[Path, State] = OrderedDict()

    def get(self, path: Path) -> State:
        """The state in a file, loaded where it is not there."""
        if path not in self.loaded:
            while len(self.loaded) > 2:
                self.drop(*self.loaded.popitem(last=False))
            self.loaded[path] = self.load(path)
        self.loaded.move_to_end(path)
        return self.loaded[path]

    def load(self, path: Path) -> State:
        name = f"real_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}_{path.stem}"[
            :63
        ]
        with psycopg.connect(self.server.dsn(), autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
            )
        conninfo = self.server.dsn(name)
        psql(conninfo, readable(path, self.server.major))
        state = State(conninfo, name, catalog(conninfo), dump.normalised(conninfo))
        fill(conninfo)
        return state

    def drop(self, path: Path, state: State) -> None:
        with psycopg.connect(self.server.dsn(), autocommit=True) as admin:
            admin.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(state.dbname))
            )


@pytest.fixture(scope="module")
def states(server: SomeServer, roles: None) -> Iterator[States]:
    """The states that this worker has loaded."""
    made = States(server)
    yield made
    for path, state in made.loaded.items():
        made.drop(path, state)


@pytest.fixture(autouse=True, scope="session")
def roles(server: SomeServer) -> None:
    """The roles that the schemas grant to; two workers may make them at once."""
    names: set[str] = set()
    for path in REAL.glob("*/roles.sql"):
        names.update(re.findall(r'CREATE ROLE "([^"]+)"', path.read_text(encoding="utf-8")))
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        for name in sorted(names):
            admin.execute(
                sql.SQL(
                    "DO $$ BEGIN CREATE ROLE {}; EXCEPTION WHEN duplicate_object"
                    " OR unique_violation THEN NULL; END $$"
                ).format(sql.Identifier(name))
            )


def readable(path: Path, major: int) -> str:
    """A schema's text as it loads: into a database that has its public schema.

    Bodies of functions name what is in public without saying so, and one is looked into when a
    generated column calls it: a dump's empty search_path does not do for those.
    """
    text = path.read_text(encoding="utf-8").replace("\nCREATE SCHEMA public;", "")
    return text.replace(
        "set_config('search_path', '', false)", "set_config('search_path', 'public', false)"
    )


def _name(path: Path) -> str:
    return f"{path.parents[1].name}-{path.stem[:40]}"


def _some(pairs: Sequence[tuple[Path, Path]], every: int) -> Iterator[object]:
    for number, (a, b) in enumerate(pairs):
        marks = [] if number % every == every // 2 else [pytest.mark.slow]
        yield pytest.param(a, b, id=_name(b), marks=marks)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            p, id=p.parent.name, marks=[] if p.parent.name in QUICK else [pytest.mark.slow]
        )
        for p in SCHEMAS
    ]
    + [
        pytest.param(p, id=_name(p), marks=pytest.mark.slow)
        for states in STATES
        for p in states[::5]
    ],
)
def test_what_is_pulled_is_what_was_loaded(
    path: Path, server: SomeServer, make_database: Callable[..., str]
) -> None:
    one, two, empty = make_database(), make_database(), make_database()
    psql(one, readable(path, server.major))
    wanted = catalog(one)
    pulled = pull.files(wanted, catalog(empty))
    with psycopg.connect(two, autocommit=True) as connection:
        notes = Loader(connection).load(Script(name, text) for name, text in pulled.items())
    assert not notes
    assert residual(catalog(two), wanted) == ()
    assert dump.normalised(two) == dump.normalised(one)
    assert pull.files(catalog(two), catalog(empty)) == pulled


@pytest.mark.parametrize(
    ("a", "b"),
    [*_some(PAIRS, 30), *(pytest.param(a, b, id=f"all-{_name(b)}", marks=pytest.mark.slow) for a, b in ENDS)],
)  # fmt: skip
def test_a_state_turns_into_the_next_and_back(
    a: Path, b: Path, states: States, make_database: Callable[..., str]
) -> None:
    for one, two in ((a, b), (b, a)):
        source, target = states.get(one), states.get(two)
        clone = make_database(source.dbname)
        try:
            assert_turned(clone, source.catalog, target.catalog, target.dump)
        except DataRefused:
            # A constraint that the rows do not keep: what the server refuses, a plan cannot do.
            clone = make_database(source.dbname)
            wipe(clone)
            assert_turned(clone, source.catalog, target.catalog, target.dump)

"""What the tests of the engine share: load a pair of schemas, plan, apply with psql, look."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from ringfence.change import diff
from ringfence.pg import binaries, dump
from ringfence.pg.extract import extract
from ringfence.planner import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from ringfence.model import Catalog
    from ringfence.step import Plan

CORPUS = Path(__file__).parent / "corpus"


def psql(conninfo: str, text: str) -> None:
    """Run a script as a user would: psql, stopping at the first error."""
    program = binaries.find_psql(binaries.find_binaries().bin)
    assert program is not None
    done = subprocess.run(
        [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo, "-f", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\n\n{text}"


def catalog(conninfo: str) -> Catalog:
    """The catalog of a database."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return extract(connection)


def rows(conninfo: str) -> dict[str, int]:
    """Table → how many rows it has itself, of the tables that have any."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        names = connection.execute(
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname NOT IN"
            " ('information_schema', 'ringfence') ORDER BY 1"
        ).fetchall()
        found = {}
        for (name,) in names:
            row = connection.execute(f"SELECT count(*) FROM ONLY {name}").fetchone()
            assert row is not None
            if row[0]:
                found[str(name)] = int(row[0])
        return found


@dataclass(frozen=True)
class Outcome:
    """What came of a plan: what is still to do, what pg_dump sees, rows before and after."""

    plan: Plan
    residual: tuple[str, ...]
    dump: str
    lost: dict[str, int]


def turn(source: str, target: str) -> Outcome:
    """Turn the database `source` into what `target` is, and look at it from all sides."""
    before, wanted = catalog(source), catalog(target)
    made = plan(before, wanted, executor="postgres")
    had = rows(source)
    psql(source, made.script())
    after = catalog(source)
    residual = tuple(
        f"{c.verb} {c.ref} "
        + ", ".join(f"{a}: {c.old and c.old[a]!r} → {c.new and c.new[a]!r}" for a in c.attributes)
        for c in diff(after, wanted)
    )
    have, want = dump.normalised(source), dump.normalised(target)
    differs = "\n".join(unified_diff(have, want, "planned", "wanted", lineterm="", n=0))
    kept = rows(source)
    allowed = {h.ref.path for h in made.hazards if h.code == "DATA_LOSS"}
    lost = {
        table: count
        for table, count in had.items()
        if kept.get(table, 0) < count and table not in allowed
    }
    if sum(kept.values()) >= sum(had.values()):
        lost = {}  # a table that becomes partitioned has its rows in others
    return Outcome(made, residual, differs, lost)


def assert_turns(source: str, target: str) -> Outcome:
    """Turn one into the other; nothing is left to do, pg_dump agrees, no row is lost in silence."""
    outcome = turn(source, target)
    assert not outcome.residual, "\n".join(outcome.residual)
    assert not outcome.dump, outcome.dump
    assert not outcome.lost
    again = plan(catalog(source), catalog(target), executor="postgres")
    assert again.steps == ()
    return outcome


def pair(make_database: Callable[..., str], a: Path, b: Path, seed: Path | None) -> tuple[str, str]:
    """Two databases from two files, the first with data."""
    one, two = make_database(), make_database()
    psql(one, a.read_text(encoding="utf-8"))
    psql(two, b.read_text(encoding="utf-8"))
    if seed is not None and seed.is_file():
        psql(one, seed.read_text(encoding="utf-8"))
    return one, two

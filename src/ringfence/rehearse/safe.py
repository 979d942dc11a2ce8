"""The safe form of a statement: what the engine would write to reach the same schema.

Not the statement's text is rewritten. The catalog before it and the catalog after it are two schemas,
and their difference is planned as any other, in lock-safe steps. Where rows have to be written, that
is done in batches: a column is added empty, then filled; an UPDATE of a whole table is a backfill.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg

from ringfence.errors import Error
from ringfence.kinds._sql import ident, qualified
from ringfence.model import Catalog, Fact, Ref
from ringfence.online import online
from ringfence.pg.connect import connect
from ringfence.pg.extract import extract
from ringfence.planner import plan
from ringfence.rehearse import mend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from psycopg import Connection

    from ringfence.finding import Finding
    from ringfence.pg.connect import Target
    from ringfence.script import Script, Statement
    from ringfence.step import Step, Transactional


@dataclass(frozen=True, slots=True)
class Move:
    """A statement of a safe form. `key`: it is run in batches, by these columns, in a file of its own."""

    sql: str
    transactional: Transactional = "yes"
    key: str = ""


def safe_forms(
    target: Target, text: Script, found: Mapping[int, Sequence[Finding]], hidden: Sequence[str]
) -> tuple[Mapping[int, tuple[Move, ...]], bool]:
    """For the statements in whose way something stands SQL that does the same and lets others work.

    `found` says by the statement's number (from 1) what was found. Runs the file on `target`, a
    database of ours that stands where the file begins. A statement whose safe form is what it says
    itself has none. With them comes whether the whole file could be run.
    """
    forms: dict[int, tuple[Move, ...]] = {}
    with connect(target) as connection:
        connection.execute("SET check_function_bodies = off")
        known: Catalog | None = None
        for number in (n for block in text.blocks if block.kept for n in block.numbers):
            statement = text.statements[number - 1]
            its = found.get(number, ())
            before = (known or _catalog(connection, hidden)) if its else None
            if not _ran(connection, statement):
                return forms, False
            known = None
            if before is not None:
                known = _catalog(connection, hidden)
                moves = _moves(before, known, statement.text, its)
                if moves and (moves[0].key or _bare(written(moves)) != _bare(statement.text)):
                    forms[number] = moves
    return forms, True


def _ran(connection: Connection[tuple[object, ...]], statement: Statement) -> bool:
    """Run a statement, where need be after what it refuses of made-up rows was changed."""
    for again in (True, False):
        try:
            if statement.data is None:
                connection.execute(statement.text)
            else:
                with connection.cursor().copy(statement.text) as copy:
                    copy.write(statement.data)
        except psycopg.Error as error:
            table = mend.refused(error)
            if not again or table is None or not mend.mend(connection, statement, table):
                return False
        else:
            return True
    return False


def _catalog(connection: Connection[tuple[object, ...]], hidden: Sequence[str]) -> Catalog:
    return extract(connection, exclude=tuple(hidden))


def _moves(
    before: Catalog, after: Catalog, text: str, found: Iterable[Finding]
) -> tuple[Move, ...]:
    codes = {f.code: f for f in found}
    if backfill := codes.get("BACKFILL"):
        key = _key(backfill.ref, before)
        return (Move(text, key=key),) if key else ()
    try:
        if "REWRITE" in codes and (filled := _filled(before, after)):
            return filled
        steps = online(plan(before, after), before, after).steps
    except Error:
        return ()
    left = {str(hazard.code) for step in steps for hazard in step.hazards}
    if left & _GATED:
        return ()  # the engine knows no better
    return tuple(_move(step) for step in steps)


_GATED = {"REWRITE", "INDEX_BUILD", "SCAN_UNDER_LOCK", "LONG_LOCK"}


def _move(step: Step) -> Move:
    return Move(step.sql, step.transactional)


# Columns that are filled when they are added ---------------------------------------------------------


def _filled(before: Catalog, after: Catalog) -> tuple[Move, ...]:
    """Columns added empty, given their default, filled in batches, and only then made what they are.

    Nothing where no column is added, or one that PostgreSQL alone can fill.
    """
    columns = [
        f for ref, f in after.facts.items() if ref.kind == "column" and ref not in before.facts
    ]
    defaults = {
        Ref("default", f.ref.name)
        for f in columns
        if f["identity"] is None and Ref("default", f.ref.name) in after.facts
    }
    tables = {f.parent for f in columns}
    key = _key(next(iter(tables)), before) if len(tables) == 1 else ""
    if not key or len(defaults) != len(columns):
        return ()
    late = {
        ref
        for ref in after.facts
        if ref not in before.facts and ref.kind in ("constraint", "index")
    }
    empty = _without(after, defaults | late, {f.ref for f in columns})
    ready = _without(after, late, {f.ref for f in columns})
    first = [_move(s) for s in (*plan(before, empty).steps, *plan(empty, ready).steps)]
    first[-1] = replace(first[-1], transactional="commit")
    table = next(iter(tables))
    assert table is not None
    names = [ident(f.ref.name[-1]) for f in columns]
    values = ", ".join(f"{n} = DEFAULT" for n in names)
    missing = " AND ".join(f"{n} IS NULL" for n in names)
    update = f"UPDATE {qualified(table.name)} SET {values} WHERE {missing}"  # noqa: S608 - quoted
    fill = Move(update, key=key)
    rest = online(plan(ready, after), ready, after).steps
    return (*first, fill, *(_move(s) for s in rest))


def _without(catalog: Catalog, gone: set[Ref], nullable: set[Ref]) -> Catalog:
    """A catalog without these facts and what is below them; these columns may be NULL in it."""
    out = set(gone)
    while more := {f.ref for f in catalog.facts.values() if f.parent in out} - out:
        out |= more
    facts = {
        ref: _nullable(fact) if ref in nullable else fact
        for ref, fact in catalog.facts.items()
        if ref not in out
    }
    uses = {ref: frozenset(used - out) for ref, used in catalog.uses.items() if ref not in out}
    return replace(catalog, facts=facts, uses=uses)


def _nullable(fact: Fact) -> Fact:
    return replace(
        fact, attrs={k: v for k, v in fact.attrs.items() if not k.startswith("not_null")}
    )


_PRIMARY = re.compile(r'PRIMARY KEY \((?P<columns>(?:"(?:[^"]|"")*"|[^")])*)\)')
_COLUMN = re.compile(r'"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^\s",]+)')
_NAMED = re.compile(r"[^\s=,]+\Z")


def _key(table: Ref | None, catalog: Catalog) -> str:
    """The columns of a table's primary key as a backfill names them; empty where it cannot."""
    for fact in catalog.below(table, "constraint") if table else ():
        match = _PRIMARY.match(fact.text("definition")) if fact["type"] == "p" else None
        if match:
            names = [
                c["plain"] or c["quoted"].replace('""', '"')
                for c in _COLUMN.finditer(match["columns"])
            ]
            return ",".join(names) if all(map(_NAMED.match, names)) else ""
    return ""


# As text ------------------------------------------------------------------------------------------


def written(moves: Sequence[Move]) -> str:
    """The moves as SQL, a line where a transaction has to end."""
    return "\n".join(_lines(moves))


def _lines(moves: Sequence[Move]) -> Iterator[str]:
    last: Move | None = None
    for move in moves:
        if move.key:
            yield "-- in a file of its own, in batches:"
            yield f"-- ringfence: backfill key={move.key} batch=200ms"
        elif move.transactional == "no" and (last is None or last.transactional != "no"):
            yield "-- in a file of its own, outside a transaction:"
        elif last is not None and (last.key or last.transactional != "yes"):
            yield "-- then, in another transaction:"
        yield f"{move.sql.rstrip()};"
        last = move


def _bare(text: str) -> str:
    return "".join(text.split()).rstrip(";").replace('"', "").lower().replace("public.", "")

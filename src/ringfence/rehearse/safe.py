"""The safe form of a statement: what the engine would write to reach the same schema.

Not the statement's text is rewritten. The catalog before it and the catalog after it are two schemas,
and their difference is planned as any other, in lock-safe steps. Where rows have to be written, that
is done in batches: a column is added empty, then filled; an UPDATE of a whole table is a backfill.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg

from ringfence.errors import Error
from ringfence.filling import key as key_of
from ringfence.filling import without
from ringfence.kinds._sql import ident, qualified
from ringfence.model import Catalog, Ref
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
        key = key_of(backfill.ref, before)
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
    key = key_of(next(iter(tables)), before) if len(tables) == 1 else ""
    if not key or len(defaults) != len(columns):
        return ()
    late = {
        ref
        for ref in after.facts
        if ref not in before.facts and ref.kind in ("constraint", "index")
    }
    empty = without(after, defaults | late, {f.ref for f in columns})
    ready = without(after, late, {f.ref for f in columns})
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

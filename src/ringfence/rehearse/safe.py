"""The safe form of a statement: what the engine would write to reach the same schema.

Not the statement's text is rewritten. The catalog before it and the catalog after it are two schemas,
and their difference is planned as any other, in lock-safe steps. Where rows have to be written, that
is done in batches: a column is added empty, then filled; an UPDATE of a whole table is a backfill.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
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
from ringfence.rehearse.loop import job
from ringfence.rehearse.moves import Move, written
from ringfence.rehearse.retype import retyped
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from psycopg import Connection

    from ringfence.filling import Fill
    from ringfence.finding import Finding
    from ringfence.pg.connect import Target
    from ringfence.script import Statement
    from ringfence.step import Step


@dataclass(frozen=True, slots=True)
class Forms:
    """The safe forms of a file's statements by number (from 1), and why others have none.

    `whole`: whether the file could be run to its end; `fills`: what columns are filled with on the
    way back.
    """

    moves: Mapping[int, tuple[Move, ...]]
    why: Mapping[int, str]
    whole: bool
    fills: tuple[Fill, ...] = ()


def safe_forms(
    target: Target,
    text: Script,
    found: Mapping[int, Sequence[Finding]],
    hidden: Sequence[str],
    copy: Callable[[Target], AbstractContextManager[Target]] | None = None,
) -> Forms:
    """For the statements in whose way something stands SQL that does the same and lets others work.

    `found` says by the statement's number (from 1) what was found. Runs the file on `target`, a
    database of ours that stands where the file begins; `copy` makes another one of it. A statement
    whose safe form is what it says itself has none.
    """
    moves: dict[int, tuple[Move, ...]] = {}
    why: dict[int, str] = {}
    fills: tuple[Fill, ...] = ()
    numbers = [n for block in text.blocks if block.kept for n in block.numbers]
    rewrites = [
        n
        for n in numbers
        if any(f.code == "REWRITE" for f in found.get(n, ()))
        # Another type may leave the rows as they are, and have indexes built or checks looked at.
        or ("TYPE" in text.statements[n - 1].words and {f.code for f in found.get(n, ())} & _GATED)
    ]
    with ExitStack() as stack:
        other: Target | None = None
        if copy is not None and any("TYPE" in text.statements[n - 1].words for n in rewrites):
            other = stack.enter_context(copy(target))
        connection = stack.enter_context(connect(target))
        connection.execute("SET check_function_bodies = off")
        known: Catalog | None = None
        for place, number in enumerate(numbers):
            statement = text.statements[number - 1]
            its = found.get(number, ())
            before = (known or _catalog(connection, hidden)) if its else None
            if not _ran(connection, statement):
                return Forms(moves, why, whole=False)
            known = None
            if before is None:
                continue
            known = _catalog(connection, hidden)
            made: tuple[Move, ...] = ()
            if number in rewrites and other is not None and copy is not None:
                earlier = [text.statements[n - 1] for n in numbers[:place]]
                there = partial(_standing, copy, other, earlier)
                form = retyped(connection, before, known, statement.text, hidden, there)
                if form is not None:
                    made = form.moves
                    fills += form.fills
                    why |= {number: form.why} if form.why else {}
            if not made and statement.words[:1] == ("REFRESH",):
                made = _refreshed(connection, statement)
            # What these do to the rows no schema says.
            if not made and number not in why and statement.words[:1] not in _STORED:
                made = _moves(before, known, statement.text, its)
            if made and (made[0].key or _bare(written(made)) != _bare(statement.text)):
                moves[number] = made
    return Forms(moves, why, whole=True, fills=fills)


@contextmanager
def _standing(
    copy: Callable[[Target], AbstractContextManager[Target]],
    target: Target,
    earlier: Sequence[Statement],
) -> Iterator[Connection[tuple[object, ...]]]:
    """A session on a copy on which some statements have run."""
    with copy(target) as made, connect(made) as connection:
        connection.execute("SET check_function_bodies = off")
        for statement in earlier:
            _ran(connection, statement)
        yield connection


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
    return extract(connection, exclude=tuple(hidden), nobody=connection.info.user)


def _moves(
    before: Catalog, after: Catalog, text: str, found: Iterable[Finding]
) -> tuple[Move, ...]:
    codes = {f.code: f for f in found}
    if backfill := codes.get("BACKFILL"):
        key = key_of(backfill.ref, before)
        return (Move(text, key=key),) if key and job(text, key) else ()
    if rebuilt := _reindexed(text):
        return (rebuilt,)
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


def _refreshed(
    connection: Connection[tuple[object, ...]], statement: Statement
) -> tuple[Move, ...]:
    """A REFRESH that lets readers work, where it runs: that takes a unique index, and rows there."""
    if "CONCURRENTLY" in statement.words or "NO" in statement.words:
        return ()
    token = next(t for t in Script("", statement.text).code() if t.text.upper() == "VIEW")
    text = f"{statement.text[: token.end]} CONCURRENTLY{statement.text[token.end :]}"
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(text)
    except psycopg.Error:
        return ()
    return (Move(text),)


def _reindexed(text: str) -> Move | None:
    """A REINDEX that lets others work; None for what is none, or has no such form."""
    tokens = tuple(Script("", text).code())
    if not tokens or tokens[0].text.upper() != "REINDEX":
        return None
    what = next((t for t in tokens if t.text.upper() in _REINDEXED), None)
    if what is None or any(t.text.upper() == "CONCURRENTLY" for t in tokens):
        return None
    return Move(f"{text[: what.end]} CONCURRENTLY{text[what.end :]}", "no")


_STORED = {("CLUSTER",), ("VACUUM",)}
_REINDEXED = {"INDEX", "TABLE", "SCHEMA", "DATABASE"}

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


def _bare(text: str) -> str:
    return "".join(text.split()).rstrip(";").replace('"', "").lower().replace("public.", "")

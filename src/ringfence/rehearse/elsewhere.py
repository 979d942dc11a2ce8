"""Names that lead to other rows, or to other values, than before: what a swap leaves behind.

`rows` follows a table wherever it goes. Readers follow a name: where another relation, or another
column, has it now, what they read is compared with what they read before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from ringfence.finding import counted
from ringfence.model import Ref, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from psycopg import Connection

    from ringfence.rehearse.compat import Known, World
    from ringfence.rows import Held

    Session = Connection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What is read otherwise by the name it has. `bare`: nothing of it is left there."""

    ref: Ref
    message: str
    bare: bool


def elsewhere(
    connection: Session,
    had: Mapping[int, Held],
    now: Mapping[int, Held],
    after: World,
    mended: Collection[str],
) -> Iterator[Otherwise]:
    """What readers of `had` find otherwise by name, though it is all there still; not of the tables
    in `mended`, whose rows were changed by the rehearsal."""
    named = {(r.schema, r.name): r for r in after.relations}
    for oid, was in had.items():
        here = named.get((was.schema, was.name))
        kept = now.get(oid)
        if here is None or kept is None or not was.count or was.root is not None:
            continue  # it is gone, and that is told; or it is read by the name of a whole
        if {was.path, kept.path} & set(mended):
            continue
        numbers = {c.name: c.number for c in here.columns}
        old = {
            name: (type_, digest)
            for number, (name, type_, digest) in was.columns.items()
            if name in numbers and number not in was.computed
            if here.oid != oid or (numbers[name] != number and number in kept.columns)
        }
        if here.oid != oid or old:
            yield from _compared(connection, was, here, old)


_ABROAD = """
    SELECT FROM pg_class AS c
    WHERE
        c.oid = %s
        AND (
            c.relkind IN ('p', 'v')
            OR EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid)
        )
        AND EXISTS (SELECT FROM pg_class AS f WHERE f.relkind = 'f')
"""
"""A relation through which the rows of another server may be read, which nobody here does."""


def _compared(
    connection: Session, was: Held, here: Known, old: Mapping[str, tuple[str, str]]
) -> Iterator[Otherwise]:
    if connection.execute(_ABROAD, [here.oid]).fetchone() is not None:
        return
    read = _read(connection, here, {name: type_ for name, (type_, _) in old.items()})
    if read is None:
        return  # it cannot be read, which is told
    count, digests = read
    if count < was.count:
        message = f"{was.path} reads otherwise: {counted(was.count, 'row')} before, {count} now"
        yield Otherwise(Ref("table", (was.schema, was.name)), message, bare=not count)
    if count != was.count:
        return
    types = {c.name: c.type for c in here.columns}
    for name, (type_, digest) in old.items():
        cast, values, there = digests[name]
        if there == digest or (not cast and values):
            continue  # the same, or written in another way in its new type
        ref = Ref("column", (was.schema, was.name, name))
        said = "has other values than before by that name"
        if not values:
            said = "is NULL in every row, and had values before by that name"
        if types[name] != type_:
            said += f" (as {type_})"
        path = f"{was.path}.{quoted(name)}"
        yield Otherwise(ref, f"{path} reads otherwise: it {said}", bare=not values)


def _read(
    connection: Session, here: Known, types: Mapping[str, str]
) -> tuple[int, dict[str, tuple[bool, int, str]]] | None:
    """How many rows are read by a name; for each column whether it could be compared as the type it
    had, how many values it has and their digest."""
    same = {c.name: c.type for c in here.columns}
    for cast in (True, False):
        asked: list[sql.Composable] = [sql.SQL("count(*)")]
        for name, type_ in types.items():
            value: sql.Composable = sql.Identifier(name)
            if cast and same[name] != type_:
                value = sql.SQL("CAST({} AS {})").format(value, sql.SQL(type_))
            asked.append(
                sql.SQL("count({}), coalesce(sum(hashtextextended({}::text, 0)), 0)").format(
                    sql.Identifier(name), value
                )
            )
        query = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(asked), sql.Identifier(here.schema, here.name)
        )
        try:
            with connection.transaction():
                row = connection.execute(query).fetchone()
        except psycopg.Error:
            continue
        assert row is not None
        pairs = zip(types.items(), row[1::2], row[2::2], strict=True)
        return int(str(row[0])), {
            name: (cast or same[name] == type_, int(str(values)), str(digest))
            for (name, type_), values, digest in pairs
        }
    return None

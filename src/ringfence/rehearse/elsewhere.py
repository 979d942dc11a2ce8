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
    help: str = "copy what is to be read by that name before the names change"


@dataclass(frozen=True, slots=True)
class Value:
    """A column's values as read: how many are not NULL, and the digest of all of them.

    `comparable`: they were read as the type they had, so that one digest means the same values.
    """

    filled: int
    digest: str
    comparable: bool = True

    def same(self, other: Value) -> bool:
        """Whether they are the other ones, or those written in the way of their new type."""
        return self.digest == other.digest or (not self.comparable and bool(self.filled))


@dataclass(frozen=True, slots=True)
class Read:
    """How many rows were read, and the values of their columns."""

    count: int
    values: Mapping[str, Value]


def elsewhere(
    connection: Session,
    had: Mapping[int, Held],
    now: Mapping[int, Held],
    before: World,
    after: World,
    mended: Collection[str],
) -> Iterator[Otherwise]:
    """What readers of `had` find otherwise by name, though it is all there still; not of the tables
    in `mended`, whose rows were changed by the rehearsal."""
    named = {(r.schema, r.name): r for r in after.relations}
    for oid, was in had.items():
        here = named.get((was.schema, was.name))
        kept = now.get(oid)
        if here is None or kept is None:
            continue  # it is gone, and that is told
        if {was.path, kept.path} & set(mended):
            continue
        if here.oid == oid:
            yield from _left(oid, had, now, before, after)
        if not was.count or was.root is not None:
            continue  # it is read by the name of a whole
        numbers = {c.name: c.number for c in here.columns}
        old = {
            name: (type_, digest)
            for number, (name, type_, digest) in was.columns.items()
            if name in numbers and number not in was.computed
            if here.oid != oid or (numbers[name] != number and number in kept.columns)
        }
        if here.oid != oid or old:
            yield from _compared(connection, was, here, old)


def _left(
    whole: int, had: Mapping[int, Held], now: Mapping[int, Held], before: World, after: World
) -> Iterator[Otherwise]:
    """That rows are not read by a table's name any more, for they lie in what was below it once."""
    below, still = before.below.get(whole, frozenset()), after.below.get(whole, frozenset())
    gone = [now[oid] for oid in sorted(below - still) if oid in had and oid in now]
    gone = [each for each in gone if each.count and not each.shared]
    count = sum(had[o].count for o in {whole, *below} if o in had and not had[o].shared)
    left = sum(now[o].count for o in {whole, *still} if o in now and not now[o].shared)
    was = had[whole]
    if gone and left < count:
        names = ", ".join(each.path for each in gone)
        said = f"{counted(count, 'row')} before, {left} now, without those of {names}"
        ref = Ref("table", (was.schema, was.name))
        help_ = (
            "look whether somebody reads them by that name: they are in a table of their own now"
        )
        yield Otherwise(ref, f"{was.path} reads otherwise: {said}", not left, help_)


def _compared(
    connection: Session, was: Held, here: Known, old: Mapping[str, tuple[str, str]]
) -> Iterator[Otherwise]:
    if here.afar:
        return  # nobody here reads the rows of another server
    types = {c.name: c.type for c in here.columns}
    seen = read(
        connection,
        sql.Identifier(here.schema, here.name),
        types,
        {name: type_ for name, (type_, _) in old.items()},
    )
    if seen is None:
        return  # it cannot be read, which is told
    if seen.count < was.count:
        message = (
            f"{was.path} reads otherwise: {counted(was.count, 'row')} before, {seen.count} now"
        )
        yield Otherwise(Ref("table", (was.schema, was.name)), message, bare=not seen.count)
    if seen.count != was.count:
        return
    for name, (type_, digest) in old.items():
        value = seen.values[name]
        if value.same(Value(0, digest)):
            continue
        ref = Ref("column", (was.schema, was.name, name))
        said = "has other values than before by that name"
        if not value.filled:
            said = "is NULL in every row, and had values before by that name"
        if types[name] != type_:
            said += f" (as {type_})"
        path = f"{was.path}.{quoted(name)}"
        yield Otherwise(ref, f"{path} reads otherwise: it {said}", bare=not value.filled)


def read(
    connection: Session,
    rows: sql.Composable,
    types: Mapping[str, str],
    wanted: Mapping[str, str],
) -> Read | None:
    """The columns `wanted` of some rows, as the types that they had; `types` are those of now.

    None where they cannot be read.
    """
    for cast in (True, False):
        asked: list[sql.Composable] = [sql.SQL("count(*)")]
        for name, type_ in wanted.items():
            value: sql.Composable = sql.Identifier(name)
            if cast and types[name] != type_:
                value = sql.SQL("CAST({} AS {})").format(value, sql.SQL(type_))
            asked.append(
                sql.SQL("count({}), coalesce(sum(hashtextextended({}::text, 0)), 0)").format(
                    sql.Identifier(name), value
                )
            )
        query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(asked), rows)
        try:
            with connection.transaction():
                row = connection.execute(query).fetchone()
        except psycopg.Error:
            continue
        assert row is not None
        pairs = zip(wanted.items(), row[1::2], row[2::2], strict=True)
        return Read(
            int(str(row[0])),
            {
                name: Value(int(str(filled)), str(digest), cast or types[name] == type_)
                for (name, type_), filled, digest in pairs
            },
        )
    return None

"""Whether rows outlive a change: what each table held before, column by column, and what it holds after.

A table is followed by its oid, so a renamed one is the same; so is a column, by its number. Where a
table was made anew under its old name, it is followed by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from ringfence.model import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection

_COLUMNS = """
SELECT
    c.oid::bigint, n.nspname, c.relname, c.relkind = 'p', a.attnum, a.attname,
    format_type(a.atttypid, a.atttypmod)
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_attribute AS a ON c.oid = a.attrelid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND n.nspname <> ALL (%s)
ORDER BY c.oid, a.attnum
"""


@dataclass(frozen=True, slots=True)
class Held:
    """What a table holds: its rows, and for each column (by number) its name, type and a digest.

    `shared`: it is partitioned, so that its rows are its partitions' too.
    """

    schema: str
    name: str
    shared: bool
    count: int
    columns: Mapping[int, tuple[str, str, str]]

    @property
    def path(self) -> str:
        """Its name as messages have it."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


@dataclass(frozen=True, slots=True)
class Loss:
    """Rows or values that are not there any more (`gone`), or are others than before.

    `retyped`: the column has another type now, which may write the same value in another way.
    """

    table: str
    column: str
    gone: bool
    message: str
    retyped: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `shared`: it is partitioned."""

    schema: str
    name: str
    shared: bool


def tables(
    connection: Connection[tuple[object, ...]], hidden: Sequence[str] = ()
) -> tuple[Table, ...]:
    """The tables there are."""
    found = connection.execute(_COLUMNS, [list(hidden)]).fetchall()
    return tuple(dict.fromkeys(Table(str(r[1]), str(r[2]), bool(r[3])) for r in found))


def held(
    connection: Connection[tuple[object, ...]],
    hidden: Sequence[str] = (),
    before: Mapping[int, Held] | None = None,
) -> dict[int, Held]:
    """What every table holds, by oid. With `before`, values are compared as the types of then."""
    found: dict[int, tuple[str, str, bool, list[tuple[int, str, str]]]] = {}
    for oid, schema, name, shared, number, column, type_ in connection.execute(
        _COLUMNS, [list(hidden)]
    ).fetchall():
        entry = found.setdefault(int(str(oid)), (str(schema), str(name), bool(shared), []))
        if number is not None:
            entry[3].append((int(str(number)), str(column), str(type_)))
    return {
        oid: _held(connection, schema, name, shared, columns, _earlier(oid, schema, name, before))
        for oid, (schema, name, shared, columns) in found.items()
    }


def _earlier(
    oid: int, schema: str, name: str, before: Mapping[int, Held] | None
) -> tuple[Held | None, bool]:
    """The same table before, and whether it is the very same."""
    if before is None:
        return None, False
    if oid in before:
        return before[oid], True
    return next((h for h in before.values() if (h.schema, h.name) == (schema, name)), None), False


def _held(
    connection: Connection[tuple[object, ...]],
    schema: str,
    name: str,
    shared: bool,
    columns: list[tuple[int, str, str]],
    earlier: tuple[Held | None, bool],
) -> Held:
    was, same = earlier
    typed = []
    for number, column, type_ in columns:
        old = _counterpart(was, number, column, same=same)
        typed.append((number, column, type_, old[1] if old and old[1] != type_ else ""))
    try:
        row = connection.execute(_query(schema, name, shared, typed, cast=True)).fetchone()
    except psycopg.Error:
        # A value that is no value of its old type any more is another value.
        row = connection.execute(_query(schema, name, shared, typed, cast=False)).fetchone()
    assert row is not None
    return Held(
        schema,
        name,
        shared,
        int(str(row[0])),
        {
            number: (column, type_, str(digest))
            for (number, column, type_, _), digest in zip(typed, row[1:], strict=True)
        },
    )


def _query(
    schema: str,
    name: str,
    shared: bool,
    typed: Sequence[tuple[int, str, str, str]],
    *,
    cast: bool,
) -> sql.Composed:
    digests = [_digest(column, as_then if cast else "") for _, column, _, as_then in typed]
    return sql.SQL("SELECT {} FROM {}{}").format(
        sql.SQL(", ").join([sql.SQL("count(*)"), *digests]),
        sql.SQL("" if shared else "ONLY "),
        sql.Identifier(schema, name),
    )


def _digest(column: str, cast: str) -> sql.Composed:
    value = sql.Identifier(column)
    if cast:
        as_then = sql.SQL("CAST({} AS {})").format(value, sql.SQL(cast))
        return sql.SQL("coalesce(sum(hashtextextended({}::text, 0)), 0)").format(as_then)
    return sql.SQL("coalesce(sum(hashtextextended({}::text, 0)), 0)").format(value)


def _counterpart(
    was: Held | None, number: int, column: str, *, same: bool
) -> tuple[str, str, str] | None:
    if was is None:
        return None
    if same:
        return was.columns.get(number)
    return next((c for c in was.columns.values() if c[0] == column), None)


def lost(before: Mapping[int, Held], after: Mapping[int, Held]) -> Iterator[Loss]:
    """What of the rows before is not there after, or is not as it was."""
    by_name = {(h.schema, h.name): h for h in after.values()}
    for oid, was in before.items():
        if was.shared:
            continue  # its partitions are looked at; one that is detached takes its rows along
        now, same = after.get(oid), oid in after
        if now is None:
            now = by_name.get((was.schema, was.name))
        if now is None:
            if was.count:
                yield Loss(was.path, "", True, f"{was.path} is gone, with {was.count} rows")
            continue
        if now.count < was.count:
            yield Loss(
                was.path, "", True, f"{was.path} had {was.count} rows and has {now.count} now"
            )
            continue
        if not was.count:
            continue
        for number, (column, type_, digest) in was.columns.items():
            here = (
                now.columns.get(number)
                if same
                else next((c for c in now.columns.values() if c[0] == column), None)
            )
            name = f"{was.path}.{quoted(column)}"
            if here is None:
                if digest != "0":
                    yield Loss(was.path, column, True, f"{name} is gone, with its values")
            elif here[2] != digest and now.count == was.count:
                retyped = here[1] != type_
                yield Loss(was.path, column, False, f"{name} has other values than before", retyped)

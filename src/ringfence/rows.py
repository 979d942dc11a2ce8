"""Whether rows outlive a change: what each table held before, column by column, and what it holds after.

A table is followed by its oid, so a renamed one is the same; so is a column, by its number. Where a
table was made anew under its old name, it is followed by name.
"""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from ringfence.model import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from psycopg import Connection

_COLUMNS = """
SELECT
    c.oid::bigint, n.nspname, c.relname, c.relkind = 'p', a.attnum, a.attname,
    format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attgenerated <> '' THEN coalesce(pg_get_expr(d.adbin, d.adrelid), '') END,
    CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid::bigint END
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_attribute AS a ON c.oid = a.attrelid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND n.nspname <> ALL (%s)
ORDER BY c.oid, a.attnum
"""

# Partitioned tables with foreign partitions, each with its others that hold rows.
_BESIDE_FOREIGN = """
SELECT
    w.oid::bigint,
    coalesce(
        array_agg(ARRAY[n.nspname::text, c.relname::text]) FILTER (WHERE c.relkind = 'r'), '{}'
    )
FROM pg_class AS w
CROSS JOIN LATERAL pg_partition_tree(w.oid) AS t
INNER JOIN pg_class AS c ON t.relid = c.oid
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE w.relkind = 'p' AND t.isleaf
    AND EXISTS (SELECT FROM pg_class AS f WHERE f.relkind = 'f' AND f.relispartition)
GROUP BY w.oid
HAVING bool_or(c.relkind = 'f')
"""

# What identifies a table's rows: its primary key, or another that takes no NULL.
_KEYS = """
SELECT DISTINCT ON (i.indrelid)
    i.indrelid::bigint,
    ARRAY(
        SELECT k.number::int FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)
        WHERE k.place <= i.indnkeyatts ORDER BY k.place
    )
FROM pg_index AS i
WHERE i.indisunique AND i.indisvalid AND i.indimmediate
    AND i.indexprs IS NULL AND i.indpred IS NULL
    AND NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND NOT a.attnotnull
    )
ORDER BY i.indrelid, i.indisprimary DESC, i.indexrelid
"""


@dataclass(frozen=True, slots=True)
class Held:
    """What a table holds: its rows, and for each column (by number) its name, type and a digest.

    `shared`: it is partitioned, so that its rows are its partitions' too. `computed` says of the
    columns that follow from others how, `root` is the outermost table that it is a partition of.
    `after_gone` has the digests of columns by name that stand where one is gone, as the type of that.
    `some` are some of the rows, by which values are compared where others came or went.
    """

    schema: str
    name: str
    shared: bool
    count: int
    columns: Mapping[int, tuple[str, str, str]]
    computed: Mapping[int, str] = field(default_factory=dict)
    root: int | None = None
    after_gone: Mapping[str, str] = field(default_factory=dict)
    some: Some | None = None

    @property
    def path(self) -> str:
        """Its name as messages have it."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


@dataclass(frozen=True, slots=True)
class Some:
    """Some rows of a table: what identifies each, and hashes of its values in the order of `Held.columns`,
    then of `Held.after_gone`.

    `key`: the numbers and names of the columns that identify a row; without any, these are all rows.
    """

    key: tuple[tuple[int, str], ...]
    rows: tuple[tuple[int, tuple[int | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class Loss:
    """Rows or values that are not there any more (`gone`), or are others than before.

    `retyped`: the column has another type now, which may write the same value in another way.
    `computed`: its values follow from others, and it is said otherwise how.
    """

    table: str
    column: str
    gone: bool
    message: str
    retyped: bool = False
    computed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `shared`: it is partitioned, `root`: the OID of it or of what it is a partition of."""

    schema: str
    name: str
    shared: bool
    root: int


def tables(
    connection: Connection[tuple[object, ...]], hidden: Sequence[str] = ()
) -> tuple[Table, ...]:
    """The tables there are."""
    found = connection.execute(_COLUMNS, [list(hidden)]).fetchall()
    return tuple(
        dict.fromkeys(
            Table(str(r[1]), str(r[2]), bool(r[3]), int(str(r[8] or r[0]))) for r in found
        )
    )


def held(
    connection: Connection[tuple[object, ...]],
    hidden: Sequence[str] = (),
    before: Mapping[int, Held] | None = None,
    only: Collection[int] | None = None,
) -> dict[int, Held]:
    """What every table holds, by oid. With `before`, values are compared as the types of then.

    With `only`, what those hold, and the partitions of those, or what has their names now.
    """
    listed = connection.execute(_COLUMNS, [list(hidden)]).fetchall()
    if only is not None:
        named = {(h.schema, h.name) for h in (before or {}).values()}
        listed = [
            r for r in listed if r[0] in only or r[8] in only or (str(r[1]), str(r[2])) in named
        ]
    beside: dict[int, list[list[str]]] = dict(connection.execute(_BESIDE_FOREIGN).fetchall())  # type: ignore[arg-type]
    keys: dict[int, list[int]] = dict(connection.execute(_KEYS).fetchall())  # type: ignore[arg-type]
    of: dict[int, list[tuple[object, ...]]] = {}
    for row in listed:
        of.setdefault(int(str(row[0])), []).append(row)
    return {
        oid: _held(
            connection,
            its,
            _earlier(oid, str(its[0][1]), str(its[0][2]), before),
            beside.get(oid),
            keys.get(oid, ()),
        )
        for oid, its in of.items()
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
    listed: Sequence[tuple[object, ...]],
    earlier: tuple[Held | None, bool],
    leaves: list[list[str]] | None,
    key: Sequence[int],
) -> Held:
    was, same = earlier
    schema, name, shared = str(listed[0][1]), str(listed[0][2]), bool(listed[0][3])
    root = listed[0][8]
    columns = [(int(str(r[4])), str(r[5]), str(r[6])) for r in listed if r[4] is not None]
    typed = []
    for number, column, type_ in columns:
        old = _counterpart(was, number, column, same=same)
        typed.append((number, column, type_, old[1] if old and old[1] != type_ else ""))
    there = {number for number, *_ in typed}
    gone = {
        c: t for n, (c, t, _) in (was.columns if was and same else {}).items() if n not in there
    }
    instead = [(0, c, type_, gone[c]) for _, c, type_, _ in typed if c in gone]
    asked = [*typed, *instead]
    rows = _rows(schema, name, shared, leaves, [column for _, column, _, _ in asked])
    try:
        with connection.transaction() if any(each[3] for each in asked) else nullcontext():
            row = connection.execute(_query(rows, asked, cast=True)).fetchone()
    except psycopg.Error:
        # A value that is no value of its old type any more is another value.
        row = connection.execute(_query(rows, asked, cast=False)).fetchone()
    assert row is not None
    count = int(str(row[0]))
    some = None
    if was is None:
        named = tuple((n, c) for number in key for n, c, *_ in typed if n == number)
        some = _first(connection, rows, asked, named, count)
    elif count != was.count:
        some = _again(connection, rows, asked, was, count, same=same)
    return Held(
        schema,
        name,
        shared,
        count,
        {
            number: (column, type_, str(digest))
            for (number, column, type_, _), digest in zip(typed, row[1:], strict=False)
        },
        {int(str(r[4])): str(r[7]) for r in listed if r[7] is not None},
        None if root is None else int(str(root)),
        {each[1]: str(d) for each, d in zip(instead, row[1 + len(typed) :], strict=True)},
        some,
    )


_MOST = 1000
"""Rows of a table that are remembered one by one."""


def _first(
    connection: Connection[tuple[object, ...]],
    rows: sql.Composable,
    asked: Sequence[tuple[int, str, str, str]],
    key: tuple[tuple[int, str], ...],
    count: int,
) -> Some | None:
    """Some of a table's rows; without a key to find them again by, all or none."""
    if not count or (not key and count > _MOST):
        return None
    identified = _identified([(name, "") for _, name in key])
    query = _each(rows, identified, asked, cast=False)
    listed = connection.execute(sql.SQL("{} LIMIT {}").format(query, _MOST)).fetchall()
    return Some(key, _read(listed))


def _again(
    connection: Connection[tuple[object, ...]],
    rows: sql.Composable,
    asked: Sequence[tuple[int, str, str, str]],
    was: Held,
    count: int,
    *,
    same: bool,
) -> Some | None:
    """Those of the rows remembered before that are there still. None where nobody knows which these are."""
    if was.some is None:
        return None
    key = was.some.key
    if not key and count > _MOST:
        return None
    now = {(number if same else name): (name, as_then) for number, name, _, as_then in asked}
    found = [now.get(number if same else name) for number, name in key]
    if None in found:
        return None
    identified = _identified([each for each in found if each is not None])
    query = _each(rows, identified, asked, cast=True)
    try:
        with connection.transaction():
            if key:
                known = [hashed for hashed, _ in was.some.rows]
                query = sql.SQL("{} WHERE {} = ANY (%s)").format(query, identified)
                listed = connection.execute(query, [known]).fetchall()
            else:
                listed = connection.execute(query).fetchall()
    except psycopg.Error:
        return None  # a value is no value of its old type any more
    return Some(key, _read(listed))


def _identified(key: Sequence[tuple[str, str]]) -> sql.Composed:
    """What tells a row from others, by the columns of its key as the types of then."""
    values = [sql.SQL("{}::text").format(_as_then(column, cast)) for column, cast in key]
    return sql.SQL("hashtextextended(ROW({})::text, 0)").format(sql.SQL(", ").join(values))


def _each(
    rows: sql.Composable,
    identified: sql.Composable,
    asked: Sequence[tuple[int, str, str, str]],
    *,
    cast: bool,
) -> sql.Composed:
    hashes = [
        sql.SQL("hashtextextended({}::text, 0)").format(_as_then(column, as_then if cast else ""))
        for _, column, _, as_then in asked
    ]
    return sql.SQL("SELECT {}, ARRAY[{}]::bigint[] FROM {}").format(
        identified, sql.SQL(", ").join(hashes), rows
    )


def _read(
    listed: Sequence[tuple[object, ...]],
) -> tuple[tuple[int, tuple[int | None, ...]], ...]:
    return tuple((int(str(hashed)), tuple(values)) for hashed, values in listed)  # type: ignore[arg-type]


def _rows(
    schema: str,
    name: str,
    shared: bool,
    leaves: list[list[str]] | None,
    columns: Sequence[str],
) -> sql.Composable:
    """Where the rows are to be read: never through a partition that is another server's."""
    if leaves is None:
        return sql.SQL("{}{}").format(
            sql.SQL("" if shared else "ONLY "), sql.Identifier(schema, name)
        )
    named = sql.SQL(", ").join(map(sql.Identifier, columns))
    each = [
        sql.SQL("SELECT {} FROM ONLY {}").format(named, sql.Identifier(*leaf)) for leaf in leaves
    ]
    empty = sql.SQL("SELECT {} FROM ONLY {}").format(named, sql.Identifier(schema, name))
    return sql.SQL("({}) AS rows").format(sql.SQL(" UNION ALL ").join([empty, *each]))


def _query(
    rows: sql.Composable, typed: Sequence[tuple[int, str, str, str]], *, cast: bool
) -> sql.Composed:
    digests = [_digest(column, as_then if cast else "") for _, column, _, as_then in typed]
    return sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join([sql.SQL("count(*)"), *digests]), rows
    )


def _digest(column: str, cast: str) -> sql.Composed:
    return sql.SQL("coalesce(sum(hashtextextended({}::text, 0)), 0)").format(_as_then(column, cast))


def _as_then(column: str, cast: str) -> sql.Composable:
    """A column's value, as another type where one is given."""
    value = sql.Identifier(column)
    return sql.SQL("CAST({} AS {})").format(value, sql.SQL(cast)) if cast else value


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
    for oid, was in before.items():
        if was.shared:
            continue  # its partitions are looked at; one that is detached takes its rows along
        losses = tuple(_lost(oid, was, after))
        if losses and was.root is not None and not any(_lost(was.root, before[was.root], after)):
            continue  # the rows are in other partitions now
        yield from losses


def _lost(oid: int, was: Held, after: Mapping[int, Held]) -> Iterator[Loss]:
    """The same of one table, by itself."""
    now, same = after.get(oid), oid in after
    if now is None:
        now = next(
            (h for h in after.values() if (h.schema, h.name) == (was.schema, was.name)), None
        )
    if now is None:
        if was.count:
            yield Loss(was.path, "", True, f"{was.path} is gone, with {was.count} rows")
        return
    if now.count < was.count:
        yield Loss(was.path, "", True, f"{was.path} had {was.count} rows and has {now.count} now")
    if not was.count or not now.count:
        return
    others: list[Loss] = []
    for number, (column, type_, digest) in was.columns.items():
        if number in was.computed:
            continue
        here = number if same else _number(now, column)
        name = f"{was.path}.{quoted(column)}"
        if here not in now.columns:
            if digest != _NULL and not _kept(was, number, now, column):
                others.append(Loss(was.path, column, True, f"{name} is gone, with its values"))
        elif not _kept(was, number, now, here):
            _, typed, left = now.columns[here]
            bare = left == _NULL
            said = f"{name} has other values than before"
            if bare:
                said = f"{name} is NULL in every row, and had values before"
            others.append(Loss(was.path, column, bare, said, typed != type_))
    yield from others
    if now.count == was.count:
        yield from _computed(was, now, any(not each.gone for each in others))


_NULL = "0"
"""The digest of a column that is NULL in every row."""


def _number(held: Held, column: str) -> int:
    return next((number for number, each in held.columns.items() if each[0] == column), 0)


def _kept(was: Held, number: int, now: Held, here: int | str) -> bool:
    """Whether a column has the values it had: in a column of now, or in one that has the name of one
    that is gone. Where rows came or went, as far as some of them are known one by one.
    """
    digests: dict[int | str, str] = {n: digest for n, (_, _, digest) in now.columns.items()}
    digests.update(now.after_gone)
    if here not in digests:
        return False
    if now.count == was.count:
        return digests[here] == was.columns[number][2]
    if was.some is None or now.some is None:
        return True
    place, there = list(was.columns).index(number), list(digests).index(here)
    before = [(hashed, values[place]) for hashed, values in was.some.rows]
    after = [(hashed, values[there]) for hashed, values in now.some.rows]
    if was.some.key:
        left = dict(after)
        return all(left.get(hashed, value) == value for hashed, value in before)
    fewer, more = (Counter(value for _, value in each) for each in (before, after))
    return fewer <= more if len(before) < len(after) else more <= fewer


def _computed(was: Held, now: Held, changed: bool) -> Iterator[Loss]:
    """Columns that follow from others, and otherwise than before: not because those are `changed`."""
    there = {now.columns[n][0]: (n, said) for n, said in now.computed.items()}
    for number, said in was.computed.items():
        column, type_, digest = was.columns[number]
        named = now.columns[number][0] if number in now.computed else column
        at, expression = there.get(named, (0, ""))
        if not at or now.columns[at][1] != type_ or now.columns[at][2] == digest:
            continue
        if expression != said or not changed:
            name = f"{was.path}.{quoted(column)}"
            message = f"{name} has other values than before: it is computed otherwise"
            yield Loss(was.path, column, False, message, computed=True)

"""Each constraint seen to refuse what it should and to take what it should.

A constraint that never refuses is as good as none, and a unique key that is everybody's refuses one
tenant what another has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ringfence.behaviour.rows import at
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ringfence.behaviour.rows import Refusal, Row, Rows
    from ringfence.seed.shape import Check, Column, Key, Reference, Table


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one constraint.

    `wrong` says what contradicts it, `unknown` why nothing could be seen, `note` what is worth
    knowing; all three are empty where it does what it says. `by` names what does it in its place.
    """

    ref: Ref
    kind: str
    wrong: str = ""
    unknown: str = ""
    note: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Try:
    """What can be tried of a table: `sql` is how it is taken away, empty where that cannot be."""

    ref: Ref
    look: Callable[[], Iterator[Seen]]
    sql: str = ""


def look(rows: Rows) -> Iterator[Seen]:
    """Try every constraint of every table that has rows."""
    for oid, table in rows.shape.tables.items():
        if not rows.rows.get(oid):
            if table.takes_rows:
                yield Seen(
                    Ref("table", (table.schema, table.name)), "table", unknown="it has no rows"
                )
            continue
        for one in tries(rows, table):
            yield from one.look()


def tries(rows: Rows, table: Table) -> Iterator[Try]:
    """What there is to try of a table that has rows."""
    alter = f"ALTER TABLE {at(table)}"

    def one(seen: Callable[..., Seen], what: object) -> Callable[[], Iterator[Seen]]:
        return lambda: iter([seen(rows, table, what)])

    for check in table.checks:
        if not check.partition:
            drop = f"{alter} DROP CONSTRAINT {ident(check.name)}" if not check.column else ""
            yield Try(_ref(table, check.name), one(_check, check), drop)
    for key in table.keys:
        held = any(
            r.target == table.oid and set(r.target_columns) == set(key.columns)
            for t in rows.shape.tables.values()
            for r in t.references
        )
        drop = "" if held else f"{alter} DROP CONSTRAINT {ident(key.name)}"
        if not held and key.name not in rows.constraints.get(table.oid, ()):
            drop = f"DROP INDEX {qualified((table.schema, key.name))}"
        yield Try(_ref(table, key.name), one(_key, key), drop)
    for reference in table.references:
        if not reference.inherited:
            drop = f"{alter} DROP CONSTRAINT {ident(reference.name)}"
            yield Try(_ref(table, reference.name), one(_reference, reference), drop)
    primary = {c for k in table.keys if k.primary for c in k.columns}
    for column in table.columns:
        ref = Ref("column", (table.schema, table.name, column.name))
        drop = ""
        if column.not_null and not column.identity and column.name not in primary:
            drop = f"{alter} ALTER COLUMN {ident(column.name)} DROP NOT NULL"
        yield Try(ref, partial(_column, rows, table, column), drop)


def _ref(table: Table, name: str) -> Ref:
    return Ref("constraint", (table.schema, table.name, name))


# CHECK


def _check(rows: Rows, table: Table, check: Check) -> Seen:
    """A CHECK has taken the rows there are; is there a value that it refuses, by its name?"""
    ref = _ref(table, check.name)
    if check.column:
        ref = Ref("column", (table.schema, table.name, check.column))
    columns = [
        c
        for c in table.columns
        if not c.generated
        and (c.name == check.column or (not check.column and _names(check.expression, c.name)))
    ]
    others = ""
    lets_null = []
    refused = False
    for column in columns:
        for row in list(rows.rows[table.oid])[:2]:
            for value in _odd(rows.shape.below_domains(column), check.expression):
                out = rows.change(table, row, {column.name: value})
                if out.sqlstate == "23514" and out.constraint == check.name:
                    refused = True
                    break
                others = others or (
                    f"{column.name} = {value}: {out.message}" if out.sqlstate else ""
                )
            if refused:
                break
        if not rows.shape.not_null(column) and re.search(r"\bANY\b|\bIN\b", check.expression):
            out = rows.change(table, rows.rows[table.oid][0], {column.name: "NULL"})
            if not out.sqlstate:
                lets_null.append(column.name)
    if refused:
        note = ""
        if lets_null:
            note = f"{', '.join(lets_null)} may be NULL, which no list of values refuses"
        return Seen(ref, "check", note=note)
    if not columns:
        return Seen(ref, "check", unknown="it reads no column that can be changed")
    said = f" ({others})" if others else ""
    return Seen(ref, "check", unknown=f"no value was found that it refuses{said}")


def _names(expression: str, name: str) -> bool:
    return re.search(rf"(?<![\w$\"]){re.escape(ident(name))}(?![\w$])", expression) is not None


def _odd(type_: str, expression: str) -> Iterator[str]:
    """Values a condition may refuse: next to its numbers, none of its words or one of them, too long,
    too short."""
    words = dict.fromkeys(re.findall(r"'(?:[^']|'')*'", expression))
    if type_ in ("integer", "bigint", "smallint") or type_.startswith(
        ("numeric", "double", "real")
    ):
        for number in dict.fromkeys(re.findall(r"-?\d+(?:\.\d+)?", expression)):
            for more in (-1, 1, 0):
                yield f"({number})::numeric + {more}"
        yield from ("-1", "0", "-32000", "32000")
    elif type_.startswith(("character", "text", '"')) or "." in type_:
        yield from ("'?'", "''", "' '", "'ringfence'", "repeat('x', 2)", "repeat('9', 40)")
        for size in dict.fromkeys(re.findall(r"\b\d{1,4}\b", expression)):
            yield f"repeat('x', {int(size) + 1})"
            yield f"repeat('x', greatest({int(size) - 1}, 0))"
    elif type_ in ("json", "jsonb"):
        yield from ("'0'", "'[]'", "'{}'", "'null'", "'\"x\"'")
    elif type_ == "boolean":
        yield from ("true", "false")
    elif type_.startswith(("timestamp", "date")):
        yield from ("'1900-01-01'", "'2999-01-01'", "'infinity'", "'-infinity'")
    elif type_.startswith("interval"):
        yield from ("'-1 day'", "'0'", "'1000 years'")
    elif type_.endswith("[]"):
        yield from ("'{}'", "'{NULL}'", "array_fill(NULL::text, ARRAY[99])")
    else:
        yield from ("'empty'", "'(,)'")
    yield from list(words)[:20]
    yield "NULL"


# UNIQUE, PRIMARY KEY, EXCLUDE


def _key(rows: Rows, table: Table, key: Key) -> Seen:
    """A second row with the first one's key is refused; another tenant's is not."""
    ref = _ref(table, key.name)
    kind = "exclude" if key.operators else "unique"
    expected = "23P01" if key.operators else "23505"
    names = [c for c in key.columns if c]
    if len(names) < len(key.columns):
        names = [
            c.name
            for c in table.columns
            if c.name in names or any(_names(e, c.name) for e in key.elements)
        ]
    if key.predicate:
        names += [c.name for c in table.columns if _names(key.predicate, c.name)]
    names = [n for n in dict.fromkeys(names) if not table.column[n].generated]
    always = [n for n in names if table.column[n].identity == "a"]
    if always:
        return _inserted(rows, table, key, ref, kind, expected)
    last = "there are not two rows that it holds for"
    for one in rows.rows[table.oid]:
        if any(one.values.get(n) is None for n in names) and key.nulls_distinct:
            continue
        for other in rows.rows[table.oid]:
            if other is one or other.leaf != one.leaf:
                continue
            out = rows.change(table, other, {n: literal(one.values.get(n)).strip() for n in names})
            if out.sqlstate == expected and _is(rows, table, key, out):
                return Seen(ref, kind, note=_whose(rows, table, key))
            last = out.message or "a second row with the same key was taken"
            if not out.sqlstate and not key.predicate:
                return Seen(ref, kind, wrong="a second row with the same key is taken")
    return Seen(ref, kind, unknown=last)


def _is(rows: Rows, table: Table, key: Key, out: Refusal) -> bool:
    """Whether it is the key that refused something: a partition says so by the name of its own index."""
    if out.constraint == key.name:
        return True
    schema, leaf, _ = out.column
    found = rows.conn.execute(
        "SELECT EXISTS (SELECT FROM pg_index AS i INNER JOIN pg_class AS c ON c.oid = i.indexrelid"
        " INNER JOIN pg_class AS t ON t.oid = i.indrelid"
        " INNER JOIN pg_namespace AS n ON n.oid = t.relnamespace"
        " INNER JOIN pg_partition_ancestors(c.oid) AS a (oid) ON true"
        " INNER JOIN pg_class AS whole ON whole.oid = a.oid"
        " INNER JOIN pg_index AS w ON w.indexrelid = whole.oid"
        " WHERE c.relname = %s AND t.relname = %s AND n.nspname = %s AND c.relispartition"
        " AND whole.relname = %s AND w.indrelid = %s)",
        [out.constraint, leaf, schema, key.name, table.oid],
    ).fetchone()
    return found is not None and bool(found[0])


def _inserted(rows: Rows, table: Table, key: Key, ref: Ref, kind: str, expected: str) -> Seen:
    """A key that is counted cannot be given; a row like one that is there can be made."""
    row = rows.rows[table.oid][0]
    columns = [c for c in table.columns if not c.generated]
    out = rows.attempt(
        f"INSERT INTO {at(table)} ({', '.join(ident(c.name) for c in columns)})"
        " OVERRIDING SYSTEM VALUE VALUES"
        f" ({', '.join(literal(row.values[c.name]).strip() for c in columns)})"
    )
    if out.sqlstate == expected:
        return Seen(ref, kind)
    del key
    return Seen(ref, kind, unknown=out.message or "a second row with the same key was taken")


def _whose(rows: Rows, table: Table, key: Key) -> str:
    """Whether a key is everybody's: no column of it says whose the row is."""
    edge = rows.model.path.get(table.oid)
    if edge is None or key.primary or key.operators:
        return ""
    if set(key.columns) & {c for r in table.references for c in r.columns}:
        return ""
    return "it is unique across tenants"


# FOREIGN KEY


def _reference(rows: Rows, table: Table, reference: Reference) -> Seen:
    """A row that points nowhere is refused, and what happens when the row pointed to goes is seen."""
    ref = _ref(table, reference.name)
    pointing = [
        r
        for r in rows.rows[table.oid]
        if all(r.values.get(c) is not None for c in reference.columns)
    ]
    if not pointing:
        return Seen(ref, "foreign-key", unknown="no row points anywhere by it")
    refused = by = ""
    last = ""
    for column in reversed(reference.columns):
        unknown = _UNKNOWN.get(_plain(rows.shape.below_domains(table.column[column])))
        if unknown is None or table.column[column].generated:
            continue
        out = rows.change(table, pointing[0], {column: unknown})
        if out.sqlstate == "23503":
            refused = out.constraint
            by = "" if refused == reference.name else refused
            if not by:
                break
            continue
        last = out.message or "a row that points nowhere was taken"
        if not out.sqlstate:
            return Seen(ref, "foreign-key", wrong="a row that points nowhere is taken")
    if not refused:
        return Seen(ref, "foreign-key", unknown=last or "no value is known that points nowhere")
    return replace(_deleted(rows, table, reference, pointing[0], ref), by=by)


_UNKNOWN = {
    "uuid": "'7f3c1e5a-9b64-4d0e-8a11-5c2d7e90ab43'",
    "integer": "2147480001",
    "bigint": "2147480001",
    "smallint": "32001",
    "numeric": "99999",
    "text": "'ringfence?'",
    "character varying": "'rf?'",
    "character": "'?'",
    "date": "'2999-01-01'",
}


def _plain(type_: str) -> str:
    return re.sub(r"\(.*\)", "", type_).strip()


def _deleted(rows: Rows, table: Table, reference: Reference, row: Row, ref: Ref) -> Seen:
    """Delete the row pointed to: what becomes of this one is what the constraint says?"""
    target = rows.shape.tables.get(reference.target)
    if target is None:
        return Seen(ref, "foreign-key")
    pairs = list(zip(reference.columns, reference.target_columns, strict=True))
    where = " AND ".join(f"{ident(t)} = {literal(row.values[c]).strip()}" for c, t in pairs)
    mine = " AND ".join(f"{ident(c)} = {literal(row.values[c]).strip()}" for c, _ in pairs)
    said = rows.conn.execute(
        "SELECT confdeltype::text FROM pg_constraint WHERE conrelid = %s::oid AND conname = %s",
        [reference.table, reference.name],
    ).fetchone()
    action = str(said[0]) if said else "a"
    before: list[str] = []
    for _ in range(8):
        out = rows.attempt(
            f"DELETE FROM {at(target)} WHERE {where}",
            before=before,
            then=f"SELECT count(*)::text FROM {_own_rows(table)} WHERE {mine}",
        )
        if out.sqlstate not in ("23503", "23001") or out.constraint == reference.name:
            break
        # Another key stands in the way: its rows go first, where nothing looks.
        blocking = next(
            (
                (t, r)
                for t in rows.shape.tables.values()
                for r in t.references
                if r.name == out.constraint
            ),
            None,
        )
        if blocking is None:
            break
        other, _ = blocking
        before += [
            "SET LOCAL session_replication_role = replica",
            (
                f"DELETE FROM {at(other)} AS t WHERE NOT (t.tableoid = {literal(row.leaf)}::regclass"
                f" AND t.ctid = {literal(row.ctid)})"
            ),
            "SET LOCAL session_replication_role = origin",
        ]
    if action in "ar":
        if out.sqlstate in ("23503", "23001"):
            return Seen(ref, "foreign-key")
        return Seen(ref, "foreign-key", wrong="the row it points to goes, and it lets it")
    if out.sqlstate:
        return Seen(ref, "foreign-key", unknown=f"the row it points to does not go: {out.message}")
    left = out.rows[0][0] if out.rows else ""
    if left == "0":
        return Seen(ref, "foreign-key")
    return Seen(
        ref, "foreign-key", wrong="the row it points to goes, and nothing becomes of this one"
    )


def _own_rows(table: Table) -> str:
    """A table as FROM has it: a constraint does not hold for what inherits from it."""
    only = "ONLY " if table.has_children and not table.partitioned else ""
    return f"{only}{at(table)}"


# Columns


def _column(rows: Rows, table: Table, column: Column) -> Iterator[Seen]:
    row = rows.rows[table.oid][0]
    ref = Ref("column", (table.schema, table.name, column.name))
    if column.generated:
        out = rows.change(table, row, {column.name: literal(row.values[column.name]).strip()})
        wrong = "" if out.sqlstate == "428C9" else "it can be written"
        yield Seen(ref, "generated", wrong=wrong)
        return
    if column.not_null and not column.identity:
        out = rows.change(table, row, {column.name: "NULL"})
        if out.sqlstate == "23514" or (out.sqlstate == "23502" and _own(table, column, out)):
            yield Seen(ref, "not-null")
        elif out.sqlstate:
            yield Seen(ref, "not-null", unknown=out.message)
        else:
            # A trigger may put something in its place.
            after = rows.change(
                table,
                row,
                {column.name: "NULL"},
                then=f"SELECT count(*)::text FROM {at(table)} WHERE {ident(column.name)} IS NULL",
            )
            there = bool(after.rows and after.rows[0][0] != "0")
            yield Seen(ref, "not-null", wrong="NULL is taken" if there else "", by="a trigger")
    if column.default and column.sequence is None and not column.identity:
        out = rows.change(table, row, {column.name: "DEFAULT"})
        if out.sqlstate in ("23514", "22001", "22003", "23502"):
            yield Seen(ref, "default", wrong=f"the table refuses its own default: {out.message}")
        else:
            yield Seen(ref, "default")


def _own(table: Table, column: Column, out: Refusal) -> bool:
    """Whether it is this column that may not be NULL, in the table or a partition of it, rather than
    one of another table that a trigger writes to."""
    schema, name, which = out.column
    if name is None:
        return True  # its domain says no
    if which != column.name:
        return False
    # The name of a partition is qualified where it need not be found by itself.
    return (schema, name) == (table.schema, table.name) or any(
        f".{part.name}".endswith(f".{ident(name)}") for part in table.partitions
    )


def moving(rows: Rows) -> Iterator[Seen]:
    """Tables with a column for when a row was last changed: an UPDATE moves it."""
    for oid, table in rows.shape.tables.items():
        for column in table.columns:
            if not _MOVED.search(column.name) or not column.sql.startswith("timestamp"):
                continue
            ref = Ref("column", (table.schema, table.name, column.name))
            if not rows.rows.get(oid):
                yield Seen(ref, "updated-at", unknown="the table has no rows")
                continue
            row = rows.rows[oid][0]
            free = next(
                (
                    c
                    for c in table.columns
                    if c.name != column.name and not c.generated and not c.identity
                ),
                None,
            )
            if free is None:
                continue
            name = ident(column.name)
            out = rows.attempt(
                f"UPDATE {at(table)} SET {ident(free.name)} = {ident(free.name)} WHERE {row.where}"
                f" RETURNING {name}::text"
            )
            if out.sqlstate:
                yield Seen(ref, "updated-at", unknown=out.message)
            elif out.rows and out.rows[0][0] == row.values[column.name]:
                yield Seen(ref, "updated-at", wrong="an UPDATE leaves it as it was")
            else:
                yield Seen(ref, "updated-at")


_MOVED = re.compile(r"^(updated|modified|changed|last_modified|last_updated)(_at|_on)?$")


def undeletable(rows: Rows) -> Iterator[Seen]:
    """A tenant whose rows cascade from it can be deleted, rows and all."""
    root = rows.model.root
    if root is None or not rows.rows.get(root.oid):
        return
    cascades = rows.conn.execute(
        "SELECT FROM pg_constraint WHERE confrelid = %s::oid AND contype = 'f' AND confdeltype = 'c'",
        [root.oid],
    ).fetchone()
    if cascades is None:
        return
    out = rows.attempt(f"DELETE FROM {at(root)} WHERE {rows.rows[root.oid][0].where}")
    ref = Ref("table", (root.schema, root.name))
    wrong = f"deleting a row cascades, and then stops at {out.constraint}" if out.sqlstate else ""
    yield Seen(ref, "cascade", wrong=wrong)

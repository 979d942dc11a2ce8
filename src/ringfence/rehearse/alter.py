"""How rows are written, updated and deleted, and views written through, as it was done before.

An UPDATE gives each column of one row the value it has, a DELETE takes one row that nothing refers to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ONE = sql.SQL("(tableoid, ctid) = (SELECT tableoid, ctid FROM {} LIMIT 1)")


def update(
    table: sql.Identifier,
    columns: Sequence[str],
    given: Mapping[str, str] | None = None,
    *,
    every: bool = False,
) -> sql.Composed:
    """Give each column of one row, or of `every` row, the value it has, or one that is `given`."""
    values = given or {}
    each = [
        sql.SQL("{} = {}").format(
            sql.Identifier(c), sql.Literal(values[c]) if c in values else sql.Identifier(c)
        )
        for c in columns
    ]
    found = sql.SQL("UPDATE {} SET {}").format(table, sql.SQL(", ").join(each))
    return found if every else sql.SQL("{} WHERE {}").format(found, ONE.format(table))


def delete(table: sql.Identifier, *, every: bool = False) -> sql.Composed:
    """Delete one row, or `every` row."""
    found = sql.SQL("DELETE FROM {}").format(table)
    return found if every else sql.SQL("{} WHERE {}").format(found, ONE.format(table))


_ORPHAN = """\
DO $orphan$
DECLARE
    whole regclass := to_regclass({});
    child regclass;
BEGIN
    FOR child IN
        SELECT DISTINCT f.conrelid FROM pg_catalog.pg_constraint AS f
        WHERE f.contype = 'f' AND f.confrelid = whole
    LOOP
        IF child = whole THEN
            EXECUTE format(
                'DELETE FROM %1$s WHERE (tableoid, ctid) <> (SELECT tableoid, ctid FROM %1$s LIMIT 1)',
                whole
            );
        ELSE
            EXECUTE format('DELETE FROM %s', child);
        END IF;
    END LOOP;
END
$orphan$"""


def unreferenced(table: sql.Identifier) -> sql.Composed:
    """Take out all that refers to a table's rows; of a table that refers to itself all rows but one."""
    return sql.SQL(_ORPHAN).format(sql.Literal(table.as_string(None)))


def insert(table: sql.Identifier, given: Mapping[str, str | None]) -> sql.Composed:
    """Write a row of these values."""
    if not given:
        return sql.SQL("INSERT INTO {} DEFAULT VALUES").format(table)
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        table,
        sql.SQL(", ").join(map(sql.Identifier, given)),
        sql.SQL(", ").join(map(sql.Literal, given.values())),
    )


def through(view: sql.Identifier, form: str, columns: Sequence[str]) -> sql.Composed:
    """A statement that writes no row by way of a view: whether it could, the server says at once."""
    if form == "delete":
        return sql.SQL("DELETE FROM {} WHERE false").format(view)
    if form == "update":
        return sql.SQL("{} WHERE false").format(update(view, columns, every=True))
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM {0} WHERE false").format(view, names)

"""Made-up rows that a new constraint refuses, changed so that it does not.

Rows made up for the old schema need not obey what the new one asks. That a statement fails on them
says nothing of the real ones; that it would fail on any row does. So the rows in the way are changed
or taken out, and the statement is run again. What is left undone is said: nobody knows the real rows.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from ringfence import rows
from ringfence.model import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from psycopg import Connection

    from ringfence.errors import Error
    from ringfence.model import Ref
    from ringfence.script import Statement

    Session = Connection[tuple[object, ...]]

    Columns = frozenset[tuple[int, int]]
    """Columns by their table's OID and their number."""

_MOST = 200
"""Rows of a table that are tried one by one."""


def culprit(error: Error | None) -> tuple[str, str] | None:
    """The table whose rows a statement's constraint refused, if that is why it failed."""
    cause = error.__cause__ if error is not None else None
    return refused(cause) if isinstance(cause, psycopg.Error) else None


def refused(error: psycopg.Error) -> tuple[str, str] | None:
    """The same of what psycopg raises."""
    schema, table = error.diag.schema_name, error.diag.table_name
    return (schema, table) if (error.sqlstate or "")[:2] == "23" and schema and table else None


def about_rows(error: Error) -> bool:
    """Whether a statement failed for what is in the rows: a value, a constraint, a file's own check.

    Not where it adds a column that no row has a value for: that is so whatever is in them.
    """
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error) or cause.sqlstate == _NULL:
        return False
    return (cause.sqlstate or "")[:2] in {"22", "23", "P0"}


_NULL = "23502"


def empty(session: Session, hidden: Sequence[str]) -> set[str]:
    """Take all rows out of a database of ours; the tables that had some, by name."""
    # Not by the name of a whole, which may have partitions on other servers.
    tables = [table for table in rows.tables(session, hidden) if not table.shared]
    had = {path((h.schema, h.name)) for h in rows.held(session, hidden).values() if h.count}
    if tables:
        names = sql.SQL(", ONLY ").join(sql.Identifier(t.schema, t.name) for t in tables)
        session.execute(sql.SQL("TRUNCATE ONLY {} CASCADE").format(names))
    return had


def path(table: tuple[str, str]) -> str:
    """A table's name as messages have it."""
    return ".".join(map(quoted, table))


def mend(
    session: Session,
    statement: Statement,
    table: tuple[str, str],
    unfilled: Columns = frozenset(),
) -> bool:
    """Change or take out rows of `table` until the statement runs; it is not run for good.

    False where it refuses every row there may be: also that which wants a value of one of the columns
    `unfilled`, for these are new and nobody gave them any. The session is a superuser's, in a transaction
    (or in none: then what is done to the rows is committed).
    """
    if statement.data is not None or (
        statement.words[:1] != ("ALTER",) and "INDEX" not in statement.words[:3]
    ):
        return False  # what writes rows means those it writes
    if statement.lets_others_work:
        # Half of it is left behind; what it asks of rows can be asked in a transaction too.
        drop_invalid(session, path(table))
        plain = re.sub(r"\bCONCURRENTLY\b", "", statement.text, count=1, flags=re.IGNORECASE)
        statement = replace(statement, text=plain)
    with session.transaction():
        session.execute("SET LOCAL session_replication_role = replica")
        name = sql.Identifier(*table)
        try:
            with session.transaction(force_rollback=True):
                session.execute(sql.SQL("DELETE FROM ONLY {}").format(name))
                required = _required(session, table)
                keys = _new_keys(session, statement, table)
                required = _required(session, table) - required
        except psycopg.Error:
            return False  # it is not about the rows
        if keys is None or any(_empty(session, name, unfilled, required)):
            return False
        for columns, parent, parents in keys:
            _point(session, table, columns, parent, parents)
        if _runs(session, statement):
            return True
        _sift(session, statement, table)
        return _runs(session, statement)


def drop_invalid(session: Session, table: str | None = None) -> None:
    """Drop the indexes of a table, or of any, that a build which failed has left behind."""
    found = session.execute(
        "SELECT n.nspname, c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE NOT i.indisvalid AND c.relkind = 'i'"
        " AND (%(table)s::text IS NULL OR i.indrelid = to_regclass(%(table)s))",
        {"table": table},
    ).fetchall()
    for schema, name in found:
        session.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(str(schema), str(name))))


_KEYS = """
SELECT
    c.oid::bigint,
    ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS u (n, i)
        INNER JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = u.n ORDER BY u.i),
    ARRAY[n.nspname::text, p.relname::text],
    ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS u (n, i)
        INNER JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = u.n ORDER BY u.i)
FROM pg_constraint AS c
INNER JOIN pg_class AS p ON p.oid = c.confrelid
INNER JOIN pg_namespace AS n ON n.oid = p.relnamespace
WHERE c.contype = 'f' AND c.conrelid = to_regclass(%s)
"""

Key = tuple[list[str], list[str], list[str]]


def _new_keys(session: Session, statement: Statement, table: tuple[str, str]) -> list[Key] | None:
    """The foreign keys that the statement adds or validates; None where it adds a column to fill."""
    known = {row[0] for row in session.execute(_KEYS, [path(table)]).fetchall()}
    columns = _columns(session, table)
    session.execute(statement.text)
    if _columns(session, table) - columns:
        return None  # a column that no row has: whatever the rows are, they are refused
    rows = session.execute(_KEYS, [path(table)]).fetchall()
    return [
        (list(map(str, its)), list(map(str, parent)), list(map(str, theirs)))  # type: ignore[call-overload]
        for oid, its, parent, theirs in rows
        if oid not in known or "VALIDATE" in statement.words
    ]


def columns(session: Session) -> Columns:
    """The columns there are."""
    rows = session.execute(
        "SELECT attrelid::bigint, attnum FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
        " AND attrelid >= 16384"
    ).fetchall()
    return frozenset((int(str(oid)), int(str(number))) for oid, number in rows)


def _required(session: Session, table: tuple[str, str]) -> set[tuple[int, int, str]]:
    rows = session.execute(
        "SELECT attrelid::bigint, attnum, attname FROM pg_attribute"
        " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND attnotnull",
        [path(table)],
    ).fetchall()
    return {(int(str(oid)), int(str(number)), str(name)) for oid, number, name in rows}


def _empty(
    session: Session,
    name: sql.Identifier,
    unfilled: Columns,
    required: Collection[tuple[int, int, str]],
) -> Iterator[bool]:
    """Of the columns that are new, and required now, whether no row has a value there."""
    for oid, number, column in required:
        if (oid, number) in unfilled:
            query = sql.SQL("SELECT FROM ONLY {} WHERE {} IS NOT NULL LIMIT 1")
            found = session.execute(query.format(name, sql.Identifier(column)))
            yield found.rowcount == 0


def taken(
    session: Session, table: Ref, constraint: str, known: Collection[int], mended: Collection[str]
) -> bool:
    """Whether a foreign key that was `known`, by its OID, misses a row of one of the tables `mended`."""
    found = session.execute(_REFERS, [table.path, constraint]).fetchone()
    if found is None:
        return False
    oid, schema, name = found
    return oid in known and path((str(schema), str(name))) in mended


_REFERS = """
SELECT c.oid::bigint, n.nspname, p.relname
FROM pg_constraint AS c
INNER JOIN pg_class AS p ON p.oid = c.confrelid
INNER JOIN pg_namespace AS n ON n.oid = p.relnamespace
WHERE c.contype = 'f' AND c.conrelid = to_regclass(%s) AND c.conname = %s
"""


def _columns(session: Session, table: tuple[str, str]) -> set[str]:
    rows = session.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0"
        " AND NOT attisdropped",
        [path(table)],
    ).fetchall()
    return {str(name) for (name,) in rows}


def _point(
    session: Session,
    table: tuple[str, str],
    columns: list[str],
    parent: list[str],
    parents: list[str],
) -> None:
    """Let each row refer to some row that is there."""
    ours = [sql.Identifier(c) for c in columns]
    theirs = [sql.Identifier(c) for c in parents]
    query = sql.SQL(
        "WITH theirs AS (SELECT row_number() OVER () - 1 AS place, count(*) OVER () AS many, {theirs}"
        " FROM {parent}), ours AS (SELECT ctid AS at, row_number() OVER () AS place FROM ONLY {table})"
        " UPDATE ONLY {table} AS t SET {sets} FROM ours, theirs"
        " WHERE t.ctid = ours.at AND ours.place %% theirs.many = theirs.place"
    ).format(
        theirs=sql.SQL(", ").join(theirs),
        parent=sql.Identifier(*parent),
        table=sql.Identifier(*table),
        sets=sql.SQL(", ").join(
            sql.SQL("{} = theirs.{}").format(a, b) for a, b in zip(ours, theirs, strict=True)
        ),
    )
    try:
        with session.transaction():
            session.execute(query, [])
    except psycopg.Error:
        return  # then the rows that refer to nothing go


def _sift(session: Session, statement: Statement, table: tuple[str, str]) -> None:
    """Keep the rows on which the statement runs; of rows that it refuses together, one."""
    name = sql.Identifier(*table)
    rows = session.execute(sql.SQL("SELECT ctid::text FROM ONLY {}").format(name)).fetchall()
    good: list[str] = []
    for (at,) in rows[:_MOST]:
        if _runs_with(session, statement, name, [str(at)]):
            good.append(str(at))
    if good and not _runs_with(session, statement, name, good):
        good = good[:1]
    _keep(session, name, good)


def _runs_with(session: Session, statement: Statement, name: sql.Identifier, at: list[str]) -> bool:
    try:
        with session.transaction(force_rollback=True):
            _keep(session, name, at)
            session.execute(statement.text)
    except psycopg.Error:
        return False
    return True


def _keep(session: Session, name: sql.Identifier, at: list[str]) -> None:
    session.execute(
        sql.SQL("DELETE FROM ONLY {} WHERE NOT ctid = ANY (%s::tid[])").format(name), [at]
    )


def _runs(session: Session, statement: Statement) -> bool:
    try:
        with session.transaction(force_rollback=True):
            session.execute(statement.text)
    except psycopg.Error:
        return False
    return True

"""A copy of a database that holds little: what is tried on it need not be tried on every row.

Tables that are large keep some of their rows. What refers to them keeps what still has something to
refer to, so that no foreign key is broken.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    Session = Connection[tuple[object, ...]]

_LARGE = 4 << 20
"""Bytes of a table from which on it keeps only some rows."""

_KEPT = 500

_TABLES = """
WITH RECURSIVE large AS (
    SELECT c.oid
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE c.relkind = 'r' AND n.nspname <> ALL (%(hidden)s) AND n.nspname !~ '^pg_'
        AND n.nspname <> 'information_schema'
        AND pg_relation_size(c.oid) >= %(large)s
    UNION
    SELECT f.conrelid
    FROM pg_constraint AS f
    INNER JOIN large AS l ON f.confrelid = l.oid
    WHERE f.contype = 'f'
)

SELECT
    c.oid::bigint, n.nspname, c.relname, c.relkind = 'p',
    array(
        SELECT a.attname::text FROM pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        ORDER BY a.attnum
    )
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE c.oid IN (SELECT l.oid FROM large AS l)
ORDER BY c.oid
"""
_KEYS = """
SELECT
    f.conrelid::bigint, f.confrelid::bigint, rn.nspname, r.relname,
    array(
        SELECT a.attname::text FROM unnest(f.conkey) WITH ORDINALITY AS k (n, i)
        INNER JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = k.n ORDER BY k.i
    ),
    array(
        SELECT a.attname::text FROM unnest(f.confkey) WITH ORDINALITY AS k (n, i)
        INNER JOIN pg_attribute AS a ON a.attrelid = f.confrelid AND a.attnum = k.n ORDER BY k.i
    )
FROM pg_constraint AS f
INNER JOIN pg_class AS r ON f.confrelid = r.oid
INNER JOIN pg_namespace AS rn ON r.relnamespace = rn.oid
WHERE f.contype = 'f' AND f.conparentid = 0 AND f.conrelid = ANY (%s)
"""


def few(session: Session, hidden: Sequence[str], large: int = _LARGE) -> None:
    """Leave some rows in each large table. Where that cannot be done, all stay.

    The session is a superuser's.
    """
    found = session.execute(_TABLES, {"hidden": list(hidden), "large": large}).fetchall()
    if found:
        with suppress(psycopg.Error), session.transaction():
            session.execute("SET LOCAL session_replication_role = replica")
            _thin(session, found)


def _thin(session: Session, found: Sequence[tuple[object, ...]]) -> None:
    tables = [
        (int(str(oid)), sql.Identifier(str(schema), str(name)), columns)
        for oid, schema, name, shared, columns in found
        if not shared and isinstance(columns, list) and columns
    ]
    for oid, table, _ in tables:
        session.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT * FROM ONLY {} LIMIT {}"
            ).format(_kept(oid), table, sql.Literal(_KEPT))
        )
    # A partitioned table has no rows but its partitions', which are all here.
    named = [
        sql.SQL("{}{}").format(
            sql.SQL("" if shared else "ONLY "), sql.Identifier(str(schema), str(name))
        )
        for _, schema, name, shared, _ in found
    ]
    session.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(named)))
    for oid, table, columns in tables:
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        session.execute(
            sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM pg_temp.{}").format(
                table, names, names, _kept(oid)
            )
        )
    _orphans(session, {int(str(row[0])): row for row in found})


def _kept(oid: int) -> sql.Identifier:
    return sql.Identifier(f"kept_{oid}")


def _orphans(session: Session, found: dict[int, tuple[object, ...]]) -> None:
    """Take out the rows that refer to one that is not there any more, and those that refer to these."""
    keys = session.execute(_KEYS, [list(found)]).fetchall()
    gone = True
    while gone:
        gone = False
        for child, _, schema, name, columns, refers in keys:
            row = found[int(str(child))]
            table = sql.Identifier(str(row[1]), str(row[2]))
            done = session.execute(
                _orphaned(table, sql.Identifier(str(schema), str(name)), columns, refers)
            )
            gone = gone or done.rowcount > 0


def _orphaned(
    table: sql.Identifier, parent: sql.Identifier, columns: object, refers: object
) -> sql.Composed:
    assert isinstance(columns, list)
    assert isinstance(refers, list)
    pairs = list(zip(columns, refers, strict=True))
    return sql.SQL(
        "DELETE FROM {} AS child WHERE {} AND NOT EXISTS (SELECT FROM {} AS parent WHERE {})"
    ).format(
        table,
        _all(sql.SQL("child.{} IS NOT NULL").format(sql.Identifier(c)) for c, _ in pairs),
        parent,
        _all(
            sql.SQL("child.{} = parent.{}").format(sql.Identifier(c), sql.Identifier(r))
            for c, r in pairs
        ),
    )


def _all(conditions: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(" AND ").join(conditions)

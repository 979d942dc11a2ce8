"""The mark of a database that may be filled with invented rows: a note in the database's comment.

A comment is its owner's to write, needs no table, and stays behind when rows and schema are copied
elsewhere: a production database does not come by the mark through a restore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from ringfence.errors import Refused

if TYPE_CHECKING:
    from psycopg import Connection

MARK = "[ringfence: disposable]"
_DEMO = "ringfence demo"
"""What the comment of a demo's database begins with: made to be thrown away."""


def disposable(conn: Connection[Any]) -> bool:
    """Whether the database is marked."""
    comment = _comment(conn)
    return MARK in comment or comment.startswith(_DEMO)


def mark_disposable(conn: Connection[Any], *, yes: bool = True) -> bool:
    """Mark the database, or take the mark away; what else its comment says stays.

    Gives whether that changed anything. Only the database's owner may.
    """
    comment = _comment(conn)
    if (MARK in comment) == yes:
        return False
    changed = f"{comment} {MARK}" if yes else comment.replace(MARK, "")
    database = conn.info.dbname
    conn.execute(
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(
            sql.Identifier(database), sql.Literal(changed.strip() or None)
        )
    )
    return True


def need_disposable(conn: Connection[Any], shown: str) -> None:
    """Raise `Refused` for a database that nobody marked."""
    if not disposable(conn):
        raise Refused(
            f"{shown} is not marked disposable",
            hint="if invented rows may go there: ringfence db mark-disposable, or --force once",
        )


def _comment(conn: Connection[Any]) -> str:
    answer = conn.execute(
        "SELECT coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database"
        " WHERE datname = current_database()"
    ).fetchone()
    assert answer is not None
    return str(answer[0])

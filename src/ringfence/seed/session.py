"""How the server is spoken to: which settings, what a transaction sees, and who else may write."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from ringfence.errors import Busy, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from psycopg import Connection

    from ringfence.seed.shape import Table

STEADY = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "lc_monetary": "C",
    "xmloption": "content",
    # Compiling the catalog's and our own long statements takes longer than running them.
    "jit": "off",
    # A limit that is meant for the application would stop a statement that writes many rows.
    "statement_timeout": "0",
}
"""The settings by which values are read and written."""

LOCK = 0x72666E73
"""The first half of the key of the advisory lock that a seed holds ("rfns")."""


@contextmanager
def steady(conn: Connection[Any], **more: str) -> Iterator[None]:
    """A transaction in which values are read and written by these settings, and `more` of them.

    Without it a seed would give other bytes to a user who lives in another time zone. Inside a
    transaction of the caller's the settings are put back.
    """
    wanted = STEADY | more
    with conn.transaction():
        names = "SELECT name, current_setting(name) FROM unnest(%s::TEXT[]) AS n (name)"
        before = conn.execute(names, (list(wanted),)).fetchall()
        _set(conn, wanted.items())
        yield
        _set(conn, before)


def acquaint(conn: Connection[Any], tables: Iterable[Table]) -> None:
    """Let the planner know what is in tables that have been filled in this transaction.

    A foreign key's check is planned once a session, and on what is known then: of an empty table
    every index looks alike, and one that leads to all rows of a tenant makes each check read them.
    """
    for table in tables:
        it = sql.Identifier(table.schema, table.name)
        # Who may not, is told so by a warning; a function in an index may not work here either.
        with suppress(psycopg.Error), conn.transaction():
            conn.execute(sql.SQL("ANALYZE {}").format(it))


def _set(conn: Connection[Any], settings: Iterable[tuple[str, str]]) -> None:
    for name, value in settings:
        conn.execute("SELECT set_config(%s, %s, true)", (name, value))


@contextmanager
def snapshot(conn: Connection[Any]) -> Iterator[None]:
    """A transaction that sees one moment and its own rows: what others commit meanwhile is not there.

    Inside a transaction of the caller's it sees what that does. Raises `Busy` where others changed
    the same rows.
    """
    outermost = conn.info.transaction_status == TransactionStatus.IDLE
    try:
        with conn.transaction():
            if outermost:
                conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                conn.execute("SET LOCAL statement_timeout = 0")
            yield
    except (psycopg.Error, ServerError) as error:
        if error.sqlstate not in ("40001", "40P01"):
            raise
        raise Busy(
            "another session writes to the same tables",
            detail=str(error).strip(),
            hint="nothing was changed; run it again when the other is done",
        ) from error


@contextmanager
def alone(conn: Connection[Any]) -> Iterator[None]:
    """Keep other seeds away from the database for as long as the block lasts.

    Where a transaction of the caller's is open, until that ends. Raises `Busy` at once while
    another seed writes or is being removed.
    """
    own = conn.autocommit and conn.info.transaction_status == TransactionStatus.IDLE
    kind = sql.SQL("" if own else "xact_")
    took = conn.execute(
        sql.SQL("SELECT pg_try_advisory_{}lock({}, 0)").format(kind, sql.Literal(LOCK))
    ).fetchone()
    if took is None or not took[0]:
        raise Busy(
            f"another seed is at work in {conn.info.dbname}",
            detail=_holder(conn),
            hint="run it again when the other is done",
        )
    try:
        yield
    finally:
        if own and not conn.closed:
            with suppress(psycopg.Error):  # else the lock goes with the session
                conn.execute(sql.SQL("SELECT pg_advisory_unlock({}, 0)").format(sql.Literal(LOCK)))


def _holder(conn: Connection[Any]) -> str:
    row = conn.execute(
        "SELECT a.pid, a.usename, coalesce(host(a.client_addr), 'this machine')"
        " FROM pg_locks AS l INNER JOIN pg_stat_activity AS a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = 0"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        (LOCK,),
    ).fetchone()
    return f"pid {row[0]}, user {row[1]} on {row[2]}" if row else ""

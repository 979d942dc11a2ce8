"""One runner at a time: the lock that keeps others away, and who holds it.

The lock belongs to the session: it goes when the session does, so there is none that a person must
clear away. It is polled for, outside any transaction: a session that waits in `pg_advisory_lock`
holds a snapshot, for which CREATE INDEX CONCURRENTLY in the other runner would wait, for ever.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from ringfence.errors import Busy, Error, Refused, ServerError
from ringfence.pg.connect import connect
from ringfence.script import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ringfence.pg.connect import Target

    Connection = psycopg.Connection[tuple[object, ...]]

LOCK_CLASS = 0x72666E63
"""The first half of the advisory lock's key ("rfnc"); the second is a hash of the history's schema."""


class Lost(ServerError):
    """The connection went away in the middle of a run. `committed` is what the server says of it.

    True and False are its word about the transaction whose end was not heard of; None where no
    transaction was being ended.
    """

    committed: bool | None = None
    reached: bool = False
    """Whether the server could be asked at all."""


def key(schema: str) -> int:
    """The second half of the runner's lock's key."""
    return zlib.crc32(schema.encode()) - (1 << 31)


@contextmanager
def held(
    connection: Connection, schema: str, wait: float, told: Callable[[str], None]
) -> Iterator[None]:
    """Hold the runner's lock for as long as the block lasts. The connection is in autocommit mode.

    `told` hears for whom it waits. Raises `Busy` after `wait` seconds, `Refused` behind a pooler
    that would let the lock go with the first transaction.
    """
    refuse_pooler(connection)
    take(connection, schema, wait, told)
    try:
        yield
    finally:
        if not connection.closed:
            try:
                connection.rollback()
                connection.autocommit = True
                connection.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_CLASS, key(schema)])
            except psycopg.Error:
                connection.close()  # the lock goes with the session


def take(connection: Connection, schema: str, wait: float, told: Callable[[str], None]) -> None:
    """Take the runner's lock, or raise `Busy` with who holds it."""
    deadline = time.monotonic() + wait
    pause, said = 0.05, False
    while not _one(connection, "SELECT pg_try_advisory_lock(%s, %s)", [LOCK_CLASS, key(schema)]):
        holder = _holder(connection, key(schema))
        if time.monotonic() > deadline:
            raise Busy(
                "another run of migrations holds the lock",
                detail=holder,
                hint="wait for it and run again; [tool.ringfence.migrate] wait says how long to wait",
            )
        if not said and holder:
            told(holder)
            said = True
        time.sleep(pause)
        pause = min(1.0, pause * 1.5)


def unlock_others(connection: Connection, schema: str) -> None:
    """Let go the session's advisory locks but the runner's: what a file has locked and not unlocked."""
    query = (
        "SELECT CASE WHEN l.objsubid = 1"
        " THEN CASE l.mode WHEN 'ShareLock' THEN pg_advisory_unlock_shared(l.long)"
        " ELSE pg_advisory_unlock(l.long) END"
        " WHEN l.mode = 'ShareLock' THEN pg_advisory_unlock_shared(l.first, l.second)"
        " ELSE pg_advisory_unlock(l.first, l.second) END"
        " FROM (SELECT objsubid, mode, (classid::bigint << 32) | objid::bigint AS long,"
        " classid::bigint::bit(32)::integer AS first, objid::bigint::bit(32)::integer AS second"
        " FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()) AS l"
        " WHERE NOT (l.objsubid = 2 AND l.first = %s AND l.second = %s)"
    )
    # One that was taken twice is to be let go twice.
    while any(row[0] for row in connection.execute(query, [LOCK_CLASS, key(schema)])):
        pass
    if not connection.autocommit:
        connection.commit()


def again(target: Target, wait: float) -> Connection | None:
    """A new connection where one was lost, tried for up to `wait` seconds: a server may restart."""
    deadline = time.monotonic() + wait
    pause = 0.1
    while True:
        with suppress(Error):
            return connect(target, pinned=True)
        if time.monotonic() + pause > deadline:
            return None
        time.sleep(pause)
        pause = min(2.0, pause * 1.5)


def outcome(connection: Connection, xid: str) -> bool | None:
    """Whether the transaction was committed; None where the server does not remember it."""
    row = connection.execute("SELECT pg_xact_status(%s::text::xid8)", [xid]).fetchone()
    assert row is not None
    return None if row[0] is None else row[0] == "committed"


def refuse_standby(connection: Connection, target: Target) -> None:
    """Raise `Refused` where nothing can be written, before anything is tried."""
    row = connection.execute(
        "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::boolean"
    ).fetchone()
    assert row is not None
    if row[0]:
        raise Refused(
            f"{target.shown} is a standby: it cannot be migrated", hint="name the primary"
        )
    if row[1]:
        raise Refused(
            f"{target.shown} is read-only for this role (default_transaction_read_only)",
            hint="connect with a role that may write",
        )


def refuse_pooler(connection: Connection) -> None:
    """Raise `Refused` where a pooler gives each transaction another session.

    A pooler tells its clients a process id of its own. Whether it keeps one session for a client is
    tried: what this connection sets, outside any transaction, a second one must not see, and must
    not take the session from under it.
    """
    if _one(connection, "SELECT pg_backend_pid()", []) == connection.info.backend_pid:
        return
    mark, name = secrets.token_hex(8), "ringfence.session"
    try:
        connection.execute("SELECT set_config(%s, %s, FALSE)", [name, mark])
        with (
            psycopg.connect(
                connection.info.dsn,
                password=connection.info.password or None,
                prepare_threshold=None,
            ) as other,
            _within(_SECOND, other),
        ):
            seen = other.execute(
                "SELECT current_setting(%s, TRUE), pg_backend_pid()", [name]
            ).fetchone()
            mine = connection.execute(
                "SELECT current_setting(%s, TRUE), pg_backend_pid()", [name]
            ).fetchone()
    except psycopg.Error as error:  # a pooler that takes single statements refuses transactions
        raise _pooled() from error
    assert seen is not None
    assert mine is not None
    if seen[0] == mark or mine[0] != mark or seen[1] == mine[1]:
        with suppress(psycopg.Error):
            connection.execute("SELECT set_config(%s, '', FALSE)", [name])
        raise _pooled()
    connection.execute(sql.SQL("RESET {}").format(sql.SQL("ringfence.session")))


_SECOND = 10.0
"""Seconds that a pooler may take to find a second session."""


@contextmanager
def _within(limit: float, other: Connection) -> Iterator[None]:
    """Raise `Refused` where the other connection has no answer within so many seconds."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError), socket.socket(fileno=os.dup(other.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limit, cut)
    timer.start()
    try:
        yield
    except psycopg.Error as error:
        if not late.is_set():
            raise
        raise Refused(
            f"a pooler stands before the server, and has had no second session for {limit:.0f} s",
            hint="name the server itself (--dsn with its own port), or a pool in session mode that"
            " has two to give",
        ) from error
    finally:
        timer.cancel()


def _pooled() -> Refused:
    return Refused(
        "a pooler in transaction mode stands before the server: each transaction would have another"
        " session, and the lock that keeps other runs away would be lost",
        hint="name the server itself (--dsn with its own port), or a pool in session mode",
    )


def _holder(connection: Connection, number: int) -> str:
    """Who holds the runner's lock, in words; empty when they let go meanwhile."""
    row = connection.execute(
        "SELECT a.pid, a.usename, a.application_name, coalesce(host(a.client_addr), 'this machine'),"
        " date_trunc('second', clock_timestamp() - a.backend_start)::text, a.query"
        " FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = %s"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        [LOCK_CLASS, number & 0xFFFFFFFF],
    ).fetchone()
    if row is None:
        return ""
    pid, user, application, host, since, query = row
    return (
        f"pid {pid}, user {user}, {application or 'unnamed'} on {host}, connected for {since},"
        f" at: {brief(str(query))}"
    )


def brief(query: str) -> str:
    """A query's beginning, on one line and without its passwords."""
    line = " ".join(redacted(query).split())
    return line if len(line) <= 80 else line[:79] + "…"


def _one(connection: Connection, query: str, values: list[object]) -> object:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row[0]

"""The history that ringfence keeps in the database it migrates: who did what, when, how long.

Rows are events and are only ever added. What state a revision is in follows from them; there is no
flag that somebody must reset. The row `finished` is written in the transaction that moves Alembic's
version table, so that nothing is applied and not recorded, or recorded and not applied.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import socket
import subprocess
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.types.json import Jsonb

from ringfence import __version__
from ringfence.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from psycopg import Connection

    from ringfence.revisions import Direction

VERSION = 1
"""The version of the history table, kept in its comment."""

VERSION_TABLE = "alembic_version"


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the history; `id`, `at` and `role` are the server's and empty before it has them."""

    event: str
    revision: str
    direction: Direction
    attempt: int
    statement: int | None = None
    title: str = ""
    checksum: str | None = None
    sql: str | None = None
    seconds: float | None = None
    error: Mapping[str, object] | None = None
    client: Mapping[str, object] = field(default_factory=dict)
    id: int = 0
    at: datetime | None = None
    role: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Where a database stands: Alembic's current revisions, and each one's last `finished up`."""

    exists: bool
    current: tuple[str, ...]
    applied: Mapping[str, Event]


def state(connection: Connection[tuple[object, ...]], schema: str) -> State:
    """Where the database stands. Two statements, no lock, nothing written."""
    row = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL, to_regclass(%s) IS NOT NULL",
        [_name(schema, "history"), _name(schema, VERSION_TABLE)],
    ).fetchone()
    assert row is not None
    has_history, has_versions = bool(row[0]), bool(row[1])
    versions: Sequence[tuple[object, ...]] = ()
    events: Sequence[tuple[object, ...]] = ()
    if has_versions:
        versions = connection.execute(
            sql.SQL("SELECT version_num FROM {} ORDER BY 1").format(
                sql.Identifier(schema, VERSION_TABLE)
            )
        ).fetchall()
    if has_history:
        events = connection.execute(
            sql.SQL(
                "SELECT DISTINCT ON (revision) event, revision, direction, attempt, checksum, sql,"
                " at, session_role, client FROM {} WHERE event IN ('finished', 'baseline',"
                " 'stamped', 'repaired') AND direction = 'up' ORDER BY revision, id DESC"
            ).format(sql.Identifier(schema, "history"))
        ).fetchall()
    applied: dict[str, Event] = {}
    for event in events:
        found = _event(
            (
                "event",
                "revision",
                "direction",
                "attempt",
                "checksum",
                "sql",
                "at",
                "role",
                "client",
            ),
            event,
        )
        applied[found.revision] = found
    return State(has_history, tuple(str(v[0]) for v in versions), applied)


def ensure(connection: Connection[tuple[object, ...]], schema: str) -> None:
    """Create the history where it is not, in one transaction. Raises `Refused` on a newer one."""
    row = connection.execute(
        "SELECT obj_description(to_regclass(%s), 'pg_class')", [_name(schema, "history")]
    ).fetchone()
    comment = str(row[0]) if row and row[0] else ""
    if comment:
        version = int(comment.rpartition(" ")[2])
        if version > VERSION:
            raise Refused(
                f"the history in schema {schema} is of version {version}, this ringfence knows {VERSION}",
                hint="upgrade ringfence: pip install --upgrade ringfence",
            )
        return
    with connection.transaction():
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        connection.execute(sql.SQL("SET LOCAL search_path = {}").format(sql.Identifier(schema)))
        connection.execute(definition())


def definition() -> str:
    """The SQL that makes the history, without its schema."""
    return (files(__package__) / "ledger.sql").read_text(encoding="utf-8")


_COLUMNS = (
    "event", "revision", "direction", "attempt", "statement", "title", "checksum", "sql", "duration",
    "error", "client",
)  # fmt: skip


def record(connection: Connection[tuple[object, ...]], schema: str, event: Event) -> None:
    """Add a row, in whatever transaction the connection is in."""
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(schema, "history"),
            sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)),
            sql.SQL(", ").join(
                sql.SQL("make_interval(secs => %s)") if c == "duration" else sql.SQL("%s")
                for c in _COLUMNS
            ),
        ),
        [
            event.event,
            event.revision,
            event.direction,
            event.attempt,
            event.statement,
            event.title,
            event.checksum,
            event.sql,
            event.seconds,
            None if event.error is None else Jsonb(dict(event.error)),
            Jsonb(dict(event.client)),
        ],
    )


def literal(schema: str, event: Event) -> str:
    """The same as `record`, as SQL text that psql can run."""
    values = [
        _quoted(event.event),
        _quoted(event.revision),
        _quoted(event.direction),
        str(event.attempt),
        _quoted(event.title),
        _quoted(event.checksum),
        _quoted(event.sql),
        _quoted(json.dumps(event.client)),
    ]
    table = sql.Identifier(schema, "history").as_string(None)
    return (
        f"INSERT INTO {table} (event, revision, direction, attempt, title, checksum, sql, client)"
        f"\nVALUES ({', '.join(values)});"
    )


def next_attempt(
    connection: Connection[tuple[object, ...]], schema: str, revision: str, direction: Direction
) -> int:
    """The number of the coming attempt at a revision in a direction: 1 for the first."""
    row = connection.execute(
        sql.SQL(
            "SELECT coalesce(max(attempt), 0) + 1 FROM {} WHERE revision = %s AND direction = %s"
        ).format(sql.Identifier(schema, "history")),
        [revision, direction],
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def finished_statements(
    connection: Connection[tuple[object, ...]], schema: str, revision: str, direction: Direction
) -> Mapping[int, str]:
    """Statements of an unfinished non-transactional run that did finish: number → checksum."""
    rows = connection.execute(
        sql.SQL(
            "SELECT statement, checksum FROM {0} WHERE revision = %s AND direction = %s"
            " AND event = 'statement' AND id > coalesce((SELECT max(id) FROM {0} WHERE revision = %s"
            " AND event IN ('finished', 'stamped', 'baseline')), 0)"
        ).format(sql.Identifier(schema, "history")),
        [revision, direction, revision],
    ).fetchall()
    return {int(str(row[0])): str(row[1]) for row in rows}


def events(
    connection: Connection[tuple[object, ...]], schema: str, limit: int | None = None
) -> tuple[Event, ...]:
    """The history, newest first."""
    names = ("id", "at", "event", "revision", "direction", "attempt", "statement", "title",
             "checksum", "sql", "seconds", "error", "client", "role")  # fmt: skip
    rows = connection.execute(
        sql.SQL(
            "SELECT id, at, event, revision, direction, attempt, statement, title, checksum, sql,"
            " extract(epoch FROM duration)::float8, error, client, session_role"
            " FROM {} ORDER BY id DESC LIMIT {}"
        ).format(
            sql.Identifier(schema, "history"),
            sql.SQL("ALL") if limit is None else sql.Literal(limit),
        )
    ).fetchall()
    return tuple(_event(names, row) for row in rows)


def _event(names: Sequence[str], row: Sequence[object]) -> Event:
    values: dict[str, Any] = dict(zip(names, row, strict=True))
    return Event(**values)


@cache
def client(root: Path | None) -> Mapping[str, object]:
    """Who is at the keyboard, with which versions, and at which commit of the project."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # no such user in passwd, as in some containers
        user = str(os.getuid())
    return {
        "user": user,
        "host": socket.gethostname(),
        "ringfence": __version__,
        "python": platform.python_version(),
        "git": _git(root) if root else None,
    }


def _git(root: Path) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607 - whichever git they use
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return done.stdout.strip() or None


def interval(seconds: timedelta | float | None) -> str:
    """A duration as people read it: `12 ms`, `3.4 s`, `2 min 5 s`."""
    if seconds is None:
        return ""
    value = seconds if isinstance(seconds, (int, float)) else seconds.total_seconds()
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    return f"{value // 60:.0f} min {value % 60:.0f} s"


def _name(schema: str, table: str) -> str:
    return sql.Identifier(schema, table).as_string(None)


def _quoted(value: str | None) -> str:
    return sql.Literal(value).as_string(None)

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
import re
import socket
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from ringfence import __version__
from ringfence.errors import Refused, ServerError
from ringfence.finding import counted
from ringfence.model import quoted
from ringfence.pg import rights
from ringfence.pg.connect import PATIENCE, server_error, translated
from ringfence.pg.watch import lockers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from psycopg import Connection

    from ringfence.revisions import Direction

VERSION = 2
"""The version of the history table, kept in its comment."""

VERSION_TABLE = "alembic_version"


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the history; `id`, `at` and `role` are the server's and empty before it has them.

    `waits` tells which locks were waited for, `found` what a statement that no transaction can hold
    found when it began, `reason` why somebody accepted an edited file.
    """

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
    fingerprint: str | None = None
    waits: Mapping[str, object] | None = None
    found: Mapping[str, object] | None = None
    reason: str | None = None
    id: int = 0
    at: datetime | None = None
    role: str = ""
    effective_role: str = ""
    server_version: int = 0
    backend: int = 0
    xid: str = ""
    outcome: str | None = None
    """How what a row `started` says ended, once the database was asked: finished, failed, cancelled;
    interrupted where nobody was there to say, running where somebody still is."""


@dataclass(frozen=True, slots=True)
class Half:
    """A revision of which something is committed and which has not come to its end.

    `statements` counts those that have run one by one, `rows` those a backfill went over; both are 0
    where a statement that no transaction can hold was begun and nobody was there to see its end.
    """

    revision: str
    direction: Direction
    statements: int
    rows: int

    @property
    def shown(self) -> str:
        """How far it is, in words: `2 statements of it have run`."""
        if self.rows:
            return f"{counted(self.rows, 'row')} of it {'is' if self.rows == 1 else 'are'} done"
        if self.statements:
            has = "has" if self.statements == 1 else "have"
            return f"{counted(self.statements, 'statement')} of it {has} run"
        return "a statement of it was begun"


@dataclass(frozen=True, slots=True)
class State:
    """Where a database stands: Alembic's current revisions, and each one's last `finished up`.

    `halves` are what single statements or batches have run of.
    """

    exists: bool
    current: tuple[str, ...]
    applied: Mapping[str, Event]
    halves: tuple[Half, ...] = ()

    @property
    def begun(self) -> Mapping[str, int]:
        """The statements that have run one by one, counted by revision."""
        return {half.revision: half.statements for half in self.halves if half.statements}


def state(connection: Connection[tuple[object, ...]], schema: str) -> State:
    """Where the database stands. A few statements, no lock, nothing written.

    Raises `Refused` on a history that is newer than this ringfence or not one at all, `ServerError`
    where it may not be read.
    """
    with reading(connection, schema):
        return _state(connection, schema)


@contextmanager
def reading(connection: Connection[tuple[object, ...]], schema: str) -> Iterator[None]:
    """Read the history, without waiting long for whoever has locked it."""
    try:
        connection.execute(PATIENCE)
        yield
    except psycopg.Error as error:
        found = server_error(error, role=connection.info.user)
        if error.sqlstate == "55P03":
            found.title = f"the history in schema {quoted(schema)} cannot be read"
            with suppress(psycopg.Error):
                found.detail = lockers(connection, ("history", VERSION_TABLE))
            found.hint = "run it again when that is settled"
        if error.sqlstate == "42501":
            role = quoted(connection.info.user)
            found.hint = (
                f"to look on: GRANT USAGE ON SCHEMA {quoted(schema)} TO {role};"
                f" GRANT SELECT ON ALL TABLES IN SCHEMA {quoted(schema)} TO {role};"
            )
        raise found from error


@contextmanager
def writing(connection: Connection[tuple[object, ...]], schema: str) -> Iterator[None]:
    """Write to the history, and have what the server refuses be raised as an error of ours."""
    try:
        with translated(connection):
            yield
    except ServerError as error:
        tell_rights(error, schema, connection.info.user)
        raise


def tell_rights(error: ServerError, schema: str, role: str) -> None:
    """Have a refusal that is about the history's tables hint at all that a run needs of them."""
    denied = rights.denied(error.message) if error.sqlstate == "42501" else None
    if denied not in {("schema", schema), *(("table", name) for name in _TABLES)}:
        return
    history, versions, backfills = (f"{quoted(schema)}.{table}" for table in _TABLES)
    who = quoted(role)
    error.hint = (
        f"to migrate: GRANT USAGE ON SCHEMA {quoted(schema)} TO {who};"
        f" GRANT SELECT, INSERT ON {history} TO {who};"
        f" GRANT SELECT, INSERT, UPDATE, DELETE ON {versions}, {backfills} TO {who};"
    )


_TABLES = ("history", VERSION_TABLE, "backfills")


def runners(
    connection: Connection[tuple[object, ...]], schema: str
) -> tuple[str, frozenset[str], bool]:
    """Who owns the history, who ran anything of it, and whether it took over what was there before.

    Empty where there is no history.
    """
    with reading(connection, schema):
        if not _present(connection, schema)[1]:
            return "", frozenset(), False
        row = connection.execute(
            sql.SQL(
                "SELECT (SELECT pg_get_userbyid(c.relowner)::TEXT FROM pg_class AS c"
                " WHERE c.oid = {0}::REGCLASS), array_agg(DISTINCT r.name::TEXT),"
                " bool_or(h.event IN ('baseline', 'stamped')) FROM {1} AS h"
                " CROSS JOIN LATERAL (VALUES (h.session_role), (h.effective_role)) AS r (name)"
            ).format(
                sql.Literal(sql.Identifier(schema, "history").as_string(connection)),
                sql.Identifier(schema, "history"),
            )
        ).fetchone()
    assert row is not None
    owner, names, adopted = row
    return str(owner), frozenset({str(owner), *(names or ())}), bool(adopted)  # type: ignore[misc] # an array


def _state(connection: Connection[tuple[object, ...]], schema: str) -> State:
    _, version, has_versions = _present(connection, schema)
    versions: Sequence[tuple[object, ...]] = ()
    events: Sequence[tuple[object, ...]] = ()
    halves: Sequence[tuple[object, ...]] = ()
    if has_versions:
        versions = connection.execute(
            sql.SQL("SELECT version_num FROM {} ORDER BY 1").format(
                sql.Identifier(schema, VERSION_TABLE)
            )
        ).fetchall()
    if version:
        events = connection.execute(
            sql.SQL(
                "SELECT DISTINCT ON (revision) event, revision, direction, attempt, checksum, sql,"
                " at, session_role, client, title, {} FROM {} WHERE event IN ('finished', 'baseline',"
                " 'stamped', 'repaired') AND direction = 'up' ORDER BY revision, id DESC"
            ).format(_column(version, "fingerprint"), sql.Identifier(schema, "history"))
        ).fetchall()
    if version > 1:
        halves = connection.execute(
            sql.SQL(_HALVES).format(
                sql.Identifier(schema, "history"), sql.Identifier(schema, "backfills")
            )
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
                "title",
                "fingerprint",
            ),
            event,
        )
        applied[found.revision] = found
    return State(
        bool(version),
        tuple(str(v[0]) for v in versions),
        applied,
        tuple(Half(*half) for half in halves),  # type: ignore[arg-type] # as selected
    )


_HALVES = """
SELECT revision, direction, count(DISTINCT statement) FILTER (WHERE event = 'statement'), 0
FROM {0} AS h
WHERE (event = 'statement' OR event = 'begun' AND NOT EXISTS (
        -- Whoever saw it fail has cleared it away.
        SELECT FROM {0} AS f WHERE f.revision = h.revision AND f.direction = h.direction
            AND f.attempt = h.attempt AND f.event IN ('failed', 'cancelled')))
    AND NOT EXISTS (
        SELECT FROM {0} AS e WHERE e.revision = h.revision AND e.id > h.id
            AND (e.event IN ('finished', 'stamped', 'baseline')
                OR e.event = 'cancelled' AND e.reason IS NOT NULL AND e.direction = h.direction))
GROUP BY revision, direction
UNION ALL
SELECT revision, direction, 0, seen FROM {1} AS b
WHERE batches > 0 AND NOT EXISTS (
    SELECT FROM {0} AS e WHERE e.revision = b.revision
        AND e.event IN ('finished', 'stamped', 'baseline') AND e.at >= b.at)
ORDER BY 1, 2
"""


def _column(version: int, name: str) -> sql.Composable:
    """A column that a history of version 1 lacks."""
    return sql.Identifier(name) if version > 1 else sql.SQL("NULL AS ") + sql.Identifier(name)


def _present(connection: Connection[tuple[object, ...]], schema: str) -> tuple[bool, int, bool]:
    """Whether there is the schema, the history's version (0: none), whether the version table is.

    Raises `Refused` on a history that is newer than this ringfence or not one at all.
    """
    history, versions = _name(schema, "history"), _name(schema, VERSION_TABLE)
    row = connection.execute(
        "SELECT to_regnamespace(%s) IS NOT NULL, to_regclass(%s) IS NOT NULL,"
        " to_regclass(%s) IS NOT NULL, obj_description(to_regclass(%s), 'pg_class')",
        [sql.Identifier(schema).as_string(None), history, versions, history],
    ).fetchone()
    assert row is not None
    version = 0
    if row[1]:
        known = re.fullmatch(r"ringfence history, version (\d+)", str(row[3]))
        if known is None:
            raise Refused(
                f"{quoted(schema)}.history is not a history that ringfence made",
                hint="name another schema: [tool.ringfence.migrate] schema",
            )
        version = int(known[1])
        if version > VERSION:
            raise Refused(
                f"the history in schema {schema} is of version {known[1]}, this ringfence knows {VERSION}",
                hint="upgrade ringfence: pip install --upgrade ringfence",
            )
    return bool(row[0]), version, bool(row[2])


def has_backfills(connection: Connection[tuple[object, ...]], schema: str) -> bool:
    """Whether this history keeps how far backfills have come."""
    return _present(connection, schema)[1] > 1


def elsewhere(
    connection: Connection[tuple[object, ...]], schema: str
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Version tables of Alembic in other schemas, that this role may read, with what they say."""
    tables = connection.execute(
        "SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON c.relnamespace = n.oid"
        " WHERE c.relname = %s AND c.relkind = 'r' AND n.nspname <> %s"
        " AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')"
        " ORDER BY 1",
        [VERSION_TABLE, schema],
    ).fetchall()
    found = []
    for (name,) in tables:
        table = sql.Identifier(str(name), VERSION_TABLE)
        rows = connection.execute(
            sql.SQL("SELECT version_num FROM {} ORDER BY 1").format(table)
        ).fetchall()
        found.append((f"{quoted(str(name))}.{VERSION_TABLE}", tuple(str(row[0]) for row in rows)))
    return tuple(found)


def ensure(connection: Connection[tuple[object, ...]], schema: str) -> None:
    """Create the history and Alembic's version table where they are not, in one transaction.

    A history of an older version is brought to this one, its rows kept. Raises `Refused` on a history that is newer than this ringfence or not one at all, `ServerError`
    where it may not be made.
    """
    with reading(connection, schema):
        has_schema, version, has_versions = _present(connection, schema)
    if version == VERSION and has_versions:
        return
    with translated(connection, "the history cannot be made"), connection.transaction():
        # IF NOT EXISTS would ask for the right to create schemas even where this one exists.
        if not has_schema:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        if version < VERSION:
            connection.execute(sql.SQL("SET LOCAL search_path = {}").format(sql.Identifier(schema)))
            for number in range(version + 1, VERSION + 1):
                connection.execute(definition(number))
        if not has_versions:
            connection.execute(version_table(schema))


def version_table(schema: str) -> str:
    """The SQL that makes Alembic's version table, as Alembic would."""
    return (
        f"CREATE TABLE {_name(schema, VERSION_TABLE)} (version_num VARCHAR(32)"
        f" NOT NULL, CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num));"
    )


def creation(schema: str) -> str:
    """The same as `ensure`, as SQL text that psql can run."""
    name = sql.Identifier(schema).as_string(None)
    table = _quoted(_name(schema, "history"))
    said = f"obj_description(to_regclass({table}), 'pg_class')"
    parts = []
    for number in range(1, VERSION + 1):
        before = _quoted(f"ringfence history, version {number - 1}")
        lacking = f"{said} = {before}" if number > 1 else f"to_regclass({table}) IS NULL"
        parts.append(
            f"IF {lacking} THEN\nSET LOCAL search_path = {name};\n{definition(number)}END IF;\n"
        )
    return (
        "DO $ringfence$\nBEGIN\n"
        f"IF to_regnamespace({_quoted(name)}) IS NULL THEN\nCREATE SCHEMA {name};\nEND IF;\n"
        + "".join(parts)
        + f"IF to_regclass({_quoted(_name(schema, VERSION_TABLE))}) IS NULL THEN\n"
        f"{version_table(schema)}\nEND IF;\nEND;\n$ringfence$;"
    )


def definition(version: int) -> str:
    """The SQL that makes the history's first version, or brings it to this one from the one before."""
    name = "ledger.sql" if version == 1 else f"ledger.{version}.sql"
    return (files(__package__) / name).read_text(encoding="utf-8")


_COLUMNS = (
    "event", "revision", "direction", "attempt", "statement", "title", "checksum", "sql", "duration",
    "error", "client", "fingerprint", "waits", "found", "reason",
)  # fmt: skip


def record(
    connection: Connection[tuple[object, ...]],
    schema: str,
    event: Event,
    *,
    unless_finished: bool = False,
) -> str | None:
    """Add a row, in whatever transaction the connection is in; that transaction's id.

    `unless_finished`: not where the same attempt has finished, which a Ctrl-C that came while the
    server was committing cannot undo; None then.
    """
    values = _values(event)
    if unless_finished:
        values += [event.revision, event.direction, event.attempt]
    text = _text(schema, "unless" if unless_finished else "one")
    row = connection.execute(text, values).fetchone()
    return None if row is None else str(row[0])


def begin(connection: Connection[tuple[object, ...]], schema: str, event: Event) -> Event:
    """Add a row under the number of the next attempt, and give it with that number."""
    row = connection.execute(_text(schema, "next"), _next(event)).fetchone()
    assert row is not None
    return replace(event, attempt=int(str(row[1])))


def record_all(
    connection: Connection[tuple[object, ...]],
    schema: str,
    events: Sequence[Event],
    moved: tuple[str, str] | None = None,
) -> str:
    """Add these rows at once, so that one commit tells them all; that transaction's id.

    `moved`: in the same round trip the version table comes to say the second where it said the
    first. Raises `Refused` where it does not say that any more.
    """
    rows = [dict(zip(_COLUMNS, _values(event), strict=True)) for event in events]
    columns = tuple(c for c in _COLUMNS if any(row[c] is not None for row in rows))
    values: list[object] = [row[column] for row in rows for column in columns]
    text = _several(schema, columns, len(rows), moved=moved is not None)
    if moved is not None:
        values[:0] = [moved[1], moved[0]]
    # Two statements in one round trip can have no parameters: the values are quoted here.
    said = psycopg.ClientCursor(connection)
    said.execute(text, values)
    if moved is not None:
        if said.rowcount != 1:
            raise Refused(
                f"{quoted(schema)}.{VERSION_TABLE} does not say {moved[0]} any more",
                detail="somebody has changed it meanwhile, without the lock that keeps others away",
                hint="ringfence status says where the database stands",
            )
        said.nextset()
    row = said.fetchone()
    assert row is not None
    return str(row[0])


def attempts(
    connection: Connection[tuple[object, ...]], schema: str
) -> Mapping[tuple[str, str], int]:
    """How often each revision was begun, by its direction. Nobody else begins one under the lock."""
    with reading(connection, schema):
        rows = connection.execute(
            sql.SQL(
                "SELECT revision, direction, max(attempt) FROM {} GROUP BY revision, direction"
            ).format(sql.Identifier(schema, "history"))
        ).fetchall()
    return {(str(revision), str(direction)): int(str(last)) for revision, direction, last in rows}


def give_up(
    connection: Connection[tuple[object, ...]],
    schema: str,
    half: Half,
    reason: str,
    client: Mapping[str, object],
) -> None:
    """Record that what has run of a revision that is not at its end does not count any more."""
    event = Event("cancelled", half.revision, half.direction, 1, client=client, reason=reason)
    begin(connection, schema, event)
    connection.execute(
        sql.SQL("DELETE FROM {} WHERE revision = %s AND direction = %s").format(
            sql.Identifier(schema, "backfills")
        ),
        [half.revision, half.direction],
    )


_PLACES = tuple("make_interval(secs => %s)" if c == "duration" else "%s" for c in _COLUMNS)
_ATTEMPT = _COLUMNS.index("attempt")


@cache
def _several(schema: str, columns: tuple[str, ...], rows: int, *, moved: bool) -> bytes:
    """The statement that adds so many rows of these columns, after one that moves the version table."""
    places = ", ".join(_PLACES[_COLUMNS.index(column)] for column in columns)
    parts = []
    if moved:
        versions = sql.SQL(_name(schema, VERSION_TABLE).replace("%", "%%"))
        moving = sql.SQL("UPDATE {} SET version_num = %s WHERE version_num = %s").format(versions)
        parts.append(moving)
    parts.append(
        sql.SQL("INSERT INTO {} ({}) VALUES {} RETURNING xid::text").format(
            _history(schema),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join([sql.SQL(f"({places})")] * rows),
        )
    )
    return sql.SQL("; ").join(parts).as_bytes(None)


@cache
def _text(schema: str, what: Literal["one", "unless", "next"]) -> bytes:
    """The statement that adds a row: as it is, unless it has finished, under the next attempt."""
    history = _history(schema)
    places = list(_PLACES)
    places[_ATTEMPT] = (
        "(SELECT coalesce(max(attempt), 0) + 1 FROM {} WHERE revision = %s AND direction = %s)"
    )
    one = sql.SQL("({})").format(sql.SQL(", ").join(map(sql.SQL, _PLACES)))
    after = sql.SQL("({})").format(sql.SQL(", ").join(sql.SQL(p).format(history) for p in places))
    rows: sql.Composable = sql.SQL("VALUES {}").format(one)
    if what == "unless":
        rows = sql.SQL(
            "SELECT {} WHERE NOT EXISTS (SELECT FROM {} WHERE event = 'finished' AND revision = %s"
            " AND direction = %s AND attempt = %s)"
        ).format(sql.SQL(", ").join(map(sql.SQL, _PLACES)), history)
    elif what == "next":
        rows = sql.SQL("VALUES {}").format(after)
    query = sql.SQL("INSERT INTO {} ({}) {} RETURNING xid::text, attempt").format(
        history, sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)), rows
    )
    return query.as_bytes(None)


def _next(event: Event) -> list[object]:
    values = _values(event)
    values[_ATTEMPT : _ATTEMPT + 1] = [event.revision, event.direction]
    return values


def _values(event: Event) -> list[object]:
    return [
        event.event,
        event.revision,
        event.direction,
        event.attempt,
        event.statement,
        event.title,
        event.checksum,
        event.sql,
        event.seconds,
        _json(event.error),
        _json(event.client),
        event.fingerprint,
        _json(event.waits),
        _json(event.found),
        event.reason,
    ]


def _json(document: Mapping[str, object] | None) -> Jsonb | None:
    return None if document is None else Jsonb(dict(document))


def begun(schema: str, revision: str, direction: Direction) -> sql.Composed:
    """SQL for how much is committed of a revision that is not at its end: statements, or a backfill."""
    halves = sql.SQL(_HALVES).format(
        sql.Identifier(schema, "history"), sql.Identifier(schema, "backfills")
    )
    return sql.SQL(
        "(SELECT coalesce(sum(h.statements + sign(h.rows)), 0) FROM ({}) AS h"
        " (revision, direction, statements, rows) WHERE revision = {} AND direction = {})"
    ).format(halves, revision, direction)


def stamp(connection: Connection[tuple[object, ...]], schema: str, heads: Sequence[str]) -> None:
    """Have Alembic's version table say that these revisions are the newest."""
    connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(schema, VERSION_TABLE)))
    for head in heads:
        connection.execute(
            sql.SQL("INSERT INTO {} VALUES ({})").format(
                sql.Identifier(schema, VERSION_TABLE), head
            )
        )


def literal(schema: str, event: Event, *, timed: bool) -> str:
    """The same as `record`, as SQL text that psql can run.

    The attempt is the next one, whatever `event` says; `timed` has the row tell how long its
    transaction took.
    """
    query = sql.SQL(
        "INSERT INTO {table}"
        " (event, revision, direction, attempt, title, checksum, fingerprint, sql, duration,"
        " client)\n"
        "VALUES ({event}, {revision}, {direction}, (SELECT coalesce(max(attempt), 0) + 1 FROM {table}"
        " WHERE revision = {revision} AND direction = {direction}), {title}, {checksum},"
        " {fingerprint}, {sql}, {duration}, {client});"
    ).format(
        table=sql.Identifier(schema, "history"),
        event=event.event,
        revision=event.revision,
        direction=event.direction,
        title=event.title,
        checksum=event.checksum,
        fingerprint=event.fingerprint,
        sql=event.sql,
        duration=sql.SQL("clock_timestamp() - transaction_timestamp()" if timed else "NULL"),
        client=json.dumps(event.client),
    )
    return query.as_string(None)


@dataclass(frozen=True, slots=True)
class Ran:
    """What is known of the statements of a file that has not come to its end, by number.

    `finished` holds the checksums of those that ran; `begun` the rows of those that no transaction
    can hold and that nothing tells the end of.
    """

    finished: Mapping[int, str]
    begun: Mapping[int, Event]
    found: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """What is kept with those that ran."""


def ran(
    connection: Connection[tuple[object, ...]], schema: str, revision: str, direction: Direction
) -> Ran:
    """The statements of an unfinished non-transactional run."""
    rows = connection.execute(
        sql.SQL(
            "SELECT event, statement, checksum, sql, found FROM {0} WHERE revision = %s"
            " AND direction = %s AND event IN ('begun', 'statement') AND id > coalesce((SELECT max(id)"
            " FROM {0} WHERE revision = %s AND (event IN ('finished', 'stamped', 'baseline')"
            " OR event = 'cancelled' AND reason IS NOT NULL AND direction = %s)), 0) ORDER BY id"
        ).format(_history(schema)),
        [revision, direction, revision, direction],
    ).fetchall()
    finished: dict[int, str] = {}
    begun: dict[int, Event] = {}
    kept: dict[int, Mapping[str, Any]] = {}
    for event, number, mark, text, found in rows:
        statement = int(str(number))
        if event == "statement":
            finished[statement] = str(mark)
            begun.pop(statement, None)
            if isinstance(found, dict):
                kept[statement] = found
        else:
            begun[statement] = Event(
                "begun", revision, direction, 1, statement, "", str(mark), str(text),
                found=found if isinstance(found, dict) else None,
            )  # fmt: skip
    return Ran(finished, begun, kept)


def began_as(
    connection: Connection[tuple[object, ...]], schema: str, running: Event, statement: int
) -> bool:
    """Whether the run that came to this statement was of the file as it is now."""
    row = connection.execute(
        sql.SQL(
            "SELECT s.checksum FROM {0} AS s JOIN {0} AS h USING (revision, direction, attempt)"
            " WHERE s.event = 'started' AND h.event = 'statement' AND revision = %s"
            " AND direction = %s AND h.statement = %s ORDER BY h.id DESC LIMIT 1"
        ).format(_history(schema)),
        [running.revision, running.direction, statement],
    ).fetchone()
    return row is not None and row[0] == running.checksum


_OUTCOME = """
CASE WHEN h.event = 'started' THEN coalesce(
    (SELECT e.event FROM {0} AS e
     WHERE e.revision = h.revision AND e.direction = h.direction AND e.attempt = h.attempt
       AND e.event IN ('finished', 'failed', 'cancelled') ORDER BY e.id DESC LIMIT 1),
    (SELECT 'running' FROM pg_stat_activity AS a
     WHERE a.pid = h.backend AND a.datname = current_database()
       AND coalesce(a.backend_start <= h.at, TRUE)),
    'interrupted')
END
"""


def events(
    connection: Connection[tuple[object, ...]],
    schema: str,
    limit: int | None = None,
    *,
    every: bool = True,
) -> tuple[Event, ...]:
    """The history, newest first.

    Without `every` only what something came to: no single statements, and of what was started only
    what nothing tells the end of.
    """
    names = ("id", "at", "event", "revision", "direction", "attempt", "statement", "title",
             "checksum", "sql", "seconds", "error", "client", "role", "effective_role",
             "server_version", "backend", "xid", "fingerprint", "waits", "reason", "outcome")  # fmt: skip
    table = sql.Identifier(schema, "history")
    outcome = sql.SQL(_OUTCOME).format(table)
    with reading(connection, schema):
        _, version, _ = _present(connection, schema)
    wanted = sql.SQL("TRUE")
    if not every:
        wanted = sql.SQL(
            "event NOT IN ('started', 'begun', 'statement') OR outcome IN ('running', 'interrupted')"
        )
    query = sql.SQL(
        "SELECT * FROM (SELECT id, at, event, revision, direction, attempt, statement, title,"
        " checksum, sql, extract(epoch FROM duration)::float8, error, client, session_role,"
        " effective_role, server_version, backend, xid::text, {}, {} AS outcome FROM {} AS h) AS told WHERE {} ORDER BY id DESC LIMIT {}"
    ).format(
        sql.SQL(", ").join(_column(version, n) for n in ("fingerprint", "waits", "reason")),
        outcome,
        table,
        wanted,
        sql.SQL("ALL") if limit is None else sql.Literal(limit),
    )
    with reading(connection, schema):
        rows = connection.execute(query).fetchall()
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


_MEANING = (
    "array_nulls", "check_function_bodies", "DateStyle", "default_table_access_method",
    "default_tablespace", "default_toast_compression", "IntervalStyle", "quote_all_identifiers", "role",
    "row_security", "search_path", "session_replication_role", "standard_conforming_strings",
    "TimeZone", "transform_null_equals", "xmloption", "default_transaction_isolation",
)  # fmt: skip


def settings(connection: Connection[tuple[object, ...]]) -> Mapping[str, str]:
    """The settings that change what a file means, and that a session here begins with otherwise than
    PostgreSQL's own."""
    rows = connection.execute(
        "SELECT name, reset_val FROM pg_catalog.pg_settings"
        " WHERE name = ANY (%s) AND reset_val <> boot_val ORDER BY name",
        [list(_MEANING)],
    ).fetchall()
    return {str(name): str(value) for name, value in rows}


def _git(root: Path) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607 - whichever git they use
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
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


def _history(schema: str) -> sql.SQL:
    """The table's name for a query with parameters, where a % must be doubled."""
    return sql.SQL(_name(schema, "history").replace("%", "%%"))


def _name(schema: str, table: str) -> str:
    return sql.Identifier(schema, table).as_string(None)


def _quoted(value: str | None) -> str:
    return sql.Literal(value).as_string(None)

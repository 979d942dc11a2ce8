"""The bridge to Alembic: what `migrations/env.py` and the revisions of a project call.

`guard()` in env.py takes the lock, checks the files against the history and hands Alembic its
options; `sqlfile()` in a revision runs the SQL beside it. `ringfence migrate` runs Alembic too, so
both commands do the same, through the same hooks.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from alembic.runtime.migration import RevisionStep
from psycopg import sql

from ringfence import project as projects
from ringfence import revisions
from ringfence.errors import BadProject, Busy, Error, Refused
from ringfence.pg import ledger
from ringfence.pg.connect import Target, connect, named, resolve, server_error
from ringfence.script import checksum, redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from alembic.runtime.migration import MigrationContext

    from ringfence.project import Project
    from ringfence.revisions import Direction, Graph, Revision
    from ringfence.script import Script, Statement

LOCK_CLASS = 0x72666E63
"""The first half of the advisory lock's key ("rfnc"); the second is a hash of the history's schema."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Something that happened during a run, for whoever shows it.

    `what`: waiting (for another runner, `text` says which), planned (`total` revisions), started,
    statement (`number` of `total` is about to run), finished (after `seconds`), notice (`text`).
    """

    what: Literal["waiting", "planned", "started", "statement", "finished", "notice"]
    revision: Revision | None = None
    direction: Direction = "up"
    number: int = 0
    total: int = 0
    seconds: float = 0.0
    text: str = ""


def _silent(_: Progress) -> None:
    """Nobody is watching."""


@dataclass
class Session:
    """One run of Alembic over one connection, with everything that is recorded about it."""

    project: Project
    graph: Graph
    target: Target | None
    listen: Callable[[Progress], None] = _silent
    connection: psycopg.Connection[tuple[object, ...]] | None = None
    done: list[tuple[Revision, Direction, float]] = field(default_factory=list)
    _running: ledger.Event | None = None
    _began: float = 0.0

    @property
    def schema(self) -> str:
        """The schema of the history and of Alembic's version table."""
        return self.project.config.migrate.schema

    # What happens around each revision

    def steps(
        self,
        original: Callable[..., Iterable[Any]],
        heads: tuple[str, ...],
        context: MigrationContext,
    ) -> Iterator[Any]:
        """Alembic's steps, each checked before the first runs and recorded around its running."""
        self.graph.refuse_unknown(heads)
        steps = list(original(heads, context))
        moving = [step for step in steps if isinstance(step, RevisionStep)]
        scripts: dict[str, Script] = {}
        for step in moving:
            revision = self._revision(step)
            if revision.sql:
                scripts[revision.id] = self._readable(revision, _direction(step))
        if context.as_sql:
            context.impl.static_output(self._offline_prologue())
        elif moving:
            state = ledger.state(self._connected(), self.schema)
            refuse_edited(self.graph, state)
        if moving:
            self.listen(Progress("planned", total=len(moving)))
        for number, step in enumerate(steps, 1):
            recorded = isinstance(step, RevisionStep) and not context.as_sql
            if recorded:
                self._start(step, number, len(moving), context)
            yield step
            if recorded:
                self._finish(step, number, len(moving))

    def _start(
        self, step: RevisionStep, number: int, total: int, context: MigrationContext
    ) -> None:
        revision, direction = self._revision(step), _direction(step)
        assert context.connection is not None
        # Reading the version table opened a transaction; the row below must not wait for its end.
        context.connection.rollback()
        with self.autocommit() as connection:
            attempt = ledger.next_attempt(connection, self.schema, revision.id, direction)
            self._running = self._event("started", revision, direction, attempt)
            ledger.record(connection, self.schema, self._running)
        self._began = time.monotonic()
        self.listen(Progress("started", revision, direction, number, total))

    def _finish(self, step: RevisionStep, number: int, total: int) -> None:
        revision, direction = self._revision(step), _direction(step)
        seconds = time.monotonic() - self._began
        self._running = None
        self.done.append((revision, direction, seconds))
        self.listen(Progress("finished", revision, direction, number, total, seconds))

    def applied(self, *, ctx: MigrationContext, step: Any, **_: object) -> None:
        """Alembic's `on_version_apply`: the row that a revision is applied, in its transaction."""
        for identifier in step.up_revision_ids or ():
            revision = self.graph.revisions.get(identifier)
            if revision is None:
                continue
            direction: Direction = "up" if step.is_upgrade else "down"
            running = self._running
            event = self._event(
                "stamped" if step.is_stamp else "finished",
                revision,
                direction,
                running.attempt if running else 1,
                seconds=time.monotonic() - self._began if running else None,
                with_sql=not step.is_stamp,
            )
            if ctx.as_sql:
                ctx.impl.static_output(ledger.literal(self.schema, event))
            else:
                ledger.record(self._connected(), self.schema, event)

    def failed(self, error: BaseException) -> None:
        """Record that the running revision did not finish, if the server still listens."""
        running, connection = self._running, self.connection
        if running is None or connection is None or connection.closed:
            return
        event = "cancelled" if isinstance(error, KeyboardInterrupt) else "failed"
        cause = error.__cause__ if isinstance(error, Error) else error
        said: dict[str, object] = {"message": redacted(str(error)) or type(error).__name__}
        if isinstance(cause, psycopg.Error) and cause.sqlstate:
            said["sqlstate"] = cause.sqlstate
        if isinstance(error, Error) and error.span is not None:
            said["at"] = str(error.span)
        try:
            connection.rollback()
            with self.autocommit():
                ledger.record(
                    connection,
                    self.schema,
                    ledger.Event(
                        event,
                        running.revision,
                        running.direction,
                        running.attempt,
                        title=running.title,
                        checksum=running.checksum,
                        seconds=time.monotonic() - self._began,
                        error=said,
                        client=running.client,
                    ),
                )
        except psycopg.Error:
            return  # the connection is gone; the row `started` without an end says as much

    # Running a file

    def run(self, context: MigrationContext, stem: Path, direction: Direction) -> None:
        """Run a revision's SQL in that direction, in Alembic's transaction or statement by statement."""
        revision = self._of(stem)
        text = self._readable(revision, direction)
        if context.as_sql:
            self._write(context, text)
        elif text.transactional:
            self._run_in_transaction(revision, direction, text)
        else:
            with context.autocommit_block():
                self._run_one_by_one(revision, direction, text)

    def _run_in_transaction(self, revision: Revision, direction: Direction, text: Script) -> None:
        connection = self._connected()
        self._settings(connection, text, "SET LOCAL")
        for number, statement in enumerate(text.statements, 1):
            self._say(revision, direction, number, text)
            self._execute(connection, text, statement)
            if connection.info.transaction_status is not psycopg.pq.TransactionStatus.INTRANS:
                raise BadProject(
                    "this statement ended the transaction that the revision runs in",
                    span=text.span(statement.start),
                    hint="leave transactions to ringfence; it opens one for each revision",
                )
        # A deferred constraint that fails should point to this file, not to the COMMIT; a role or
        # setting that the file changed must not reach the next one.
        try:
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.Error as error:
            raise server_error(error, script=text, statement=text.statements[-1]) from error
        _reset(connection)

    def _run_one_by_one(self, revision: Revision, direction: Direction, text: Script) -> None:
        connection = self._connected()
        assert self._running is not None
        before = ledger.finished_statements(connection, self.schema, revision.id, direction)
        self._settings(connection, text, "SET")
        for number, statement in enumerate(text.statements, 1):
            mark = checksum(statement.text.encode())
            if number in before:
                if before[number] != mark:
                    raise Refused(
                        f"statement {number} of revision {revision.id} has run and was edited since",
                        span=text.span(statement.start),
                        hint="restore it; change what it made in a statement after the last",
                    )
                continue
            self._say(revision, direction, number, text)
            began = time.monotonic()
            self._execute(connection, text, statement)
            _reset(connection)
            ledger.record(
                connection,
                self.schema,
                ledger.Event(
                    "statement",
                    revision.id,
                    direction,
                    self._running.attempt,
                    statement=number,
                    title=revision.title,
                    checksum=mark,
                    sql=redacted(statement.text),
                    seconds=time.monotonic() - began,
                    client=self._running.client,
                ),
            )
            self._settings(connection, text, "SET")
        _reset(connection)

    def _execute(
        self,
        connection: psycopg.Connection[tuple[object, ...]],
        text: Script,
        statement: Statement,
    ) -> None:
        try:
            if statement.data is None:
                # No parameters: the text goes as it stands, and a % or : in it means itself.
                connection.execute(statement.text, prepare=False)
            else:
                with connection.cursor().copy(statement.text) as copy:
                    copy.write(statement.data)
        except psycopg.Error as error:
            raise server_error(error, script=text, statement=statement) from error

    def _settings(
        self, connection: psycopg.Connection[tuple[object, ...]], text: Script, verb: str
    ) -> None:
        wanted = {"lock_timeout": self.project.config.migrate.lock_timeout}
        for key in ("lock-timeout", "statement-timeout"):
            if key in text.directives:
                wanted[key.replace("-", "_")] = text.directives[key]
        connection.execute(
            sql.SQL("; ").join(
                sql.SQL("{} {} = {}").format(
                    sql.SQL(verb),
                    sql.Identifier(key),
                    sql.Literal(value),
                )
                for key, value in wanted.items()
            )
        )

    # Offline: `alembic upgrade --sql`, `ringfence migrate --dry-run`

    def _offline_prologue(self) -> str:
        schema = sql.Identifier(self.schema).as_string(None)
        return (
            f"CREATE SCHEMA IF NOT EXISTS {schema};\n\n"
            "DO $ringfence$\nBEGIN\n"
            f"IF to_regclass({sql.Literal(schema + '.history').as_string(None)}) IS NULL THEN\n"
            f"SET LOCAL search_path = {schema};\n{ledger.definition()}END IF;\nEND;\n$ringfence$;"
        )

    def _write(self, context: MigrationContext, text: Script) -> None:
        if text.transactional:
            context.impl.static_output(text.text.rstrip())
            context.impl.static_output("SET CONSTRAINTS ALL IMMEDIATE;\nRESET ROLE;\nRESET ALL;")
            return
        with context.autocommit_block():
            context.impl.static_output(text.text.rstrip())

    # Small things

    def _say(self, revision: Revision, direction: Direction, number: int, text: Script) -> None:
        self.listen(Progress("statement", revision, direction, number, len(text.statements)))

    def _event(
        self,
        event: str,
        revision: Revision,
        direction: Direction,
        attempt: int,
        *,
        seconds: float | None = None,
        with_sql: bool = False,
    ) -> ledger.Event:
        text: str | None = None
        if with_sql:
            text = redacted(
                revision.script(direction).text
                if revision.sql
                else revision.path.read_text(encoding="utf-8")
            )
        return ledger.Event(
            event,
            revision.id,
            direction,
            attempt,
            title=revision.title,
            checksum=revision.checksum,
            sql=text,
            seconds=seconds,
            client=ledger.client(self.project.root),
        )

    def _connected(self) -> psycopg.Connection[tuple[object, ...]]:
        assert self.connection is not None
        return self.connection

    @contextmanager
    def autocommit(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        """The connection, outside any transaction for as long as the block lasts."""
        connection = self._connected()
        before = connection.autocommit
        connection.autocommit = True
        try:
            yield connection
        finally:
            if not connection.closed:
                connection.autocommit = before

    def _revision(self, step: RevisionStep) -> Revision:
        return self.graph.revisions[step.revision.revision]

    def _of(self, stem: Path) -> Revision:
        for revision in self.graph.revisions.values():
            if revision.path.with_suffix("") == stem:
                return revision
        raise BadProject(f"{stem}.py is not a revision of {self.graph.folder}")

    def _readable(self, revision: Revision, direction: Direction) -> Script:
        """The file, with everything that can be known before running it found to be right."""
        text = revision.script(direction)
        for statement in text.statements:
            if text.transactional and statement.controls_transaction:
                raise BadProject(
                    f"{' '.join(statement.words[:2])} in a revision that runs in a transaction",
                    span=text.span(statement.start),
                    hint="leave it out; or end the file's first line with"
                    " -- ringfence: transaction: none to run it statement by statement",
                )
        return text


def _direction(step: RevisionStep) -> Direction:
    return "up" if step.is_upgrade else "down"


def _reset(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Undo what a file may have set for the session: its role, its search_path and the rest."""
    connection.execute("RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL")


def refuse_edited(graph: Graph, state: ledger.State) -> None:
    """Raise `Refused` when a file that was applied has changed since, naming the first one."""
    for revision in graph.applied(state.current):
        event = state.applied.get(revision.id)
        if event is None or event.checksum is None or event.checksum == revision.checksum:
            continue
        shown = revision.shown_file("up") if revision.sql else revision.shown
        when = f"{event.at:%Y-%m-%d %H:%M}" if event.at else "an unknown time"
        raise Refused(
            f"revision {revision} was applied and has been edited since: {shown}",
            detail=f"applied {when} by {event.role} with checksum {event.checksum[:12]},"
            f" now {revision.checksum[:12]}",
            hint=f"restore it (git checkout -- {shown}) and put the change in a new revision",
        )


# What env.py and the revisions call


def sqlfile(file: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """`upgrade` and `downgrade` of the revision whose `__file__` this is.

    They run `<same name>.up.sql` and `<same name>.down.sql`.
    """
    stem = Path(file).absolute().with_suffix("")

    def run(direction: Direction) -> None:
        from alembic import op

        context = op.get_context()
        session = context.opts.get("ringfence")
        if not isinstance(session, Session):
            raise BadProject(
                "migrations/env.py does not go through ringfence",
                hint="it must say: with guard() as options: context.configure(**options)",
            )
        session.run(context, stem, direction)

    def upgrade() -> None:
        run("up")

    def downgrade() -> None:
        run("down")

    return upgrade, downgrade


@contextmanager
def guard() -> Iterator[dict[str, Any]]:
    """The whole of env.py: yields what `context.configure` is to be given.

    Online it connects to the database that ringfence would use (`alembic -x dsn=…` names another),
    takes the runner's lock, keeps the history and lets the lock go; offline (`--sql`) it writes the
    same history as SQL. Commands that change nothing (`current`, `check`) take no lock.
    """
    from alembic import context

    session = context.config.attributes.get("ringfence")
    if not isinstance(session, Session):
        session = _plain_session(context)
    options: dict[str, Any] = {
        "ringfence": session,
        "transaction_per_migration": True,
        "version_table_schema": session.schema,
        "on_version_apply": session.applied,
    }
    if context.is_offline_mode():
        options |= {"dialect_name": "postgresql", "literal_binds": True}
        yield _wrapped(context, session, options)
        return
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    assert session.target is not None
    session.connection = connection = connect(session.target)
    try:
        connection.add_notice_handler(
            lambda diag: session.listen(Progress("notice", text=diag.message_primary or ""))
        )
        refuse_standby(connection, session.target)
        connection.autocommit = False  # as SQLAlchemy takes a new connection to be
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool
        )
        with engine.connect() as connected:
            options["connection"] = connected
            wrapped = _wrapped(context, session, options)
            changes = not wrapped.pop("dont_mutate", False)
            connected.rollback()
            with _locked(session) if changes else _unlocked():
                try:
                    yield wrapped
                except BaseException as error:
                    connected.rollback()
                    session.failed(error)
                    raise
    finally:
        connection.close()


def _plain_session(context: Any) -> Session:
    """The session of a plain `alembic` command, which knows only where its configuration lies."""
    script = Path(context.script.dir)
    project = projects.need(script.absolute())
    dsn = context.get_x_argument(as_dictionary=True).get("dsn")
    target = None
    if not context.is_offline_mode():
        target = named(dsn, "-x dsn") if dsn else resolve(project, None)
    return Session(project, revisions.read(project), target)


def _wrapped(context: Any, session: Session, options: dict[str, Any]) -> dict[str, Any]:
    """The options, with the function that yields Alembic's steps wrapped in the session's own."""
    context.configure(**options)
    given = context.get_context().opts
    original = given["fn"]

    def steps(heads: tuple[str, ...], migration: MigrationContext) -> Iterator[Any]:
        return session.steps(original, heads, migration)

    wrapped = {**options, "fn": steps}
    if given.get("dont_mutate"):
        wrapped |= {"fn": original, "dont_mutate": True}
    return wrapped


def refuse_standby(connection: psycopg.Connection[tuple[object, ...]], target: Target) -> None:
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


@contextmanager
def _unlocked() -> Iterator[None]:
    yield


@contextmanager
def _locked(session: Session) -> Iterator[None]:
    """Hold the runner's lock, and have the history ready, for as long as the block lasts.

    It polls a try-lock outside any transaction: a session that waits in `pg_advisory_lock` holds a
    snapshot, for which CREATE INDEX CONCURRENTLY in the other runner would wait, for ever.
    """
    import zlib

    key = zlib.crc32(session.schema.encode()) - (1 << 31)
    with session.autocommit() as connection:
        deadline = time.monotonic() + seconds(session.project.config.migrate.wait)
        pause = 0.05
        told = False
        while not _one(connection, "SELECT pg_try_advisory_lock(%s, %s)", [LOCK_CLASS, key]):
            holder = _holder(connection, key)
            if time.monotonic() > deadline:
                raise Busy(
                    "another run of migrations holds the lock",
                    detail=holder,
                    hint="wait for it and run again; [tool.ringfence.migrate] wait says how long to wait",
                )
            if not told and holder:
                session.listen(Progress("waiting", text=holder))
                told = True
            time.sleep(pause)
            pause = min(1.0, pause * 1.5)
        ledger.ensure(connection, session.schema)
    try:
        yield
    finally:
        if not connection.closed:
            try:
                connection.rollback()
                connection.autocommit = True
                connection.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_CLASS, key])
            except psycopg.Error:
                connection.close()  # the lock goes with the session


def _holder(connection: psycopg.Connection[tuple[object, ...]], key: int) -> str:
    """Who holds the runner's lock, in words; empty when they let go meanwhile."""
    row = connection.execute(
        "SELECT a.pid, a.usename, a.application_name, coalesce(host(a.client_addr), 'this machine'),"
        " date_trunc('second', clock_timestamp() - a.backend_start)::text, left(a.query, 60)"
        " FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = %s"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        [LOCK_CLASS, key & 0xFFFFFFFF],
    ).fetchone()
    if row is None:
        return ""
    pid, user, application, host, since, query = row
    return (
        f"pid {pid}, user {user}, {application or 'unnamed'} on {host}, connected for {since},"
        f" at: {redacted(str(query))}"
    )


def _one(
    connection: psycopg.Connection[tuple[object, ...]], query: str, values: list[object]
) -> object:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row[0]


_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(duration: str) -> float:
    """A duration in PostgreSQL's notation (`500ms`, `2min`) as seconds."""
    number = "".join(c for c in duration if c.isdigit())
    return int(number) * _UNITS[duration.removeprefix(number).strip()]

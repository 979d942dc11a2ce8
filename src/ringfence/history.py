"""The bridge to Alembic: what `migrations/env.py` and the revisions of a project call.

`guard()` in env.py takes the lock, checks the files against the history and hands Alembic its
options; `sqlfile()` in a revision runs the SQL beside it. `ringfence migrate` runs Alembic too, so
both commands do the same, through the same hooks.
"""

from __future__ import annotations

import io
import re
import time
import traceback
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from psycopg import sql

from ringfence import project as projects
from ringfence import revisions
from ringfence.errors import BadProject, Busy, Error, Misuse, Refused, Span, described
from ringfence.finding import counted
from ringfence.migrate import Moved, refuse_edited
from ringfence.pg import ledger
from ringfence.pg.connect import (
    PATH,
    PINS,
    Target,
    connect,
    resolve,
    server_error,
    translated,
)
from ringfence.script import checksum, redacted, redacted_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
    statement (`number` of `total` is about to run), finished (after `seconds`), failed (`text` says
    what is left of the revision), notice (`text`).
    """

    what: Literal["waiting", "planned", "started", "statement", "finished", "failed", "notice"]
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
    """One run of Alembic over one connection, with everything that is recorded about it.

    `began` is where the database stood when the run had the lock, `done` what it has moved.
    """

    project: Project
    graph: Graph
    target: Target | None
    listen: Callable[[Progress], None] = _silent
    connection: psycopg.Connection[tuple[object, ...]] | None = None
    done: list[Moved] = field(default_factory=list)
    began: tuple[str, ...] = ()
    _heads: tuple[str, ...] = ()
    _running: ledger.Event | None = None
    _began: float = 0.0
    _left: str = ""

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
        self.began = self._heads = tuple(sorted(heads))
        steps = list(original(heads, context))
        moving = [step for step in steps if isinstance(step, RevisionStep)]
        for step in moving:
            revision = self._revision(step)
            if revision.sql:
                revision.runnable(_direction(step))
        if context.as_sql:
            if steps:
                _without_version_table(context)
                context.impl.static_output(self._prologue())
        elif moving:
            state = ledger.state(self._connected(), self.schema)
            undone = {self._revision(s).id for s in moving if not s.is_upgrade}
            refuse_edited(self.graph, state, undone)
        if moving and not context.as_sql:
            self.listen(Progress("planned", total=len(moving)))
        for number, step in enumerate(steps, 1):
            moves = isinstance(step, RevisionStep)
            if moves:
                self._dress(step, context)
            if moves and not context.as_sql:
                self._start(step, number, len(moving), context)
            yield step
            if moves and not context.as_sql:
                self._finish(step, number, len(moving))
        if context.as_sql and steps:
            context.impl.static_output(
                _block(f"PERFORM pg_advisory_unlock({LOCK_CLASS}, {_key(self.schema)});")
            )

    def _dress(self, step: RevisionStep, context: MigrationContext) -> None:
        """Have a revision's own function begin and end as every revision does."""
        original, revision = step.migration_fn, self._revision(step)

        def dressed(**arguments: Any) -> None:
            if context.as_sql:
                context.impl.static_output(self._guard())
                original(**arguments)
                if not revision.sql:
                    context.impl.static_output(_AFTER)
                return
            if not revision.sql:
                self._settings(self._connected(), {}, "SET LOCAL")
            original(**arguments)
            if not revision.sql:
                self._connected().execute("SET CONSTRAINTS ALL IMMEDIATE")
                _reset(self._connected(), forget=True)

        dressed.__name__ = original.__name__  # Alembic tells it: "Running upgrade …"
        step.migration_fn = dressed

    def _start(
        self, step: RevisionStep, number: int, total: int, context: MigrationContext
    ) -> None:
        revision, direction = self._revision(step), _direction(step)
        assert context.connection is not None
        # Reading the version table opened a transaction; the row below must not wait for its end.
        context.connection.rollback()
        with self.autocommit() as connection:
            attempt = ledger.next_attempt(connection, self.schema, revision.id, direction)
            self._running = self.row("started", revision, direction, attempt)
            ledger.record(connection, self.schema, self._running)
        self._began = time.monotonic()
        self._left = "nothing of it is left"
        self.listen(Progress("started", revision, direction, number, total))

    def _finish(self, step: RevisionStep, number: int, total: int) -> None:
        revision, direction = self._revision(step), _direction(step)
        seconds = time.monotonic() - self._began
        self._running = None
        self.done.append(Moved(revision, direction, seconds, self._heads))
        self.listen(Progress("finished", revision, direction, number, total, seconds))

    def applied(self, *, ctx: MigrationContext, step: Any, heads: set[str], **_: object) -> None:
        """Alembic's `on_version_apply`: the row that a revision is applied, in its transaction."""
        self._heads = tuple(sorted(heads))
        for identifier in step.up_revision_ids or ():
            revision = self.graph.revisions.get(identifier)
            if revision is None:
                continue
            direction: Direction = "up" if step.is_upgrade else "down"
            running, event = self._running, "stamped" if step.is_stamp else "finished"
            row = self.row(
                event,
                revision,
                direction,
                running.attempt if running else 1,
                seconds=time.monotonic() - self._began if running else None,
                with_sql=not step.is_stamp,
            )
            if ctx.as_sql:
                timed = not revision.sql or revision.script(direction).transactional
                ctx.impl.static_output(
                    ledger.literal(self.schema, row, timed=timed and not step.is_stamp)
                )
            else:
                if running is None:
                    attempt = ledger.next_attempt(
                        self._connected(), self.schema, revision.id, direction
                    )
                    row = replace(row, attempt=attempt)
                ledger.record(self._connected(), self.schema, row)
                self._left = "ringfence status tells whether it was committed"

    def failed(self, error: BaseException) -> None:
        """Record that the running revision did not finish, if the server still listens."""
        running, connection = self._running, self.connection
        if running is None or connection is None:
            return
        cause = error.__cause__ if isinstance(error, Error) else error
        said: dict[str, object] = {"message": redacted_message(str(error)) or type(error).__name__}
        if isinstance(cause, psycopg.Error) and cause.sqlstate:
            said["sqlstate"] = cause.sqlstate
        if isinstance(error, Error) and error.span is not None:
            said["at"] = str(error.span)
        row = replace(
            running,
            event="cancelled" if isinstance(error, KeyboardInterrupt) else "failed",
            seconds=time.monotonic() - self._began,
            error=said,
        )
        # Where the connection is gone, the row `started` without an end says as much.
        with suppress(psycopg.Error):
            connection.rollback()
            with self.autocommit():
                _reset(connection)
                recorded = ledger.record(connection, self.schema, row, unless_finished=True)
            self._left = self._left if recorded else "it was committed before that"
        revision = self.graph.revisions[running.revision]
        self.listen(Progress("failed", revision, running.direction, text=self._left))

    # Running a file

    def run(self, context: MigrationContext, stem: Path, direction: Direction) -> None:
        """Run a revision's SQL in that direction, in Alembic's transaction or statement by statement."""
        revision = self._of(stem)
        text = revision.runnable(direction)
        if context.as_sql:
            self._write(context, text)
        elif text.transactional:
            self._run_in_transaction(revision, direction, text)
        else:
            with context.autocommit_block():
                try:
                    self._run_one_by_one(revision, direction, text)
                except BaseException:
                    # Alembic would commit what a transaction of the file's own has done so far.
                    with suppress(psycopg.Error):
                        self._connected().rollback()
                    raise

    def _run_in_transaction(self, revision: Revision, direction: Direction, text: Script) -> None:
        connection = self._connected()
        before = ledger.finished_statements(connection, self.schema, revision.id, direction)
        if before:
            raise Refused(
                f"{counted(len(before), 'statement')} of revision {revision.id} have run one by one,"
                " and the file now runs in a transaction",
                hint="put this line back at its top: -- ringfence: transaction: none",
            )
        self._settings(connection, text.directives, "SET LOCAL")
        for number, statement in enumerate(text.statements, 1):
            self._say(revision, direction, number, text)
            self._execute(text, statement)
            if not self._in_transaction:
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
            raise _deferred(error, text) from error
        _reset(connection, forget=True)

    def _run_one_by_one(self, revision: Revision, direction: Direction, text: Script) -> None:
        connection = self._connected()
        running = self._running
        assert running is not None
        before = ledger.finished_statements(connection, self.schema, revision.id, direction)
        self._refuse_other(revision, text, before)
        session: list[Statement] = []
        block: list[ledger.Event] = []
        for number, statement in enumerate(text.statements, 1):
            if statement.sets_session:
                session.append(statement)
                self._execute(text, statement)
                continue
            if number in before:
                continue
            self._say(revision, direction, number, text)
            self._left = f"statement {number} of {len(text.statements)}: run it again to go on"
            row = replace(
                running,
                event="statement",
                statement=number,
                checksum=checksum(statement.text.encode()),
                sql=redacted(statement.text),
            )
            if self._in_transaction:
                # A transaction of the file's own: its rows are committed with it or not at all.
                block.append(row)
                if statement.words[:1] in (("COMMIT",), ("END",)):
                    _reset(connection)
                    for waiting in block:
                        ledger.record(connection, self.schema, waiting)
                self._execute(text, statement)
                continue
            block = [row]
            self._settings(connection, text.directives, "SET", patient=statement.lets_others_work)
            # What the file set for its session is set again: the rows were written without it, and
            # an earlier attempt may have been another session's.
            for setting in session:
                self._execute(text, setting)
            began = time.monotonic()
            self._execute(text, statement)
            if not self._in_transaction:
                row = replace(row, seconds=time.monotonic() - began)
                _reset(connection)
                ledger.record(connection, self.schema, row)
        if self._in_transaction:
            raise BadProject(
                f"{text.path} begins a transaction and does not end it", hint="write the COMMIT"
            )
        _reset(connection, forget=True)

    def _refuse_other(self, revision: Revision, text: Script, before: Mapping[int, str]) -> None:
        """Raise `Refused` when the statements that have run are not those of the file any more."""
        for number, mark in sorted(before.items()):
            if number > len(text.statements):
                raise Refused(
                    f"statement {number} of revision {revision.id} has run and is no longer in"
                    f" {text.path}",
                    hint="restore it; change what it made in a statement after the last",
                )
            statement = text.statements[number - 1]
            if checksum(statement.text.encode()) != mark:
                raise Refused(
                    f"statement {number} of revision {revision.id} has run and was edited since",
                    span=text.span(statement.start),
                    hint="restore it; change what it made in a statement after the last",
                )

    def _execute(self, text: Script, statement: Statement) -> None:
        connection = self._connected()
        try:
            if statement.data is None:
                # No parameters: the text goes as it stands, and a % or : in it means itself.
                connection.execute(statement.text)
            else:
                with connection.cursor().copy(statement.text) as copy:
                    copy.write(statement.data)
        except psycopg.Error as error:
            raise self._explained(error, text, statement) from error

    def _explained(self, error: psycopg.Error, text: Script, statement: Statement) -> Error:
        """A statement's error; of one that waited too long for a lock, with who holds it."""
        connection = self._connected()
        found = server_error(error, script=text, statement=statement, role=connection.info.user)
        if isinstance(found, Busy) and error.sqlstate == "55P03" and not found.detail:
            with suppress(psycopg.Error):
                connection.rollback()
                connection.execute(PATH)
                found.detail = _lockers(connection, _names(statement))
        if statement.lets_others_work:
            with suppress(psycopg.Error):
                found.detail = "\n".join(
                    filter(None, (found.detail, _broken(connection, statement)))
                )
        return found

    def _settings(
        self,
        connection: psycopg.Connection[tuple[object, ...]],
        directives: Mapping[str, str],
        verb: str,
        *,
        patient: bool = False,
    ) -> None:
        # A file finds what it names where the database or the role says; ours is PATH.
        path = sql.SQL("{} search_path TO DEFAULT; ").format(sql.SQL(verb))
        connection.execute(path + self._set(directives, verb, patient=patient))

    def _set(
        self, directives: Mapping[str, str], verb: str, *, patient: bool = False
    ) -> sql.Composed:
        """The statements that set what a revision runs under.

        A `patient` statement waits as long as it takes: CREATE INDEX CONCURRENTLY waits for every
        older transaction, keeps nobody from working meanwhile, and given up leaves a broken index.
        """
        limit = "0" if patient else self.project.config.migrate.lock_timeout
        wanted = {"lock_timeout": limit}
        for key in ("lock-timeout", "statement-timeout"):
            if key in directives:
                wanted[key.replace("-", "_")] = directives[key]
        return sql.SQL("; ").join(
            sql.SQL("{} {} = {}").format(sql.SQL(verb), sql.Identifier(key), sql.Literal(value))
            for key, value in wanted.items()
        )

    # Offline: `alembic upgrade --sql`, `ringfence migrate --dry-run`

    def _prologue(self) -> str:
        taken = (
            f"IF NOT pg_try_advisory_lock({LOCK_CLASS}, {_key(self.schema)}) THEN\n"
            "RAISE EXCEPTION 'another run of migrations holds the lock'"
            " USING ERRCODE = 'lock_not_available';\nEND IF;"
        )
        return "\n\n".join((_ENCODING, _block(taken), ledger.creation(self.schema)))

    def _guard(self) -> str:
        """SQL that fails where the database does not stand where the coming revision expects it."""
        table = sql.Identifier(self.schema, ledger.VERSION_TABLE)
        wrong = sql.SQL("EXISTS (SELECT FROM {})").format(table)
        if self._heads:
            wrong = sql.SQL(
                "(SELECT count(*) FROM {0}) <> {1}"
                " OR EXISTS (SELECT FROM {0} WHERE version_num NOT IN ({2}))"
            ).format(table, len(self._heads), sql.SQL(", ").join(map(sql.Literal, self._heads)))
        check = sql.SQL("IF {} THEN\nRAISE EXCEPTION USING MESSAGE = {};\nEND IF;").format(
            wrong, f"the database does not stand at {', '.join(self._heads) or 'base'}"
        )
        settings = self._set({}, "SET LOCAL")
        return f"{_block(check.as_string(None))}\n{settings.as_string(None)};"

    def _write(self, context: MigrationContext, text: Script) -> None:
        settings = self._set(text.directives, "SET LOCAL" if text.transactional else "SET")
        lines = f"{settings.as_string(None)};\n\n{text.for_psql}\n"
        if text.transactional:
            context.impl.static_output(f"{lines}\nSET CONSTRAINTS ALL IMMEDIATE;\n{_AFTER}")
            return
        with context.autocommit_block():
            context.impl.static_output(f"{lines}\n{_AFTER}")

    # Small things

    def _say(self, revision: Revision, direction: Direction, number: int, text: Script) -> None:
        self.listen(Progress("statement", revision, direction, number, len(text.statements)))

    def row(
        self,
        event: str,
        revision: Revision,
        direction: Direction,
        attempt: int,
        *,
        seconds: float | None = None,
        with_sql: bool = False,
    ) -> ledger.Event:
        """A row of the history about a revision, with who and where we are."""
        text: str | None = None
        if with_sql:
            text = (
                redacted(revision.script(direction).text)
                if revision.sql
                else redacted_message(revision.path.read_text(encoding="utf-8"))
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

    @property
    def _in_transaction(self) -> bool:
        status = self._connected().info.transaction_status
        return status is not psycopg.pq.TransactionStatus.IDLE

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
            if revision.path.with_suffix("").resolve() == stem.resolve():
                return revision
        raise BadProject(f"{stem}.py is not a revision of {self.graph.folder}")


def _direction(step: RevisionStep) -> Direction:
    return "up" if step.is_upgrade else "down"


_RESET = ("RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL")
_FORGET = ("DISCARD TEMP", "DEALLOCATE ALL", "CLOSE ALL", "UNLISTEN *")
_ENCODING = "SET client_encoding = 'UTF8';"
_AFTER = ";\n".join((*_RESET, *_FORGET, _ENCODING))


def _reset(connection: psycopg.Connection[tuple[object, ...]], *, forget: bool = False) -> None:
    """Undo what a file may have set for the session: its role, its search_path and the rest.

    `forget`: also what it made for the session, temporary tables and prepared statements.
    """
    # RESET ALL brings back what the database or the role says.
    connection.execute("; ".join((*_RESET, *PINS, PATH, *(_FORGET if forget else ()))))


def _block(body: str) -> str:
    return f"DO $ringfence$\nBEGIN\n{body}\nEND;\n$ringfence$;"


def _without_version_table(context: MigrationContext) -> None:
    """Have Alembic's offline output leave the version table alone: the prologue makes it.

    Alembic would create it again where the database was brought back to base.
    """
    write = context.impl.static_output
    start = re.compile(rf"(CREATE|DROP) TABLE .*\b{ledger.VERSION_TABLE}\b")

    def static_output(text: str) -> None:
        if not start.match(text):
            write(text)

    context.impl.static_output = static_output  # type: ignore[method-assign]


def _deferred(error: psycopg.Error, text: Script) -> Error:
    """What a constraint that was checked only at the end of a file says, and where that began."""
    table = error.diag.table_name or ""
    about = [s for s in text.statements if table and table in s.text] or list(text.statements)
    found = server_error(error, script=text, statement=about[-1] if about else None)
    late = "the constraint is deferred: it was checked at the end of the file"
    found.detail = f"{found.detail}\n{late}".strip()
    return found


def _lockers(connection: psycopg.Connection[tuple[object, ...]], names: list[str]) -> str:
    """Who holds locks on relations of these names, in words; empty when nobody does."""
    rows = connection.execute(
        "SELECT DISTINCT ON (a.xact_start, a.pid) c.oid::regclass::text, l.mode, a.pid, a.usename,"
        " a.application_name, date_trunc('second', clock_timestamp() - a.xact_start)::text,"
        " a.state, a.query"
        " FROM pg_locks AS l JOIN pg_class AS c ON l.relation = c.oid"
        " JOIN pg_stat_activity AS a ON l.pid = a.pid"
        " WHERE l.granted AND l.pid <> pg_backend_pid() AND c.relname = ANY (%s)"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " ORDER BY a.xact_start, a.pid, l.mode LIMIT 3",
        [names],
    ).fetchall()
    return "\n".join(
        f"{table} is locked ({mode}) by pid {pid}, user {user}, {application or 'unnamed'},"
        f" {state} in a transaction since {since}: {_brief(str(query))}"
        for table, mode, pid, user, application, since, state, query in rows
    )


def _broken(connection: psycopg.Connection[tuple[object, ...]], statement: Statement) -> str:
    """The indexes that a statement names and that a CREATE INDEX CONCURRENTLY left invalid."""
    rows = connection.execute(
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON indexrelid = pg_class.oid"
        " WHERE NOT indisvalid AND relname = ANY (%s) ORDER BY 1",
        [_names(statement)],
    ).fetchall()
    return "\n".join(
        f"index {name} is left invalid; before the next run: DROP INDEX CONCURRENTLY {name};"
        for (name,) in rows
    )


def _names(statement: Statement) -> list[str]:
    """Everything in a statement that may be the name of an object."""
    found = re.findall(r'"((?:[^"]|"")+)"|([^\W\d][\w$]*)', statement.text)
    return sorted({quoted.replace('""', '"') or plain.lower() for quoted, plain in found})


def _brief(query: str) -> str:
    """A query's beginning, on one line and without its passwords."""
    line = " ".join(redacted(query).split())
    return line if len(line) <= 80 else line[:79] + "…"


def _key(schema: str) -> int:
    """The second half of the runner's lock's key."""
    import zlib

    return zlib.crc32(schema.encode()) - (1 << 31)


# Running Alembic ourselves


def drive(
    session: Session,
    choose: Callable[[tuple[str, ...]], Sequence[tuple[Revision, Direction]]],
    *,
    offline_from: Sequence[str] | None = None,
) -> str:
    """Run Alembic, through the project's own env.py, over the revisions that `choose` names.

    `choose` is given where the database stands, once nobody else can move it. With `offline_from`
    nothing is connected to: the SQL for a database that stands there is returned.
    """
    buffer = io.StringIO()
    config = Config(output_buffer=buffer, stdout=io.StringIO())
    # % is configparser's own sign of interpolation.
    config.set_main_option("script_location", str(session.project.migrations).replace("%", "%%"))
    config.attributes["ringfence"] = session
    offline = offline_from is not None
    try:
        script = ScriptDirectory.from_config(config)
        script.get_heads()  # runs the revisions' modules, before anything is connected to

        def steps(heads: tuple[str, ...], _: MigrationContext) -> list[RevisionStep]:
            return [_step(script, *chosen) for chosen in choose(heads)]

        with EnvironmentContext(
            config,
            script,
            fn=steps,
            as_sql=offline,
            starting_rev=list(offline_from or ()) or None if offline else None,
        ):
            script.run_env()
    except CommandError as error:
        raise BadProject(str(error)) from error
    except Exception as error:
        found = _explained(error, session.project)
        if found is error:
            raise
        raise found from error
    return buffer.getvalue()


def adopt(session: Session) -> tuple[Revision, ...]:
    """Record every revision of the session's graph as applied, without running any."""
    assert session.target is not None
    session.connection = connection = connect(session.target, pinned=True)
    adopted = tuple(session.graph.revisions.values())
    with connection:
        refuse_standby(connection, session.target)
        with _locked(session):
            current = ledger.state(connection, session.schema).current
            if current:
                raise Refused(
                    f"{session.target.shown} stands at revision {', '.join(current)} already",
                    hint="ringfence status says what is to be done",
                )
            with translated(connection), connection.transaction():
                for revision in adopted:
                    row = session.row("baseline", revision, "up", 1)
                    ledger.record(connection, session.schema, row)
                ledger.stamp(connection, session.schema, session.graph.heads)
    return adopted


def _step(script: ScriptDirectory, revision: Revision, direction: Direction) -> RevisionStep:
    theirs = script.get_revision(revision.id)
    assert theirs is not None
    name = "upgrade" if direction == "up" else "downgrade"
    if not hasattr(theirs.module, name):
        done = "applied" if direction == "up" else "undone"
        raise BadProject(
            f"revision {revision.id} cannot be {done}: {revision.shown} has no {name}",
            hint="write it, or go forward with a new revision",
        )
    return RevisionStep(script.revision_map, theirs, direction == "up")


def _explained(error: BaseException, project: Project, role: str = "") -> BaseException:
    """An exception as one of ours where it is the database's or the fault of a file of theirs."""
    first: BaseException | None = error
    while first is not None:
        if isinstance(first, (Error, CommandError, KeyboardInterrupt)):
            # What came after it came of it: a rollback on a connection that is gone, say.
            return first
        first = first.__context__
    if not isinstance(error, Exception):
        return error
    place, source = _place(error, project)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, psycopg.Error):
            refused = server_error(cause, role=role, source=source)
            refused.span = place
            return refused
        cause = cause.__cause__
    if place is None:
        return error
    return BadProject(f"{type(error).__name__}: {error}", span=place)


def _place(error: BaseException, project: Project) -> tuple[Span | None, str]:
    """Where in the project's migrations an exception comes from, and that file's text."""
    inside, ours = project.migrations.resolve(), Path(__file__).parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(ours):
            break  # theirs called us, and what failed is ours
        if path.is_absolute() and path.resolve().is_relative_to(inside):
            # Python's column is where the expression begins.
            source = path.read_text(encoding="utf-8", errors="replace")
            line, column = frame.lineno or 1, (frame.colno or 0) + 1
            text = dict(enumerate(source.split("\n"), 1)).get(line, "")
            return Span(project.shown(path), line, column, redacted_message(text)), source
    return None, ""


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
    if isinstance(session, Session):
        with _guarded(context, session) as options:
            yield options
        return
    try:
        with _guarded(context, _plain_session(context)) as options:
            yield options
    except Error as error:
        # What Alembic's own command prints without a traceback.
        raise CommandError(described(error)) from error


@contextmanager
def _guarded(context: Any, session: Session) -> Iterator[dict[str, Any]]:
    options: dict[str, Any] = {
        "ringfence": session,
        "transaction_per_migration": True,
        "version_table_schema": session.schema,
        "on_version_apply": session.applied,
    }
    if context.is_offline_mode():
        options |= {
            "dialect_name": "postgresql",
            "literal_binds": True,
            "dialect_opts": {"paramstyle": "named"},  # or every % would come out doubled
        }
        yield _wrapped(context, session, options)
        return
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    assert session.target is not None
    session.connection = connection = connect(session.target, pinned=True)
    try:
        connection.add_notice_handler(
            lambda diag: session.listen(
                Progress("notice", text=redacted_message(diag.message_primary or ""))
            )
        )
        refuse_standby(connection, session.target)
        connection.autocommit = False  # as SQLAlchemy takes a new connection to be
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool
        )
        with engine.connect() as connected:
            options["connection"] = connected
            wrapped = _wrapped(context, session, options)
            connected.rollback()
            with _unlocked() if wrapped.get("dont_mutate") else _locked(session):
                try:
                    yield wrapped
                except BaseException as error:
                    with suppress(Exception):  # of a connection that is gone
                        connected.rollback()
                    found = _explained(error, session.project, connection.info.user)
                    session.failed(found)
                    if found is error:
                        raise
                    raise found from error
    finally:
        connection.close()


def _plain_session(context: Any) -> Session:
    """The session of a plain `alembic` command, which knows only where its configuration lies."""
    script = Path(context.script.dir)
    project = projects.need(script.absolute())
    dsn = context.get_x_argument(as_dictionary=True).get("dsn")
    target = None
    if not context.is_offline_mode():
        target = resolve(project, dsn, source="-x dsn")
    return Session(project, revisions.read(project), target)


def _wrapped(context: Any, session: Session, options: dict[str, Any]) -> dict[str, Any]:
    """The options, with the function that yields Alembic's steps wrapped in the session's own."""
    context.configure(**options)
    given = context.get_context().opts
    original = given["fn"]

    def steps(heads: tuple[str, ...], migration: MigrationContext) -> Iterator[Any]:
        return session.steps(original, heads, migration)

    def compare(heads: tuple[str, ...], _: MigrationContext) -> Iterator[Any]:
        session.graph.refuse_unknown(heads)
        if session.graph.pending(heads):
            raise CommandError("Target database is not up to date.")
        raise Misuse(
            "alembic compares a database with Python models, and this project has none",
            hint="ringfence verify says whether it stands as the files say",
        )

    if given.get("revision_context") is not None:  # alembic check, revision --autogenerate
        return {**options, "fn": compare, "dont_mutate": True}
    if given.get("dont_mutate"):  # alembic current
        return {**options, "dont_mutate": True}
    return {**options, "fn": steps}


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
    key = _key(session.schema)
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
        " date_trunc('second', clock_timestamp() - a.backend_start)::text, a.query"
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
        f" at: {_brief(str(query))}"
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

"""The bridge to Alembic: what `migrations/env.py` and the revisions of a project call.

`guard()` in env.py takes the lock, checks the files against the history and hands Alembic its
options; `sqlfile()` in a revision runs the SQL beside it. `ringfence migrate` runs Alembic too, so
both commands do the same, through the same hooks.
"""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import threading
import time
import traceback
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory
from alembic.script.revision import MultipleHeads
from alembic.util.exc import CommandError
from psycopg import sql

from ringfence import backfill, hazards, lockfile, revisions
from ringfence import project as projects
from ringfence.errors import (
    INTERRUPTED,
    BadProject,
    Busy,
    Error,
    Misuse,
    Refused,
    ServerError,
    Span,
    described,
)
from ringfence.execute import (
    FORGET,
    LOOKS,
    RESET,
    Executor,
    Progress,
    open_,
    reset,
    seconds,
    settings,
)
from ringfence.lockmodes import told
from ringfence.migrate import (
    Moved,
    Way,
    difference,
    halves,
    refuse_edited,
    refuse_halfway,
    refuse_skipped,
    who,
)
from ringfence.pg import ledger, runner
from ringfence.pg.connect import Target, connect, resolve, server_error
from ringfence.pg.runner import refuse_standby
from ringfence.script import redacted, redacted_message, without_values
from ringfence.sent import Sent
from ringfence.step import remark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from alembic.runtime.migration import MigrationContext
    from alembic.script.revision import RevisionMap

    from ringfence.project import Project
    from ringfence.revisions import Direction, Graph, Revision
    from ringfence.script import Script


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
    ran: Mapping[tuple[str, str], ledger.Ran] = field(default_factory=dict)
    """Of revisions that are not at their end, what has run: what a script for psql leaves out."""
    began: tuple[str, ...] = ()
    _heads: tuple[str, ...] = ()
    executor: Executor | None = None
    alchemy: Any = None
    """SQLAlchemy's own of the connection."""
    text: str = ""
    """What runs now, whose secrets no message may hold."""
    _running: ledger.Event | None = None
    _following: RevisionStep | None = None
    _attempts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    _begun: ledger.Event | None = None
    _began: float = 0.0
    _left: str = ""
    _xid: str | None = None
    _stems: dict[Path, Revision] = field(default_factory=dict)

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
        if self.graph.unknown(heads) and self.connection is not None:
            known = ledger.state(self._connected(), self.schema)
            self.graph.refuse_unknown(heads, who(known))
        self.graph.refuse_unknown(heads)
        self.began = self._heads = tuple(sorted(heads))
        try:
            steps = list(original(heads, context))
        except CommandError as error:
            if isinstance(error.__cause__, MultipleHeads):
                self.graph.head  # noqa: B018 - says what to do about it
            raise
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
            self._executor().begun = {half.revision for half in state.halves}
            if len(moving) > 1:
                self._attempts = ledger.attempts(self._connected(), self.schema)
            going: Direction = "up" if moving[-1].is_upgrade else "down"
            run = tuple(self._revision(step) for step in moving)
            refuse_halfway(self.graph, state, Way(going, run, ()))
            undone = {self._revision(s).id for s in moving if not s.is_upgrade}
            if moving and not undone:
                refuse_skipped(self.graph, state)
            refuse_edited(
                self.graph, state, undone, lambda text: self.listen(Progress("notice", text=text))
            )
            hazards.refuse_revisions(
                self.project, [(self._revision(step), _direction(step)) for step in moving]
            )
        if moving and not context.as_sql:
            self.listen(Progress("planned", total=len(moving)))
        for number, step in enumerate(steps, 1):
            moves = isinstance(step, RevisionStep)
            if moves:
                self._dress(step, context)
            if moves and not context.as_sql:
                # Steps that move nothing come by themselves: a stamp.
                self._following = moving[number] if number < len(moving) else None
                self._start(step, number, len(moving), context)
            yield step
            if moves and not context.as_sql:
                self._finish(step, number, len(moving))
        if context.as_sql and steps:
            context.impl.static_output(
                _block(
                    f"PERFORM pg_advisory_unlock({runner.LOCK_CLASS}, {runner.key(self.schema)});"
                )
            )

    def _dress(self, step: RevisionStep, context: MigrationContext) -> None:
        """Have a revision's own function begin and end as every revision does."""
        original, revision, direction = step.migration_fn, self._revision(step), _direction(step)

        def dressed(**arguments: Any) -> None:
            if context.as_sql:
                context.impl.static_output(self._guard(revision, direction))
                original(**arguments)
                if not revision.sql:
                    context.impl.static_output(_AFTER)
                return
            if revision.sql:
                original(**arguments)
                return
            connection, executor, running = self._connected(), self._executor(), self._running
            assert running is not None
            self.text = revision.path.read_text(encoding="utf-8", errors="replace")
            sent = Sent(executor, running, revision.shown)

            def attempt() -> None:
                open_(connection, executor.settings({}, "SET LOCAL"))
                try:
                    with sent.listening(), self._hearing(sent), _leaving(context, sent.outside):
                        original(**arguments)
                except Exception as error:
                    found = _explained(error, self.project, connection.info.user)
                    if isinstance(found, Error) and found.span is None:
                        found.span, _ = _place(error, self.project, through=True)
                    if isinstance(found, Busy):
                        executor.blame(found)
                    if found is error:
                        raise
                    raise found from error
                executor.end("SET CONSTRAINTS ALL IMMEDIATE")

            def directives() -> Mapping[str, str]:
                return {"lock-deadline": "0"} if sent.stuck else {}

            executor.patiently(attempt, directives, "all of it")

        dressed.__name__ = original.__name__  # Alembic tells it: "Running upgrade …"
        step.migration_fn = dressed

    @contextmanager
    def _hearing(self, sent: Sent) -> Iterator[None]:
        """Have it hear of each statement that SQLAlchemy sends."""
        from sqlalchemy import event

        hooks = {"before_cursor_execute": sent.before, "after_cursor_execute": sent.after}
        for name, hook in hooks.items():
            event.listen(self.alchemy, name, hook, retval=name.startswith("before"))
        try:
            yield
        finally:
            for name, hook in hooks.items():
                event.remove(self.alchemy, name, hook)

    def _start(
        self, step: RevisionStep, number: int, total: int, context: MigrationContext
    ) -> None:
        revision, direction = self._revision(step), _direction(step)
        self._running, self._begun = self._begun, None
        if self._running is None:  # no revision before it has said so
            assert context.connection is not None
            # Reading the version table opened a transaction; the row must not wait for its end.
            context.connection.rollback()
            with self.autocommit() as connection:
                row = self.row("started", revision, direction, 1)
                self._running = ledger.begin(connection, self.schema, row)
        self._began = time.monotonic()
        self._xid, self._left = None, ""
        self._executor().begin()
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
                connection = self._connected()
                if running is None:
                    ledger.begin(connection, self.schema, row)
                    continue
                row = replace(row, waits=self._executor().waits.document)
                self._record(row)
                self._left = "ringfence status tells whether it was committed"

    def _record(self, row: ledger.Event) -> None:
        """Record that a revision has finished, and in the same commit that the next one starts."""
        connection = self._connected()
        if self._following is None:
            self._xid = ledger.record(connection, self.schema, row)
            return
        revision, direction = self._revision(self._following), _direction(self._following)
        attempt = self._attempts.get((revision.id, direction), 0) + 1
        following = self.row("started", revision, direction, attempt)
        self._xid = ledger.record_and_begin(connection, self.schema, row, following)
        self._begun = following

    def failed(self, error: BaseException) -> BaseException:
        """Record that the running revision did not finish; the error to raise, with what is known.

        Where the connection was lost the server is asked, over a new one, whether it had committed.
        """
        running, connection = self._running, self.connection
        if connection is None:
            return error
        if connection.closed and isinstance(error, ServerError):
            return self._lost(error)
        if running is None:
            return error
        row = self._end(running, error)
        left = self._left or self._executor().left
        # Where the connection is gone, the row `started` without an end says as much.
        with suppress(psycopg.Error):
            connection.rollback()
            with self.autocommit():
                reset(connection)
                recorded = ledger.record(connection, self.schema, row, unless_finished=True)
                if recorded is None and self._begun is not None:
                    # The same commit has said that the next one starts.
                    ledger.record(connection, self.schema, self._end(self._begun, error))
            left = left if recorded else "it was committed before that"
        revision = self.graph.revisions[running.revision]
        self.listen(Progress("failed", revision, running.direction, text=left))
        return error

    def _end(self, running: ledger.Event, error: BaseException) -> ledger.Event:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, psycopg.Error):
            cause = cause.__cause__  # SQLAlchemy puts its own around it
        message = _stopped(error) or redacted_message(str(error)) or type(error).__name__
        said: dict[str, object] = {"message": message}
        if isinstance(cause, psycopg.Error) and cause.sqlstate:
            said["sqlstate"] = cause.sqlstate
            # Whoever runs it reads of the rows; the history is kept, and more may read it.
            diag = cause.diag
            names = (diag.schema_name, diag.table_name, diag.column_name, diag.datatype_name,
                     diag.constraint_name)  # fmt: skip
            said["message"] = without_values(message, self.text, [n for n in names if n])
        if isinstance(error, Error) and error.span is not None:
            said["at"] = str(error.span)
        return replace(
            running,
            event="cancelled" if isinstance(error, KeyboardInterrupt) else "failed",
            seconds=time.monotonic() - self._began,
            error=said,
            waits=self._executor().waits.document,
        )

    def _lost(self, error: ServerError) -> runner.Lost:
        """What became of a run whose connection went away: asked over a new one, once it is over.

        The lock is had again only when the old session has ended, and with it what it was at.
        """
        running, left = self._running, self._left or self._executor().left
        lost = runner.Lost(
            error.message, sqlstate=error.sqlstate, span=error.span, detail=error.detail,
            hint=error.hint, title=error.title,
        )  # fmt: skip
        lost.__cause__ = error.__cause__
        assert self.target is not None
        wait = seconds(self.project.config.migrate.wait)
        fresh = runner.again(self.target, wait)
        if fresh is not None:
            with suppress(psycopg.Error, Error), fresh:
                runner.take(fresh, self.schema, wait, lambda _: None)
                if self._xid is not None:
                    lost.committed = runner.outcome(fresh, self._xid)
                if running is not None and not lost.committed:
                    row = self._end(running, error)
                    if ledger.record(fresh, self.schema, row, unless_finished=True) is None:
                        lost.committed = True
                if lost.committed and self._begun is not None:
                    ledger.record(fresh, self.schema, self._end(self._begun, error))
                lost.reached = True
        if lost.committed and running is not None:
            revision = self.graph.revisions[running.revision]
            seconds_ = time.monotonic() - self._began
            self.done.append(Moved(revision, running.direction, seconds_, self._heads))
        if lost.committed is not None:
            said = "had been" if lost.committed else "was not"
            left = f"the connection was lost at its end: it {said} committed"
        if running is not None:
            revision = self.graph.revisions[running.revision]
            self.listen(Progress("failed", revision, running.direction, text=left))
        return lost

    # Running a file

    def run(self, context: MigrationContext, stem: Path, direction: Direction) -> None:
        """Run a revision's SQL in that direction, in Alembic's transaction or statement by statement."""
        revision = self._of(stem)
        text = revision.runnable(direction)
        self.text = text.text
        if not context.as_sql and not text.statements and len(revision.down) < 2:
            left = "nothing was done" if direction == "up" else "what the revision made stays"
            self.listen(Progress("notice", text=f"{text.path} holds no statement: {left}"))
        if context.as_sql:
            self._write(context, text, self.ran.get((revision.id, direction)))
        elif text.backfill:
            with context.autocommit_block():
                backfill.run(self._executor(), revision, direction, text)
        elif text.transactional:
            self._executor().in_transaction(revision, direction, text)
        else:
            assert self._running is not None
            with context.autocommit_block():
                try:
                    self._executor().one_by_one(revision, direction, text, self._running)
                except BaseException:
                    # Alembic would commit what a transaction of the file's own has done so far.
                    with suppress(psycopg.Error):
                        self._connected().rollback()
                    raise

    # Offline: `alembic upgrade --sql`, `ringfence migrate --dry-run`

    def _prologue(self) -> str:
        taken = (
            f"IF NOT pg_try_advisory_lock({runner.LOCK_CLASS}, {runner.key(self.schema)}) THEN\n"
            "RAISE EXCEPTION 'another run of migrations holds the lock'"
            " USING ERRCODE = 'lock_not_available';\nEND IF;"
        )
        # Else psql would go on where the lock is held, or where the database stands elsewhere.
        stop = "\\set ON_ERROR_STOP on"
        return "\n\n".join((stop, _ENCODING, _block(taken), ledger.creation(self.schema)))

    def _guard(self, revision: Revision, direction: Direction) -> str:
        """SQL that fails where the database does not stand where the coming revision expects it."""
        table = sql.Identifier(self.schema, ledger.VERSION_TABLE)
        wrong = sql.SQL("EXISTS (SELECT FROM {})").format(table)
        if self._heads:
            wrong = sql.SQL(
                "(SELECT count(*) FROM {0}) <> {1}"
                " OR EXISTS (SELECT FROM {0} WHERE version_num NOT IN ({2}))"
            ).format(table, len(self._heads), sql.SQL(", ").join(map(sql.Literal, self._heads)))
        checks = [(wrong, f"the database does not stand at {', '.join(self._heads) or 'base'}")]
        if revision.sql and not revision.script(direction).transactional:
            ran = self.ran.get((revision.id, direction))
            said = f"revision {revision.id} has begun, and ringfence migrate goes on with it"
            # Where a backfill goes on, no script can tell.
            expected = len(ran.finished) if ran and not revision.script(direction).backfill else 0
            begun = ledger.begun(self.schema, revision.id, direction)
            checks.append((sql.SQL("{} <> {}").format(begun, expected), said))
        body = sql.SQL("\n").join(
            sql.SQL("IF {} THEN\nRAISE EXCEPTION USING MESSAGE = {};\nEND IF;").format(*check)
            for check in checks
        )
        limits = self._limits({}, "SET LOCAL")
        return f"{_block(body.as_string(None))}\n{limits};"

    def _limits(self, directives: Mapping[str, str], verb: str) -> str:
        wanted = {"lock_timeout": self.project.config.migrate.lock_timeout}
        for key in ("lock-timeout", "statement-timeout"):
            if key in directives:
                wanted[key.replace("-", "_")] = directives[key]
        return settings(wanted, verb).as_string(None)

    def _write(self, context: MigrationContext, text: Script, ran: ledger.Ran | None) -> None:
        done, begun = (ran.finished, ran.begun) if ran else ({}, {})
        limits = self._limits(text.directives, "SET LOCAL" if text.transactional else "SET")
        locks = "".join(
            remark(
                f"statement {number}, line {text.span(statement.start).line}: "
                + ("has run" if number in done else told(statement))
                + ("; was begun: migrate looks first what came of it" * (number in begun))
            )
            + "\n"
            for number, statement in enumerate(text.statements, 1)
        )
        if text.backfill:
            locks += "-- migrate runs it in batches, by key\n"
            if done:
                locks += "-- and has begun: it goes on behind the last one, which this cannot\n"
        lines = f"{locks}{limits};\n\n{text.for_psql if text.backfill else text.without(done)}\n"
        if text.transactional:
            context.impl.static_output(f"{lines}\nSET CONSTRAINTS ALL IMMEDIATE;\n{_AFTER}")
            return
        with context.autocommit_block():
            context.impl.static_output(f"{lines}\n{_AFTER}")

    # Small things

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
            fingerprint=revision.fingerprint,
            sql=text,
            seconds=seconds,
            client=ledger.client(self.project.root),
        )

    def _executor(self) -> Executor:
        assert self.executor is not None
        return self.executor

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
        """The revision of this path, which is Alembic's word for it and need not be ours."""
        if not self._stems:
            self._stems = {r.path.with_suffix(""): r for r in self.graph.revisions.values()}
        if stem not in self._stems:
            near = (p for p in self._stems if p.name == stem.name and p.resolve() == stem.resolve())
            if (found := next(near, None)) is not None:
                self._stems[stem] = self._stems[found]
        if stem in self._stems:
            return self._stems[stem]
        raise BadProject(f"{stem}.py is not a revision of {self.graph.folder}")


@contextmanager
def _leaving(
    context: MigrationContext,
    around: Callable[[Callable[[], AbstractContextManager[None]]], AbstractContextManager[None]],
) -> Iterator[None]:
    """Have a revision that leaves its transaction do so through `around`."""
    original = context.autocommit_block

    @contextmanager
    def autocommit_block() -> Iterator[None]:
        with around(original):
            yield

    context.autocommit_block = autocommit_block  # type: ignore[method-assign]
    try:
        yield
    finally:
        context.autocommit_block = original  # type: ignore[method-assign]


def _stopped(error: BaseException) -> str:
    """What a signal did to a run, in words; nothing where it was none."""
    if not isinstance(error, KeyboardInterrupt):
        return ""
    status = getattr(error, "status", INTERRUPTED)
    if status == INTERRUPTED:
        return "interrupted"
    return f"told to stop ({signal.Signals(status - 128).name})"


def _direction(step: RevisionStep) -> Direction:
    return "up" if step.is_upgrade else "down"


_ENCODING = "SET client_encoding = 'UTF8';"
_AFTER = ";\n".join((*RESET, *FORGET, _ENCODING))


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


# Running Alembic ourselves


def offline(revision: Revision, direction: Direction) -> str:
    """The SQL of a revision of Python, as Alembic writes it where nobody is connected.

    Raises `BadProject` where it does not: the revision looks at what is in the database, say.
    """
    import importlib.util

    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    from ringfence.script import Script

    buffer = io.StringIO()
    options = {"as_sql": True, "output_buffer": buffer, "literal_binds": True}
    name = f"ringfence_revision_{revision.id}"
    spec = importlib.util.spec_from_file_location(name, revision.path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        context = MigrationContext.configure(dialect_name="postgresql", opts=options)
        with Operations.context(context):
            getattr(module, "upgrade" if direction == "up" else "downgrade")()
    except Exception as error:
        said = str(error).split("\n", maxsplit=1)[0] or type(error).__name__
        raise BadProject(f"{type(error).__name__}: {said}") from error
    text = buffer.getvalue()
    statements = Script(revision.shown, text).statements
    if not any(s.controls_transaction for s in statements):
        return text
    # It leaves its transaction for something that cannot run in one.
    alone = [s.text for s in statements if not s.controls_transaction]
    return (
        ";\n".join(("-- ringfence: transaction: none\n" + alone[0], *alone[1:], ""))
        if alone
        else ""
    )


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
    if not (session.project.migrations / "env.py").is_file():
        raise BadProject(
            f"there is no {session.project.shown(session.project.migrations / 'env.py')}, which"
            " Alembic runs",
            hint="ringfence init writes one in a new folder; one of another project does as well",
        )
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


def adopt(session: Session, upto: Sequence[str]) -> tuple[Revision, ...]:
    """Record every revision up to these as applied, without running any."""
    assert session.target is not None
    session.connection = connection = connect(session.target, pinned=True)
    adopted = session.graph.applied(upto)
    with connection:
        refuse_standby(connection, session.target)
        with _locked(session):
            current = ledger.state(connection, session.schema).current
            if current:
                raise Refused(
                    f"{session.target.shown} stands at revision {', '.join(current)} already",
                    hint="ringfence status says what is to be done",
                )
            with ledger.writing(connection, session.schema), connection.transaction():
                for revision in adopted:
                    row = session.row("baseline", revision, "up", 1, with_sql=True)
                    ledger.record(connection, session.schema, row)
                ledger.stamp(connection, session.schema, session.graph.ends(adopted))
    return adopted


def accept(session: Session, name: str, reason: str) -> tuple[str, str]:
    """Record that an applied file may be as it is now; which, and the difference to what was applied.

    Of a revision that is half applied or half undone, that it is as it was before it began. Raises
    `Refused` where it is not applied, or is as it was.
    """
    assert session.target is not None
    session.connection = connection = connect(session.target, pinned=True)
    with connection:
        refuse_standby(connection, session.target)
        with _locked(session):
            state = ledger.state(connection, session.schema)
            given_up = [h for h in halves(session.graph, state) if h.revision == name]
            if given_up:
                with ledger.writing(connection, session.schema), connection.transaction():
                    client = ledger.client(session.project.root)
                    for half in given_up:
                        ledger.give_up(connection, session.schema, half, reason, client)
                stands = "applied" if given_up[0].direction == "down" else "pending"
                return f"{name} counts as {stands}", ""
            session.graph.refuse_unknown(state.current)
            revision = session.graph.named(name)
            if revision not in session.graph.applied(state.current):
                raise Refused(
                    f"revision {revision} is not applied to {session.target.shown}",
                    hint="what has not run may be edited as it is",
                )
            event = state.applied.get(revision.id)
            if event is not None and event.checksum == revision.checksum:
                raise Refused(
                    f"revision {revision} is as it was applied: there is nothing to repair"
                )
            row = replace(session.row("repaired", revision, "up", 1, with_sql=True), reason=reason)
            with ledger.writing(connection, session.schema):
                ledger.begin(connection, session.schema, row)
    told_ = difference(revision, event) if event is not None else ""
    return f"{revision} is accepted as it is", told_


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
            if place is None and isinstance(refused, ServerError):
                ledger.tell_rights(refused, project.config.migrate.schema, role)
            return refused
        cause = cause.__cause__
    if place is None:
        return error
    return BadProject(f"{type(error).__name__}: {error}", span=place)


def _place(
    error: BaseException, project: Project, *, through: bool = False
) -> tuple[Span | None, str]:
    """Where in the project's migrations an exception comes from, and that file's text.

    `through`: also where it was ours to do what theirs asked for.
    """
    inside, ours = project.migrations.resolve(), Path(__file__).parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(ours) and not through:
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
        with _heeding(), _guarded(context, _plain_session(context)) as options:
            yield options
    except _Told as told_:
        sys.stderr.write(f"{_stopped(told_)}\n")
        sys.exit(told_.status)
    except Error as error:
        # What Alembic's own command prints without a traceback.
        raise CommandError(described(error)) from error
    except BrokenPipeError:
        if not context.is_offline_mode():
            raise
        # `alembic upgrade head --sql | head`: whoever read has read enough. The interpreter flushes
        # again at its exit: give it somewhere to flush to.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _notices_death(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Whether the server can look, while it works, whether its client is still there."""
    try:
        connection.execute(LOOKS)
    except psycopg.Error:  # not on every system
        return False
    return True


class _Told(KeyboardInterrupt):
    """A signal asked the process to end: as Ctrl-C, but with a status of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


@contextmanager
def _heeding() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end what runs as Ctrl-C does: cancelled on the server, and recorded."""

    def stop(number: int, _: object) -> None:
        raise _Told(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    session.executor = Executor(
        connection, session.project.config.migrate, session.target, session.listen
    )
    try:
        connection.add_notice_handler(
            lambda diag: session.listen(
                Progress("notice", text=redacted_message(diag.message_primary or "", session.text))
            )
        )
        refuse_standby(connection, session.target)
        session.executor.notices_death = _notices_death(connection)
        connection.autocommit = False  # as SQLAlchemy takes a new connection to be
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool,
            pool_reset_on_return=None, query_cache_size=0,  # no two of Alembic's are the same
        )  # fmt: skip
        with engine.connect() as connected:
            options["connection"] = session.alchemy = connected
            wrapped = _wrapped(context, session, options)
            connected.rollback()
            with _unlocked() if wrapped.get("dont_mutate") else _locked(session):
                try:
                    yield wrapped
                except BaseException as error:
                    with suppress(Exception):  # of a connection that is gone
                        connected.rollback()
                    found = _explained(error, session.project, connection.info.user)
                    found = session.failed(found)
                    if found is error:
                        raise
                    raise found from found.__cause__ or error
    finally:
        session.executor.close()
        connection.close()


def _plain_session(context: Any) -> Session:
    """The session of a plain `alembic` command, which knows only where its configuration lies."""
    script = Path(context.script.dir)
    project = projects.need(script.absolute())
    said = context.get_x_argument(as_dictionary=True)
    for key in said:
        # Others may be for what their env.py does besides.
        if key != "dsn" and get_close_matches(key.lower(), ["dsn", "url", "database-url"], 1, 0.6):
            raise Misuse(f"alembic -x {key}=… names no database", hint="write -x dsn=…")
    dsn = said.get("dsn")
    if dsn == "":
        raise Misuse("alembic -x dsn is empty", hint="write -x dsn=postgresql://…")
    target = None
    if not context.is_offline_mode():
        target = resolve(project, dsn, source="-x dsn")
    graph = revisions.read(project)
    lockfile.refuse_deviations(project, graph)
    return Session(project, graph, target)


def _wrapped(context: Any, session: Session, options: dict[str, Any]) -> dict[str, Any]:
    """The options, with the function that yields Alembic's steps wrapped in the session's own."""
    context.configure(**options)
    _main_line(context.script.revision_map, session.graph)
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


def _main_line(known: RevisionMap, graph: Graph) -> None:
    """Have Alembic's `head` leave out the branches to opt in to, as ours does: they say their label."""
    if not graph.opt_in:
        return
    original = known.get_current_head

    def get_current_head(branch_label: str | None = None) -> str | None:
        return original(branch_label) if branch_label else graph.head

    known.get_current_head = get_current_head  # type: ignore[method-assign]


@contextmanager
def _unlocked() -> Iterator[None]:
    yield


@contextmanager
def _locked(session: Session) -> Iterator[None]:
    """Hold the runner's lock, and have the history ready, for as long as the block lasts."""
    connection = session.connection
    assert connection is not None

    def told(holder: str) -> None:
        session.listen(Progress("waiting", text=holder))

    wait = seconds(session.project.config.migrate.wait)
    before = connection.autocommit
    connection.autocommit = True
    with runner.held(connection, session.schema, wait, told):
        ledger.ensure(connection, session.schema)
        connection.autocommit = before
        yield

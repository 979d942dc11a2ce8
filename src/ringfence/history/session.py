"""One run of Alembic over one connection: what is recorded around each revision, and of its failing."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from alembic.runtime.migration import RevisionStep
from alembic.script.revision import MultipleHeads
from alembic.util.exc import CommandError

from ringfence import backfill, hazards
from ringfence.errors import BadProject, Error, ServerError
from ringfence.execute import Executor, Progress, reset, seconds
from ringfence.history import psql, python
from ringfence.history.explain import stopped
from ringfence.migrate import (
    Moved,
    Way,
    refuse_edited,
    refuse_halfway,
    refuse_skipped,
    who,
)
from ringfence.pg import ledger, runner
from ringfence.script import redacted, redacted_message, without_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from alembic.runtime.migration import MigrationContext

    from ringfence.pg.connect import Target
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
    _moving: tuple[str, str] | None = None
    """What the version table is to say next in place of what, where it is as simple as that."""
    _moved: tuple[str, str] | None = None
    """The same, once Alembic has asked for it; written with what is recorded."""
    _settings: Mapping[str, str] = field(default_factory=dict)
    """What the database or the role says that changes what a file means."""
    _stems: dict[str, Revision] = field(default_factory=dict)

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
                psql.without_version_table(context)
                context.impl.static_output(psql.prologue(self.schema))
        elif moving:
            state = ledger.state(self._connected(), self.schema)
            self._settings = ledger.settings(self._connected())
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
            self._look_for_room(moving, context)
            self._compare_planned(moving, context)
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
            context.impl.static_output(psql.epilogue(self.schema))

    def _look_for_room(self, moving: Sequence[RevisionStep], context: MigrationContext) -> None:
        """Raise `Refused` where what is to be built has no room on the server's disk."""
        texts = [self._revision(s).script(_direction(s)) for s in moving if self._revision(s).sql]
        from ringfence import room

        assert context.connection is not None
        context.connection.rollback()
        with self.autocommit() as connection:
            room.refuse(
                connection,
                self.project.config.migrate,
                texts,
                hazards.agreed(self.project),
                lambda text: self.listen(Progress("notice", text=text)),
            )

    def _compare_planned(self, moving: Sequence[RevisionStep], context: MigrationContext) -> None:
        """Raise `Refused` where the database is not what the revisions were planned on."""
        up = [self._revision(step) for step in moving if step.is_upgrade]
        if not any(r.sql and "planned-on" in r.script("up").directives for r in up):
            return
        from ringfence import planned_on

        # Half of it may have run; and of two branches that were merged, one did not know of the other.
        changed = self._executor().begun | self._beside(up)
        assert context.connection is not None
        context.connection.rollback()
        with self.autocommit() as connection:
            planned_on.refuse(
                connection,
                self.project.config.migrate,
                up,
                hazards.agreed(self.project),
                lambda text: self.listen(Progress("notice", text=text)),
                changed,
            )

    def _beside(self, pending: Sequence[Revision]) -> set[str]:
        """Those to run that do not come after all that is applied: a merge came in between."""
        applied = {r.id for r in self.graph.applied(self._heads)} - self.graph.opt_in
        found = set[str]()
        for revision in pending:
            below = self.graph.applied((*revision.down, *revision.depends_on))
            if not applied <= {r.id for r in below}:
                found.add(revision.id)
                text = f"revision {revision.id} was planned beside what is applied: not compared with that"
                self.listen(Progress("notice", text=text))
        return found

    def _dress(self, step: RevisionStep, context: MigrationContext) -> None:
        """Have a revision's own function begin and end as every revision does."""
        original, revision, direction = step.migration_fn, self._revision(step), _direction(step)

        def dressed(**arguments: Any) -> None:
            if context.as_sql:
                ran = self.ran.get((revision.id, direction))
                config = self.project.config.migrate
                guard = psql.guard(config, self._heads, revision, direction, ran)
                context.impl.static_output(guard)
                original(**arguments)
                if not revision.sql:
                    context.impl.static_output(psql.AFTER)
                return
            if revision.sql:
                original(**arguments)
                self._stamping(context)
                return
            executor, running = self._executor(), self._running
            executor, running = self._executor(), self._running
            assert running is not None
            self.text = revision.path.read_text(encoding="utf-8", errors="replace")
            python.run(
                lambda: original(**arguments), context, executor, running, self.project, revision,
                self.alchemy,
            )  # fmt: skip

        dressed.__name__ = original.__name__  # Alembic tells it: "Running upgrade …"
        step.migration_fn = dressed

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
        heads = set(self._heads)
        simple = not (
            step.should_delete_branch(heads)
            or step.should_create_branch(heads)
            or step.should_merge_branches(heads)
            or step.should_unmerge_branches(heads)
        )
        self._moving = step.update_version_num(heads) if simple else None
        self._moved = None
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
        rows = [row]
        if self._following is not None:
            revision, direction = self._revision(self._following), _direction(self._following)
            attempt = self._attempts.get((revision.id, direction), 0) + 1
            self._begun = self.row("started", revision, direction, attempt)
            rows.append(self._begun)
        self._xid = ledger.record_all(self._connected(), self.schema, rows, self._moved)

    def _stamping(self, context: MigrationContext) -> None:
        """Have the version table moved in the statement that records it, where it is about one row.

        Else Alembic has SQLAlchemy make one of its own, which costs more than the server does. What
        it asks for next is that.
        """
        if self._moving is None or context.on_version_apply_callbacks != (self.applied,):
            return  # somebody else is called who may look what it says
        original = context.impl._exec  # noqa: SLF001 - there is no other place to be asked at

        def execute(construct: Any, *arguments: Any, **options: Any) -> Any:
            del context.impl._exec  # noqa: SLF001
            asked: Any = getattr(construct, "table", None)
            if getattr(construct, "is_update", False) and asked.name == context.version_table:
                self._moved = self._moving
                return None  # how many rows it is about is looked at where it is sent
            return original(construct, *arguments, **options)

        context.impl._exec = execute  # type: ignore[method-assign] # noqa: SLF001

    def commit(self) -> None:
        """What SQLAlchemy does for a commit: with it goes the beginning of the next revision."""
        connection, following = self._connected(), self._next_file()
        if self._begun is None or following is None:
            type(connection).commit(connection)
            return
        self._executor().commit_and_open(following)

    def _next_file(self) -> Script | None:
        """The file that runs next, where it runs in a transaction and nothing has run of it."""
        if self._following is None:
            return None
        revision, direction = self._revision(self._following), _direction(self._following)
        if not revision.sql or revision.id in self._executor().begun:
            return None
        text = revision.script(direction)
        return text if text.transactional else None

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
        message = stopped(error) or redacted_message(str(error)) or type(error).__name__
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

    def run(self, context: MigrationContext, stem: str, direction: Direction) -> None:
        """Run a revision's SQL in that direction, in Alembic's transaction or statement by statement."""
        revision = self._of(stem)
        text = revision.runnable(direction)
        self.text = text.text
        if not context.as_sql and not text.statements and len(revision.down) < 2:
            left = "nothing was done" if direction == "up" else "what the revision made stays"
            self.listen(Progress("notice", text=f"{text.path} holds no statement: {left}"))
        if context.as_sql:
            ran = self.ran.get((revision.id, direction))
            psql.write(context, self.project.config.migrate, text, ran)
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
            client=self._client(),
        )

    def _client(self) -> Mapping[str, object]:
        client = ledger.client(self.project.root)
        return {**client, "settings": self._settings} if self._settings else client

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

    def _of(self, stem: str) -> Revision:
        """The revision of this path, which is Alembic's word for it and need not be ours."""
        if not self._stems:
            self._stems = {str(r.path)[: -len(".py")]: r for r in self.graph.revisions.values()}
        if stem not in self._stems:
            path = Path(stem)
            for revision in self.graph.revisions.values():
                if revision.path.stem == path.name and _same(revision.path.with_suffix(""), path):
                    self._stems[stem] = revision
        if stem in self._stems:
            return self._stems[stem]
        raise BadProject(f"{stem}.py is not a revision of {self.graph.folder}")


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _direction(step: RevisionStep) -> Direction:
    return "up" if step.is_upgrade else "down"


@contextmanager
def locked(session: Session) -> Iterator[None]:
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

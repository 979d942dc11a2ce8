"""What `migrations/env.py` goes through: the connection, the lock, the signals, Alembic's options."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from alembic.util.exc import CommandError

from ringfence import lockfile, revisions
from ringfence import project as projects
from ringfence.errors import Error, Misuse, described
from ringfence.execute import LOOKS, Executor, Progress
from ringfence.history.explain import explained, stopped
from ringfence.history.session import Session, locked
from ringfence.pg.connect import connect, resolve
from ringfence.pg.runner import refuse_standby
from ringfence.script import redacted_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.runtime.migration import MigrationContext
    from alembic.script.revision import RevisionMap

    from ringfence.revisions import Graph


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
        sys.stderr.write(f"{stopped(told_)}\n")
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
        connection.commit = session.commit  # type: ignore[method-assign]
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool,
            pool_reset_on_return=None, query_cache_size=0,  # no two of Alembic's are the same
        )  # fmt: skip
        with engine.connect() as connected:
            options["connection"] = session.alchemy = connected
            wrapped = _wrapped(context, session, options)
            connected.rollback()
            with _unlocked() if wrapped.get("dont_mutate") else locked(session):
                try:
                    yield wrapped
                except BaseException as error:
                    with suppress(Exception):  # of a connection that is gone
                        connected.rollback()
                    found = explained(error, session.project, connection.info.user)
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

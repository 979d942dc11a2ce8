"""Revisions in Python: run, each statement heard of on its way, and as the SQL that they come to."""

from __future__ import annotations

import importlib.util
import io
import itertools
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from ringfence.errors import BadProject, Busy, Error
from ringfence.execute import Executor, open_
from ringfence.history.explain import explained, place_of
from ringfence.sent import Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import ModuleType

    from alembic.runtime.migration import MigrationContext

    from ringfence.pg import ledger
    from ringfence.project import Project
    from ringfence.revisions import Direction, Revision
    from ringfence.script import Statement


def run(
    original: Callable[[], None],
    context: MigrationContext,
    executor: Executor,
    running: ledger.Event,
    project: Project,
    revision: Revision,
    alchemy: Any,
) -> None:
    """Run a revision's own function in a transaction, anew as long as a lock is not to be had.

    `running` is the row that says that it has started, `alchemy` what SQLAlchemy has of the connection.
    """
    sent = Sent(executor, running, revision.shown)

    def attempt() -> None:
        open_(executor.connection, executor.settings({}, "SET LOCAL"))
        try:
            with sent.listening(), _hearing(alchemy, sent), _leaving(context, sent.outside):
                original()
        except Exception as error:
            found = explained(error, project, executor.connection.info.user)
            if isinstance(found, Error) and found.span is None:
                found.span, _ = place_of(error, project, through=True)
            if isinstance(found, Busy):
                executor.blame(found)
            if found is error:
                raise
            raise found from error
        executor.end("SET CONSTRAINTS ALL IMMEDIATE")

    def directives() -> Mapping[str, str]:
        return {"lock-deadline": "0"} if sent.stuck else {}

    executor.patiently(attempt, directives, "all of it")


@contextmanager
def _hearing(alchemy: Any, sent: Sent) -> Iterator[None]:
    """Have it hear of each statement that SQLAlchemy sends."""
    from sqlalchemy import event

    hooks = {"before_cursor_execute": sent.before, "after_cursor_execute": sent.after}
    for name, hook in hooks.items():
        event.listen(alchemy, name, hook, retval=name.startswith("before"))
    try:
        yield
    finally:
        for name, hook in hooks.items():
            event.remove(alchemy, name, hook)


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


def load(revision: Revision) -> ModuleType:
    """A revision's module, run."""
    spec = importlib.util.spec_from_file_location(f"{revision.path.stem}_py", revision.path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def offline(revision: Revision, direction: Direction) -> str:
    """The SQL of a revision of Python, as Alembic writes it where nobody is connected.

    Raises `BadProject` where it does not: the revision looks at what is in the database, say.
    """
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    from ringfence.script import Script

    buffer = io.StringIO()
    options = {"as_sql": True, "output_buffer": buffer, "literal_binds": True}
    try:
        module = load(revision)
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
    # It leaves its transaction for something that cannot run in one; the rest is in one still.
    lines = ["-- ringfence: transaction: none"]
    for outside, group in itertools.groupby(_placed(statements), key=lambda each: each[0]):
        texts = [f"{statement.text};" for _, statement in group]
        lines += texts if outside else ["BEGIN;", *texts, "COMMIT;"]
    return "\n".join((*lines, "")) if len(lines) > 1 else ""


def _placed(statements: Iterable[Statement]) -> Iterator[tuple[bool, Statement]]:
    """Each statement, and whether it stands in an `autocommit_block`."""
    outside = False
    for statement in statements:
        if statement.controls_transaction:
            outside = statement.verb == "COMMIT"
        else:
            yield outside, statement

"""Revisions in Python: run, each statement heard of on its way, and as the SQL that they come to."""

from __future__ import annotations

import importlib.util
import inspect
import io
import itertools
import traceback
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringfence.errors import BadProject, Busy, Error
from ringfence.execute import Executor, open_
from ringfence.history.explain import explained, place_of
from ringfence.script import Script
from ringfence.sent import Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import ModuleType

    from alembic.runtime.migration import MigrationContext

    from ringfence.errors import Span
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


def offline(revision: Revision, direction: Direction) -> Script:
    """The SQL of a revision of Python, as Alembic writes it where nobody is connected.

    Each statement's place is that of the call which writes it. Raises `BadProject` where Alembic
    writes none: the revision looks at what is in the database, say, or whether it is connected to one,
    and may do something else then.
    """
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    buffer = _Heard(str(revision.path))
    options = {"as_sql": True, "output_buffer": buffer, "literal_binds": True}
    source = Script(revision.shown, "")
    try:
        source = Script(revision.shown, revision.path.read_text(encoding="utf-8"))
        module = load(revision)
        context = MigrationContext.configure(dialect_name="postgresql", opts=options)
        _answer_nobody(context.impl, "impl")
        _answer_nobody(context, "get_context()")
        with Operations.context(context) as operations:
            operations.get_bind = _unconnected  # type: ignore[method-assign]
            getattr(module, "upgrade" if direction == "up" else "downgrade")()
    except Exception as error:
        said = str(error).split("\n", maxsplit=1)[0] or type(error).__name__
        its = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == str(revision.path) and frame.lineno
        ]
        place = _line(source, its[-1]) if its else None
        raise BadProject(f"{type(error).__name__}: {said}", span=place) from error
    text = buffer.getvalue()
    origins = tuple((at, _line(source, number)) for at, number in buffer.lines)
    written = Script(revision.shown, text, origins=origins)
    if not any(s.controls_transaction for s in written.statements):
        return written
    # It leaves its transaction for something that cannot run in one; the rest is in one still.
    whole, places = "-- ringfence: transaction: none\n", []
    empty = True
    for outside, group in itertools.groupby(_placed(written.statements), key=lambda each: each[0]):
        empty = False
        whole += "" if outside else "BEGIN;\n"
        for _, statement in group:
            places.append((len(whole), written.span(statement.start)))
            whole += f"{statement.text};\n"
        whole += "" if outside else "COMMIT;\n"
    return Script(revision.shown, "" if empty else whole, origins=tuple(places))


_TELLS = frozenset({"as_sql", "bind", "connection", "opts"})
"""By what of a context, or its dialect's part, a revision can find out that nobody is connected."""


def _answer_nobody(asked: Any, name: str) -> None:
    """Have an object of Alembic's refuse to tell anybody but Alembic that nobody is connected."""
    import alembic

    kind: Any = type(asked)
    own = str(Path(alembic.__file__).parent)

    def answer(self: object, attribute: str) -> Any:
        if attribute in _TELLS:
            frame = inspect.currentframe()
            caller = frame.f_back if frame is not None else None
            if caller is not None and not caller.f_code.co_filename.startswith(own):
                raise LookupError(f"op.{name}.{attribute} is another when the revision runs")
        return object.__getattribute__(self, attribute)

    # A class of the same kind: Alembic's own register themselves as they are made.
    asked.__class__ = type(kind)(kind.__name__, (kind,), {"__getattribute__": answer})


def _unconnected() -> Any:
    raise LookupError("op.get_bind() is another when the revision runs")


class _Heard(io.StringIO):
    """What is written, and at which line of a file of Python each piece of it was asked for."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self.lines: list[tuple[int, int]] = []

    def write(self, text: str, /) -> int:
        frame = inspect.currentframe()
        while frame is not None and frame.f_code.co_filename != self._path:
            frame = frame.f_back
        if frame is not None:
            self.lines.append((self.tell(), frame.f_lineno))
        return super().write(text)


def _line(source: Script, number: int) -> Span:
    """A line of a file, where what stands on it begins."""
    lines = source.text.split("\n")[:number]
    indent = len(lines[-1]) - len(lines[-1].lstrip()) if lines else 0
    return source.span(sum(len(line) + 1 for line in lines[:-1]) + indent)


def _placed(statements: Iterable[Statement]) -> Iterator[tuple[bool, Statement]]:
    """Each statement, and whether it stands in an `autocommit_block`."""
    outside = False
    for statement in statements:
        if statement.controls_transaction:
            outside = statement.verb == "COMMIT"
        else:
            yield outside, statement

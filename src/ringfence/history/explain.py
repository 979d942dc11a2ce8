"""What went wrong in a run of Alembic, as one of our errors, and where in the project's files."""

from __future__ import annotations

import signal
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from alembic.util.exc import CommandError

from ringfence.errors import INTERRUPTED, BadProject, Error, ServerError, Span
from ringfence.pg import ledger
from ringfence.pg.connect import server_error
from ringfence.script import redacted_message

if TYPE_CHECKING:
    from ringfence.project import Project


def explained(error: BaseException, project: Project, role: str = "") -> BaseException:
    """An exception as one of ours where it is the database's or the fault of a file of theirs."""
    first: BaseException | None = error
    while first is not None:
        if isinstance(first, (Error, CommandError, KeyboardInterrupt)):
            # What came after it came of it: a rollback on a connection that is gone, say.
            return first
        first = first.__context__
    if not isinstance(error, Exception):
        return error
    place, source = place_of(error, project)
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


def place_of(
    error: BaseException, project: Project, *, through: bool = False
) -> tuple[Span | None, str]:
    """Where in the project's migrations an exception comes from, and that file's text.

    `through`: also where it was ours to do what theirs asked for.
    """
    inside, ours = project.migrations.resolve(), Path(__file__).parent.parent
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


def stopped(error: BaseException) -> str:
    """What a signal did to a run, in words; nothing where it was none."""
    if not isinstance(error, KeyboardInterrupt):
        return ""
    status = getattr(error, "status", INTERRUPTED)
    if status == INTERRUPTED:
        return "interrupted"
    return f"told to stop ({signal.Signals(status - 128).name})"

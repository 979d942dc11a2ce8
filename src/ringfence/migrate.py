"""Bring a database to a revision, and say where it stands.

What there is to do is found without Alembic; only when there is something is Alembic loaded, and
then it does the work through `ringfence.history`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringfence import revisions
from ringfence.errors import BadProject, Error, Misuse
from ringfence.pg import ledger
from ringfence.pg.connect import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ringfence.history import Progress
    from ringfence.pg.connect import Target
    from ringfence.project import Project
    from ringfence.revisions import Direction, Graph, Revision


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a database stands against the files: its revisions, what is pending, what was edited."""

    target: str
    current: tuple[str, ...]
    heads: tuple[str, ...]
    applied: tuple[Revision, ...]
    pending: tuple[Revision, ...]
    unknown: tuple[str, ...]
    edited: tuple[Revision, ...]
    state: ledger.State

    @property
    def at_head(self) -> bool:
        """Whether nothing is pending and nothing is wrong."""
        return not (self.pending or self.unknown or self.edited)


@dataclass(frozen=True, slots=True)
class Moved:
    """One revision that was applied (`up`) or undone (`down`)."""

    revision: Revision
    direction: Direction
    seconds: float


def standing(graph: Graph, target: Target, schema: str) -> Standing:
    """Compare a database with the files: one connection, two or three statements, nothing written."""
    with connect(target) as connection:
        state = ledger.state(connection, schema)
    return compare(graph, state, target.shown)


def compare(graph: Graph, state: ledger.State, shown: str) -> Standing:
    """The same, of a state that was read already."""
    applied = graph.applied(state.current)
    edited = [
        r
        for r in applied
        if (event := state.applied.get(r.id)) and event.checksum not in (None, r.checksum)
    ]
    return Standing(
        target=shown,
        current=state.current,
        heads=graph.heads,
        applied=applied,
        pending=graph.pending(state.current),
        unknown=graph.unknown(state.current),
        edited=tuple(edited),
        state=state,
    )


@dataclass(frozen=True, slots=True)
class Way:
    """What a run would do: these revisions, in this order and direction, to end at `to`."""

    direction: Direction
    revisions: tuple[Revision, ...]
    to: str


def way(graph: Graph, current: Sequence[str], to: str) -> Way:
    """What lies between `current` and `to`: a revision, `head`, `base`, `+N` or `-N`."""
    if to == "head":
        head = graph.head
        return Way("up", graph.pending(current), head or "base")
    if to == "base":
        return Way("down", tuple(reversed(graph.applied(current))), "base")
    if to[:1] in "+-" and to[1:].isdigit():
        count = int(to[1:])
        if to[0] == "+":
            upward = graph.pending(current, graph.head or "heads")[:count]
            return Way("up", upward, upward[-1].id if upward else _end(current))
        applied = tuple(reversed(graph.applied(current)))
        if count > len(applied):
            raise Misuse(
                f"--to {to}: only {len(applied)} revisions are applied", hint="--to base undoes all"
            )
        return Way("down", applied[:count], applied[count].id if count < len(applied) else "base")
    wanted = graph.named(to)
    have = graph.applied(current)
    if wanted in have:
        below = graph.applied([wanted.id])
        return Way("down", tuple(r for r in reversed(have) if r not in below), wanted.id)
    return Way("up", graph.pending(current, wanted.id), wanted.id)


def migrate(
    project: Project,
    target: Target,
    *,
    to: str = "head",
    listen: Callable[[Progress], None] | None = None,
    confirm: Callable[[Way], None] | None = None,
) -> tuple[Standing, tuple[Moved, ...]]:
    """Apply or undo revisions until the database stands at `to`.

    Returns where it stood before and what was moved. `confirm` is called with what is about to be
    undone and raises to stop it. Raises `Refused` on an edited or unknown revision, `Busy` when
    somebody else is at it, `ServerError` with the place in the file when PostgreSQL says no; what
    ran before the failing revision stays, of that one nothing.
    """
    graph = revisions.read(project)
    before = standing(graph, target, project.config.migrate.schema)
    graph.refuse_unknown(before.current)
    planned = way(graph, before.current, to)
    if before.edited:
        from ringfence.history import refuse_edited

        refuse_edited(graph, before.state)
    if not planned.revisions:
        return before, ()
    if planned.direction == "down" and confirm is not None:
        confirm(planned)
    from ringfence.history import Session

    session = Session(project, graph, target)
    if listen is not None:
        session.listen = listen
    _alembic(session, planned.direction, planned.to)
    return before, tuple(Moved(*moved) for moved in session.done)


def rehearsal_text(project: Project, target: Target, *, to: str = "head") -> str:
    """The SQL that `migrate` would run, as one script for psql; empty when there is nothing to do."""
    graph = revisions.read(project)
    before = standing(graph, target, project.config.migrate.schema)
    graph.refuse_unknown(before.current)
    planned = way(graph, before.current, to)
    if not planned.revisions:
        return ""
    from ringfence.history import Session

    buffer = io.StringIO()
    start = _end(before.current)
    _alembic(Session(project, graph, None), planned.direction, f"{start}:{planned.to}", buffer)
    return buffer.getvalue()


def _end(current: Sequence[str]) -> str:
    if len(current) > 1:
        raise BadProject(
            f"the database stands at several revisions: {', '.join(current)}",
            hint="merge them: alembic merge heads",
        )
    return current[0] if current else "base"


def _alembic(
    session: object, direction: Direction, to: str, buffer: io.StringIO | None = None
) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    from ringfence.history import Session

    assert isinstance(session, Session)
    out = buffer if buffer is not None else io.StringIO()
    config = Config(output_buffer=out, stdout=io.StringIO())
    # % is configparser's own sign of interpolation.
    config.set_main_option("script_location", str(session.project.migrations).replace("%", "%%"))
    config.attributes["ringfence"] = session
    run = command.upgrade if direction == "up" else command.downgrade
    try:
        run(config, to, sql=buffer is not None)
    except CommandError as error:
        if isinstance(error.__cause__, Error):
            raise error.__cause__ from error
        raise BadProject(str(error)) from error

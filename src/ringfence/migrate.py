"""Bring a database to a revision, and say where it stands.

What there is to do is found without Alembic; only when there is something is Alembic loaded, and
then it does the work through `ringfence.history`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ringfence import revisions
from ringfence.errors import Misuse, Refused
from ringfence.pg import ledger
from ringfence.pg.connect import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

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
    """One revision that was applied (`up`) or undone (`down`), and where the database stood then."""

    revision: Revision
    direction: Direction
    seconds: float
    at: tuple[str, ...]


def standing(graph: Graph, target: Target, schema: str) -> Standing:
    """Compare a database with the files: one connection, two or three statements, nothing written."""
    with connect(target, pinned=True) as connection:
        state = ledger.state(connection, schema)
    return compare(graph, state, target.shown)


def compare(graph: Graph, state: ledger.State, shown: str) -> Standing:
    """The same, of a state that was read already."""
    applied = graph.applied(state.current)
    edited = [r for r in applied if _edited(r, state)]
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


def _edited(revision: Revision, state: ledger.State) -> bool:
    event = state.applied.get(revision.id)
    return event is not None and event.checksum not in (None, revision.checksum)


def refuse_edited(graph: Graph, state: ledger.State, undone: Collection[str] = ()) -> None:
    """Raise `Refused` when a file that was applied has changed since, naming the first one.

    One whose revision is about to be `undone` may have: it runs anew.
    """
    for revision in graph.applied(state.current):
        if revision.id in undone or not _edited(revision, state):
            continue
        event = state.applied[revision.id]
        shown = revision.shown_file("up") if revision.sql else revision.shown
        when = f"{event.at.astimezone():%Y-%m-%d %H:%M}" if event.at else "an unknown time"
        raise Refused(
            f"revision {revision} was applied and has been edited since: {shown}",
            detail=f"applied {when} by {event.role} with checksum {(event.checksum or '')[:12]},"
            f" now {revision.checksum[:12]}",
            hint=f"restore it (git checkout -- {shown}) and put the change in a new revision",
        )


@dataclass(frozen=True, slots=True)
class Way:
    """What a run would do: these revisions, in this order and direction, to end at `ends`."""

    direction: Direction
    revisions: tuple[Revision, ...]
    ends: tuple[str, ...]

    @property
    def to(self) -> str:
        """Where it ends, as messages say it."""
        return ", ".join(self.ends) or "base"


def way(graph: Graph, current: Sequence[str], to: str) -> Way:
    """What lies between `current` and `to`: a revision, `head`, `heads`, `base`, `+N` or `-N`."""
    have = graph.applied(current)
    if to == "base":
        return _down(graph, have, have)
    if to[:1] == "-" and to[1:].isdigit():
        return _down(graph, have, _last(graph, have, int(to[1:]), to))
    if to not in ("head", "heads") and not (to[:1] == "+" and to[1:].isdigit()):
        wanted = graph.named(to)
        if wanted in have:
            return _down(graph, have, graph.above(wanted))
        return _up(graph, have, graph.pending(current, [wanted.id]))
    if to != "heads":
        _ = graph.head  # refuses two
    pending = graph.pending(current)
    return _up(graph, have, pending[: int(to[1:])] if to[0] == "+" else pending)


def _up(graph: Graph, have: Sequence[Revision], run: Sequence[Revision]) -> Way:
    return Way("up", tuple(run), graph.ends((*have, *run)))


def _down(graph: Graph, have: Sequence[Revision], undone: Collection[Revision]) -> Way:
    run = tuple(r for r in reversed(have) if r in undone)
    return Way("down", run, graph.ends(r for r in have if r not in undone))


def _last(graph: Graph, have: Sequence[Revision], count: int, to: str) -> Collection[Revision]:
    """The last `count` revisions, one after the other. Raises `Misuse` where two are last."""
    if count > len(have):
        raise Misuse(
            f"--to {to}: {len(have)} {'revision is' if len(have) == 1 else 'revisions are'} applied",
            hint="--to base undoes all",
        )
    left, undone = list(have), []
    for _ in range(count):
        ends = graph.ends(left)
        if len(ends) > 1:
            raise Misuse(
                f"--to {to}: either of {' and '.join(ends)} may be the last",
                hint="name the revision to go back to",
            )
        undone.append(graph.revisions[ends[0]])
        left.remove(undone[-1])
    return undone


def migrate(
    project: Project,
    target: Target,
    *,
    to: str = "head",
    listen: Callable[[Progress], None] | None = None,
    confirm: Callable[[Way], None] | None = None,
) -> tuple[Standing, tuple[Moved, ...]]:
    """Apply or undo revisions until the database stands at `to`.

    Returns where it stood before, when nobody else could move it any more, and what was moved.
    `confirm` is called with what is about to be
    undone and raises to stop it. Raises `Refused` on an edited or unknown revision, `Busy` when
    somebody else is at it, `ServerError` with the place in the file when PostgreSQL says no; what
    ran before the failing revision stays, of that one nothing.
    """
    graph, before, planned = _planned(project, target, to)
    if not planned.revisions:
        return before, ()
    if planned.direction == "down" and confirm is not None:
        confirm(planned)
    from ringfence.history import Session, drive

    session = Session(project, graph, target)
    if listen is not None:
        session.listen = listen
    drive(session, lambda heads: _still(graph, planned, heads))
    if session.began and session.began != before.current:  # somebody was faster
        before = replace(
            before,
            current=session.began,
            applied=graph.applied(session.began),
            pending=graph.pending(session.began),
        )
    return before, tuple(session.done)


def rehearsal_text(project: Project, target: Target, *, to: str = "head") -> str:
    """The SQL that `migrate` would run, as one script for psql; empty when there is nothing to do."""
    graph, before, planned = _planned(project, target, to)
    if not planned.revisions:
        return ""
    from ringfence.history import Session, drive

    session = Session(project, graph, None)
    return drive(session, lambda heads: _still(graph, planned, heads), offline_from=before.current)


def baseline(project: Project, target: Target) -> tuple[Revision, ...]:
    """Record every revision as applied, without running any: the database holds what they make.

    Returns them. Raises `Refused` where the database has revisions already.
    """
    from ringfence.history import Session, adopt

    graph = revisions.read(project)
    graph.head  # noqa: B018 - refuses two
    return adopt(Session(project, graph, target))


def _planned(project: Project, target: Target, to: str) -> tuple[Graph, Standing, Way]:
    """The files, where the database stands, and what to do; raises where nothing may be done."""
    graph = revisions.read(project)
    before = standing(graph, target, project.config.migrate.schema)
    graph.refuse_unknown(before.current)
    planned = way(graph, before.current, to)
    if planned.revisions and not before.current:
        _refuse_elsewhere(graph, target, project.config.migrate.schema)
    undone = {r.id for r in planned.revisions} if planned.direction == "down" else ()
    refuse_edited(graph, before.state, undone)
    for revision in planned.revisions:
        if revision.sql:
            revision.runnable(planned.direction)
    return graph, before, planned


def _refuse_elsewhere(graph: Graph, target: Target, schema: str) -> None:
    """Raise `Refused` where plain Alembic has applied revisions of this project before ringfence."""
    with connect(target, pinned=True) as connection:
        for where, stands in ledger.elsewhere(connection, schema):
            if known := [r for r in stands if r in graph.revisions]:
                raise Refused(
                    f"{where} says that this database stands at {', '.join(known)}",
                    detail="it was migrated by Alembic without ringfence",
                    hint=f'say [tool.ringfence.migrate] schema = "{where.partition(".")[0]}", or'
                    f" alembic stamp {known[0]} and drop {where}",
                )


def _still(
    graph: Graph, planned: Way, heads: Sequence[str]
) -> Sequence[tuple[Revision, Direction]]:
    """What of the plan is still to be done where the database stands now, nobody else moving it."""
    if planned.direction == "up":
        return [(r, "up") for r in graph.pending(heads, planned.ends)]
    have = graph.applied(heads)
    left = [r for r in planned.revisions if r in have]
    more = {u for r in left for u in graph.above(r) if u in have} - set(left)
    if more:
        names = ", ".join(sorted(str(r) for r in more))
        raise Refused(
            f"the database has moved meanwhile: {names} would have to be undone too",
            hint="look at ringfence status, and ask again",
        )
    return [(r, "down") for r in left]

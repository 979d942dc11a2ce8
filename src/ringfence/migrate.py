"""Bring a database to a revision, and say where it stands.

What there is to do is found without Alembic; only when there is something is Alembic loaded, and
then it does the work through `ringfence.history`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING

from ringfence import hazards, lockfile, revisions
from ringfence.errors import Error, Misuse, Refused
from ringfence.pg import ledger
from ringfence.pg.connect import connect
from ringfence.script import checksum, redacted, redacted_message

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from ringfence.execute import Progress
    from ringfence.pg.connect import Target
    from ringfence.project import Project
    from ringfence.revisions import Direction, Graph, Revision


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a database stands against the files: its revisions, what is pending, what was edited.

    `halves` are revisions that single statements have run of and that are not at their end.
    """

    target: str
    current: tuple[str, ...]
    heads: tuple[str, ...]
    applied: tuple[Revision, ...]
    pending: tuple[Revision, ...]
    unknown: tuple[str, ...]
    edited: tuple[Revision, ...]
    state: ledger.State
    skipped: tuple[Revision, ...] = ()
    halves: tuple[ledger.Half, ...] = ()

    @property
    def at_head(self) -> bool:
        """Whether nothing is pending and nothing is wrong."""
        return not (self.pending or self.unknown or self.edited or self.skipped or self.halves)


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
        skipped=skipped(graph, state),
        halves=halves(graph, state),
    )


def skipped(graph: Graph, state: ledger.State) -> tuple[Revision, ...]:
    """Revisions that count as applied and never were: put below one that has run.

    What was stamped, or begins at a baseline, vouches for everything below it; so does what Alembic
    did before there was a history, of which there is no event at all.
    """
    vouched: set[str] = set()
    for identifier in {*state.current, *state.applied}:
        event = state.applied.get(identifier)
        if event is None or event.event in ("stamped", "baseline"):
            vouched |= {r.id for r in graph.applied([identifier])}
    return tuple(
        r
        for r in graph.applied(state.current)
        if r.id not in state.applied
        and r.id not in vouched
        and any(below.id in state.applied for below in graph.applied([r.id]))
    )


def refuse_skipped(graph: Graph, state: ledger.State) -> None:
    """Raise `Refused` where a revision was put below one that has run: it would never run."""
    for revision in skipped(graph, state):
        raise Refused(
            f"revision {revision} lies below what is applied, and has never run",
            detail="it was put between revisions that the database had already",
            hint="have what follows it follow what it did before, then: ringfence rebase"
            f" {revision.path.stem}",
        )


def halves(graph: Graph, state: ledger.State) -> tuple[ledger.Half, ...]:
    """What has begun to be applied, or to be undone, statement by statement, and is not at its end."""
    applied = {r.id for r in graph.applied(state.current)}
    return tuple(h for h in state.halves if (h.direction == "up") != (h.revision in applied))


def refuse_halfway(graph: Graph, state: ledger.State, planned: Way) -> None:
    """Raise `Refused` where a revision is left half applied or half undone by what is asked for."""
    doing = {r.id for r in planned.revisions}
    for half in halves(graph, state):
        revision = graph.revisions.get(half.revision)
        accept = f'ringfence repair {half.revision} --reason "…"'
        by_hand = f"or take back by hand what it did, and say so: {accept}"
        if revision is None:
            raise Refused(
                f"revision {half.revision} is not at its end, and is not in {graph.folder}",
                detail=f"{half.shown}, and the file was removed, or is another checkout's",
                hint=f"get the code that has it; {by_hand}",
            )
        if half.revision in doing and half.direction == planned.direction:
            continue
        if half.direction == "down":
            if planned.direction == "down" and doing:
                continue  # another branch's: what follows it is gone
            raise Refused(
                f"revision {revision} has begun to be undone, and is not at its end",
                detail=half.shown,
                hint=f"undo it: ringfence migrate --to {_below(revision)} --yes; {by_hand}",
            )
        below = {r.id for r in graph.applied([revision.id])}
        if planned.direction == "up" or not below & (doing or set(planned.ends) or below):
            continue
        raise Refused(
            f"revision {revision} has begun to be applied, and is not at its end",
            detail=f"{half.shown}: what it follows cannot be undone below it",
            hint="bring it to its end first (what has not run of it may be edited):"
            f" ringfence migrate --to {revision.id}; {by_hand}",
        )


def _below(revision: Revision) -> str:
    """Where a database stands that has a revision no more, as `--to` takes it."""
    return revision.down[0] if revision.down else "base"


def _edited(revision: Revision, state: ledger.State) -> bool:
    """Whether the file means something else than what was applied."""
    event = state.applied.get(revision.id)
    return _touched(revision, event) and not (event and _reworded(revision, event))


def _touched(revision: Revision, event: ledger.Event | None) -> bool:
    return event is not None and event.checksum not in (None, revision.checksum)


def _reworded(revision: Revision, event: ledger.Event) -> bool:
    """Whether an edit has left the meaning as it was: comments, white space, the case of words."""
    try:
        return event.fingerprint == revision.fingerprint
    except Error:  # it cannot be divided into statements: that is no edit of a comment
        return False


def refuse_edited(
    graph: Graph,
    state: ledger.State,
    undone: Collection[str] = (),
    told: Callable[[str], None] | None = None,
) -> None:
    """Raise `Refused` when a file that was applied has changed since, naming the first one.

    One whose revision is about to be `undone` may have: it runs anew. `told` hears of those that
    still mean the same.
    """
    for revision in graph.applied(state.current):
        event = state.applied.get(revision.id)
        if revision.id in undone or event is None or not _touched(revision, event):
            continue
        shown = revision.shown_file("up") if revision.sql else revision.shown
        if _reworded(revision, event):
            if told is not None:
                told(f"{shown} was applied and has been reworded since: it means the same")
            continue
        when = f"{event.at.astimezone():%Y-%m-%d %H:%M}" if event.at else "an unknown time"
        told_ = difference(revision, event)
        raise Refused(
            f"revision {revision} was applied and has been edited since: {shown}",
            detail=f"applied {when} by {event.role} with checksum {(event.checksum or '')[:12]},"
            f" now {revision.checksum[:12]}{chr(10) * bool(told_)}{told_}",
            hint=f"restore it (git checkout -- {shown}) and put the change in a new revision; or"
            f' accept it: ringfence repair {revision.id} --reason "…"',
        )


_LONGEST_DIFFERENCE = 40  # lines


def difference(revision: Revision, event: ledger.Event) -> str:
    """What a file says against what was applied, as a unified diff; passwords are masked in both."""
    from difflib import unified_diff

    if event.sql is None:
        return ""
    if revision.sql:
        now = redacted(revision.script("up").text)
    else:
        now = redacted_message(revision.path.read_text(encoding="utf-8"))
    lines = list(
        unified_diff(
            event.sql.splitlines(), now.splitlines(), "as applied", "as it is", lineterm="", n=1
        )
    )
    more = len(lines) - _LONGEST_DIFFERENCE
    if more > 0:
        lines[_LONGEST_DIFFERENCE:] = [f"… {more} more lines"]
    return "\n".join(lines)


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
    """What lies between `current` and `to`: a revision, `head`, `heads`, `base`, `+N` or `-N`.

    `LABEL@head` and `LABEL@base` are the ends of one branch.
    """
    have = graph.applied(current)
    if to == "base":
        return _down(graph, have, have)
    if to.endswith("@base"):
        return _down(graph, have, graph.branch(to.removesuffix("@base")))
    if to[:1] == "-" and to[1:].isdigit():
        return _down(graph, have, _last(graph, have, int(to[1:]), to))
    if to not in ("head", "heads") and not (to[:1] == "+" and to[1:].isdigit()):
        wanted = graph.named(to)
        if wanted in have:
            return _down(graph, have, graph.above(wanted))
        return _up(graph, have, graph.pending(current, [wanted.id]))
    if to == "heads":
        return _up(graph, have, graph.pending(current, graph.ends_of_all))
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
    phase: str | None = None,
    allow: Sequence[str] = (),
    allow_ahead: bool = False,
    listen: Callable[[Progress], None] | None = None,
    confirm: Callable[[Way], None] | None = None,
) -> tuple[Standing, tuple[Moved, ...]]:
    """Apply or undo revisions until the database stands at `to`.

    Returns where it stood before, when nobody else could move it any more, and what was moved.
    `allow` names hazards that are agreed to beside the project's. `confirm` is called with what is about to be
    undone and raises to stop it. With a `phase`, only what belongs before a deploy (`expand`) or
    after it (`contract`) runs. With `allow_ahead` there is nothing to do, rather than a refusal, where
    the database has all of these files and more. Raises `Refused` on an edited or unknown revision, `Busy` when
    somebody else is at it, `ServerError` with the place in the file when PostgreSQL says no; what
    ran before the failing revision stays, of that one nothing. A connection that is lost on the way
    is made anew, once.
    """
    project = hazards.agreeing(project, allow)

    def tell(text: str) -> None:
        from ringfence.execute import Progress

        if listen is not None:
            listen(Progress("notice", text=text))

    graph, before, planned = _planned(project, target, to, phase, tell, ahead=allow_ahead)
    if not planned.revisions:
        if listen is not None:
            if lockfile.path(project).is_file():
                for deviation in lockfile.edited(project, graph):
                    tell(f"{deviation.text} was {deviation.what} since ringfence.lock was written")
            else:
                refuse_edited(graph, before.state, told=tell)
        return before, ()
    hazards.refuse_revisions(project, [(r, planned.direction) for r in planned.revisions])
    if planned.direction == "down" and confirm is not None:
        confirm(planned)
    from ringfence.execute import Progress
    from ringfence.history.drive import drive
    from ringfence.history.session import Session
    from ringfence.pg.runner import Lost
    from ringfence.planned_on import Drifted

    done: list[Moved] = []
    session = Session(project, graph, target)
    if listen is not None:
        session.listen = listen
    again: Lost | None = None
    try:
        drive(session, lambda heads: _still(graph, planned, heads), expected=planned.revisions)
    except Drifted as drifted:
        _refuse_adopted(project, target, graph, before.current, drifted)
        raise
    except Lost as lost:
        if not lost.reached:
            raise
        again = lost
    if again is not None:  # what goes wrong from here on has not come of the loss
        done += session.done
        began = session.began
        session = Session(project, graph, target, session.listen)
        session.listen(Progress("notice", text=f"{again.message}: going on over a new connection"))
        drive(session, lambda heads: _still(graph, planned, heads), expected=planned.revisions)
        session.began = began
    session.done[:0] = done
    if session.began and session.began != before.current:  # somebody was faster
        before = replace(
            before,
            current=session.began,
            applied=graph.applied(session.began),
            pending=graph.pending(session.began),
        )
    return before, tuple(session.done)


def _refuse_adopted(
    project: Project, target: Target, graph: Graph, current: Sequence[str], drifted: Refused
) -> None:
    """Raise `Refused` that says what to do where somebody did by hand what a pending revision does."""
    from ringfence import baseline

    revision = baseline.reached(project, target, graph, current)
    if revision is not None:
        raise Refused(
            f"{drifted.message}: the database is what revision {revision} makes",
            detail=drifted.detail,
            hint="to record that as applied, and run nothing:"
            f" ringfence migrate --baseline {revision.id}",
        ) from drifted


def rehearsal_text(
    project: Project, target: Target, *, to: str = "head", phase: str | None = None
) -> str:
    """The SQL that `migrate` would run, as one script for psql; empty when there is nothing to do."""
    graph, before, planned = _planned(project, target, to, phase)
    if not planned.revisions:
        return ""
    for half in before.halves:
        revision = graph.revisions.get(half.revision)
        if revision is not None and revision in planned.revisions and not revision.sql:
            raise Refused(
                f"revision {revision} is in Python, and {half.shown}: no script can leave that out",
                hint="ringfence migrate goes on with it",
            )
    from ringfence.history.drive import drive
    from ringfence.history.session import Session

    session = Session(project, graph, None)
    session.ran = _ran(target, session.schema, before, planned)
    return drive(
        session,
        lambda heads: _still(graph, planned, heads),
        expected=planned.revisions,
        offline_from=before.current,
    )


def _ran(
    target: Target, schema: str, before: Standing, planned: Way
) -> Mapping[tuple[str, str], ledger.Ran]:
    """What has run of those revisions of a plan that are not at their end."""
    doing = {r.id for r in planned.revisions}
    begun = [h for h in before.halves if h.revision in doing]
    if not begun:
        return {}
    with connect(target, pinned=True) as connection:
        return {
            (h.revision, h.direction): (
                ledger.Ran({1: ""}, {})
                if h.rows
                else ledger.ran(connection, schema, h.revision, h.direction)
            )
            for h in begun
        }


def baseline(project: Project, target: Target, upto: str | None = None) -> tuple[Revision, ...]:
    """Record every revision (or every one up to this) as applied, without running any.

    The database holds what they make: where it stands at a revision already, that is looked at, and
    those that it lacks are recorded. Returns them. Raises `Refused` where its schema is not what they
    make, or does not show whether they ran.
    """
    from ringfence.history.accept import adopt
    from ringfence.history.session import Session

    graph = revisions.read(project)
    graph.head  # noqa: B018 - refuses two
    ends = graph.heads if upto in (None, "head") else (graph.named(str(upto)).id,)
    return adopt(Session(project, graph, target), ends)


def repair(project: Project, target: Target, name: str, reason: str) -> tuple[str, str]:
    """Accept an applied file as it is now, on the record; which, and how it differs from what ran.

    Of a revision that is neither applied nor undone, but half so: that it counts as it did before.
    """
    from ringfence.history.accept import accept
    from ringfence.history.session import Session

    if not reason.strip():
        raise Misuse("--reason is empty", hint="say why the file may be as it is: it is kept")
    return accept(Session(project, revisions.read(project), target), name, redacted_message(reason))


def restore(project: Project, target: Target, name: str) -> Path:
    """Write the missing file of an applied revision as it was applied, from the history; its path.

    Raises `Refused` where there is a file already, and where the history does not have it word for
    word: its passwords are masked there.
    """
    graph = revisions.read(project)
    with connect(target, pinned=True) as connection:
        state = ledger.state(connection, project.config.migrate.schema)
    event = state.applied.get(name)
    if event is None or not {*state.current} & {name, *_above(graph, name)}:
        raise Refused(
            f"the history of {target.shown} does not say that {name} is applied",
            hint="ringfence status says what is; the whole of an id is needed",
        )
    path = _lost(project, graph, name, event.sql or "")
    shown = project.shown(path)
    if path.exists():
        raise Refused(
            f"{shown} is there: nothing is written over it", hint="move it away if it is not wanted"
        )
    raw = (event.sql or "").encode()
    if event.sql is None or checksum(raw) != event.checksum:
        why = "what is secret in it is masked there" if event.sql else "it was recorded, not run"
        raise Refused(
            f"the history does not hold {shown} as it was applied: {why}",
            hint="ringfence history --format json has what there is of it",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(raw)
    return path


def _above(graph: Graph, name: str) -> set[str]:
    """What stands on a revision; of one that no file has that is not known: all there is."""
    if name not in graph.revisions:
        return {*graph.revisions, name}
    return {r.id for r in graph.above(graph.revisions[name])}


def _lost(project: Project, graph: Graph, name: str, text: str) -> Path:
    """Where the file belongs that the history has of a revision."""
    known = graph.revisions.get(name)
    if known is not None:
        return known.file("up") if known.sql else known.path
    if re.search(rf"^revision\b.*=\s*[\"']{re.escape(name)}[\"']", text, re.MULTILINE):
        return project.migrations / "versions" / f"{name}.py"
    raise Refused(
        f"no file says what {name} follows, and the history holds its SQL alone",
        hint=f"write {project.shown(project.migrations / 'versions' / name)}.py with its ids, as those"
        " beside it, and ask again",
    )


def who(state: ledger.State) -> dict[str, str]:
    """Who applied each revision, and when, in words."""
    return {
        revision: f"{revision} ({event.title}) was applied {event.at.astimezone():%Y-%m-%d %H:%M}"
        f" by {event.role} from {event.client.get('host', 'an unknown host')}"
        for revision, event in state.applied.items()
        if event.at
    }


def _in_phase(graph: Graph, before: Standing, planned: Way, phase: str) -> Way:
    """What of a way up belongs to a phase: all up to where the other one begins."""
    if planned.direction == "down":
        raise Misuse("--phase is for going up", hint="leave it out: undoing has no phases")
    first = planned.revisions[0] if planned.revisions else None
    if phase == "contract" and first is not None and first.phase != phase:
        what = "a backfill" if first.sql and first.script("up").backfill else "of phase expand"
        raise Refused(
            f"revision {first} is {what} and not finished: what contracts comes after it",
            hint="ringfence migrate --phase expand; ringfence backfill status says how far it is",
        )
    run = tuple(takewhile(lambda r: r.phase == phase, planned.revisions))
    return Way("up", run, graph.ends((*before.applied, *run)))


def _planned(
    project: Project,
    target: Target,
    to: str,
    phase: str | None = None,
    tell: Callable[[str], None] | None = None,
    *,
    ahead: bool = False,
) -> tuple[Graph, Standing, Way]:
    """The files, where the database stands, and what to do; raises where nothing may be done.

    `ahead`: where the database has all of the files and more, there is nothing to do.
    """
    graph = revisions.read(project)
    schema = project.config.migrate.schema
    with connect(target, pinned=True) as connection:
        state = ledger.state(connection, schema)
        elsewhere = () if state.current else ledger.elsewhere(connection, schema)
    before = compare(graph, state, target.shown)
    if ahead and to == "head" and before.unknown and state.applied.keys() >= {*graph.heads}:
        if tell is not None:
            tell(f"the database is ahead of these files: at {', '.join(before.unknown)}")
        return graph, before, Way("up", (), before.current)
    graph.refuse_unknown(before.current, who(state))
    planned = way(graph, before.current, to)
    if phase is not None:
        planned = _in_phase(graph, before, planned, phase)
    if planned.revisions:
        _refuse_deviations(project, graph, before, target, tell)
        _refuse_elsewhere(graph, elsewhere)
    refuse_halfway(graph, before.state, planned)
    undone = {r.id for r in planned.revisions} if planned.direction == "down" else ()
    refuse_edited(graph, before.state, undone)
    if planned.direction == "up":
        refuse_skipped(graph, before.state)
    for revision in planned.revisions:
        if revision.sql:
            revision.runnable(planned.direction)
    return graph, before, planned


def _refuse_deviations(
    project: Project,
    graph: Graph,
    before: Standing,
    target: Target,
    tell: Callable[[str], None] | None,
) -> None:
    """Raise `Refused` where the revisions are not as ringfence.lock says.

    On the project's own server somebody is writing them: there what is not applied is told of.
    """
    pending = {r.id for r in before.pending}
    if target.embedded and lockfile.path(project).is_file():
        found = lockfile.deviations(project, graph)
        if found and all(d.revision in pending and d.what != "inserted" for d in found):
            if tell is not None:
                names = ", ".join(sorted({d.revision for d in found}))
                tell(f"{names}: not as ringfence.lock says; when it is done, ringfence lock")
            return
    lockfile.refuse_deviations(project, graph)


def _refuse_elsewhere(graph: Graph, elsewhere: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Raise `Refused` where plain Alembic has applied revisions of this project before ringfence."""
    for where, stands in elsewhere:
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

"""New revisions from the difference between the newest one and ddl/, proved both ways.

A plan that must commit on its way becomes several revisions, one a transaction, so that each is
applied whole or not at all.
"""

from __future__ import annotations

import re
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg

from ringfence import asked, filling, hazards, lockfile, revisions, sources
from ringfence.alone import alone
from ringfence.change import diff
from ringfence.comparison import compare, needed
from ringfence.errors import Busy, Error, Refused, ServerError
from ringfence.kinds._not_null import as_partitions_have_it
from ringfence.model import quoted
from ringfence.online import online as lock_safe
from ringfence.pg.connect import chosen, connect, server_error
from ringfence.pg.extract import extract
from ringfence.pg.shadow import local
from ringfence.planned_on import lines as planned_on
from ringfence.planner import empty
from ringfence.planner import plan as make_plan
from ringfence.step import HazardCode, Plan, Step, remark

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from ringfence.change import Change
    from ringfence.comparison import Compared
    from ringfence.model import Catalog, Ref
    from ringfence.pg.connect import Target
    from ringfence.project import Project
    from ringfence.revisions import Graph
    from ringfence.sources import Shop
    from ringfence.step import Hazard


@dataclass(frozen=True, slots=True)
class Draft:
    """A revision to be: its id, what it follows, and its SQL up and down."""

    id: str
    down_revision: str | None
    message: str
    up: str
    down: str


@dataclass(frozen=True, slots=True)
class Revised:
    """What came of planning: the changes, the whole plan, and the revisions written from it."""

    changes: tuple[Change, ...]
    plan: Plan
    drafts: tuple[Draft, ...]
    files: tuple[Path, ...]


def revise(
    project: Project,
    message: str,
    *,
    online: bool = True,
    allow: Sequence[str] = (),
    renames: Sequence[str] = (),
    shadow: str | None = None,
    dsn: str | None = None,
    write: bool = True,
) -> Revised:
    """Plan head → ddl, prove it up and down on a shadow, and write it as revisions.

    `allow` names hazards that somebody agreed to: `DATA_LOSS:schema.table`, or `DATA_LOSS` for all
    of them; and what is not modelled, `UNMODELED:subscription:name`. Raises `Refused` on any other. `renames` are `KIND:OLD=NEW`, beside the hints in ddl/.

    Shadows are of the major version that the configuration names, else of that of the server which
    `dsn`, or the environment, names; where it does not answer, of the embedded one's.
    """
    hazards.refuse_unknown(allow, more=[hazards.UNMODELED])
    with alone(project) if write else nullcontext():
        return _revised(
            project,
            message,
            online=online,
            allow=allow,
            renames=renames,
            shadow=shadow,
            dsn=dsn,
            write=write,
        )


def _revised(
    project: Project,
    message: str,
    *,
    online: bool,
    allow: Sequence[str],
    renames: Sequence[str],
    shadow: str | None,
    dsn: str | None,
    write: bool,
) -> Revised:
    graph = revisions.read(project)
    head = graph.head
    a, b = sources.source(project, "head"), sources.source(project, "ddl")
    near, untold = (None, "") if shadow else _near(project, dsn)
    with sources.shop(project, (a, b), shadow, near=near) as shop:
        done = compare(shop, a, b, renames=renames)
        if untold:
            note = f"{untold}; planned for PostgreSQL {shop.host.major}"
            done = replace(done, plan=replace(done.plan, notes=(note, *done.plan.notes)))
        told = tuple(_absent(project, graph, done.changes, near, dsn))
        done = replace(done, plan=replace(done.plan, notes=(*told, *done.plan.notes)))
        plan = lock_safe(done.plan, done.old, done.new) if online else done.plan
        hazards.refuse_unmodeled(done.unmodeled, allow)
        if not plan.steps:
            return Revised((), plan, (), ())
        hazards.refuse(plan.hazards, allow, done.alike)
        # Where the catalog of ddl was kept, nothing was loaded that would have had them made.
        shop.stand_in(needed(done.changes))
        safe = _Safely() if online else None
        while True:
            try:
                drafts = tuple(_drafts(project, shop, a, plan, done, message, head, safe))
                lost, unseen = _rows(shop, a, plan, done)
                break
            except _Astray as astray:
                if safe is None or plan.steps == done.plan.steps:
                    raise astray.error from astray.error.__cause__
                # What keeps nobody waiting must also get there.
                safe, note = safe.without(astray, done)
                plan = lock_safe(done.plan, done.old, done.new, safe.apart) if safe else done.plan
                plan = replace(plan, notes=(note, *done.plan.notes))
                try:
                    hazards.refuse(plan.hazards, allow, done.alike)
                except Refused as refused:
                    refused.detail += f"\n{note}"
                    raise
    hazards.refuse(lost, allow, done.alike)
    if unseen:
        note = f"not checked: rows: {unseen}"
        plan = replace(plan, notes=(*plan.notes, note))
        drafts = tuple(
            replace(d, up=d.up.replace(_STYLED, f"{_STYLED}{remark(note)}\n", 1)) for d in drafts
        )
    files = tuple(_write(project, drafts)) if write else ()
    if files and lockfile.path(project).is_file():
        lockfile.write(project, revisions.read(project))
    return Revised(done.changes, plan, drafts, files)


def _rows(
    shop: Shop, source: sources.Source, plan: Plan, done: Compared
) -> tuple[tuple[Hazard, ...], str]:
    """What the plan loses of rows and no hazard tells of; and why nobody knows, where that is so."""
    from ringfence.proof import losses

    if all(ref.kind != "table" for ref in done.old.facts):
        return (), ""
    try:
        return losses(plan, shop, source, done.new)
    except ServerError as error:
        raise _Astray(error, error.message) from error


class _Astray(Exception):
    """Steps do not run, or do not lead where they should; and what that was seen of."""

    def __init__(self, error: Error, said: str, refs: Iterable[Ref] = ()) -> None:
        super().__init__(said)
        self.error, self.said, self.refs = error, said, frozenset(refs)


@dataclass(frozen=True, slots=True)
class _Safely:
    """Steps are lock-safe, but for those on some tables and their families."""

    apart: frozenset[Ref] = frozenset()

    def without(self, astray: _Astray, done: Compared) -> tuple[_Safely | None, str]:
        """With the plain steps where it was that they went astray, else everywhere; and why, as a note."""
        tables = frozenset(t for r in astray.refs if (t := _table(r, done)) is not None)
        why = f"do not lead to ddl ({astray.said}): these are the plain ones"
        if not tables or tables <= self.apart:
            return None, f"lock-safe steps {why}"
        told = ", ".join(t.path for t in sorted(self.apart | tables))
        return _Safely(self.apart | tables), f"lock-safe steps of {told} {why}"


def _table(ref: Ref, done: Compared) -> Ref | None:
    """The table that there is before, which something is, or is a part of."""
    for catalog in (done.new, done.old):
        fact = catalog.facts.get(ref)
        while fact is not None and fact.ref.kind not in ("table", "foreign_table"):
            fact = catalog.facts.get(fact.parent) if fact.parent is not None else None
        if fact is not None:
            return fact.ref
    return None


def _absent(
    project: Project,
    graph: Graph,
    changes: Sequence[Change],
    near: Target | None,
    dsn: str | None,
) -> Iterable[str]:
    """The roles that the plan names, no revision makes and the server lacks, where it can be asked."""
    files = [r.file("up") if r.sql else r.path for r in graph.revisions.values()]
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files]
    made = {
        m[1][1:-1].replace('""', '"') if m[1].startswith('"') else m[1].lower()
        for text in texts
        for m in _MAKES.finditer(text)
    }
    names = {n for n in needed(changes) if n not in made and not n.startswith("pg_")}
    names -= {"", "none", "public"}
    if not names:
        return
    server = near
    if server is None and chosen(project, dsn) is None:
        with suppress(Error):
            server = local(project, project.config.server_version or None).target
    if server is None:
        for name in sorted(names):
            yield f"no revision makes role {quoted(name)}: it has to be there before migrate"
        return
    with connect(server) as connection:
        lacking = sources.lacking(connection, names)
    for name in lacking:
        yield (
            f"no revision makes role {quoted(name)}, and {server.shown} lacks it: CREATE ROLE"
            " there before migrate"
        )


_MAKES = re.compile(
    r'\bCREATE\s+(?:ROLE|USER(?!\s+MAPPING\b)|GROUP)\s+("(?:[^"]|"")+"|[\w$]+)', re.IGNORECASE
)


def _near(project: Project, dsn: str | None) -> tuple[Target | None, str]:
    """The server that the plan is for, where it answers; else why that cannot be told."""
    if project.config.server_version and dsn is None:
        return None, ""
    found = chosen(project, dsn)
    if found is None:
        return None, ""
    try:
        connect(found).close()
    except (Busy, ServerError) as error:
        if dsn is not None:
            raise
        return None, f"{error.title}: {error.message}"
    return found, ""


def segments(steps: Iterable[Step]) -> list[list[Step]]:
    """The steps by transaction; what cannot run in one stands in segments of its own kind, and a
    step that is done in batches alone."""
    found: list[list[Step]] = []
    fresh = True
    for step in steps:
        alone = step.transactional == "no"
        if fresh or step.key or not found or alone != (found[-1][-1].transactional == "no"):
            found.append([])
        found[-1].append(step)
        fresh = step.transactional == "commit" or bool(step.key)
    return found


def _drafts(
    project: Project,
    shop: Shop,
    source: sources.Source,
    plan: Plan,
    done: Compared,
    message: str,
    head: str | None,
    safe: _Safely | None,
) -> Iterable[Draft]:
    parts = segments(plan.steps)
    clone = shop.copy(source)
    stages, renamed = _up(project, clone, parts, done)
    online, apart = safe is not None, safe.apart if safe else frozenset()
    downs = [
        way_back(stages[i + 1], stages[i], online=online, apart=apart) for i in range(1, len(parts))
    ]
    first = way_back(stages[1], renamed, online=online, apart=apart)
    downs.insert(
        0, replace(first, steps=(*first.steps, *asked.back(done.asked, done.renaming, renamed)))
    )
    _down(project, clone, stages, downs)
    identifiers = _identifiers(project, len(parts))
    notes = {r: n for r, n in empty(done.old, done.new, done.changes) if n in plan.notes}
    before = head
    for number, (steps, down, identifier) in enumerate(
        zip(parts, downs, identifiers, strict=True), 1
    ):
        first_line, *more = message.strip().splitlines() or [""]
        which = f" ({number} of {len(parts)})" if len(parts) > 1 else ""
        title = "\n".join([f"{first_line}{which}", *more])
        up = [h for s in steps for h in s.hazards]
        yield Draft(
            identifier,
            before,
            title,
            file_text(
                title,
                steps,
                "allowed",
                planned=planned_on(stages[number - 1], stages[number], stages[0], steps),
                told=[notes[s.ref] for s in steps if s.verb == "create" and s.ref in notes],
            ),
            file_text(f"undo: {title}", down.steps, "hazard", lost=up),
        )
        before = identifier


def way_back(
    old: Catalog, new: Catalog, *, online: bool = True, apart: Collection[Ref] = ()
) -> Plan:
    """The plan from `old` to `new`, in lock-safe steps: a file has but one way back.

    What was nobody's by name was whoever's that ran the revisions, and so it is again.
    """
    owners = {
        ref: replace(fact, attrs={"owner": ""})
        for ref, fact in old.facts.items()
        if ref.kind == "owner" and ref not in new.facts and fact.parent in new.facts
    }
    new = replace(new, facts={**new.facts, **owners})
    made = make_plan(old, new, undoes=True)
    return lock_safe(made, old, new, apart) if online else made


def _catalog(
    project: Project, connection: psycopg.Connection[tuple[object, ...]], who: str
) -> Catalog:
    return extract(connection, exclude=(project.config.migrate.schema,), nobody=who)


def _up(
    project: Project, clone: Target, parts: Sequence[Sequence[Step]], done: Compared
) -> tuple[list[Catalog], Catalog]:
    """The catalog before, between and after the parts, reached by running them on a clone.

    And the one after the renames asked for, with which the first part begins.
    """
    first = len(done.renaming)
    with connect(clone) as connection:
        row = connection.execute("SELECT current_user").fetchone()
        who = str(row[0]) if row else ""
        connection.execute("SET check_function_bodies = off")
        stages = [_catalog(project, connection, who)]
        _run(connection, parts[0][:first], "the plan does not run")
        renamed = _catalog(project, connection, who) if first else stages[0]
        for steps in (parts[0][first:], *parts[1:]):
            _run(connection, steps, "the plan does not run")
            stages.append(_catalog(project, connection, who))
        _demand_equal(stages[-1], done.new, "the plan does not lead to ddl")
        return stages, renamed


def _down(
    project: Project, clone: Target, stages: Sequence[Catalog], downs: Sequence[Plan]
) -> None:
    """Prove each way back: on the clone that the way up has led to its end, down to where it began."""
    with connect(clone) as connection:
        row = connection.execute("SELECT current_user").fetchone()
        who = str(row[0]) if row else ""
        connection.execute("SET check_function_bodies = off")
        for index in reversed(range(len(downs))):
            _run(connection, downs[index].steps, "the way back does not run")
            back = _catalog(project, connection, who)
            _demand_equal(back, stages[index], "the way back does not lead to where it began")


def _demand_equal(found: Catalog, wanted: Catalog, title: str) -> None:
    """Raise `_Astray` where the steps have led elsewhere."""
    wanted = as_partitions_have_it(found, wanted)
    left = [c for c in diff(found, wanted) if c.ref.kind != "owner"]
    if not left:
        return
    lines = [f"{c.verb} {c.ref} {', '.join(c.attributes)}".strip() for c in left]
    error = Refused(
        title,
        detail="\n  ".join(lines[:10]),
        hint="this is a bug in ringfence: please report it with ddl/ and migrations/",
    )
    raise _Astray(error, f"{title}: {lines[0]}", (c.ref for c in left))


def _run(
    connection: psycopg.Connection[tuple[object, ...]], steps: Sequence[Step], title: str
) -> None:
    for step in steps:
        try:
            connection.execute(step.sql, prepare=False)
        except psycopg.Error as error:
            said = server_error(error)
            if step.verb == "fill":
                raise filling.misfit(step, said.message) from error
            told = ServerError(
                said.message,
                sqlstate=error.sqlstate or "",
                title=f"{title}: {step.verb} {step.ref}",
                detail=f"{said.detail}\n  {step.sql}".strip(),
            )
            told.__cause__ = error
            raise _Astray(told, said.message, (step.ref,)) from error


_STYLED = "-- noqa: disable=all\n"
"""Behind it stands what a file says of itself to who reads it."""


def file_text(
    title: str,
    steps: Sequence[Step],
    word: str,
    *,
    lost: Sequence[Hazard] = (),
    planned: Sequence[str] = (),
    told: Sequence[str] = (),
) -> str:
    """The text of a file. `word`: what it says of its hazards; `lost`: what it cannot undo; `told`:
    what who reads it is to know."""
    lines = []
    whole = all(s.transactional != "no" for s in steps) and len(segments(steps)) < 2
    if not whole:
        lines.append("-- ringfence: transaction: none")
    lines += [f"-- ringfence: backfill key={s.key} batch=200ms" for s in steps if s.key]
    # On the way back, nobody has agreed to what cannot be had again; a lock passes.
    gated = (HazardCode.DATA_LOSS, HazardCode.NOT_REVERSIBLE) if word == "hazard" else HazardCode
    names = dict.fromkeys(h.name for s in steps for h in s.hazards if h.code in gated)
    # A name that a line cannot hold is gated by its code alone.
    said = dict.fromkeys(n if len(n.splitlines()) == 1 else n.partition(":")[0] for n in names)
    lines += [f"-- ringfence: {word}: {name}" for name in said]
    lines += [f"-- ringfence: planned-on: {line}" for line in planned]
    # The words are PostgreSQL's own, and proved: a linter of style has no say in them.
    lines += [*map(remark, title.splitlines()), _STYLED.rstrip()]
    lines += [remark(note) for note in dict.fromkeys(told)]
    for hazard in dict.fromkeys(lost):
        if hazard.code == HazardCode.DATA_LOSS:
            lines += [remark(f"cannot bring back: {hazard.message}")]
    lines.append("")
    if whole and any(s.ref.kind == "routine" for s in steps):
        lines.append("SET LOCAL check_function_bodies = off;\n")
    for part in segments(steps):
        # Nobody may see the middle of what is one transaction.
        together = not whole and len(part) > 1 and part[0].transactional != "no"
        if together:
            lines.append("BEGIN;\n")
            if any(s.ref.kind == "routine" for s in part):
                lines.append("SET LOCAL check_function_bodies = off;\n")
        for step in part:
            lines.extend(step.remarks())
            lines.append(f"{step.sql};\n")
        if together:
            lines.append("COMMIT;\n")
    return "\n".join(lines).rstrip() + "\n"


def _identifiers(project: Project, count: int) -> list[str]:
    """The next ids in the manner of those there are: 0003 after 0002."""
    numbers = [int(r) for r in revisions.read(project).revisions if r.isdigit()]
    start = max(numbers, default=0) + 1
    return [f"{start + i:04d}" for i in range(count)]


def _write(project: Project, drafts: Sequence[Draft]) -> Iterable[Path]:
    folder = project.migrations / "versions"
    for draft in drafts:
        yield from write(folder / f"{draft.id}_{_slug(draft.message)}", draft)


def _slug(title: str) -> str:
    """The words of a title as a file's name has them: cut, but for which part of how many it is."""
    words = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    part = re.search(r" \((\d+) of (\d+)\)$", title.partition("\n")[0])
    end = f"_{part[1]}_of_{part[2]}" if part else ""
    if end:
        words = words.partition(end)[0]
    return words[: 40 - len(end)].rstrip("_") + end


def write(stem: Path, draft: Draft) -> Iterable[Path]:
    """Write a revision's files beside each other; no down file where there is no way back."""
    title = draft.message.replace("\\", "\\\\").replace('"', '\\"').rstrip(".")
    after = "None" if draft.down_revision is None else f'"{draft.down_revision}"'
    code = (
        f'"""{title}."""\n\n'
        "from ringfence.history import sqlfile\n\n"
        f'revision = "{draft.id}"\n'
        f"down_revision = {after}\n"
        "branch_labels = None\n"
        "depends_on = None\n\n"
        "upgrade, downgrade = sqlfile(__file__)\n"
    )
    for suffix, text in ((".py", code), (".up.sql", draft.up), (".down.sql", draft.down)):
        if text:
            path = stem.with_name(stem.name + suffix)
            path.write_text(text, encoding="utf-8")
            yield path

"""A rehearsal: revisions or a file run on a shadow with rows in it, and measured."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ringfence import hazards as hazards_
from ringfence import migrate, replay, revisions, rows
from ringfence.finding import AGREED, Basis, Coverage, Finding, Report, Severity, counted, ordered
from ringfence.model import Ref
from ringfence.pg import shadow as shadows
from ringfence.pg.connect import connect
from ringfence.rehearse import (
    afar,
    asroles,
    blame,
    bodies,
    compat,
    demands,
    effects,
    elsewhere,
    guards,
    instead,
    interim,
    measure,
    mend,
    plans,
    possible,
    promises,
    stage,
    tenants,
    views,
)
from ringfence.rehearse.became import became
from ringfence.rehearse.files import File, wanted
from ringfence.rehearse.hazards import Part, hazards, sheet
from ringfence.rehearse.safe import Forms
from ringfence.rehearse.sizes import inject, rates
from ringfence.rehearse.stage import Work
from ringfence.rehearse.twin import Twin

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Hashable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from ringfence.errors import Span
    from ringfence.pg.connect import Target
    from ringfence.project import Project
    from ringfence.rehearse.hazards import Measured
    from ringfence.rehearse.instead import Rewritten
    from ringfence.rehearse.plans import Planned
    from ringfence.script import Script


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it: where it began, what was run, and the report."""

    began: str
    server: str
    parts: tuple[Part, ...]
    report: Report
    rewritten: tuple[Rewritten, ...] = ()


def rehearse(
    project: Project,
    target: Target,
    *,
    names: Sequence[str] = (),
    scripts: Sequence[Script] = (),
    planned: Planned | None = None,
    count: int = 5,
    shadow: str | None = None,
    allow: Sequence[str] = (),
    fail_on: Severity = Severity.WARNING,
    safe: bool = True,
    rewrite: bool = False,
    apart: bool = True,
    stepwise: bool = False,
    listen: Callable[[str], None] = lambda _: None,
) -> Rehearsal:
    """Run what is pending on `target`, or the revisions `names`, `scripts` or a plan, on a shadow.

    The shadow stands where the target stands (or where the first of `names` begins, or the plan)
    and holds `count` rows a table and tenant. The target itself is only read: its server's version,
    where it stands, and, unless it is the embedded server, how large its tables are. `allow` names
    hazards that somebody agreed to. With `rewrite`, each file with a hazard is also rewritten, and
    that measured too; nothing is written. With `apart`, tenants have to be as far apart afterwards
    as they were before. Those who must be able to go on are who knew the schema before the first
    file; with `stepwise`, before each. Raises `Misuse` for names and hazards that are none, `Refused` for a plan that begins
    elsewhere, `ServerError` where the shadow cannot be made.
    """
    hazards_.refuse_unknown_measured(project, allow)
    graph = revisions.read(project)
    standing = migrate.standing(graph, target, project.config.migrate.schema)
    begin, files = wanted(graph, standing, names, scripts, planned)
    if not files:
        at = ", ".join(standing.current) or "base"
        coverage = Coverage("revisions", "what is pending", skipped=f"nothing is: at {at}")
        return Rehearsal(at, "", (), Report("rehearse", (), (coverage,), target.shown))
    with ExitStack() as stack:
        host, notes = stage.server(project, target, shadow, stack)
        known, sized = stage.real_sizes(target)
        hidden = (project.config.migrate.schema,)
        work = Work(project, host, hidden, known, None, safe, rewrite, stepwise, count, listen)
        work.roles = None if names else stage.roles(target)
        work.coverage += [*notes, sized]
        with _base(work, target, begin, planned) as base:
            afar.cut_off(base)
            work.rows.append(stage.seeded(project, base, count))
            place = len(work.coverage)
            if work.known:
                with connect(base) as connection:
                    work.rate = rates(connection)
                    work.coverage.append(inject(connection, work.known))
            kept = apart and tenants.known(project, base)
            with stage.copy(work, base) if kept else nullcontext() as stood:
                old = partial(tenants.before, project, stood) if stood else lambda: None
                if tenants.about_roles(file.up for file in files):
                    old = partial(lambda report: report, old())
                with Twin(
                    partial(stage.copy, work, base), hidden, again=partial(stage.copy, work)
                ) as twin:
                    failed = _forward(work, base, twin, files)
                work.coverage.insert(place, stage.rows(work.rows))
                work.coverage += stage.roles_made(work, files)
                if failed and apart:
                    work.coverage.append(tenants.untried(failed))
                elif apart:
                    found, row = tenants.apart(project, old, base)
                    work.findings += [tenants.placed(each, files) for each in found]
                    work.coverage.append(row)
        report = Report(
            "rehearse",
            ordered(_agreed(work.findings, (*allow, *project.config.migrate.allow))),
            tuple(work.coverage),
            f"{', '.join(f.name for f in files)}, from {begin}",
            fail_on,
            unit="",
            sheets=(sheet(work.parts),),
        )
        rewritten = tuple(instead.remaining(each, report.findings) for each in work.rewritten)
        return Rehearsal(begin, f"PostgreSQL {host.major}", tuple(work.parts), report, rewritten)


@contextmanager
def _base(work: Work, target: Target, begin: str, planned: Planned | None) -> Iterator[Target]:
    """A shadow that stands where the first file begins."""
    work.listen(f"a shadow at {begin}")
    if planned is not None:
        with plans.base(work.project, work.host, target, planned) as base:
            yield base
        return
    with work.host.database() as base:
        for revision in begin.split(", ") if begin != "base" else ():
            stage.replayed(work, base, revision)
        yield base


def _forward(work: Work, base: Target, twin: Twin, files: Sequence[File]) -> str:
    """Run the files one after the other, each measured, tried and undone. What ended it, or ""."""
    now: Mapping[int, rows.Held] = {}
    with connect(base) as connection:
        before = compat.world(connection, work.hidden, interim=interim.said(files[0].up))
        had = work.had = rows.held(connection, work.hidden)
        shown = views.shown(connection, work.hidden)
    broken: set[tuple[Ref, str]] = set()
    meanwhile: dict[tuple[Ref, str], str] = {}
    told: set[Hashable] = set()
    trial = compat.Trial()
    undone = checked = total = 0
    tried = False
    failed = ""
    others: list[Finding] = []
    places: dict[effects.Lost, Span | None] = {}
    relabelled: set[tuple[str, str]] = set()
    unseen: dict[str, None] = {}
    uncalled: dict[str, None] = {}
    asked: set[demands.Asked] = set()
    gaps: list[tuple[File, int, guards.Guards]] = []

    def during(file: File, number: int, its: Sequence[Measured]) -> None:
        """Those who knew it before come between two statements that are committed one by one."""
        numbers = range(number - len(its) + 1, number + 1)
        ran = [file.up.statements[n - 1] for n in numbers]
        reached = effects.reached([(s, m.observed) for s, m in zip(ran, its, strict=True)])
        if reached is not None and not reached:
            return
        with connect(base) as connection:
            gaps.append((file, number, guards.guards(connection, work.hidden)))
        there = compat.part(before, reached, {ref for ref, _ in broken})
        if not (there.relations or there.routines):
            return  # there is nobody
        with connect(base) as connection:
            for each in compat.tried(connection, there).broken:
                if each.key not in broken:
                    broken.add(each.key)
                    meanwhile[each.key] = each.message
                    others.append(effects.broken(file, each, number))

    done: set[str] = set()
    for number, file in enumerate(files, 1):
        done.add(file.name)
        meanwhile.clear()
        if work.stepwise:
            gaps.clear()
        work.listen(file.name)
        if file.unknown:
            work.findings.append(_unmeasured(file))
            failed = f"{file.name} was not run"
            break
        twin.stand()
        others.clear()
        with stage.spare(work, base) as spare:
            part = measure.measured(work, base, file, partial(during, file))
            work.parts.append(part)
            if file.name in work.emptied:
                twin.empty()
            found = list(_agreed(hazards(part), file.up.said("allowed")))
            if any(s.observed.error is not None for s in part.statements):
                failed = f"{file.name} fails"
            checked += sum(s.observed.error is None for s in part.statements)
            if not failed:
                tried = True
                with connect(base) as connection:
                    trial = compat.tried(connection, before)
                    after = compat.world(connection, work.hidden, before=before)
                    now = rows.held(connection, work.hidden, had)
                    seen = views.compared(connection, shown, after, work.hidden)
                    unseen.update(dict.fromkeys(seen.unknown))
                    labels = promises.relabelled(before.promises, after.promises)
                    relabelled |= labels.keys()
                    wrote = {
                        t for p in work.parts for m in p.statements for t in m.observed.changed
                    }
                    asked.update(demands.newly(connection, before, after, wrote))
                    given = bodies.compared(connection, before, after)
                    uncalled.update(dict.fromkeys(given.unknown))
                    others += effects.otherwise(
                        file,
                        (
                            *elsewhere.elsewhere(connection, had, now, before, after, work.mended),
                            *seen.otherwise,
                            *given.otherwise,
                        ),
                        told,
                    )
                    keys = {each.made for each in before.demands}
                    no = [
                        possible.judged(connection, work.project, each, before)
                        for each in trial.broken
                        if not promises.names_label(each.sqlstate, each.message, labels)
                        # Or else we took the rows away that it referred to.
                        if each.sqlstate != _NO_SUCH_ROW
                        or not (
                            file.name in work.emptied
                            or mend.taken(connection, each.ref, each.constraint, keys, work.mended)
                        )
                    ]
                    took = list(
                        effects.newly(file, became(connection, before, after), broken, told)
                    )
                for each in no:
                    earlier_said = meanwhile.pop(each.key, each.message)
                    if each.key not in broken or not each.message.startswith(earlier_said):
                        broken.add(each.key)
                        others.append(effects.broken(file, each))
                broken -= meanwhile.keys() - {each.key for each in no}
                earlier = frozenset(told)
                others += effects.changed(file, before, after, broken, told)
                others += effects.unlogged(file, before, after, told)
                others += took
                lost = [
                    each
                    for each in map(effects.what, rows.lost(had, now))
                    if each not in places and each.table not in work.mended
                ]
                others = _placed(work, twin, file, before, others, lost, places, earlier)
                others += _away(gaps, before, after, told)
                gaps += [(file, b.numbers[-1], after.guards) for b in file.up.blocks[-1:]]
            work.findings += _agreed(others, file.up.said("allowed"))
            forms = Forms({}, {}, whole=True)
            if work.safe and not failed:
                found, forms = instead.with_safe_forms(work.project, twin, file, found)
            if spare is not None and found and not failed:
                work.rewritten.append(instead.rewritten(work, base, spare, file, found, forms))
            work.findings += found
        if failed:
            break
        if file.revision is not None and file.down is not None and _touches(file):
            back = _back_elsewhere(work, file)
            twin.leave()
        else:
            back = twin.there_and_back(file)
        work.findings += _agreed(back, file.up.said("allowed"))
        undone += file.down is not None
        more = file is not files[-1]
        if not (more and all(h.count for h in now.values())):
            # What was lost since rows were made up last may be any of the files'.
            said = [name for each in files[:number] for name in each.up.said("allowed")]
            gone = effects.losses(had, now, work.parts, work.mended, places, None, relabelled)
            work.findings += _agreed(gone, said)
            places.clear()
            total += sum(h.count for h in had.values())
            if more:
                # What a file has made is empty: the next one is to find rows in it.
                work.rows.append(stage.seeded(work.project, base, work.count, number + 1))
                twin.leave()
                with connect(base) as connection:
                    had = work.had = rows.held(connection, work.hidden)
                    fresh = views.shown(connection, work.hidden)
                    shown = {key: fresh.get(key, view) for key, view in shown.items()}
        if more and work.stepwise:
            with connect(base) as connection:
                shown = views.shown(connection, work.hidden)
                own = interim.said(files[number].up)
                before = compat.world(connection, work.hidden, interim=own)
    if failed:
        # What was committed before it has happened all the same.
        with connect(base) as connection:
            now = work.left or rows.held(connection, work.hidden, had)
        said = [name for each in files[:number] for name in each.up.said("allowed")]
        gone = effects.losses(had, now, work.parts, work.mended, places, file, relabelled)
        work.findings += _agreed(gone, said)
    why = f"{failed}; {counted(total, 'row')} before it were" if failed and total else failed
    total = 0 if failed else total
    why = why or ("" if total else "no table held a row before")
    work.coverage.append(Coverage("kept", "rows are kept as they were", total, "row", why))
    if work.emptied:
        names = ", ".join(work.emptied)
        reason = (
            f"{names} refuses the rows made up for it, as it may refuse real ones: it was run on empty"
            " tables"
        )
        work.coverage.append(Coverage("work", "how a file works on rows", skipped=reason))
    mended = () if work.emptied else work.mended
    work.coverage += demands.coverage(asked, mended)
    if failed and (behind := [f.name for f in files if f.name not in done]):
        work.coverage.append(
            Coverage("behind", ", ".join(behind), skipped=f"{failed}, and they come after it")
        )
    work.coverage += [
        *_unmet(work),
        *_unwritten(work, before),
        *asroles.coverage(before.as_roles),
        *afar.coverage(r.ref for r in before.relations if r.afar),
        *views.coverage(tuple(unseen)),
        *bodies.coverage(tuple(uncalled)),
    ]
    why = "" if tried else failed
    measured = "" if checked else failed or "there is no statement"
    work.coverage += [
        Coverage(
            "measured", "locks, rewrites, scans of each statement", checked, "statement", measured
        ),
        *_others(trial, why),
        Coverage(
            "undone",
            "down leaves no trace, and up again",
            undone,
            "revision",
            "" if undone else why or "nothing here can be undone",
        ),
    ]
    return failed


_NO_SUCH_ROW = "23503"


def _others(trial: compat.Trial, why: str) -> Iterator[Coverage]:
    """What was tried of what others did before; where there was nothing to try, that it was not."""
    for subject, title, count, unit, none in (
        ("readers", "what was read before can be read", trial.reads, "relation", "no relation"),
        ("writers", "what was written before can be written", trial.writes, "row", "no row"),
        ("callers", "what was called before can be called", trial.calls, "routine", "no routine"),
    ):
        reason = why or ("" if count else f"there was {none} before that it could be tried with")
        yield Coverage(subject, title, count if not reason else 0, unit, reason)


def _unmet(work: Work) -> list[Coverage]:
    """The statements that would have written rows, and met none of those that were made up."""
    met = [
        f"{each.observed.unmet} ({each.span.path}:{each.span.line})"
        for part in work.parts
        for each in part.statements
        if each.observed.unmet and part.name not in work.emptied
    ]
    reason = f"no made-up row was met: {', '.join(met)}"
    return [Coverage("unmet", "what is done to real rows", skipped=reason)] if met else []


def _unwritten(work: Work, before: compat.World) -> list[Coverage]:
    """The tables that no row was made up for, where some were: nobody tried to write those."""
    names = [r.ref.path for r in before.relations if r.empty]
    if not names or work.rows[0].skipped:
        return []
    reason = f"there was no row of {', '.join(names)} to write again"
    return [Coverage("unwritten", "what was written of every table", skipped=reason)]


def _away(
    gaps: Sequence[tuple[File, int, guards.Guards]],
    before: compat.World,
    after: compat.World,
    told: set[Hashable],
) -> Iterator[Finding]:
    """What guards rows behind the files as it did before, and did not in between."""
    for file, number, now in gaps:
        for each in guards.away(before.guards, now, after.guards):
            if (each.ref, each.key) not in told:
                told.add((each.ref, each.key))
                yield effects.unguarded(file, each, number)


def _placed(
    work: Work,
    twin: Twin,
    file: File,
    before: compat.World,
    others: Sequence[Finding],
    lost: Sequence[effects.Lost],
    places: dict[effects.Lost, Span | None],
    told: Collection[Hashable],
) -> list[Finding]:
    """What was found behind a file, at the statement that it came of; of what is lost, in `places`."""
    numbers = [n for block in file.up.blocks for n in block.numbers]
    doers = [n for n in numbers if not file.up.statements[n - 1].sets_session]
    culprits: dict[blame.Fact, int] = {}
    if len(doers) == 1:
        culprits = dict.fromkeys((*(f.fingerprint for f in others), *lost), doers[0])
    elif others or lost:
        with twin.copied() as copy:
            culprits = blame.culprits(copy, file, others, lost, before, work.hidden, told)

    def at(fact: blame.Fact, otherwise: Span | None) -> Span | None:
        number = culprits.get(fact)
        return file.up.span(file.up.statements[number - 1].start) if number else otherwise

    places.update((each, at(each, effects.place(file, each.ref))) for each in lost)
    # What words tell has its place elsewhere: in the body that holds them.
    return [replace(f, span=at(f.fingerprint, f.span)) if f.span else f for f in others]


def _unmeasured(file: File) -> Finding:
    ref = Ref("revision", (file.name,))
    return Finding(
        "NOT_REHEARSED",
        Severity.ERROR,
        f"{file.name} is Python of which no SQL is known before it runs: {file.unknown}",
        ref,
        file.at,
        help="write it as SQL, or its SQL to a file and rehearse that: --sql FILE",
        basis=Basis.STATIC,
        key=f"{file.name}:{ref}",
    )


def _touches(file: File) -> bool:
    """Whether a file, or what undoes it, may change more than the database it runs in."""
    texts = (file.up.text, file.down.text if file.down else "")
    return any(map(shadows.touches_server, texts))


def _back_elsewhere(work: Work, file: File) -> list[Finding]:
    """A file run, undone and run again on a server of its own: roles and settings are the server's,
    and on the first one what the file has made of them is there already."""
    assert file.revision is not None
    below = file.revision.down[0] if file.revision.down else ""

    @contextmanager
    def there() -> Iterator[Target]:
        with shadows.spare(work.host.major) as host, host.database() as target:
            if below:
                replay.replay(work.project, target, below)
            replay.stand_in(host.target, work.stand_ins)
            afar.cut_off(target)
            yield target

    with Twin(there, work.hidden, roles=True) as twin:
        twin.stand()
        return twin.there_and_back(file)


def _agreed(findings: Iterable[Finding], allow: Sequence[str]) -> Iterator[Finding]:
    """The findings; what somebody agreed to by name is information."""
    for finding in findings:
        name = f"{finding.code}:{finding.ref.path}" if finding.ref else finding.code
        if finding.code in allow or name in allow:
            yield replace(finding, severity=Severity.INFO, help=AGREED)
        else:
            yield finding


def agree(report: Report) -> str:
    """What to type to agree to the findings that stand in the way."""
    names = dict.fromkeys(
        f"{f.code}:{f.ref.path}" if f.ref else f.code
        for f in report.findings
        if f.severity.rank <= report.fail_on.rank
        and f.severity is not Severity.INFO
        and f.code != "FAILS"
    )
    return " ".join(f"--allow '{name}'" for name in names)

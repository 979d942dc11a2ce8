"""The gate that CI runs before a schema changes: everything that can be known beforehand, one report.

The revisions are whole and have one head; the rules have nothing to say; the newest revision is what
ddl/ says; each revision can be run, undone and run again, and what it does to a database at work was
measured; and on a database that stands at the head every claim holds.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence import claims, hazards, lockfile, rehearse, replay, revisions, rules
from ringfence.document.fresh import checked
from ringfence.errors import BadProject, Bug, Error, Misuse
from ringfence.finding import (
    Coverage,
    Finding,
    Report,
    Severity,
    Sheet,
    counted,
    ordered,
    sentences,
)
from ringfence.model import Ref
from ringfence.pg import shadow
from ringfence.pg.connect import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ringfence.errors import Span
    from ringfence.pg.connect import Target
    from ringfence.project import Project
    from ringfence.revisions import Graph


def check(
    project: Project,
    target: Target,
    *,
    since: str = "",
    allow: Sequence[str] = (),
    fail_on: Severity = Severity.WARNING,
    listen: Callable[[str], None] = lambda _: None,
) -> Report:
    """Look at everything; parts that do not wait for each other at the same time.

    `target` says which major version it is about and, where it holds rows, how large the tables are;
    nothing is written to it. `since` is a commit or branch: lint looks at files changed since, and
    revisions changed since are rehearsed; without it all are. `allow` names hazards that somebody
    agreed to. Raises `Misuse` for a `since` that git does not know, and hazards that are none.
    """
    hazards.refuse_unknown_measured(project, allow)
    listen("the revisions and the documents")
    found, coverage, graph = _integrity(project)
    pages, row = checked(project)
    parts = [Report("check", (*found, *pages), (*coverage, row))]
    if graph is not None:
        names = _names(project, graph, since)
        parts.append(Report("check", (), tuple(_apart(graph))))
        with ThreadPoolExecutor(2) as pool:
            linted = pool.submit(_lint, project, since)
            listen("lint, rehearsal, verification")
            ran: list[tuple[Span, str]] = []
            rehearsed = _guarded("rehearsal", lambda: _rehearse(project, target, names, allow, ran))
            parts.append(rehearsed)
            parts.append(_guarded("verification", lambda: _verify(project, target)))
            said = _guarded("lint", linted.result)
            # What was seen to happen overrules what a rule makes of the text.
            parts.append(
                replace(said, findings=rules.settled(said.findings, ran, rehearsed.findings))
            )
    else:
        parts.append(_guarded("lint", lambda: _lint(project, since)))
    findings = ordered(_by_cause(f for part in parts for f in part.findings))
    return Report(
        "check",
        findings,
        tuple(_told(c, findings) for part in parts for c in part.coverage),
        project.root.name,
        fail_on,
        sheets=(*(s for part in parts for s in part.sheets), _isolation(parts)),
        same=True,
    )


_WAITS = ("REWRITE", "INDEX_BUILD", "SCAN_UNDER_LOCK", "LONG_LOCK")
"""Hazards of one lock, the one that says most first: who waits for a scan waits for the work too."""


def _by_cause(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, but of those that come of one cause the first, which names the others.

    One cause: the lock under which a statement works, a way back that leaves a trace.
    """
    causes: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        cause: tuple[object, ...] = (id(finding),)
        if finding.code in _WAITS and finding.span is not None:
            at = finding.span
            cause = ("lock", at.path, at.line, at.column, finding.severity)
        elif finding.code == "NOT_REVERSIBLE" and finding.span is not None:
            # "0004 undone", "0004 undone and done again"
            cause = (finding.span.path, finding.message.partition(",")[0], finding.severity)
        causes.setdefault(cause, []).append(finding)
    for its in causes.values():
        first, *others = sorted(its, key=lambda f: _WAITS.index(f.code) if f.code in _WAITS else 0)
        names = dict.fromkeys(f"{f.code}:{f.ref.path if f.ref else ''}" for f in others)
        more = {"also": ", ".join(names)} if names else {}
        yield replace(first, evidence={**first.evidence, **more})


_SAID_BY = {
    "NOT_REVERSIBLE": "rehearsal/undone",
    "OLD_READER": "rehearsal/readers",
    "OLD_WRITER": "rehearsal/writers",
    "DATA_LOSS": "rehearsal/kept",
    "DATA_CHANGED": "rehearsal/kept",
}


def _told(row: Coverage, findings: Iterable[Finding]) -> Coverage:
    """A row that says what holds, as it is where something was found that it is not so."""
    codes = (f.code for f in findings if f.severity is not Severity.INFO)
    subjects = {_SAID_BY.get(code, code.partition("/")[0]) for code in codes}
    if row.skipped or row.subject not in subjects or row.subject in _PLACES:
        return row
    return replace(row, title=f"does not hold: {row.title}")


_PLACES = ("style", "migrations", "catalog", "files")
"""Subjects whose rows say where was looked, and not what holds."""


def _isolation(parts: Sequence[Report]) -> Sheet:
    """Whether tenants are apart, in a line of its own: tried, or not and why."""
    rows = [c for part in parts for c in part.coverage if c.subject == "isolation"]
    found = [f for p in parts for f in p.findings if f.code.partition("/")[0] == "isolation"]
    grave = [f for f in found if f.severity is not Severity.INFO]
    verdicts = [
        (
            "isolation",
            f"not tried: {row.skipped}"
            if row.skipped
            else f"{counted(len(grave), 'hole')}, {row.title}"
            if grave
            else row.title,
        )
        for row in rows
    ]
    return Sheet("Tenants", ("claim", "verdict"), tuple(verdicts))


def _guarded(what: str, look: Callable[[], Report]) -> Report:
    """A part's report; an error of the project's or the server's is a finding among the others."""
    try:
        return look()
    except (Bug, Misuse):
        raise
    except Error as error:
        finding = Finding(
            what, Severity.ERROR, error.message, None, error.span,
            sentences(error.detail, error.hint),
        )  # fmt: skip
        return Report("check", (finding,), (Coverage(what, what, skipped=error.message),))


def _integrity(project: Project) -> tuple[list[Finding], list[Coverage], Graph | None]:
    """The revisions as files, and against `ringfence.lock`; without a graph where they are none."""
    title = "the revisions are whole and follow one another"
    try:
        graph = revisions.read(project)
        for revision in graph.revisions.values():
            if revision.sql:
                revision.runnable("up")
        graph.head  # noqa: B018 - refuses two
        deviations = lockfile.deviations(project, graph) if lockfile.path(project).is_file() else ()
    except BadProject as error:
        finding = Finding(
            "integrity", Severity.ERROR, error.message, None, error.span,
            sentences(error.detail, error.hint),
        )  # fmt: skip
        return [finding], [Coverage("integrity", title, skipped=error.message)], None
    found = [
        Finding(
            "integrity",
            Severity.ERROR,
            f"revision {d.revision} is not as ringfence.lock says: {d}",
            Ref("revision", (d.revision,)),
            help=lockfile.remedy((d,)),
        )
        for d in deviations
    ]
    return found, [Coverage("integrity", title, len(graph.revisions), "revision")], graph


def _names(project: Project, graph: Graph, since: str) -> list[str]:
    """The revisions to rehearse: those whose files changed, in order; all without `since`."""
    from ringfence.rules._since import changed

    # A branch to opt in to begins on a database of its own choice: `rehearse` is told where.
    line = {r.id for r in graph.applied(filter(None, (graph.head,)))}
    sql = [r for r in graph.revisions.values() if r.id in line and len(r.down) <= 1]
    if not since:
        return [r.id for r in sql]
    files = changed(project.root, since)
    return [
        r.id
        for r in sql
        if {r.path.resolve(), r.file("up").resolve(), r.file("down").resolve()} & files
    ]


def _apart(graph: Graph) -> Iterator[Coverage]:
    """The branches to opt in to, which are rehearsed where somebody says on what."""
    firsts = [r for r in graph.revisions.values() if r.opt_in]
    for first in firsts:
        branch = [first, *(r for r in graph.above(first) if r.id in graph.opt_in)]
        last = branch[-1].id
        name = first.labels[0] if first.labels else first.id
        yield Coverage(
            "rehearsal", f"branch {name}, {counted(len(branch), 'revision')}",
            skipped=f"it is to opt in to: ringfence rehearse {' '.join(r.id for r in branch[:3])}"
            + (f" … {last}" if len(branch) > 3 else ""),
        )  # fmt: skip


def _lint(project: Project, since: str) -> Report:
    baseline = project.config.lint.baseline
    return rules.lint(
        project,
        (),
        since=since,
        catalog=True,
        skip=project.config.lint.skip,
        baseline=project.root / baseline if baseline else None,
    )


def _rehearse(
    project: Project,
    target: Target,
    names: Sequence[str],
    allow: Sequence[str],
    ran: list[tuple[Span, str]],
) -> Report:
    """Runs of revisions that follow each other, each rehearsed from where it begins.

    What statements were measured, by place and text, is added to `ran`.
    """
    graph = revisions.read(project)
    runs: list[list[str]] = []
    rows: list[Coverage] = []
    for name in names:
        if why := rehearse.unknown(graph.revisions[name]):
            rows.append(
                Coverage("rehearsal", f"revision {name}", skipped=f"its SQL is not known: {why}")
            )
        elif runs and runs[-1][-1] in graph.revisions[name].down:
            runs[-1].append(name)
        else:
            runs.append([name])
    rehearsals = [
        rehearse.rehearse(project, target, names=run, allow=allow, apart=False, stepwise=True)
        for run in runs
    ]
    done = [each.report for each in rehearsals]
    ran += [
        (statement.span, statement.text)
        for each in rehearsals
        for part in each.parts
        for statement in part.statements
    ]
    if not done:
        reason = "no revision has changed"
        none = (Coverage("rehearsal", "revisions", skipped=reason),)
        return Report("check", (), tuple(rows) or none)
    return Report(
        "check",
        tuple(f for report in done for f in report.findings),
        (
            *(replace(c, subject=f"rehearsal/{c.subject}") for r in done for c in r.coverage),
            *rows,
        ),
        sheets=tuple(s for report in done for s in report.sheets),
    )


def _verify(project: Project, target: Target) -> Report:
    """Every claim, on a database that the revisions make; what is found, where ddl/ or a revision makes
    it."""
    from ringfence.rules._catalog import placed

    with connect(target, pinned=True) as connection:
        major = connection.info.server_version // 10000
    with ExitStack() as stack:
        try:
            host = stack.enter_context(shadow.spare(major))
        except Error:
            host = stack.enter_context(shadow.spare(None))
        fresh = stack.enter_context(host.database())
        replay.replay(project, fresh)
        with connect(fresh, pinned=True) as connection:
            said = claims.verify(claims.Case(connection, project, fresh.shown, fresh))
    return replace(said, findings=placed(project, said.findings, revisions=True))

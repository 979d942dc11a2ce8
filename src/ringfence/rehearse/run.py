"""A rehearsal: revisions or a file run on a shadow with rows in it, and measured."""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ringfence import migrate, revisions, rows
from ringfence.change import diff
from ringfence.errors import Error, Misuse, Refused
from ringfence.finding import Basis, Coverage, Finding, Report, Severity, counted, ordered
from ringfence.model import Ref
from ringfence.pg import shadow as shadows
from ringfence.pg.connect import connect, server_error
from ringfence.pg.extract import extract
from ringfence.pg.observe import Observer
from ringfence.rehearse import compat
from ringfence.rehearse.hazards import Measured, Part, hazards
from ringfence.rehearse.safe import safe_forms
from ringfence.rehearse.sizes import Rates, Size, expected, rates, sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from psycopg import Connection

    from ringfence.change import Change
    from ringfence.model import Catalog
    from ringfence.pg.connect import Target
    from ringfence.pg.shadow import Host
    from ringfence.project import Project
    from ringfence.revisions import Revision
    from ringfence.script import Script

_GATED = ("REWRITE", "INDEX_BUILD", "SCAN_UNDER_LOCK", "LONG_LOCK", "BACKFILL")


@dataclass(frozen=True, slots=True)
class File:
    """What is rehearsed: a file's SQL and, where there is one, the SQL that undoes it."""

    name: str
    title: str
    up: Script
    down: Script | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it: where it began, what was run, and the report."""

    began: str
    server: str
    parts: tuple[Part, ...]
    report: Report


@dataclass
class _Work:
    """A rehearsal in the making."""

    project: Project
    host: Host
    hidden: tuple[str, ...]
    known: Mapping[str, Size]
    rate: Rates | None
    safe: bool
    listen: Callable[[str], None]
    parts: list[Part] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)


def rehearse(
    project: Project,
    target: Target,
    *,
    names: Sequence[str] = (),
    scripts: Sequence[Script] = (),
    count: int = 5,
    shadow: str | None = None,
    allow: Sequence[str] = (),
    safe: bool = True,
    listen: Callable[[str], None] = lambda _: None,
) -> Rehearsal:
    """Run what is pending on `target`, or the revisions `names`, or `scripts`, on a shadow.

    The shadow stands where the target stands (or where the first of `names` begins) and holds
    `count` rows a table and tenant. The target itself is only read: its server's version, where it
    stands, and, unless it is the embedded server, how large its tables are. `allow` names hazards
    that somebody agreed to. Raises `Misuse` for names that are none, `ServerError` where the shadow
    cannot be made.
    """
    graph = revisions.read(project)
    standing = migrate.standing(graph, target, project.config.migrate.schema)
    begin, files = _wanted(graph, standing, names, scripts)
    if not files:
        at = ", ".join(standing.current) or "base"
        coverage = Coverage("revisions", "what is pending", skipped=f"nothing is: at {at}")
        return Rehearsal(at, "", (), Report("rehearse", (), (coverage,), target.shown))
    host, notes = _host(project, target, shadow)
    known, sized = _sizes(target)
    work = _Work(project, host, (project.config.migrate.schema,), known, None, safe, listen)
    work.coverage += [*notes, sized]
    with host.database() as base:
        listen(f"a shadow at {begin}")
        if begin != "base":
            migrate.migrate(project, base, to=begin)
        work.coverage.append(_seeded(project, base, count))
        if work.known:
            with connect(base) as connection:
                work.rate = rates(connection)
        _forward(work, base, files)
    report = Report(
        "rehearse",
        ordered(_agreed(work.findings, allow)),
        tuple(work.coverage),
        f"{', '.join(f.name for f in files)}, from {begin}",
        unit="",
    )
    return Rehearsal(begin, f"PostgreSQL {host.major}", tuple(work.parts), report)


def _wanted(
    graph: revisions.Graph,
    standing: migrate.Standing,
    names: Sequence[str],
    scripts: Sequence[Script],
) -> tuple[str, list[File]]:
    """Where to begin, and the files to run."""
    at = standing.current[0] if standing.current else "base"
    if scripts:
        return at, [File(s.path, "", s) for s in scripts]
    if not names:
        graph.refuse_unknown(standing.current)
        return at, [_file(r) for r in standing.pending]
    wanted = [graph.named(name) for name in names]
    order = list(graph.revisions.values())
    wanted.sort(key=order.index)
    first = wanted[0]
    for before, after in itertools.pairwise(wanted):
        if before.id not in after.down:
            raise Misuse(
                f"{after.id} does not follow {before.id}",
                hint="name revisions that follow each other, or rehearse them one by one",
            )
    if len(first.down) > 1:
        raise Misuse(
            f"{first.id} merges {' and '.join(first.down)}",
            hint="a merge has nothing to rehearse: name the revisions behind it",
        )
    return first.down[0] if first.down else "base", [_file(r) for r in wanted]


def _file(revision: Revision) -> File:
    if not revision.sql:
        raise Refused(
            f"revision {revision.id} is Python: what it does cannot be measured statement by"
            " statement",
            hint="write its SQL to a file (alembic upgrade … --sql) and rehearse that: --sql FILE",
        )
    down = revision.runnable("down") if revision.file("down").is_file() else None
    return File(revision.id, revision.title, revision.runnable("up"), down)


def _host(project: Project, target: Target, shadow: str | None) -> tuple[Host, list[Coverage]]:
    """A server of our own, of the target's major version where there is one.

    Never the target's server: what a file does to roles or settings is not undone with a database.
    """
    if shadow is not None:
        return shadows.host(project, target, shadow), []
    with connect(target) as connection:
        major = connection.info.server_version // 10000
    try:
        return shadows.local(project, major), []
    except Error:
        host = shadows.local(project, None)
        reason = (
            f"there is no PostgreSQL {major} here: rehearsed on {host.major}"
            " (--shadow DSN names another server)"
        )
        return host, [Coverage("server", f"PostgreSQL {major}", skipped=reason)]


_TELLING = 1 << 20
"""Bytes of its largest table from which on a database says something about the real one."""


def _sizes(target: Target) -> tuple[Mapping[str, Size], Coverage]:
    """How large the real tables are. A database that holds next to nothing does not say."""
    title = "how large the tables really are"
    reason = "the embedded server's say nothing of production's: every hazard counts"
    if not target.embedded:
        with connect(target) as connection:
            found = sizes(connection)
        if any(size.heap >= _TELLING for size in found.values()):
            return found, Coverage("sizes", title, len(found), "table")
        reason = f"{target.shown} holds next to nothing: every hazard counts"
    return {}, Coverage("sizes", title, skipped=reason)


def _seeded(project: Project, base: Target, count: int) -> Coverage:
    from ringfence.seed import seed

    title = "rows to work on"
    try:
        with connect(base) as connection:
            done = seed(
                connection,
                rows=count,
                tenancy=project.config.tenancy,
                exclude_schemas=(project.config.migrate.schema,),
                force=True,
            )
    except Error as error:
        return Coverage("rows", title, skipped=error.message)
    return Coverage("rows", title, done.rows, "row")


# Forward ------------------------------------------------------------------------------------------


def _forward(work: _Work, base: Target, files: Sequence[File]) -> None:
    """Run the files one after the other, each measured, tried and undone."""
    with connect(base) as connection:
        before = compat.world(connection, work.hidden)
        had = rows.held(connection, work.hidden)
    broken: set[tuple[Ref, bool]] = set()
    trial = compat.Trial()
    undone = checked = 0
    for file in files:
        work.listen(file.name)
        with connect(base) as connection:
            stood = _extracted(work, connection)
        with _copy(work, base) as fresh:
            part = _measured(work, base, file)
            work.parts.append(part)
            found = list(hazards(part))
            failed = any(s.observed.error is not None for s in part.statements)
            if work.safe and not failed:
                found = _with_safe_forms(work, fresh, file, found)
            work.findings += found
        if failed:
            break
        checked += len(part.statements)
        with connect(base) as connection:
            trial = compat.tried(connection, before)
            after = compat.world(connection, work.hidden)
        for each in trial.broken:
            if (each.ref, each.writes) not in broken:
                broken.add((each.ref, each.writes))
                work.findings.append(_old(file, each))
        work.findings += _changed(file, before, after, broken)
        undone += _there_and_back(work, base, file, stood)
    else:
        with connect(base) as connection:
            now = rows.held(connection, work.hidden, had)
        work.findings += _losses(had, now, work.parts)
        total = sum(h.count for h in had.values())
        work.coverage.append(Coverage("kept", "rows are kept as they were", total, "row"))
    work.coverage += [
        Coverage("measured", "locks, rewrites, scans of each statement", checked, "statement"),
        Coverage("readers", "what was read before can be read", trial.reads, "relation"),
        Coverage("writers", "what was written before can be written", trial.writes, "row"),
        Coverage("callers", "what was called before can be called", trial.calls, "routine"),
        Coverage(
            "undone",
            "down leaves no trace, and up again",
            undone,
            "revision",
            "" if undone else "nothing here can be undone",
        ),
    ]


def _copy(work: _Work, base: Target) -> AbstractContextManager[Target]:
    """A copy of a database for the length of a block; nobody may be connected to the original."""
    return work.host.database(str(conninfo_to_dict(base.conninfo)["dbname"]))


def _measured(work: _Work, base: Target, file: File) -> Part:
    """Run a file and look at every statement; it stays as it leaves the database."""
    text = file.up
    done: list[Measured] = []
    with Observer(base) as observer:
        if text.transactional:
            observer.begin()
        for statement in text.statements:
            if statement.controls_transaction:
                continue
            seen = observer.observe(text, statement)
            at = text.span(statement.start)
            cost = expected(seen, work.known, work.rate) if work.rate else None
            done.append(Measured(statement.text, at, seen, cost))
            if seen.error is not None:
                break
        else:
            if text.transactional:
                error = _committed(observer, text)
                if error is not None and done:
                    done[-1] = replace(done[-1], observed=replace(done[-1].observed, error=error))
    return Part(file.name, file.title, text.transactional, tuple(done))


def _committed(observer: Observer, text: Script) -> Error | None:
    try:
        observer.commit()
    except psycopg.Error as error:
        return server_error(error, script=text)
    return None


def _with_safe_forms(
    work: _Work, fresh: Target, file: File, found: Iterable[Finding]
) -> list[Finding]:
    """The findings with the SQL that would do the same and let others work."""
    found = list(found)
    lines = {
        (file.up.span(s.start).line, file.up.span(s.start).column): n
        for n, s in enumerate(file.up.statements, 1)
    }
    at = {
        id(f): lines[f.span.line, f.span.column]
        for f in found
        if f.code in _GATED and f.span and (f.span.line, f.span.column) in lines
    }
    if not at:
        return found
    forms = safe_forms(fresh, file.up, set(at.values()), work.hidden)
    return [replace(f, fix=forms[at[id(f)]]) if at.get(id(f)) in forms else f for f in found]


# What those see who knew it before ------------------------------------------------------------------


def _old(file: File, broken: compat.Broken) -> Finding:
    code, who = ("OLD_WRITER", "written") if broken.writes else ("OLD_READER", "read")
    if broken.ref.kind == "routine":
        who = "called"
    return Finding(
        code,
        Severity.ERROR,
        f"after {file.name} {broken.ref.path} cannot be {who} as before: {broken.message}",
        broken.ref,
        help="expand first, contract later: let both forms stand until nobody uses the old one",
        evidence={"sqlstate": broken.sqlstate},
        basis=Basis.MEASURED,
    )


def _changed(
    file: File, before: compat.World, after: compat.World, broken: set[tuple[Ref, bool]]
) -> Iterator[Finding]:
    for relation, old, new in compat.retyped(before, after):
        ref = Ref("column", (relation.schema, relation.name, old.name))
        if (ref, False) not in broken:
            broken.add((ref, False))
            yield Finding(
                "OLD_READER",
                Severity.WARNING,
                f"after {file.name} {ref.path} is read as {new.type}, before as {old.type}",
                ref,
                basis=Basis.MEASURED,
            )
    for routine, what in compat.mentions(after, before):
        if (routine.ref, True) not in broken:
            broken.add((routine.ref, True))
            yield Finding(
                "OLD_READER",
                Severity.WARNING,
                f"after {file.name} the body of {routine.ref.path} still has the name of {what},"
                " which is gone",
                routine.ref,
                help="PostgreSQL reads a body when it runs: replace the function too",
                basis=Basis.STATIC,
            )


def _losses(
    had: Mapping[int, rows.Held], now: Mapping[int, rows.Held], parts: Sequence[Part]
) -> Iterator[Finding]:
    written = {t for p in parts for s in p.statements for t in s.observed.changed}
    emptied = {t for p in parts for s in p.statements for t in s.observed.emptied}
    for loss in rows.lost(had, now):
        meant = loss.table in written or loss.table in emptied
        severity = Severity.ERROR if loss.gone else Severity.INFO if meant else Severity.WARNING
        name = tuple(Ref.parse(f"table:{loss.table}").name)
        ref = Ref("column", (*name, loss.column)) if loss.column else Ref("table", name)
        yield Finding(
            "DATA_LOSS" if loss.gone else "DATA_CHANGED",
            severity,
            loss.message,
            ref,
            basis=Basis.MEASURED,
        )


# There and back -----------------------------------------------------------------------------------


def _there_and_back(work: _Work, base: Target, file: File, stood: Catalog) -> int:
    """Undo a file on a copy, and do it again: nothing may be left, nothing missing. 1 when tried.

    `stood` is the catalog before the file.
    """
    if file.down is None:
        return 0
    with _copy(work, base) as fresh, connect(fresh) as connection:
        there = _extracted(work, connection)
        if (error := _plainly(connection, file.down)) is not None:
            work.findings.append(
                Finding(
                    "NOT_REVERSIBLE",
                    Severity.ERROR,
                    f"{file.name} cannot be undone: {error.message}",
                    Ref("revision", (file.name,)),
                    error.span,
                    basis=Basis.MEASURED,
                )
            )
            return 1
        traces = list(_traces(f"{file.name} undone", diff(stood, _extracted(work, connection))))
        work.findings += traces
        if traces:
            return 1
        if (error := _plainly(connection, file.up)) is not None:
            work.findings.append(
                Finding(
                    "NOT_REVERSIBLE",
                    Severity.ERROR,
                    f"{file.name} cannot be done again after it was undone: {error.message}",
                    Ref("revision", (file.name,)),
                    error.span,
                    help="what its down file leaves is in the way",
                    basis=Basis.MEASURED,
                )
            )
            return 1
        again = _extracted(work, connection)
    work.findings += _traces(f"{file.name} undone and done again", diff(there, again))
    return 1


def _traces(when: str, changes: Iterable[Change]) -> Iterator[Finding]:
    """What differs where nothing should."""
    for change in changes:
        differs = {
            "create": "is left",
            "drop": "is missing",
            "alter": f"is not as it was: {', '.join(change.attributes)}",
        }[change.verb]
        yield Finding(
            "NOT_REVERSIBLE",
            Severity.ERROR,
            f"{when}, {change.ref} {differs}",
            change.ref,
            basis=Basis.MEASURED,
        )


def _extracted(work: _Work, connection: Connection[tuple[object, ...]]) -> Catalog:
    return extract(connection, exclude=work.hidden)


def _plainly(connection: Connection[tuple[object, ...]], text: Script) -> Error | None:
    """Run a file without looking, in a transaction where it wants one."""
    number = 0
    try:
        if text.transactional:
            connection.execute("BEGIN")
        for number, statement in enumerate(text.statements):  # noqa: B007 - told after the loop
            if statement.data is None:
                connection.execute(statement.text)
            else:
                with connection.cursor().copy(statement.text) as copy:
                    copy.write(statement.data)
        if text.transactional:
            connection.execute("COMMIT")
    except psycopg.Error as error:
        found = server_error(error, script=text, statement=text.statements[number])
        with suppress(psycopg.Error):
            connection.execute("ROLLBACK")
        return found
    connection.execute("RESET ALL")
    return None


def _agreed(findings: Iterable[Finding], allow: Sequence[str]) -> Iterator[Finding]:
    """The findings; what somebody agreed to by name is information."""
    for finding in findings:
        name = f"{finding.code}:{finding.ref.path}" if finding.ref else finding.code
        if finding.code in allow or name in allow:
            yield replace(finding, severity=Severity.INFO, help="agreed to by --allow")
        else:
            yield finding


def agree(findings: Iterable[Finding]) -> str:
    """What to type to agree to the findings that stand in the way."""
    names = dict.fromkeys(
        f"{f.code}:{f.ref.path}" if f.ref else f.code
        for f in findings
        if f.severity is Severity.ERROR and f.code != "FAILS"
    )
    return " ".join(f"--allow '{name}'" for name in names)


def told(parts: Sequence[Part]) -> str:
    """How much was run, for people."""
    statements = sum(len(p.statements) for p in parts)
    return f"{counted(len(parts), 'file')}, {counted(statements, 'statement')}"

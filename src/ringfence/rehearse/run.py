"""A rehearsal: revisions or a file run on a shadow with rows in it, and measured."""

from __future__ import annotations

import itertools
import re
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ringfence import backfill, migrate, revisions, rows
from ringfence.change import diff
from ringfence.errors import BadProject, Error, Misuse
from ringfence.finding import Basis, Coverage, Finding, Report, Severity, counted, ordered
from ringfence.model import Ref
from ringfence.pg import shadow as shadows
from ringfence.pg.connect import connect, server_error
from ringfence.pg.extract import extract
from ringfence.pg.observe import Observer
from ringfence.rehearse import compat, mend, plans, rewrite, tenants
from ringfence.rehearse.hazards import Measured, Part, hazards, sheet
from ringfence.rehearse.safe import written
from ringfence.rehearse.sizes import Rates, Size, expected, inject, rates, sizes
from ringfence.rehearse.twin import Twin
from ringfence.script import Script, redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from psycopg import Connection

    from ringfence.config import Seed
    from ringfence.errors import Span
    from ringfence.model import Catalog
    from ringfence.pg.connect import Target
    from ringfence.pg.shadow import Host
    from ringfence.project import Project
    from ringfence.rehearse.plans import Planned
    from ringfence.rehearse.safe import Move
    from ringfence.revisions import Revision
    from ringfence.script import Statement

_GATED = ("REWRITE", "INDEX_BUILD", "SCAN_UNDER_LOCK", "LONG_LOCK", "BACKFILL")


@dataclass(frozen=True, slots=True)
class File:
    """What is rehearsed: a file's SQL and, where there is one, the SQL that undoes it.

    `unknown` says why nobody knows its SQL before it runs.
    """

    name: str
    title: str
    up: Script
    down: Script | None = None
    revision: Revision | None = None
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A file's safe form: the SQL up and down of the files in its place, and what is left to say.

    `left` are the hazards that it still has. `texts` is empty where it has no other form, and `why`
    says so.
    """

    file: File
    texts: tuple[tuple[str, str], ...] = ()
    left: tuple[Finding, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it: where it began, what was run, and the report."""

    began: str
    server: str
    parts: tuple[Part, ...]
    report: Report
    rewritten: tuple[Rewritten, ...] = ()


@dataclass
class _Work:
    """A rehearsal in the making."""

    project: Project
    host: Host
    hidden: tuple[str, ...]
    known: Mapping[str, Size]
    rate: Rates | None
    safe: bool
    rewrite: bool
    stepwise: bool
    count: int
    listen: Callable[[str], None]
    parts: list[Part] = field(default_factory=list)
    rewritten: list[Rewritten] = field(default_factory=list)
    mended: set[str] = field(default_factory=set)
    emptied: dict[str, set[str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)


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
    file; with `stepwise`, before each. Raises `Misuse` for names that are none, `Refused` for a plan that begins
    elsewhere, `ServerError` where the shadow cannot be made.
    """
    graph = revisions.read(project)
    standing = migrate.standing(graph, target, project.config.migrate.schema)
    begin, files = _wanted(graph, standing, names, scripts, planned)
    if not files:
        at = ", ".join(standing.current) or "base"
        coverage = Coverage("revisions", "what is pending", skipped=f"nothing is: at {at}")
        return Rehearsal(at, "", (), Report("rehearse", (), (coverage,), target.shown))
    with ExitStack() as stack:
        host, notes = _host(project, target, shadow, stack)
        known, sized = _sizes(target)
        hidden = (project.config.migrate.schema,)
        work = _Work(project, host, hidden, known, None, safe, rewrite, stepwise, count, listen)
        work.coverage += [*notes, sized]
        with _base(work, target, begin, planned) as base:
            work.coverage.append(_seeded(project, base, count))
            if work.known:
                with connect(base) as connection:
                    work.rate = rates(connection)
                    work.coverage.append(inject(connection, work.known))
            kept = apart and tenants.known(project, base)
            with _copy(work, base) if kept else nullcontext() as stood:
                old = partial(tenants.before, project, stood) if stood else lambda: None
                if tenants.about_roles(file.up for file in files):
                    old = partial(lambda report: report, old())
                with Twin(partial(_copy, work, base), hidden) as twin:
                    whole = _forward(work, base, twin, files)
                if whole and apart:
                    found, row = tenants.apart(project, old, base)
                    work.findings += found
                    work.coverage.append(row)
        report = Report(
            "rehearse",
            ordered(_agreed(work.findings, (*allow, *project.config.migrate.allow))),
            tuple(work.coverage),
            f"{', '.join(f.name for f in files)}, from {begin}",
            unit="",
            sheets=(sheet(work.parts),),
        )
        return Rehearsal(
            begin, f"PostgreSQL {host.major}", tuple(work.parts), report, tuple(work.rewritten)
        )


@contextmanager
def _base(work: _Work, target: Target, begin: str, planned: Planned | None) -> Iterator[Target]:
    """A shadow that stands where the first file begins."""
    work.listen(f"a shadow at {begin}")
    if planned is not None:
        with plans.base(work.project, work.host, target, planned) as base:
            yield base
        return
    with work.host.database() as base:
        if begin != "base":
            migrate.migrate(work.project, base, to=begin)
        yield base


def _wanted(
    graph: revisions.Graph,
    standing: migrate.Standing,
    names: Sequence[str],
    scripts: Sequence[Script],
    planned: Planned | None,
) -> tuple[str, list[File]]:
    """Where to begin, and the files to run."""
    at = standing.current[0] if standing.current else "base"
    if planned is not None:
        return f"where {planned.path} begins", [File(s.path, "", s) for s in planned.scripts]
    if scripts:
        return at, [_loose(s) for s in scripts]
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
        return _python(revision)
    down = revision.runnable("down") if revision.file("down").is_file() else None
    return File(revision.id, revision.title, revision.runnable("up"), down, revision)


def _loose(text: Script) -> File:
    """A file that is no revision. Raises `BadProject` for what would take rows from nowhere."""
    for statement in text.statements:
        if statement.copies_with_client:
            raise BadProject(
                "a rehearsal can send this COPY nothing and take nothing from it",
                span=text.span(statement.start),
                hint="write the data below COPY … FROM STDIN;, and \\. on a line after them",
            )
    return File(text.path, "", text)


def unknown(revision: Revision) -> str:
    """Why nobody knows a revision's SQL before it runs; "" where it is known."""
    return "" if revision.sql else _python(revision).unknown


def _python(revision: Revision) -> File:
    """A revision of Python, as the SQL that Alembic writes for it; where it writes none, why."""
    from ringfence.history import offline

    texts: list[Script] = []
    for direction in ("up", "down"):
        try:
            texts.append(Script(revision.shown, offline(revision, direction)))
        except Error as error:
            if direction == "up":
                empty = Script(revision.shown, "")
                return File(revision.id, revision.title, empty, None, revision, error.message)
    up, down = texts[0], texts[1] if len(texts) > 1 else None
    return File(revision.id, revision.title, up, down, revision)


def _host(
    project: Project, target: Target, shadow: str | None, stack: ExitStack
) -> tuple[Host, list[Coverage]]:
    """A spare server, of the target's major version where there is one.

    Never the target's server: what a file does to roles or settings is not undone with a database.
    """
    if shadow is not None:
        return shadows.host(project, target, shadow, stack=stack), []
    with connect(target) as connection:
        major = connection.info.server_version // 10000
    try:
        return stack.enter_context(shadows.spare(major)), []
    except Error:
        host = stack.enter_context(shadows.spare(None))
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


def _seeded(project: Project, base: Target, count: int, seed_: int = 1) -> Coverage:
    from ringfence.seed import seed

    title = "rows to work on"
    try:
        with connect(base) as connection:
            done = seed(
                connection,
                rows=count,
                seed=seed_,
                tenancy=project.config.tenancy,
                exclude_schemas=(project.config.migrate.schema,),
                force=True,
                settings=_there(connection, project.config.seed),
            )
    except Error as error:
        return Coverage("rows", title, skipped=error.message)
    return Coverage("rows", title, done.rows, "row")


def _there(connection: Connection[tuple[object, ...]], said: Seed) -> Seed:
    """What the project says of columns and tables that this revision has already."""
    names: set[str] = set()
    for table, column in connection.execute(_NAMES):
        names |= {str(table), f"{table}.{column}"}
    return replace(
        said,
        columns={name: wish for name, wish in said.columns.items() if name in names},
        rows={name: count for name, count in said.rows.items() if name in names},
    )


_NAMES = """
    SELECT format('%I.%I', n.nspname, c.relname), quote_ident(a.attname)
    FROM pg_attribute AS a
    INNER JOIN pg_class AS c ON a.attrelid = c.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
"""


# Forward ------------------------------------------------------------------------------------------


def _forward(work: _Work, base: Target, twin: Twin, files: Sequence[File]) -> bool:
    """Run the files one after the other, each measured, tried and undone. False where one fails."""
    with connect(base) as connection:
        before = compat.world(connection, work.hidden)
        had = rows.held(connection, work.hidden)
    broken: set[tuple[Ref, bool]] = set()
    trial = compat.Trial()
    undone = checked = total = 0
    tried = False
    failed = ""

    def during(file: File, number: int) -> None:
        """Those who knew it before come between two statements that are committed one by one."""
        with connect(base) as connection:
            for each in compat.tried(connection, before).broken:
                if (each.ref, each.writes) not in broken:
                    broken.add((each.ref, each.writes))
                    work.findings.append(_old(file, each, number))

    done: set[str] = set()
    for number, file in enumerate(files, 1):
        done.add(file.name)
        work.listen(file.name)
        if file.unknown:
            work.findings.append(_unmeasured(file))
            failed = f"{file.name} was not run"
            break
        twin.stand()
        with _spare(work, base) as spare:
            part = _measured(work, base, file, partial(during, file))
            work.parts.append(part)
            found = list(_agreed(hazards(part), file.up.said("allowed")))
            if any(s.observed.error is not None for s in part.statements):
                failed = f"{file.name} fails"
            checked += sum(s.observed.error is None for s in part.statements)
            forms: Mapping[int, tuple[Move, ...]] = {}
            if work.safe and not failed:
                found, forms = _with_safe_forms(twin, file, found)
            if spare is not None and found and not failed:
                work.rewritten.append(_rewritten(work, base, spare, file, found, forms))
            work.findings += found
        if failed:
            break
        tried = True
        with connect(base) as connection:
            trial = compat.tried(connection, before)
            after = compat.world(connection, work.hidden, trying=False)
        for each in trial.broken:
            if (each.ref, each.writes) not in broken:
                broken.add((each.ref, each.writes))
                work.findings.append(_old(file, each))
        work.findings += _changed(file, before, after, broken)
        if file.name in work.emptied:
            twin.empty()
        if file.revision is not None and file.down is not None and _touches(file):
            work.findings += _back_elsewhere(work, file)
            twin.leave()
        else:
            work.findings += twin.there_and_back(file)
        undone += file.down is not None
        with connect(base) as connection:
            bare = [h for h in rows.held(connection, work.hidden, had).values() if not h.count]
            if file is not files[-1] and not bare:
                continue
            now = rows.held(connection, work.hidden, had)
        work.findings += _losses(had, now, work.parts, work.mended)
        total += sum(h.count for h in had.values())
        if file is not files[-1]:
            # What a file has made is empty: the next one is to find rows in it.
            _seeded(work.project, base, work.count, number + 1)
            twin.leave()
            with connect(base) as connection:
                had = rows.held(connection, work.hidden)
                if work.stepwise:
                    before = compat.world(connection, work.hidden)
    else:
        work.coverage.append(Coverage("kept", "rows are kept as they were", total, "row"))
    if work.emptied:
        names = ", ".join(work.emptied)
        reason = f"{names} refuses the rows made up for it, as it may refuse real ones: run without"
        work.coverage.append(Coverage("work", "how a file works on rows", skipped=reason))
    elif work.mended:
        tables = ", ".join(sorted(work.mended))
        reason = f"what is new in them refused made-up rows of {tables}, which were changed"
        work.coverage.append(
            Coverage("constraints", "whether the real rows obey new constraints", skipped=reason)
        )
    if failed and (behind := [f.name for f in files if f.name not in done]):
        work.coverage.append(
            Coverage("behind", ", ".join(behind), skipped=f"{failed}, and they come after it")
        )
    why = "" if tried else failed
    measured = "" if checked else failed
    work.coverage += [
        Coverage(
            "measured", "locks, rewrites, scans of each statement", checked, "statement", measured
        ),
        Coverage("readers", "what was read before can be read", trial.reads, "relation", why),
        Coverage("writers", "what was written before can be written", trial.writes, "row", why),
        Coverage("callers", "what was called before can be called", trial.calls, "routine", why),
        Coverage(
            "undone",
            "down leaves no trace, and up again",
            undone,
            "revision",
            "" if undone else why or "nothing here can be undone",
        ),
    ]
    return not failed


def _unmeasured(file: File) -> Finding:
    ref = Ref("revision", (file.name,))
    return Finding(
        "NOT_REHEARSED",
        Severity.ERROR,
        f"{file.name} is Python of which no SQL is known before it runs: {file.unknown}",
        ref,
        help="write it as SQL, or its SQL to a file and rehearse that: --sql FILE",
        basis=Basis.STATIC,
        key=f"{file.name}:{ref}",
    )


def _touches(file: File) -> bool:
    """Whether a file, or what undoes it, may change more than the database it runs in."""
    texts = (file.up.text, file.down.text if file.down else "")
    return any(map(shadows.touches_server, texts))


def _back_elsewhere(work: _Work, file: File) -> list[Finding]:
    """A file run, undone and run again on a server of its own: roles and settings are the server's,
    and on the first one what the file has made of them is there already."""
    assert file.revision is not None
    below = file.revision.down[0] if file.revision.down else ""

    @contextmanager
    def there() -> Iterator[Target]:
        with shadows.spare(work.host.major) as host, host.database() as target:
            if below:
                migrate.migrate(work.project, target, to=below)
            yield target

    with Twin(there, work.hidden, roles=True) as twin:
        twin.stand()
        return twin.there_and_back(file)


def _copy(work: _Work, base: Target) -> AbstractContextManager[Target]:
    """A copy of a database for the length of a block; nobody may be connected to the original."""
    return work.host.database(str(conninfo_to_dict(base.conninfo)["dbname"]))


@contextmanager
def _spare(work: _Work, base: Target) -> Iterator[Target | None]:
    """Another copy, where the file is to be rewritten."""
    if not work.rewrite:
        yield None
        return
    with _copy(work, base) as spare:
        yield spare


def _measured(
    work: _Work, base: Target, file: File, between: Callable[[int], None] = lambda _: None
) -> Part:
    """Run a file and look at every statement; it stays as it leaves the database.

    `between` is called with its number when a statement is committed and others follow.
    """
    mended: dict[int, tuple[str, str]] = {}
    first: Part | None = None
    while True:
        part, failed = _attempt(work, base, file, mended, between)
        error = part.statements[-1].observed.error if part.statements else None
        table = mend.culprit(error) if failed else None
        if table is not None and failed not in mended:
            # The transaction is undone, and begun again with other rows.
            mended[failed] = table
        elif first is not None:
            return first if error is not None else part
        elif error is not None and file.up.transactional and mend.about_rows(error):
            # What the file itself asks of rows, those made up need not obey: it is tried without.
            first, mended = part, {}
            with connect(base) as connection:
                work.emptied[file.name] = mend.empty(connection, work.hidden)
            work.mended |= work.emptied[file.name]
        else:
            return part


def _attempt(
    work: _Work,
    base: Target,
    file: File,
    mended: Mapping[int, tuple[str, str]],
    between: Callable[[int], None],
) -> tuple[Part, int]:
    """Run a file once; and the number of the statement that failed and is worth another attempt."""
    text = file.up
    done: list[Measured] = []
    last = max((n for n, s in enumerate(text.statements) if not s.sets_session), default=0)
    failed = 0
    with Observer(base) as observer:
        if text.backfill:
            backfill.key_types(observer.connection, text, backfill.read(text))
        observer.open()
        if text.transactional:
            observer.begin()
        for number, statement in enumerate(text.statements):
            if statement.controls_transaction:
                continue
            if number + 1 in mended:
                _mend(work, observer, statement, mended[number + 1])
            seen = observer.observe(text, statement)
            table = mend.culprit(seen.error)
            if table is not None and not text.transactional:
                # What ran before it stays: only this one is tried again.
                if _mend(work, observer, statement, table):
                    seen = observer.observe(text, statement)
            elif table is not None and text.transactional:
                failed = number + 1
            at = text.span(statement.start)
            cost = expected(seen, work.known, work.rate) if work.rate else None
            done.append(Measured(redacted(statement.text), at, seen, cost))
            if seen.error is not None:
                break
            if not text.transactional and number < last and not statement.sets_session:
                between(len(done))
        else:
            if text.transactional:
                error = _committed(observer, text)
                if error is not None and done:
                    done[-1] = replace(done[-1], observed=replace(done[-1].observed, error=error))
    part = Part(file.name, file.title, text.transactional, tuple(done), batched=bool(text.backfill))
    return part, failed


def _mend(work: _Work, observer: Observer, statement: Statement, table: tuple[str, str]) -> bool:
    if not mend.mend(observer.connection, statement, table):
        return False
    work.mended.add(mend.path(table))
    return True


def _committed(observer: Observer, text: Script) -> Error | None:
    try:
        observer.commit()
    except psycopg.Error as error:
        return server_error(error, script=text)
    return None


def _with_safe_forms(
    twin: Twin, file: File, found: Sequence[Finding]
) -> tuple[list[Finding], Mapping[int, tuple[Move, ...]]]:
    """The findings with the SQL that would do the same and let others work; and that by statement."""
    at = _numbers(file, found)
    if not at:
        return list(found), {}
    forms = twin.safe_forms(file.up, at)
    fixes = {id(f): written(forms[n]) for n, its in at.items() if n in forms for f in its}
    return [replace(f, fix=fixes[id(f)]) if id(f) in fixes else f for f in found], forms


def _numbers(file: File, found: Sequence[Finding]) -> dict[int, list[Finding]]:
    """What was found of statements that others wait for, by the statement's number."""
    places = {
        (file.up.span(s.start).line, file.up.span(s.start).column): n
        for n, s in enumerate(file.up.statements, 1)
    }
    at: dict[int, list[Finding]] = {}
    for finding in found:
        number = finding.span and places.get((finding.span.line, finding.span.column))
        if finding.code in _GATED and number:
            at.setdefault(number, []).append(finding)
    return at


def _rewritten(
    work: _Work,
    base: Target,
    spare: Target,
    file: File,
    found: Sequence[Finding],
    forms: Mapping[int, tuple[Move, ...]],
) -> Rewritten:
    """The file's safe form, run and measured on `spare`; `base` is what the file itself has led to."""
    if file.revision is not None and not file.revision.sql:
        return Rewritten(file, why="it is Python")
    at = _numbers(file, found)
    apart = {n for n, its in at.items() if any(f.code == "LONG_LOCK" for f in its)}
    if not at:
        return Rewritten(file, why="nothing keeps others waiting")
    if not forms and not apart:
        return Rewritten(file, why="there is no other form of what keeps others waiting")
    cut = rewrite.pieces(file.up, forms, apart)
    directives = tuple(rewrite.directives(file.up))
    texts, left, stages = [], list[Finding](), []
    for number, piece in enumerate(cut, 1):
        title = f"{file.title or file.name} ({number} of {len(cut)})"
        texts.append(piece.text(title, directives))
        script = Script(f"{file.name} ({number} of {len(cut)})", texts[-1])
        with connect(spare) as connection:
            stages.append(_extracted(work, connection))
        part = _measured(work, spare, File(script.path, title, script))
        if any(s.observed.error is not None for s in part.statements):
            failed = next(iter(hazards(part)))
            return Rewritten(file, why=f"the safe form does not run here: {failed.message}")
        left += hazards(part)
    with connect(spare) as connection:
        stages.append(_extracted(work, connection))
    with connect(base) as connection:
        goal = _extracted(work, connection)
    if differs := diff(stages[-1], goal):
        names = ", ".join(str(c.ref) for c in differs[:3])
        return Rewritten(file, why=f"the safe form leads to another schema: {names}")
    downs = rewrite.downs(file.title or file.name, stages) if file.down is not None else None
    pairs = zip(texts, downs or [""] * len(texts), strict=True)
    return Rewritten(file, tuple(pairs), tuple(left))


# What those see who knew it before ------------------------------------------------------------------


_LIKELY = {
    "P0001": "the row was made up: look whether the trigger takes those that are written",
    "23514": "the row was made up: look whether such are still written",
}
"""What a trigger of somebody's raises, and that no partition takes a row."""


def _old(file: File, broken: compat.Broken, during: int = 0) -> Finding:
    contract = file.up.phase == "contract"
    code, who = ("OLD_WRITER", "written") if broken.writes else ("OLD_READER", "read")
    if broken.ref.kind == "routine":
        who = "called"
    severity = Severity.ERROR
    help_ = "expand first, contract later: let both forms stand until nobody uses the old one"
    if contract:
        severity = Severity.INFO
        help_ = "it runs after the deploy: who used it has to be gone by then"
    elif broken.doubt:
        severity, help_ = Severity.INFO, broken.doubt
    elif broken.sqlstate in _LIKELY:
        severity, help_ = Severity.WARNING, _LIKELY[broken.sqlstate]
    return Finding(
        code,
        severity,
        f"after {f'statement {during} of ' * bool(during)}{file.name} {broken.ref.path} cannot be"
        f" {who} as before: {broken.message}",
        broken.ref,
        _place(file, broken.ref),
        help=help_,
        evidence={"sqlstate": broken.sqlstate} if broken.sqlstate else {},
        basis=Basis.MEASURED,
        key=f"{file.name}:{broken.ref}",
    )


def _place(file: File, ref: Ref) -> Span | None:
    """The first statement of a file that names an object, else the first."""
    statements = [s for s in file.up.statements if not s.controls_transaction]
    name = next((part for part in reversed(ref.name) if not part.startswith("(")), "")
    word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])", re.IGNORECASE)
    named = [s for s in statements if word.search(s.text)]
    return next((file.up.span(s.start) for s in (*named, *statements)), None)


def _changed(
    file: File, before: compat.World, after: compat.World, broken: set[tuple[Ref, bool]]
) -> Iterator[Finding]:
    contract = file.up.phase == "contract"
    grave = Severity.INFO if contract else Severity.WARNING
    for relation, old, new in compat.retyped(before, after):
        ref = Ref("column", (relation.schema, relation.name, old.name))
        writes = compat.holds(old.type, new.type) and not compat.holds(new.type, old.type)
        if (ref, writes) not in broken:
            broken.add((ref, writes))
            yield Finding(
                "OLD_WRITER" if writes else "OLD_READER",
                Severity.INFO if compat.holds(new.type, old.type) else grave,
                f"after {file.name} {ref.path} "
                + (f"takes {new.type}" if writes else f"is read as {new.type}")
                + f", before {'' if writes else 'as '}{old.type}",
                ref,
                _place(file, ref),
                key=f"{file.name}:{ref}",
                basis=Basis.MEASURED,
            )
    for was, now in compat.returned(before, after):
        if (was.ref, False) not in broken:
            broken.add((was.ref, False))
            yield Finding(
                "OLD_READER",
                grave,
                f"after {file.name} {was.ref.path} returns {now.result}, before {was.result}",
                was.ref,
                _place(file, was.ref),
                key=f"{file.name}:{was.ref}",
                basis=Basis.MEASURED,
            )
    for ref, writes, role, rights in compat.revoked(before, after):
        yield Finding(
            "OLD_WRITER" if writes else "OLD_READER",
            Severity.INFO if contract else Severity.ERROR,
            f"after {file.name} role {role} may not {', '.join(rights)} on {ref.path} any more",
            ref,
            _place(file, ref),
            help=""
            if contract
            else "revoke it when no release uses it any more: -- ringfence: phase: contract",
            key=f"{file.name}:{ref}:{role}",
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
    had: Mapping[int, rows.Held],
    now: Mapping[int, rows.Held],
    parts: Sequence[Part],
    mended: Collection[str],
) -> Iterator[Finding]:
    written = {t for p in parts for s in p.statements for t in s.observed.changed}
    emptied = {t for p in parts for s in p.statements for t in s.observed.emptied}
    for loss in rows.lost(had, now):
        if loss.table in mended:
            continue  # by us
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


def _extracted(work: _Work, connection: Connection[tuple[object, ...]]) -> Catalog:
    return extract(connection, exclude=work.hidden)


def _agreed(findings: Iterable[Finding], allow: Sequence[str]) -> Iterator[Finding]:
    """The findings; what somebody agreed to by name is information."""
    for finding in findings:
        name = f"{finding.code}:{finding.ref.path}" if finding.ref else finding.code
        if finding.code in allow or name in allow:
            yield replace(finding, severity=Severity.INFO, help="agreed to")
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

"""One run of lint: which rules see what, and what becomes of what they say."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import Error, Misuse
from ringfence.finding import Basis, Coverage, Finding, Report, Severity, counted
from ringfence.rules import (
    _FOLDERS,
    Context,
    Problem,
    Rule,
    SqlFile,
    _load,
    _load_others,
    _rules,
    covers,
    known,
)
from ringfence.script import Script, redacted, redacted_message

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ringfence.errors import Span
    from ringfence.project import Project
    from ringfence.rules import Progress
    from ringfence.rules._files import Unread
    from ringfence.rules._migration import Migration, Statement
    from ringfence.rules._parse import Name
    from ringfence.rules._schema import Schema
    from ringfence.rules._state import Index, Relation, State


def run(
    project: Project | None,
    paths: Sequence[Path | str],
    base: Path,
    *,
    fail_on: Severity,
    progress: Progress | None,
    select: Sequence[str],
    skip: Sequence[str],
    catalog: bool,
    squawk: bool,
    since: str,
    baseline: Path | None,
    accept: str | None,
    fix: bool,
) -> Report:
    """Collect files, show them to the rules, and report."""
    from ringfence.pg.cluster import cache
    from ringfence.rules import _baseline, _ignores
    from ringfence.rules._files import collect

    if accept is not None and baseline is None:
        raise Misuse("--accept has no baseline to write to", hint="--baseline FILE names it")
    chosen = _chosen(select, skip, catalog)
    _asked(select, squawk=squawk)
    old: tuple[_baseline.Accepted, ...] = ()
    if baseline is not None and (accept is None or baseline.exists()):
        old = _baseline.read(baseline)
    unread: list[Unread] = []
    files, absent = collect(project, paths, base, unread)
    changed: set[Path] | None = None
    if since:
        from ringfence.rules._since import changed as changes

        changed = changes(project.root if project else base, since)
        files = tuple(file for file in files if file.path.resolve() in changed)
        unread = [each for each in unread if each.path.resolve() in changed]
    kept = cache()
    context = Context(kept / "lint" if kept else None, progress)
    findings: list[Finding] = []
    coverage: list[Coverage] = []
    for each in chosen:
        if each.looks_at == "files":
            outcome = each.check(files, context)
            findings += outcome.findings
            coverage += outcome.coverage
    if fix:
        from ringfence.rules._fix import fixed

        written, left = fixed(project, files, findings)
        coverage += left
        if written:
            files, _ = collect(project, paths, base)
            if changed is not None:
                files = tuple(file for file in files if file.path.resolve() in changed)
            again = next(each for each in chosen if each.code == "style")
            outcome = again.check(files, context)
            findings, coverage = list(outcome.findings), [*outcome.coverage, *left]
            coverage.append(Coverage("fixed", ", ".join(written)))
    # What the parser says is said once, by style where that was looked at.
    unparsed = {
        f.span.path
        for f in findings
        if f.code == "style/PRS" and f.severity is Severity.ERROR and f.span is not None
        if _wanted(f.code, select, skip)
    }
    everywhere = [each for each in chosen if each.anywhere]
    findings += _declared(project, files, everywhere)
    if skip:
        coverage.append(Coverage("rules", ", ".join(dict.fromkeys(skip)), skipped="skip says so"))
    on_migrations = [each for each in chosen if each.looks_at in ("Action", "Migration")]
    if on_migrations:
        found, looked = _migrations(project, files, on_migrations, unparsed)
        findings += found
        coverage += looked
        coverage += _python(project, paths, base, changed)
    if squawk:
        from ringfence.rules import _squawk

        plain = [f for f in files if not (project and f.path.is_relative_to(project.ddl))]
        findings += _squawk.findings(plain)
    heard = files
    on_schema = [each for each in chosen if each.looks_at == "Schema"]
    if on_schema:
        found, looked, ddl = _schema(project, on_schema, context.cache)
        if changed is not None:
            shown = {file.shown for file in ddl if file.path.resolve() in changed}
            found = [f for f in found if f.span is not None and f.span.path in shown]
        findings += found
        coverage += looked
        heard = tuple({file.path: file for file in (*files, *ddl)}.values())
    findings = [f for f in findings if _wanted(f.code, select, skip)]
    findings += _heeded_by_nobody(project, files, [r for r in chosen if r.anywhere], skip)
    refused = list(_refused(unread, skip))
    findings += refused
    if not refused:
        coverage += [Coverage("files", one.span.path, skipped=one.message) for one in unread]
    findings = list(_kept_secret(findings, heard))
    # Where ddl/ could not be loaded, nobody looked for what its rules find.
    loaded = any(row.subject == "catalog" and not row.skipped for row in coverage)
    ran = [each.code for each in chosen if loaded or each.looks_at != "Schema"]
    ran += ["squawk"] * squawk
    findings, remarks = _ignores.heeded(
        findings,
        _ignores.ignores(heard),
        lambda code: (
            _wanted(code, select, skip) and any(covers(code, r) or covers(r, code) for r in ran)
        ),
    )
    for each in _whatever_selected("Ignore", skip):
        for ignore in remarks:
            findings += [_finding(ignore.file, each, None, p) for p in each.check(ignore)]
    named = project.shown(baseline) if project and baseline else baseline
    if accept is not None and baseline is not None:
        count = _baseline.write(baseline, findings, accept, old)
        findings = []
        coverage.append(Coverage("accepted", f"{counted(count, 'finding')} by {named}"))
    elif baseline is not None:
        findings, entries = _baseline.heeded(findings, old)
        whole = not (paths or since)
        count = sum(entry.matched for entry in entries)
        if count:
            coverage.append(Coverage("accepted", f"{counted(count, 'finding')} by {named}"))
        for each in chosen:
            if each.looks_at == "Accepted" and whole:
                findings += [
                    Finding(each.code, each.severity, p.message, help=p.help, key=entry.fingerprint)
                    for entry in entries
                    if _looked(entry.fingerprint.partition(":")[0], ran, select, skip)
                    for p in each.check(entry)
                ]
    return Report(
        command="lint",
        findings=tuple(findings),
        coverage=(*coverage, *absent),
        target=", ".join(dict.fromkeys(f.given for f in files)),
        fail_on=fail_on,
    )


def _refused(unread: Sequence[Unread], skip: Sequence[str]) -> Iterator[Finding]:
    """The files that could not be read: of them nothing that was selected is known."""
    for each in _whatever_selected("Unread", skip):
        for one in unread:
            for p in each.check(one):
                yield Finding(each.code, each.severity, p.message, span=one.span, help=p.help)


def _heeded_by_nobody(
    project: Project | None, files: Iterable[SqlFile], shown: Sequence[Rule], skip: Sequence[str]
) -> Iterator[Finding]:
    """What is said to ringfence in vain, where the rules of it were not among those selected: whoever
    asks for one rule may have meant to say something to it."""
    from ringfence.rules._migration import parsed

    rules = [r for r in _whatever_selected("Migration", skip) if r.anywhere and r not in shown]
    for file in files if rules else ():
        if "ringfence" in file.text.lower():
            said = parsed(file, managed=project is not None and project.runs(file.path))
            said.declares = project is not None and file.path.is_relative_to(project.ddl)
            for rule in rules:
                for problem in rule.check(said):
                    yield _finding(file, rule, _around(said, problem.at), problem)


def _whatever_selected(looks_at: str, skip: Sequence[str]) -> Iterator[Rule]:
    """The rules about what is said to lint itself, by code, but for those that somebody skips."""
    for _, each in sorted(_rules.items()):
        if each.looks_at == looks_at and not any(covers(s, each.code) for s in skip):
            yield each


def _kept_secret(findings: Iterable[Finding], files: Iterable[SqlFile]) -> Iterator[Finding]:
    """The findings with every password of their file masked, whoever has put it there.

    What would have to hold one to be right, a fix, is left out.
    """
    texts = {file.shown: file.text for file in files}
    masked: dict[str, list[str] | None] = {}
    for finding in findings:
        path = finding.span.path if finding.span is not None else ""
        if path not in masked:
            text = texts.get(path, "")
            shown = redacted(text)
            masked[path] = shown.split("\n") if shown != text else None
        lines = masked[path]
        if lines is None or finding.span is None:
            yield finding
            continue
        said = partial(redacted_message, script=texts[path])
        number = finding.span.line - 1
        line = lines[number].rstrip("\r") if finding.span.text and number < len(lines) else ""
        yield replace(
            finding,
            span=replace(finding.span, text=line),
            message=said(finding.message),
            help=said(finding.help),
            fix=finding.fix if said(finding.fix) == finding.fix else "",
            key=said(finding.key),
        )


def _asked(select: Sequence[str], *, squawk: bool) -> None:
    """Raise `Misuse` where a rule of squawk's is selected, and squawk is not run."""
    its = next((code for code in select if code.startswith("squawk/")), None)
    if its is not None and not squawk:
        raise Misuse(f"{its} is selected, and squawk is not asked", hint="add --squawk")


def _chosen(select: Sequence[str], skip: Sequence[str], catalog: bool) -> list[Rule]:
    """The rules to run, by code; those of the catalog are not even loaded where it is not wanted."""
    if select or skip:
        known((*select, *skip))
    for folder in _FOLDERS if catalog else ("", "migration", "remarks"):
        _load(folder)
    _load_others()
    return [
        each
        for _, each in sorted(_rules.items())
        if (catalog or each.looks_at != "Schema")
        and (not select or any(covers(s, each.code) or covers(each.code, s) for s in select))
        and not any(covers(s, each.code) for s in skip)
        and (each.code in select or not each.asked)
    ]


def _looked(code: str, ran: Iterable[str], select: Sequence[str], skip: Sequence[str]) -> bool:
    """Whether a finding with this code would have been found."""
    return any(covers(each, code) for each in ran) and _wanted(code, select, skip)


def _wanted(code: str, select: Sequence[str], skip: Sequence[str]) -> bool:
    """Whether a finding's code was asked for: `style/LT01` may be where `style` was not."""
    if any(covers(given, code) for given in skip):
        return False
    return not select or any(covers(given, code) for given in select)


# The schema -------------------------------------------------------------------------------------


def _schema(
    project: Project | None, rules: Sequence[Rule], cache: Path | None
) -> tuple[list[Finding], list[Coverage], tuple[SqlFile, ...]]:
    """Show the catalog of ddl/ to the rules; the files of ddl/ come last."""
    from ringfence.rules import _catalog
    from ringfence.rules._files import collect
    from ringfence.rules._schema import Schema

    if project is None or not project.ddl.is_dir():
        return [], [Coverage("catalog", "", skipped="there is no project's ddl to load")], ()
    where = project.shown(project.ddl)
    try:
        catalog = _catalog.catalog(project, cache)
    except Error as error:
        if not _catalog.broken(error):
            return [], [Coverage("catalog", where, skipped=error.message)], ()
        finding = Finding(
            "C000",
            Severity.ERROR,
            f"{where} does not load: {error.message}",
            span=error.span,
            help=error.hint,
            basis=Basis.CATALOG,
        )
        return [finding], [Coverage("catalog", where, skipped="it does not load")], ()
    schema = Schema(catalog, project.config.tenancy)
    files, _ = collect(project, [project.ddl], project.root)
    places = _catalog.Places(files)
    findings = []
    for rule in rules:
        for problem in _once(schema, [*rule.check(schema)]):
            at = places.of(problem.ref) if problem.ref is not None else None
            findings.append(
                Finding(
                    code=rule.code,
                    severity=problem.severity or rule.severity,
                    message=problem.message,
                    ref=problem.ref,
                    span=span(*at) if at is not None else None,
                    help=problem.help,
                    fix=problem.fix,
                    basis=Basis.CATALOG,
                )
            )
    tenants = [each for each in rules if each.code.startswith("T")]
    rows = [Coverage("catalog", where, len(catalog.facts), "fact")]
    if tenants and schema.root is None:
        rows.append(
            Coverage("tenants", where, skipped="no policy or configuration says who they are")
        )
    return findings, rows, files


def _once(schema: Schema, problems: Sequence[Problem]) -> Iterator[Problem]:
    """The problems but for those of partitions that are their whole's too, where they are said."""
    said = {problem.message for problem in problems}
    for problem in problems:
        table = schema.table_of(problem.ref) if problem.ref is not None else None
        whole = schema.tables.get(table.partition_of) if table and table.partition_of else None
        if (
            table is None
            or whole is None
            or problem.message.replace(table.path, whole.path) not in said
        ):
            yield problem


def _declared(
    project: Project | None, files: Iterable[SqlFile], rules: Sequence[Rule]
) -> Iterator[Finding]:
    """Show the files of ddl/ to the rules that look there too."""
    from ringfence.rules._migration import parsed

    for file in files:
        if rules and project and file.path.is_relative_to(project.ddl):
            declared = parsed(file)
            declared.declares = True
            for rule in rules:
                for problem in rule.check(declared):
                    yield _finding(file, rule, _around(declared, problem.at), problem)


# Migrations -------------------------------------------------------------------------------------


def _migrations(
    project: Project | None,
    files: Sequence[SqlFile],
    rules: Sequence[Rule],
    unparsed: Collection[str],
) -> tuple[list[Finding], list[Coverage]]:
    """Show each migration to the rules, after what was before it.

    Of files `unparsed` it is said already that the parser does not take them.
    """
    from ringfence.rules._migration import parsed
    from ringfence.rules._state import State

    by_verb: dict[str, list[Rule]] = {}
    whole = [each for each in rules if each.looks_at == "Migration"]
    for each in rules:
        for verb in each.on:
            by_verb.setdefault(verb, []).append(each)
    findings: list[Finding] = []
    statements: dict[str, int] = {}
    states: dict[Path, State] = {}
    asked = {file.path for file in files}
    beside, merged = _branches(project)
    whole_history = project is not None and _all_sql(project)
    for file, managed, undo in in_order(project, files):
        if file.path.parent not in states:
            own = project is not None and not managed and file.path.is_relative_to(project.root)
            states[file.path.parent] = _head(project) if project and own else State()
        state = states[file.path.parent]
        migration = parsed(file, managed=managed, undo=undo)
        migration.beside, migration.merged = beside.get(file.path, ()), merged
        state.begin()
        state.whole = managed and whole_history
        seen = file.path in asked
        problems = _seen(migration, state, by_verb if seen else {})
        if not seen:
            continue
        statements[file.given] = statements.get(file.given, 0) + len(migration.statements)
        found = [_finding(file, rule, statement, problem) for rule, statement, problem in problems]
        for rule in whole:
            if rule.code == "M000" and file.shown in unparsed:
                continue
            for problem in rule.check(migration):
                statement = _around(migration, problem.at)
                found.append(_finding(file, rule, statement, problem))
        findings += found
    empty = (file for file in files if _holds_nothing(project, file))
    return findings, [
        *(Coverage("migrations", given, count, "statement") for given, count in statements.items()),
        *(Coverage("files", file.shown, skipped="it holds no statement") for file in empty),
    ]


def _head(project: Project) -> State:
    """What the project's revisions have made: what stands there when another of its files is run."""
    from ringfence.rules._migration import parsed
    from ringfence.rules._state import State

    state = State()
    for path in _revisions(project, ()):
        file = _unasked(path, project.shown(path)) if path.name.endswith(".up.sql") else None
        if file is not None:
            state.begin()
            _seen(parsed(file, managed=True), state, {})
    state.begin()
    return state


def _all_sql(project: Project) -> bool:
    """Whether the SQL of every revision is at hand."""
    from ringfence import revisions

    try:
        graph = revisions.read(project)
    except Error:
        return False
    return all(r.sql or len(r.down) > 1 for r in graph.revisions.values())  # a merge does nothing


def _holds_nothing(project: Project | None, file: SqlFile) -> bool:
    """Whether it is a migration forwards, without a statement: hardly what somebody meant."""
    declares = project is not None and file.path.is_relative_to(project.ddl)
    forwards = not file.path.name.endswith((".down.sql", ".verify.sql"))
    try:
        return forwards and not declares and not Script(file.shown, file.text).statements
    except Error:
        return False  # what cannot be read is told of elsewhere


def _seen(
    migration: Migration, state: State, by_verb: Mapping[str, list[Rule]]
) -> list[tuple[Rule, Statement, Problem]]:
    """What the rules say of each action; the state goes on with every one."""
    from ringfence.rules._actions import actions
    from ringfence.rules._after import apply

    found = []
    own: dict[Name, Relation] = {}
    if migration.undo:  # what it makes is new to those it takes back to, and to nobody behind it
        indexes: dict[Name, Index] = {}
        state = replace(
            state,
            relations=ChainMap(own, state.relations),
            indexes=ChainMap(indexes, state.indexes),
        )
    for statement in migration.statements:
        for action in actions(statement, state):
            for rule in by_verb.get(action.verb, ()):
                for problem in rule.check(action):
                    if action.statement is not statement:  # inside a DO: what fixes it is not known
                        at = problem.at if problem.at >= 0 else action.statement.at
                        problem = replace(problem, at=at, fix="")
                    found.append((rule, statement, problem))
            migration.actions.append(action)
            if not migration.undo or action.name in own or action.verb in _MAKES:
                apply(action)
    return found


_MAKES = ("create_table", "create_table_as", "create_view")


def _around(migration: Migration, at: int) -> Statement | None:
    return next((s for s in migration.statements if s.at <= at < s.end), None)


def _finding(file: SqlFile, rule: Rule, statement: Statement | None, problem: Problem) -> Finding:
    at = problem.at
    if at < 0:
        at = statement.at if statement is not None else 0
    what = statement.fingerprint if statement is not None else ""
    severity = problem.severity or rule.severity
    if rule.measurable and severity is Severity.WARNING and file.path.name.endswith(".down.sql"):
        severity = (
            Severity.INFO
        )  # whoever goes back waits: it passes, and nothing else is agreed to
    return Finding(
        code=rule.code,
        severity=severity,
        message=problem.message,
        ref=problem.ref,
        span=span(file, at),
        help=problem.help,
        fix=problem.fix,
        basis=Basis.STATIC,
        key=f"{file.shown}:{problem.ref or ''}:{what or problem.message}",
    )


def span(file: SqlFile, at: int) -> Span:
    """The place of an offset in bytes."""
    text = file.text
    offset = at if text.isascii() else len(text.encode()[:at].decode(errors="replace"))
    return Script(file.shown, text).span(offset)


def in_order(
    project: Project | None, files: Sequence[SqlFile]
) -> Iterator[tuple[SqlFile, bool, bool]]:
    """Migrations in the order in which they run: the file, whether ringfence runs it, and backwards.

    What stands in the project's ddl is no migration. Those of the project come with the ones before
    them, whether these were asked for or not.
    """
    mine: list[SqlFile] = []
    others: list[SqlFile] = []
    for file in files:
        if project and file.path.is_relative_to(project.ddl):
            continue
        if project and project.runs(file.path):
            mine.append(file)
        else:
            others.append(file)
    yield from _loose(others)
    if not (project and mine):
        return
    by_path = {file.path: file for file in mine}
    for path in _revisions(project, by_path):
        if path.name.endswith(".verify.sql"):
            continue
        undo = path.name.endswith(".down.sql")
        if path in by_path:
            yield by_path[path], True, undo
        elif not undo:
            before = _unasked(path, project.shown(path))
            if before is not None:
                yield before, True, undo


def _loose(files: Sequence[SqlFile]) -> Iterator[tuple[SqlFile, bool, bool]]:
    """Files that ringfence does not run; before one that is named itself come those of its folder."""
    seen = {file.path for file in files}
    for file in files:
        alone = file.path.name == Path(file.given).name
        for path in sorted(file.path.parent.glob("*.sql")) if alone else ():
            if path < file.path and path not in seen and ".down." not in path.name:
                seen.add(path)
                before = _unasked(path, str(path))
                if before is not None:
                    yield before, False, False
        yield file, False, ".down." in file.path.name


def _unasked(path: Path, shown: str) -> SqlFile | None:
    """A file that is only read for what it makes; None for one that cannot be."""
    try:
        return SqlFile(path, shown, path.read_text(encoding="utf-8-sig"), path.parent, "")
    except (OSError, ValueError):
        return None


def _python(
    project: Project | None,
    paths: Sequence[Path | str],
    base: Path,
    changed: Collection[Path] | None,
) -> Iterator[Coverage]:
    """The revisions among what is looked at that have no SQL to look at."""
    from ringfence import revisions

    if project is None:
        return
    try:
        graph = revisions.read(project)
    except Error:
        return  # whoever runs them says so
    starts = [(base / path).resolve() for path in paths] or [project.migrations.resolve()]
    files = [
        r.path
        for r in graph.revisions.values()
        if not r.sql and len(r.down) < 2  # a merge does nothing
        if any(r.path.resolve().is_relative_to(start) for start in starts)
        if changed is None or r.path.resolve() in changed
    ]
    if files:
        names = ", ".join(f.stem for f in files[:3]) + f" and {len(files) - 3} more" * (
            len(files) > 3
        )
        why = "they are Python, and this looks at SQL: ringfence rehearse measures what they do"
        yield Coverage("migrations", names, skipped=why)


def _branches(project: Project | None) -> tuple[Mapping[Path, tuple[str, ...]], bool]:
    """Which revisions follow the same one as another, by their SQL; and whether all are merged."""
    from ringfence import revisions

    if project is None:
        return {}, False
    try:
        graph = revisions.read(project)
    except Error:
        return {}, False
    every = list(graph.revisions.values())
    beside = {
        each.file("up"): tuple(
            other.id
            for other in every
            if other.id != each.id and set(other.down) & set(each.down) and len(other.down) < 2
        )
        for each in every
        if len(each.down) == 1
    }
    return beside, len(graph.heads) < 2


def _revisions(project: Project, asked: Iterable[Path]) -> list[Path]:
    """The project's files of SQL, revision by revision; by name where the graph cannot be read."""
    from ringfence import revisions

    asked = list(asked)
    try:
        graph = revisions.read(project)
        ordered = [
            revision.file(what)
            for revision in graph.applied(graph.ends_of_all)
            if revision.sql
            for what in ("up", "down")
        ]
    except Error:
        ordered = []
    known = set(ordered)
    return [path for path in ordered if path.is_file()] + sorted(p for p in asked if p not in known)

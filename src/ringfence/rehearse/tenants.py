"""Whether tenants are as far apart after a change as they were before it: `verify` on the result."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from ringfence.errors import Error
from ringfence.finding import Coverage, Finding, Severity, counted
from ringfence.pg.connect import connect
from ringfence.rehearse import effects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ringfence.finding import Report
    from ringfence.pg.connect import Target
    from ringfence.project import Project
    from ringfence.rehearse.files import File
    from ringfence.script import Script

_CLAIM = "isolation"
_NOT_TRIED = "isolation/not-tried"
_TITLE = "tenants are as far apart as before"


def known(project: Project, target: Target) -> bool:
    """Whether a database has tenants."""
    from ringfence.isolation import who

    try:
        with connect(target, pinned=True) as connection:
            found = who(connection, project.config.tenancy, (project.config.migrate.schema,))
    except (Error, psycopg.Error):
        return False
    return found.model.tenanted


def before(project: Project, target: Target) -> Report | None:
    """What is known of tenants before a change; None where nothing can be."""
    try:
        return _verified(project, target)
    except Error:
        return None


def about_roles(scripts: Iterable[Script]) -> bool:
    """Whether files may do something to roles, which are the server's: a copy of the database made
    before is then not as it was."""
    return any(_ROLES.search(script.text) for script in scripts)


_ROLES = re.compile(r"\b(ROLE|USER|GROUP|GRANT|REVOKE|OWNED|AUTHORIZATION)\b", re.IGNORECASE)


def apart(
    project: Project, old: Callable[[], Report | None], after: Target
) -> tuple[list[Finding], Coverage]:
    """What lets tenants at each other's rows after a change and did not before; and what was tried.

    `old` says what was known before, and is asked only where there is something to compare. What was
    wrong before is no fault of the change: `verify` tells it, and here it is information. What could
    be tried before and cannot be now is told: nobody knows what the change has opened.
    """
    try:
        now = _verified(project, after)
    except Error as error:
        return [], Coverage("tenants", _TITLE, skipped=error.message)
    row = _row(now)
    found = [f for f in now.findings if f.severity is not Severity.INFO]
    coverage = Coverage("tenants", _TITLE, row.count, "probe", skipped=row.skipped)
    # Who could be tried as before is looked up where somebody cannot be now.
    quiet = [f for f in now.findings if f.code == _NOT_TRIED and f.severity is Severity.INFO]
    if not found and not quiet and not row.skipped:
        return [], coverage
    known = old()
    same = {f.fingerprint for f in known.findings} if known is not None else set()
    new = [f for f in found if f.fingerprint not in same]
    tried = _row(known).count if known is not None else 0
    if tried:
        new += [
            replace(f, severity=Severity.WARNING, message=f"{f.message}, and before it was")
            for f in quiet
            if f.fingerprint not in same
        ]
    if row.skipped and tried and not new:
        new.append(
            Finding(
                "isolation/inconclusive",
                Severity.ERROR,
                f"whether tenants are apart cannot be tried any more, before it could: {row.skipped}",
                help="{probes} said so before".format(probes=counted(tried, "probe")),
            )
        )
    if there := len(found) - len([f for f in found if f.fingerprint not in same]):
        coverage = replace(coverage, title=f"{_TITLE} ({there} known before: ringfence verify)")
    return new, coverage


def placed(finding: Finding, files: Sequence[File]) -> Finding:
    """The same at the first statement that names what it is about; of one file else at its first."""
    if finding.span is not None or finding.ref is None:
        return finding
    spans = (effects.named(file, finding.ref) for file in files)
    span = next(filter(None, spans), None)
    if span is None and len(files) == 1:
        span = effects.place(files[0], finding.ref)
    return replace(finding, span=span)


def untried(why: str) -> Coverage:
    """That it was not looked at, and why."""
    return Coverage("tenants", _TITLE, skipped=why)


def _row(report: Report) -> Coverage:
    return next(c for c in report.coverage if c.subject == _CLAIM)


def _verified(project: Project, target: Target) -> Report:
    from ringfence import claims

    with connect(target, pinned=True) as connection:
        return claims.verify(claims.Case(connection, project, target.shown, target), [_CLAIM])

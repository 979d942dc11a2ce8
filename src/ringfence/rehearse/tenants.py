"""Whether tenants are as far apart after a change as they were before it: `verify` on the result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from ringfence.errors import Error
from ringfence.finding import Coverage, Finding, Severity
from ringfence.pg.connect import connect

if TYPE_CHECKING:
    from ringfence.finding import Report
    from ringfence.pg.connect import Target
    from ringfence.project import Project

_CLAIM = "isolation"


def known(project: Project, target: Target) -> bool:
    """Whether a database has tenants."""
    from ringfence.isolation import who

    try:
        with connect(target, pinned=True) as connection:
            found = who(connection, project.config.tenancy, (project.config.migrate.schema,))
    except (Error, psycopg.Error):
        return False
    return found.model.tenanted


def apart(project: Project, before: Target | None, after: Target) -> tuple[list[Finding], Coverage]:
    """What lets tenants at each other's rows after a change and did not before; and what was tried.

    `before` is None where there were no tenants. What did before is no fault of the change: `verify` tells it, and here it is information.
    """
    title = "tenants are as far apart as before"
    try:
        now = _verified(project, after)
    except Error as error:
        return [], Coverage("tenants", title, skipped=error.message)
    row = next(c for c in now.coverage if c.subject == _CLAIM)
    if row.skipped:
        return [], Coverage("tenants", title, skipped=row.skipped)
    found = [f for f in now.findings if f.severity is not Severity.INFO]
    coverage = Coverage("tenants", title, row.count, "probe")
    if not found:
        return [], coverage
    try:
        old = _verified(project, before).findings if before is not None else ()
    except Error:
        old = ()
    same = {f.fingerprint for f in old}
    new = [f for f in found if f.fingerprint not in same]
    if there := len(found) - len(new):
        coverage = replace(coverage, title=f"{title} ({there} known before: ringfence verify)")
    return new, coverage


def _verified(project: Project, target: Target) -> Report:
    from ringfence import claims

    with connect(target, pinned=True) as connection:
        return claims.verify(claims.Case(connection, project, target.shown, target), [_CLAIM])

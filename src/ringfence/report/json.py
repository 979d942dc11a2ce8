"""A report for machines: one JSON object, versioned; docs/reference/json.md describes it.

Everything outside ASCII is escaped, so that it survives any stream. `FORMAT` grows when a reader of
the old shape would be misled; a new key alone does not change it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ringfence import __version__
from ringfence.finding import ordered

if TYPE_CHECKING:
    from ringfence.finding import Coverage, Finding, Report

FORMAT = 1


def render(report: Report, *, width: int = 0, colour: bool = False) -> str:  # noqa: ARG001
    """The report as one indented JSON object."""
    document = {
        "ringfence": __version__,
        "format": FORMAT,
        "command": report.command,
        "target": report.target,
        "status": report.status,
        "fail_on": report.fail_on,
        "findings": [_finding(f) for f in ordered(report.findings)],
        "coverage": [_coverage(c) for c in report.coverage],
    }
    return json.dumps(document, indent=2) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    span = finding.span
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "ref": str(finding.ref) if finding.ref else None,
        "place": span
        and {"path": span.path, "line": span.line, "column": span.column, "text": span.text},
        "help": finding.help,
        "fix": finding.fix,
        "basis": finding.basis,
        "evidence": dict(finding.evidence),
        "reproduction": finding.reproduction,
        "fingerprint": finding.fingerprint,
    }


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "subject": coverage.subject,
        "title": coverage.title,
        "checked": not coverage.skipped,
        "count": coverage.count,
        "unit": coverage.unit,
        "skipped": coverage.skipped,
    }

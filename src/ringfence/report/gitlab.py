"""A report as GitLab's code quality document, which marks the lines of a merge request."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from ringfence.finding import Severity, ordered

if TYPE_CHECKING:
    from ringfence.finding import Finding, Report

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFO: "info"}


def render(report: Report, *, width: int = 0, colour: bool = False) -> str:  # noqa: ARG001
    """The report as one JSON list. What has no place in a file stands at the project's folder."""
    seen: Counter[str] = Counter()
    return json.dumps([_issue(f, seen) for f in ordered(report.findings)], indent=2) + "\n"


def _issue(finding: Finding, seen: Counter[str]) -> dict[str, Any]:
    # GitLab wants each fingerprint once; the second of two alike is told from the first by number.
    number = seen[finding.fingerprint]
    seen[finding.fingerprint] += 1
    digest = hashlib.blake2b(f"{finding.fingerprint}\0{number}".encode(), digest_size=16)
    return {
        "description": " ".join(
            filter(None, (finding.message, finding.basis and f"({finding.basis})"))
        ),
        "check_name": finding.code,
        "fingerprint": digest.hexdigest(),
        "severity": _SEVERITIES[finding.severity],
        "location": {
            "path": finding.span.path if finding.span else ".",
            "lines": {"begin": finding.span.line if finding.span else 1},
        },
    }

"""A report as SARIF 2.1.0, which code hosts show beside the lines it is about.

Places are relative to the project. A result's fingerprint does not change when its file is laid out
anew, so that a host knows it again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ringfence import __version__
from ringfence.finding import Severity, ordered, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.finding import Finding, Report

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(report: Report, *, width: int = 0, colour: bool = False) -> str:  # noqa: ARG001
    """The report as one SARIF log with one run."""
    findings = ordered(report.findings)
    codes = sorted({f.code for f in findings})
    run = {
        "tool": {
            "driver": {
                "name": "ringfence",
                "semanticVersion": __version__,
                "rules": [
                    {"id": code, "help": {"text": f"ringfence explain {code}"}} for code in codes
                ],
            }
        },
        "invocations": [{"executionSuccessful": True, "exitCode": report.status}],
        "columnKind": "unicodeCodePoints",
        "results": list(_results(findings, codes)),
        "properties": {
            "command": report.command,
            "target": report.target,
            "verdict": report.verdict,
            "notChecked": [
                {"subject": c.subject, "title": c.title, "reason": c.skipped}
                for c in report.coverage
                if c.skipped
            ],
        },
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(log, indent=2) + "\n"


def _results(findings: Sequence[Finding], codes: list[str]) -> Iterator[dict[str, Any]]:
    """Each result, with what GitHub knows it by: the same whatever stands above its line."""
    seen: Counter[str] = Counter()
    for finding in findings:
        result = _result(finding, codes)
        digest = hashlib.blake2b(finding.fingerprint.encode(), digest_size=8).hexdigest()
        seen[digest] += 1
        result["partialFingerprints"]["primaryLocationLineHash"] = f"{digest}:{seen[digest]}"
        yield result


def _result(finding: Finding, codes: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": _LEVELS[finding.severity],
        "message": {"text": sentences(finding.message, finding.help)},
        "partialFingerprints": {"ringfence/v1": finding.fingerprint},
    }
    # Who reads SARIF for a pull request refuses a result without a file: what is found in a database
    # stands with the project.
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": _artifact("pyproject.toml"),
            "region": {"startLine": 1},
        }
    }
    if finding.span:
        location["physicalLocation"] = {
            "artifactLocation": _artifact(finding.span.path),
            "region": {
                "startLine": finding.span.line,
                **({"startColumn": finding.span.column} if finding.span.column else {}),
                **({"snippet": {"text": finding.span.text}} if finding.span.text else {}),
            },
        }
    if finding.ref:
        location["logicalLocations"] = [
            {"fullyQualifiedName": finding.ref.path, "kind": finding.ref.kind}
        ]
    result["locations"] = [location]
    properties: dict[str, Any] = dict(finding.evidence)
    if finding.basis:
        properties["basis"] = finding.basis
    if finding.fix:
        properties["fix"] = finding.fix
    if finding.reproduction:
        properties["reproduction"] = finding.reproduction
    if properties:
        result["properties"] = properties
    return result


def _artifact(path: str) -> dict[str, str]:
    if PurePath(path).is_absolute():
        return {"uri": PurePath(path).as_uri()}
    return {"uri": quote(path), "uriBaseId": "%SRCROOT%"}

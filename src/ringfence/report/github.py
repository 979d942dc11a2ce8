"""A report as GitHub Actions' commands, which mark the lines of a pull request; then the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity, ordered

if TYPE_CHECKING:
    from ringfence.finding import Finding, Report

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(report: Report, *, width: int = 0, colour: bool = False) -> str:  # noqa: ARG001
    """A line for each finding, and one for the verdict."""
    lines = [_line(f) for f in ordered(report.findings)]
    return "\n".join([*lines, f"ringfence {report.command}: {_data(report.verdict)}"]) + "\n"


def _line(finding: Finding) -> str:
    properties: dict[str, str] = {}
    if finding.span:
        properties |= {"file": finding.span.path, "line": str(finding.span.line)}
        if finding.span.column:
            properties["col"] = str(finding.span.column)
    properties["title"] = " ".join(filter(None, (finding.code, str(finding.ref or ""))))
    said = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    basis = f"({finding.basis})" if finding.basis else ""
    said_first = " ".join(filter(None, (finding.message, basis)))
    text = "\n".join(filter(None, (said_first, finding.help, finding.fix)))
    return f"::{_COMMANDS[finding.severity]} {said}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

"""A report as Markdown, for a comment on a pull request: the verdict, a table, what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity, counted, ordered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.finding import Finding, Report

_MOST = 200  # findings; hosts cut comments off
_MARKS = {Severity.ERROR: "❌ error", Severity.WARNING: "⚠️ warning", Severity.INFO: "ℹ️ info"}


def render(report: Report, *, width: int = 0, colour: bool = False) -> str:  # noqa: ARG001
    """The report as Markdown that GitHub and GitLab show alike."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    mark = "❌" if report.status else "✅"
    yield f"### {mark} ringfence {report.command}: {_text(report.verdict)}"
    findings = sorted(ordered(report.findings), key=lambda f: f.severity.rank)
    if findings:
        yield ""
        yield "| | code | what | where |"
        yield "|---|---|---|---|"
        for finding in findings[:_MOST]:
            where = _code(str(finding.span)) if finding.span else ""
            if finding.ref:
                where = " ".join(filter(None, (_code(str(finding.ref)), where)))
            basis = f" *({finding.basis})*" if finding.basis else ""
            cells = (_MARKS[finding.severity], finding.code, _text(finding.message) + basis, where)
            yield f"| {' | '.join(cells)} |"
        if len(findings) > _MOST:
            yield ""
            yield f"… and {counted(len(findings) - _MOST, 'finding')} more"
    for sheet in (s for s in report.sheets if s.rows):
        yield ""
        yield f"<details><summary>{_text(sheet.title)}</summary>"
        yield ""
        yield f"| {' | '.join(sheet.head)} |"
        yield f"|{'---|' * len(sheet.head)}"
        for first, *rest in sheet.rows[:_MOST]:
            yield f"| {_code(first)} | {' | '.join(map(_text, rest))} |"
        if len(sheet.rows) > _MOST:
            yield ""
            yield f"… and {counted(len(sheet.rows) - _MOST, 'row')} more"
        yield ""
        yield "</details>"
    advice = [f for f in findings[:_MOST] if f.help or f.fix or f.reproduction]
    if advice:
        yield ""
        yield "<details><summary>What to do</summary>"
        for finding in _once(advice):
            yield ""
            yield f"**{finding.code}** {_text(finding.message)}"
            if finding.help:
                yield ""
                yield _text(finding.help)
            yield from _sql(finding.fix)
            if finding.reproduction:
                yield ""
                yield "Shown by:"
                yield from _sql(finding.reproduction)
        yield ""
        yield "</details>"
    if report.coverage:
        yield ""
        yield f"<details><summary>What was checked{' in ' * bool(report.target)}{_text(report.target)}</summary>"
        yield ""
        for row in report.coverage:
            number = counted(row.count, row.unit) if row.unit and not row.skipped else ""
            said = " · ".join(_text(part) for part in (row.subject, row.title, number) if part)
            yield f"- {said}" + (f": **not checked**, {_text(row.skipped)}" if row.skipped else "")
        yield ""
        yield "</details>"


def _once(findings: list[Finding]) -> Iterator[Finding]:
    seen = set()
    for finding in findings:
        same = (finding.code, finding.message, finding.help, finding.fix, finding.reproduction)
        if same not in seen:
            seen.add(same)
            yield finding


def _sql(text: str) -> Iterator[str]:
    if text:
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        yield ""
        yield f"{fence}sql"
        yield text.strip("\n")
        yield fence


def _text(text: str) -> str:
    """Text that means nothing to Markdown or HTML, on one line."""
    text = " ".join(text.split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]|#~@])", r"\\\1", text)


def _code(text: str) -> str:
    """Text as code in a cell of a table."""
    text = " ".join(text.split()).replace("|", "\\|")
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{ticks}{space}{text}{space}{ticks}"

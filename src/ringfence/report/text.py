"""A report for people: what is wrong, where, what to type next; then what was looked at; a verdict.

    warning: Keywords must be upper case. [style/CP01]
      ddl/app/tables/accounts.sql:3:16
      3 |     id uuid PRIMARY KEY,
        |        ^
      fix:
        id UUID PRIMARY KEY,

The gravest comes first. Findings that say the same of one file share a head. Source and fixes are
never wrapped, so that they can be copied; with no width nothing is cut either.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from itertools import groupby
from typing import TYPE_CHECKING

from ringfence.finding import Severity, counted, ordered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.errors import Span
    from ringfence.finding import Coverage, Finding, Report

_CODES = {"bold": "1", "dim": "2", "red": "1;31", "green": "32", "yellow": "33", "blue": "34"}
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
# What would move the cursor, change colours or turn the direction of writing: files are not trusted.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def render(report: Report, *, width: int = 0, colour: bool = False) -> str:
    """The report as text, `width` cells wide (0: as wide as its lines are)."""
    page = _Page(width, colour)
    blocks = [page.block(group) for group in _grouped(report.findings)]
    blocks += page.coverage(report)
    verdict_colour = "red" if report.status else "yellow" if report.findings else "green"
    blocks.append([page.ink(line, verdict_colour) for line in page.wrapped(report.verdict, 0, 0)])
    return "\n\n".join("\n".join(lines) for lines in blocks) + "\n"


def _grouped(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings that say the same of one file together, the gravest first, then by place."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in ordered(findings):
        span = finding.span
        same = (finding.code, finding.severity, finding.message, finding.help, finding.ref)
        key = (*same, span.path) if span else (*same, id(finding))
        groups.setdefault(key, []).append(finding)
    return sorted(groups.values(), key=lambda group: group[0].severity.rank)


class _Page:
    """What the paper is like, and the parts of a report laid out on it."""

    def __init__(self, width: int, colour: bool) -> None:
        self.width = width
        self.colour = colour
        self.fixes: set[tuple[Span | None, str]] = set()
        """Those that are on it, each with its place."""

    def ink(self, text: str, colour: str) -> str:
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.colour else text

    def block(self, findings: list[Finding]) -> list[str]:
        """One group of findings: head, object, places."""
        first = findings[0]
        label, code = f"{first.severity}:", f"[{_plain(_code(first))}]"
        lines = self.wrapped(f"{label} {_plain(first.message)} {code}", 0, 2)
        # Coloured after wrapping, which would count the escapes.
        lines[0] = self.ink(label, _COLOURS[first.severity]) + lines[0].removeprefix(label)
        lines[-1] = lines[-1].removesuffix(code) + self.ink(code, "dim")
        if first.ref:
            lines.append(f"  {_plain(str(first.ref))}")
        for finding in findings:
            lines += self.place(finding, finding.help if finding is first else "")
        return lines

    def place(self, finding: Finding, help_: str) -> Iterator[str]:
        """Where a finding stands, the line with a caret, what was observed, what to do."""
        span = finding.span
        if span:
            yield "  " + self.ink(_plain(str(span)), "bold")
            yield from self.source(span)
        if finding.evidence:
            seen = ", ".join(f"{name}: {value}" for name, value in finding.evidence.items())
            yield from self.labelled("observed", seen)
        if help_:
            yield from self.labelled("help", help_)
        yield from self.copyable("reproduce", finding.reproduction, "bold")
        if finding.fix and span and (span, finding.fix) in self.fixes:
            yield f"  {self.ink('fix:', 'green')} the same as above"
        else:
            self.fixes.add((span, finding.fix))
            yield from self.copyable("fix", finding.fix, "green")

    def copyable(self, label: str, text: str, colour: str) -> Iterator[str]:
        """Lines as they are, below a label."""
        if text:
            yield "  " + self.ink(f"{label}:", colour)
            for line in text.expandtabs(4).strip("\n").split("\n"):
                yield ("    " + _plain(line)).rstrip()

    def source(self, span: Span) -> Iterator[str]:
        """The line and a caret below it; of a line wider than the paper, the part at the caret."""
        if not span.text:
            return
        text = _plain(span.text)
        at = max(span.column - 1, 0)
        number = f"  {span.line} | "
        room = self.width - len(number) if self.width else 0
        if room and _cells(text) > room:
            start = max(0, min(at - room // 2, len(text) - room + 1))
            text = ("…" if start else "") + text[start + bool(start) :]
            at -= start
            while _cells(text) > room:
                text = text[:-2] + "…"
        yield self.ink(number, "blue") + text.rstrip()
        if span.column:
            gutter = " " * (len(number) - 2) + "| "
            yield self.ink(gutter, "blue") + " " * _cells(text[:at]) + self.ink("^", "red")

    def coverage(self, report: Report) -> Iterator[list[str]]:
        """What was checked and what was not, a row each."""
        if not report.coverage:
            return
        names = max(_cells(c.subject) for c in report.coverage)
        in_order = sorted(report.coverage, key=lambda c: bool(c.skipped))
        for skipped, rows in groupby(in_order, key=lambda c: bool(c.skipped)):
            heading = "not checked" if skipped else f"checked {report.target}".rstrip()
            yield [
                self.ink(_plain(heading), "bold"),
                *(line for row in rows for line in self.covered(row, names)),
            ]

    def covered(self, row: Coverage, names: int) -> list[str]:
        subject = _plain(row.subject)
        subject += " " * (names - _cells(subject))
        if row.skipped:
            said = f"{row.title}: {row.skipped}" if row.title else row.skipped
        else:
            number = counted(row.count, row.unit) if row.unit else ""
            said = " · ".join(filter(None, (row.title, number)))
        return self.wrapped(f"  {subject}  {_plain(said)}", 0, names + 4)

    def labelled(self, label: str, text: str) -> list[str]:
        label += ":"
        lines = self.wrapped(f"{label} {_plain(text)}", 2, 4)
        lines[0] = lines[0].replace(label, self.ink(label, "bold"), 1)
        return lines

    def wrapped(self, text: str, first: int, rest: int) -> list[str]:
        """Text broken at spaces to the paper's width; words longer than that stay whole."""
        text = " " * first + text
        if not self.width or _cells(text) <= self.width:
            return [text]
        return textwrap.wrap(
            text,
            max(self.width, rest + 10),
            subsequent_indent=" " * rest,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _code(finding: Finding) -> str:
    """The code, and what the finding rests on."""
    return ", ".join(filter(None, (finding.code, finding.basis)))


def _plain(text: str) -> str:
    """Text that can do nothing to a terminal, on one line."""
    return _CONTROL.sub("\ufffd", text.replace("\t", " ").replace("\n", " "))


def _cells(text: str) -> int:
    """How many columns a terminal needs for a text."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )

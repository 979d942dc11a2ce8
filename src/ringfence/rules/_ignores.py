"""Findings that somebody has looked at and wants to keep: `-- ringfence: ignore T003 because …`.

A comment above a statement, or behind it, speaks of the statement; one inside a statement speaks of
its own line, or of the next one where it stands alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import postgast

from ringfence.rules import covers, spelled
from ringfence.rules._migration import parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ringfence.finding import Finding
    from ringfence.rules import SqlFile

_IGNORE = re.compile(
    r"--\s*ringfence\s*:\s*ignore\b:?(?P<codes>.*?)(?:\bbecause\b(?P<reason>.*))?\Z", re.IGNORECASE
)
_MARK = re.compile(r"ringfence\s*:\s*ignore\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ignore:
    """One comment: the codes or families it names, why, and the lines it speaks of.

    `at` is its offset in the file in bytes. `matched` are the codes that it kept out of the report,
    `judged` those whose rules were run at all.
    """

    file: SqlFile
    at: int
    codes: tuple[str, ...]
    reason: str
    lines: tuple[int, int]
    matched: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()


def ignores(files: Iterable[SqlFile]) -> list[Ignore]:
    """Every such comment in some files."""
    return [each for file in files if _MARK.search(file.text) for each in _of(file)]


def _of(file: SqlFile) -> Iterable[Ignore]:
    raw = file.text.encode()
    try:
        tokens = postgast.scan(file.text).tokens
    except postgast.PgQueryError:
        return
    statements = [(s.at, s.end) for s in parsed(file).statements]
    for token in tokens:
        if token.token != postgast.pg_query_pb2.SQL_COMMENT:
            continue
        match = _IGNORE.match(raw[token.start : token.end].decode(errors="replace").rstrip())
        if match is None:
            continue
        codes = tuple(map(spelled, match["codes"].replace(",", " ").split()))
        reason = (match["reason"] or "").strip()
        yield Ignore(
            file, token.start, codes, reason, _lines(raw, token.start, token.end, statements)
        )


def _lines(
    raw: bytes, start: int, end: int, statements: Sequence[tuple[int, int]]
) -> tuple[int, int]:
    """The first and last line that a comment speaks of."""

    def line(at: int) -> int:
        return raw.count(b"\n", 0, at) + 1

    own = line(start)
    alone = not raw[raw.rfind(b"\n", 0, start) + 1 : start].strip()
    for first, last in statements:
        if first <= start < last:
            if not alone:
                return own, own
            rest = raw[end:last].decode(errors="replace")
            skipped = re.match(r"(?:[^\S\n]*(?:--[^\n]*)?\n)*", rest)
            below = own + (rest[: skipped.end()].count("\n") if skipped else 1)
            return below, below
    if not alone:
        before = [each for each in statements if each[1] <= start]
        if before and line(before[-1][1]) == own:
            return line(before[-1][0]), own
    after = [each for each in statements if each[0] >= end]
    return (line(after[0][0]), line(after[0][1])) if after else (own, own)


def heeded(
    findings: Sequence[Finding], said: Sequence[Ignore], judged: Callable[[str], bool]
) -> tuple[list[Finding], list[Ignore]]:
    """The findings that no comment speaks of, and the comments with what they matched.

    `judged` says of a code or family whether all that it means was looked for.
    """
    matched: dict[int, set[str]] = {}
    kept = []
    for finding in findings:
        hit = False
        for number, each in enumerate(said):
            span = finding.span
            if span is None or span.path != each.file.shown or not each.reason:
                continue
            if not each.lines[0] <= span.line <= each.lines[1]:
                continue
            for code in each.codes:
                if covers(code, finding.code):
                    matched.setdefault(number, set()).add(code)
                    hit = True
        if not hit:
            kept.append(finding)
    told = [
        Ignore(
            each.file,
            each.at,
            each.codes,
            each.reason,
            each.lines,
            tuple(sorted(matched.get(number, ()))),
            tuple(filter(judged, each.codes)),
        )
        for number, each in enumerate(said)
    ]
    return kept, told

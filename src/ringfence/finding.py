"""What every command that looks at something returns: findings, and what was and was not checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ringfence.errors import Span
    from ringfence.model import Ref


class Severity(StrEnum):
    """How much a finding matters; `error` and `warning` order as they read."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the gravest, so that sorting puts it first."""
        return list(Severity).index(self)


class Basis(StrEnum):
    """What a finding rests on."""

    STATIC = "static"
    """The text: what PostgreSQL will do with it is known from its kind, not seen."""
    CATALOG = "catalog"
    """What a server that loaded the text says of it."""
    MEASURED = "measured"
    """What was seen to happen."""


AGREED = "agreed to"
"""What a finding's help is where somebody agreed to it by name."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing somebody should know: a rule broken, a claim that does not hold, a hazard.

    `code` names the rule, claim or hazard; `ref` the object and `span` the place, where there is
    one. `help` says what to do, `fix` is SQL or text that does it. `basis` is what the finding
    rests on, `evidence` what was observed, `reproduction` SQL that shows it to whoever runs it.
    `key` tells it from others with the same code where object or file would not.
    """

    code: str
    severity: Severity
    message: str
    ref: Ref | None = None
    span: Span | None = None
    help: str = ""
    fix: str = ""
    evidence: Mapping[str, str | int | bool] = field(default_factory=dict)
    basis: Basis | None = None
    key: str = ""
    reproduction: str = ""

    @property
    def fingerprint(self) -> str:
        """The same for the same finding tomorrow: what a baseline or a suppression names."""
        where = self.key or self.ref or (self.span.path if self.span else "")
        return f"{self.code}:{where}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """One thing that was looked at, or was not and why.

    `subject` names the claim or rule, `count` how many things it looked at and `unit` what one of
    them is ("file"); `skipped` is the reason when it looked at none of them or not at all, and
    empty otherwise.
    """

    subject: str
    title: str
    count: int = 0
    unit: str = ""
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table beside the findings, for who reads the whole report: a comment on a pull request."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a command found and what it looked at. `status` is the exit status it asks for.

    `unit` is what one row of `coverage` is ("claim") where that is worth counting; where it is
    empty, the verdict counts what the rows looked at ("34 files"). `same` is whether different
    subjects looked at the same things, so that the most that one has seen is all there is.
    """

    command: str
    findings: tuple[Finding, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    target: str = ""
    fail_on: Severity = Severity.ERROR
    unit: str = ""
    sheets: tuple[Sheet, ...] = ()
    same: bool = False

    @property
    def status(self) -> int:
        """1 when a finding is at least as grave as `fail_on`, else 0."""
        return int(any(f.severity.rank <= self.fail_on.rank for f in self.findings))

    def count(self, severity: Severity) -> int:
        """How many findings have exactly this severity."""
        return sum(f.severity is severity for f in self.findings)

    @property
    def verdict(self) -> str:
        """The report in one line: what was found, what was looked at and what was not."""
        found = [counted(self.count(s), s) for s in (Severity.ERROR, Severity.WARNING)]
        if notes := self.count(Severity.INFO):
            found.append(f"{notes} info")
        checked = [c for c in self.coverage if not c.skipped]
        if self.unit:
            looked = [counted(len(checked), self.unit)] if self.coverage else []
        else:
            units = dict.fromkeys(c.unit for c in checked if c.unit)
            looked = [counted(self._seen(u, checked), u) for u in units]
        ends = [f"{', '.join(looked)} checked"] if looked else []
        if skipped := len(self.coverage) - len(checked):
            ends.append(f"{skipped} not checked")
        return " · ".join(filter(None, (", ".join(found), ", ".join(ends))))

    def _seen(self, unit: str, checked: Iterable[Coverage]) -> int:
        """How many things of a unit were looked at."""
        by_subject: dict[str, int] = {}
        for row in checked:
            if row.unit == unit:
                by_subject[row.subject] = by_subject.get(row.subject, 0) + row.count
        return max(by_subject.values()) if self.same else sum(by_subject.values())


def sentences(*said: str) -> str:
    """What several have said as one text, whatever each begins and ends with.

    >>> sentences("Key (id)=(1) already exists.", "", "remove the row")
    'Key (id)=(1) already exists; remove the row'
    """
    return "; ".join(each.rstrip(".") for each in said if each)


def counted(count: int, unit: str) -> str:
    """A number and what it counts.

    >>> counted(1, "file"), counted(2, "index"), counted(0, "policy")
    ('1 file', '2 indexes', '0 policies')
    """
    if count != 1:
        if unit.endswith("y") and unit[-2:-1] not in "aeiou":
            unit = unit[:-1] + "ies"
        else:
            unit += "es" if unit.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{count} {unit}"


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the order a person reads them: by place where there is one, else by gravity."""
    return tuple(
        sorted(
            findings,
            key=lambda f: (
                f.span is None,
                (f.span.path, f.span.line, f.span.column) if f.span else ("", 0, 0),
                f.severity.rank,
                f.code,
                str(f.ref or ""),
                f.message,
            ),
        )
    )

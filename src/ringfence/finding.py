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


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing somebody should know: a rule broken, a claim that does not hold, a hazard.

    `code` names the rule, claim or hazard; `ref` the object and `span` the place, where there is
    one. `help` says what to do, `fix` is SQL or text that does it, `evidence` what was observed.
    """

    code: str
    severity: Severity
    message: str
    ref: Ref | None = None
    span: Span | None = None
    help: str = ""
    fix: str = ""
    evidence: Mapping[str, str | int | bool] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The same for the same finding tomorrow: what a baseline or a suppression names."""
        where = self.ref or (self.span.path if self.span else "")
        return f"{self.code}:{where}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """One thing that was looked at, or was not and why.

    `subject` names the claim or rule, `count` how many things it looked at; `skipped` is the reason
    when it looked at none of them or not at all, and empty otherwise.
    """

    subject: str
    title: str
    count: int = 0
    unit: str = ""
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a command found and what it looked at. `status` is the exit status it asks for."""

    command: str
    findings: tuple[Finding, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    target: str = ""
    fail_on: Severity = Severity.ERROR

    @property
    def status(self) -> int:
        """1 when a finding is at least as grave as `fail_on`, else 0."""
        return int(any(f.severity.rank <= self.fail_on.rank for f in self.findings))

    def count(self, severity: Severity) -> int:
        """How many findings have exactly this severity."""
        return sum(f.severity is severity for f in self.findings)


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

"""What `ringfence verify` proves on a live server: one module a claim, found by looking.

A claim is a sentence that is true of a database or is not. Its module's docstring is its page, its
function yields a finding for everything that contradicts it and counts what it looked at, so that a
report can say what "holds" rests on.
"""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ringfence import migrate, revisions
from ringfence.claims._shadows import Shadows, loaded
from ringfence.finding import Coverage, Finding, Report, Severity, ordered
from ringfence.pg import ledger
from ringfence.pg.beside import Beside
from ringfence.pg.connect import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from psycopg import Connection

    from ringfence.config import Accepted
    from ringfence.errors import Span
    from ringfence.isolation.judge import Cell
    from ringfence.model import Ref
    from ringfence.pg.connect import Target
    from ringfence.project import Project


@dataclass
class Case:
    """What claims look at: a connection in autocommit mode, the project, and where they stand."""

    connection: Connection[tuple[object, ...]]
    project: Project
    shown: str = ""
    target: Target | None = None
    """How the database is reached: what needs a shadow makes it near there."""
    require_coverage: int = 100
    """How many per cent of what is tried must have shown something."""
    in_place: bool = False
    """Whether isolation is tried in the database itself, rather than on a shadow."""
    cells: list[Cell] = field(default_factory=list)
    """What was tried, and what it has shown: filled by the claim about isolation."""
    shadows: Shadows | None = None
    """Where several claims have their shadows from."""
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    """The day it is, after which some things are not accepted any more."""

    def shadow(self, stack: ExitStack) -> Target:
        """A shadow of one's own with the live schema and no rows, dropped when `stack` is closed."""
        if self.shadows is not None:
            return self.shadows.copy(stack)
        assert self.target is not None
        return loaded(self.project, self.target, stack)[1]

    @cached_property
    def graph(self) -> revisions.Graph:
        """The revisions as files."""
        return revisions.read(self.project)

    @cached_property
    def standing(self) -> migrate.Standing:
        """The database against the files."""
        state = ledger.state(self.connection, self.project.config.migrate.schema)
        return migrate.compare(self.graph, state, self.shown)


@dataclass
class Verdict:
    """What a claim found while it looked: `checked` things of `unit`, or why it looked at none."""

    code: str
    unit: str
    checked: int = 0
    skipped: str = ""
    findings: list[Finding] = field(default_factory=list)
    title: str = ""
    """What to say instead of the claim's own title, where the claim knows more."""

    def no(
        self,
        message: str,
        *,
        ref: Ref | None = None,
        span: Span | None = None,
        help: str = "",  # noqa: A002 - the name it has in a finding
        fix: str = "",
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Something contradicts the claim."""
        self.findings.append(Finding(self.code, severity, message, ref, span, help, fix))


class Check(Protocol):
    """The function of a claim."""

    def __call__(self, case: Case, verdict: Verdict, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim: its code, the sentence it says, what it counts, and its page."""

    code: str
    title: str
    unit: str
    check: Check
    page: str
    asked: bool = False
    aside: bool = False


_claims: dict[str, Claim] = {}


def claim(
    code: str, title: str, unit: str, *, asked: bool = False, aside: bool = False
) -> Callable[[Check], Check]:
    """Register the function below as the claim `code`. `unit` is one of what it counts.

    One that is `asked` for is looked at when it is named, and not with the others. One that works
    `aside` has a shadow of its own, and takes so long that others are looked at meanwhile.
    """

    def register(check: Check) -> Check:
        page = import_module(getattr(check, "__module__", "")).__doc__ or ""
        _claims[code] = Claim(code, title, unit, check, page, asked, aside)
        return check

    return register


def claims() -> tuple[Claim, ...]:
    """Every claim there is, by code."""
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        import_module(f"{__name__}.{path.stem}")
    return tuple(sorted(_claims.values(), key=lambda c: c.code))


def verify(case: Case, only: Sequence[str] = ()) -> Report:
    """Look at every claim (or those named) and report what holds, what does not, what was skipped."""
    findings: list[Finding] = []
    coverage: list[Coverage] = []
    wanted = [c for c in claims() if c.code in only or not (only or c.asked)]
    verdicts = _looked(case, wanted, only)
    for each in claims():
        verdict = verdicts.get(each.code)
        if verdict is None:
            why = "not asked for" if only else f"when asked for: --claim {each.code}"
            coverage.append(Coverage(each.code, each.title, 0, each.unit, why))
            continue
        findings += verdict.findings
        skipped = verdict.skipped or (
            "" if verdict.checked else f"there is no {each.unit} to look at"
        )
        title = verdict.title or each.title
        coverage.append(Coverage(each.code, title, verdict.checked, each.unit, skipped))
    findings = _borne(findings, case, known=not only)
    return Report("verify", ordered(findings), tuple(coverage), case.shown, unit="claim")


_ASIDE = 3
"""How many claims are looked at beside the others: each keeps a session of the server busy."""


def _look(each: Claim, case: Case, verdict: Verdict, *, every: bool) -> None:
    """Look at a claim. Where there are no revisions, and the database knows of none, one can look at
    the schema all the same: of `every` claim, those about revisions are skipped."""
    try:
        each.check(case, verdict)
    except revisions.NoRevisions as error:
        schema = case.project.config.migrate.schema
        if not every or ledger.state(case.connection, schema).exists:
            raise
        verdict.skipped = error.message


def _looked(case: Case, wanted: Sequence[Claim], only: Sequence[str]) -> dict[str, Verdict]:
    """The verdicts of claims; those that have shadows of their own beside the rest."""
    verdicts = {each.code: Verdict(each.code, each.unit) for each in wanted}
    target = case.target
    if target is None or len(wanted) < 2:
        for each in wanted:
            _look(each, case, verdicts[each.code], every=not only)
        return verdicts
    aside = [each for each in wanted if each.aside]
    shadows = Shadows(case.project, target) if len(aside) > 1 else None

    def alone(each: Claim) -> None:
        with closing(connect(target, pinned=True)) as own:
            each.check(replace(case, connection=own, shadows=shadows), verdicts[each.code])

    with closing(shadows) if shadows else nullcontext(), Beside(_ASIDE) as beside:
        working = [beside.submit(alone, each) for each in aside]
        for each in wanted:
            if each not in aside:
                _look(each, case, verdicts[each.code], every=not only)
        for one in working:
            one.result()
    return verdicts


def _borne(findings: list[Finding], case: Case, *, known: bool) -> list[Finding]:
    """The findings, those that the project accepts as information. `known`: all claims spoke."""
    accepted = case.project.config.accepted
    used: set[Accepted] = set()
    out = []
    for finding in findings:
        match = next((a for a in accepted if fnmatchcase(finding.fingerprint, a.finding)), None)
        if match is None:
            out.append(finding)
            continue
        used.add(match)
        if match.until < case.today:
            said = f"it was accepted until {match.until}: {match.reason}"
            out.append(replace(finding, help="; ".join(filter(None, (finding.help, said)))))
        else:
            said = f"accepted until {match.until}: {match.reason}"
            out.append(replace(finding, severity=Severity.INFO, help=said))
    if known:
        out += [
            Finding(
                "accepted", Severity.INFO, f"nothing is found any more of {each.finding}",
                help="take it out of [[tool.ringfence.accepted]]", key=each.finding,
            )
            for each in accepted
            if each not in used and not _unasked(each)
        ]  # fmt: skip
    return out


def _unasked(accepted: Accepted) -> bool:
    """Whether it is about a claim that speaks only when it is named."""
    return any(accepted.finding.startswith((c.code, "*")) for c in claims() if c.asked)

"""The safe forms of what keeps others waiting: found, and a whole file of them tried."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ringfence.change import diff
from ringfence.finding import Finding, Severity
from ringfence.pg.connect import connect
from ringfence.rehearse import interim, measure, rewrite, stage
from ringfence.rehearse.files import File
from ringfence.rehearse.hazards import digest, hazards
from ringfence.rehearse.moves import written
from ringfence.rehearse.safe import Forms
from ringfence.script import Script, redacted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ringfence.pg.connect import Target
    from ringfence.project import Project
    from ringfence.rehearse.stage import Work
    from ringfence.rehearse.twin import Twin
    from ringfence.script import Statement


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A file's safe form: the SQL up and down of the files in its place, and what is left to say.

    `left` is what it still does to others and to rows. `texts` is empty where it has no other form, and `why`
    says so.
    """

    file: File
    texts: tuple[tuple[str, str], ...] = ()
    left: tuple[Finding, ...] = ()
    why: str = ""


_GATED = ("REWRITE", "INDEX_BUILD", "SCAN_UNDER_LOCK", "LONG_LOCK", "BACKFILL")


def with_safe_forms(
    project: Project, twin: Twin, file: File, found: Sequence[Finding]
) -> tuple[list[Finding], Forms]:
    """The findings with the SQL that would do the same and let others work; and that by statement."""
    advice: Mapping[int, str] | None = None
    at = _numbers(file, found)
    if not at:
        return list(found), Forms({}, {}, whole=True)
    forms = twin.safe_forms(file.up, at)
    told = list(found)
    for number, its in at.items():
        for finding in its:
            place = next(n for n, each in enumerate(told) if each is finding)
            if number in forms.moves:
                told[place] = replace(
                    finding, fix=written(forms.moves[number], loose=file.up.loose)
                )
            elif number in forms.why:
                why = f"no column beside it can take its place: {forms.why[number]}"
                told[place] = replace(finding, help=why)
            elif not finding.help:
                why = _why_none(finding, file.up.statements[number - 1], whole=forms.whole)
                if not why:
                    advice = _advice(project, file) if advice is None else advice
                    why = advice.get(number, _NONE)
                told[place] = replace(finding, help=why)
    return told, forms


_NONE = "no form is known that reaches the same and keeps fewer waiting: let it run while few work"


def _advice(project: Project, file: File) -> dict[int, str]:
    """What lint would do instead of a file's statements, by number: some of it no plan can say."""
    from ringfence import rules

    path = project.root / file.up.path
    if not path.is_file():
        return {}
    measurable = {rule.code for rule in rules.rules() if rule.measurable}
    places = [(file.up.span(s.start), n) for n, s in enumerate(file.up.statements, 1)]
    said: dict[int, str] = {}
    for finding in rules.lint(project, [path], select=["M"]).findings:
        at = finding.span
        if at is not None and finding.help and finding.code in measurable:
            before = [n for s, n in places if (s.line, s.column) <= (at.line, at.column)]
            said.setdefault(before[-1] if before else 0, finding.help)
    return said


def _why_none(finding: Finding, statement: Statement, *, whole: bool) -> str:
    """In one sentence, what to do about a hazard for which there is no SQL that does the same; "" where
    the statement has to say."""
    first, second = (*statement.words, "", "")[:2]
    if finding.code != "LONG_LOCK" and first in _BLOCKS:
        return "what a block does is not taken apart: as statements each has its own form"
    if "since" in finding.evidence:
        return (
            "nobody waits for it in a transaction of its own, once what stands above is committed"
        )
    if first == "CLUSTER" or (first == "VACUUM" and "FULL" in statement.words):
        return "PostgreSQL has no other form of it: let it run while nobody works"
    if (first, second) == ("REFRESH", "MATERIALIZED"):
        return "CONCURRENTLY lets readers work: it takes a unique index of columns, and rows there"
    if not whole:
        return "no other form was tried: the file did not run on a copy statement by statement"
    return ""


_BLOCKS = ("DO", "CALL")


def _numbers(file: File, found: Sequence[Finding]) -> dict[int, list[Finding]]:
    """What was found of statements that others wait for, by the statement's number."""
    places = {
        (file.up.span(s.start), digest(redacted(s.text))): n
        for n, s in enumerate(file.up.statements, 1)
    }
    at: dict[int, list[Finding]] = {}
    for finding in found:
        number = finding.span and places.get((finding.span, finding.key.rpartition(":")[2]))
        if finding.code in _GATED and number:
            at.setdefault(number, []).append(finding)
    return at


def rewritten(
    work: Work,
    base: Target,
    spare: Target,
    file: File,
    found: Sequence[Finding],
    forms: Forms,
) -> Rewritten:
    """The file's safe form, run and measured on `spare`; `base` is what the file itself has led to."""
    if file.revision is not None and not file.revision.sql:
        return Rewritten(file, why="it is Python")
    at = _numbers(file, found)
    apart = {n for n, its in at.items() if any(f.code == "LONG_LOCK" for f in its)}
    if not at:
        return Rewritten(file, why="nothing keeps others waiting")
    if not forms.moves and not apart:
        none = "there is no other form of what keeps others waiting"
        return Rewritten(file, why="; ".join((none, *dict.fromkeys(forms.why.values()))))
    cut = rewrite.pieces(file.up, forms.moves, apart)
    directives = tuple(rewrite.directives(file.up))
    titles = [f"{file.title or file.name} ({n} of {len(cut)})" for n in range(1, len(cut) + 1)]
    left, stages = list[Finding](), []
    for number, (piece, title) in enumerate(zip(cut, titles, strict=True), 1):
        text = piece.text(title, directives, loose=file.up.loose)
        script = Script(f"{file.name} ({number} of {len(cut)})", text, file.up.loose)
        with connect(spare) as connection:
            stages.append(stage.extracted(work, connection))
        part = measure.measured(work, spare, File(script.path, title, script))
        if any(s.observed.error is not None for s in part.statements):
            failed = next(iter(hazards(part)))
            return Rewritten(file, why=f"the safe form does not run here: {failed.message}")
        left += hazards(part)
    with connect(spare) as connection:
        stages.append(stage.extracted(work, connection))
    with connect(base) as connection:
        goal = stage.extracted(work, connection)
    if differs := diff(stages[-1], goal):
        names = ", ".join(str(c.ref) for c in differs[:3])
        return Rewritten(file, why=f"the safe form leads to another schema: {names}")
    texts = [
        piece.text(title, (*directives, *own), loose=file.up.loose)
        for piece, title, own in zip(cut, titles, interim.lines(stages), strict=True)
    ]
    downs: list[str] | None = None
    if file.down is not None:
        downs = rewrite.downs(file.title or file.name, stages, forms.fills)
    pairs = zip(texts, downs or [""] * len(texts), strict=True)
    return Rewritten(file, tuple(pairs), tuple(left))


def remaining(done: Rewritten, findings: Iterable[Finding]) -> Rewritten:
    """The same, with what was found of the file and is so in whatever files it is written: who cannot
    go on, what is lost, who gets at whose rows."""
    still = [
        f
        for f in findings
        if f.severity is not Severity.INFO
        and f.code not in (*_GATED, "NOT_REVERSIBLE")
        and (f.span is None or f.span.path == done.file.up.path)
    ]
    return replace(done, left=(*done.left, *still))

"""The history matches the files.

Every revision that the database has was applied from the very text that its file has now. An edited
file means that the next database built from these files is another one than this.

Caught: a file edited after it was applied; a revision in the database that no file has. A warning: a
way back, a verification or a module of an applied revision that is not as `ringfence.lock` says.
Reported as not checked: a revision that was stamped without being run, or whose run left no checksum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence import lockfile
from ringfence.claims import claim
from ringfence.errors import Span
from ringfence.finding import Severity
from ringfence.model import Ref

if TYPE_CHECKING:
    from ringfence.claims import Case, Verdict


@claim("history", "the history matches the files", "applied revision")
def history(case: Case, verdict: Verdict) -> None:
    """Compare each applied revision's checksum with its file's."""
    standing = case.standing
    for unknown in standing.unknown:
        verdict.checked += 1
        verdict.no(
            f"the database stands at revision {unknown}, which is not among the files",
            ref=Ref("revision", (unknown,)),
            help="check out the code that has it; ringfence history shows who applied it",
        )
    edited = {r.id for r in standing.edited}
    for revision in standing.applied:
        event = standing.state.applied.get(revision.id)
        if event is None or event.checksum is None or event.event == "stamped":
            verdict.no(
                f"revision {revision} was stamped and never run here: nothing to compare it with",
                ref=Ref("revision", (revision.id,)),
                severity=Severity.WARNING,
            )
            continue
        verdict.checked += 1
        if revision.id in edited:
            shown = revision.shown_file("up") if revision.sql else revision.shown
            verdict.no(
                f"revision {revision} was applied and has been edited since",
                ref=Ref("revision", (revision.id,)),
                span=Span(shown),
                help=f"git checkout -- {shown}, and put the change in a new revision",
            )
    applied = {r.id for r in standing.applied} - edited
    for deviation in lockfile.edited(case.project, case.graph):
        if deviation.revision in applied:
            verdict.no(
                f"{deviation.text} of an applied revision was {deviation.what} since ringfence.lock was written",
                ref=Ref("revision", (deviation.revision,)),
                span=Span(deviation.text),
                severity=Severity.WARNING,
                help=f"git checkout -- {deviation.text}, or accept it: ringfence lock",
            )

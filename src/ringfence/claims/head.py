"""The database stands at the head.

Nothing that the files hold is still to be applied, and there is one newest revision, not two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.claims import claim
from ringfence.model import Ref

if TYPE_CHECKING:
    from ringfence.claims import Case, Verdict


@claim("head", "the database stands at the head", "revision")
def head(case: Case, verdict: Verdict) -> None:
    """Every revision among the files is applied, and they end in one head."""
    standing = case.standing
    if standing.unknown:
        verdict.skipped = f"revision {', '.join(standing.unknown)} is not among the files"
        return
    applied = {revision.id for revision in standing.applied}
    aside = case.graph.opt_in - applied
    verdict.checked = sum(each not in aside for each in case.graph.revisions)
    if len(standing.heads) > 1:
        verdict.no(
            f"there are {len(standing.heads)} heads: {', '.join(standing.heads)}",
            help=f"alembic merge -m merge {' '.join(standing.heads)}",
        )
    for revision in standing.pending:
        verdict.no(
            f"revision {revision} is not applied",
            ref=Ref("revision", (revision.id,)),
            help="ringfence migrate",
        )

"""What says when a row was last changed moves when it is changed.

A column named `updated_at` (or `modified_at`, …) is believed by caches, exports and people. Where no
trigger moves it, it says what it said when the row was made. So a row of every such table is updated,
on a shadow with rows of its own making, and the column must be another one afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.behaviour import constraints as behaviour
from ringfence.claims import claim
from ringfence.claims.constraints import shadow, tell

if TYPE_CHECKING:
    from ringfence.claims import Case, Verdict


@claim("triggers", "what says when a row changed moves when it changes", "column", asked=True)
def triggers(case: Case, verdict: Verdict) -> None:
    """Update a row of every table that has such a column."""
    with shadow(case, verdict) as rows:
        if rows is not None:
            tell(verdict, behaviour.moving(rows))

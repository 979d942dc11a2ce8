"""Triggers are seen to work, and what says when a row was last changed moves when it is changed.

Each trigger makes a difference to some statement, or it is said that none was found: every statement
is tried with it and without it, on a shadow with rows of its own making.

A column named `updated_at` (or `modified_at`, …) is believed by caches, exports and people. Where no
trigger moves it, it says what it said when the row was made. So a row of every such table is updated,
and the column must be another one afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.behaviour import constraints as behaviour
from ringfence.behaviour import triggers as fired
from ringfence.claims import claim
from ringfence.claims.constraints import shadow, tell

if TYPE_CHECKING:
    from ringfence.claims import Case, Verdict


@claim(
    "triggers",
    "triggers make a difference, and what says when a row changed moves",
    "trigger",
    aside=True,
)
def triggers(case: Case, verdict: Verdict) -> None:
    """Update a row of every table that has such a column, and try every trigger."""
    with shadow(case, verdict) as rows:
        if rows is not None:
            tell(verdict, behaviour.moving(rows))
            tell(verdict, fired.look(rows))

"""A finding is to be ignored that nobody makes.

Why it matters: the comment outlived what it spoke of; the next finding of that kind in this place
would be kept from sight.

Caught:

    -- ringfence: ignore M001 because the table is empty
    DROP INDEX app.t_a;

Passes:

    -- ringfence: ignore M002 because the table is empty
    DROP INDEX app.t_a;

When to ignore: never: delete the comment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._ignores import Ignore


@rule("L002", Severity.WARNING)
def ignore_matches_nothing(ignore: Ignore) -> Iterator[Problem]:
    """Codes that matched no finding although their rules were run."""
    if not ignore.reason:
        return
    for code in ignore.codes:
        if code in ignore.judged and code not in ignore.matched:
            yield Problem(f"there is no {code} here to ignore", at=ignore.at, help="delete it")

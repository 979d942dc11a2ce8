"""A finding is to be ignored, and nobody says why.

Why it matters: whoever reads the comment next year cannot tell a decision from a shortcut. Until it
has a reason it is not heeded.

Caught:

    -- ringfence: ignore M002
    DROP INDEX app.t_a;

Passes:

    -- ringfence: ignore M002 because the table is empty
    DROP INDEX app.t_a;

When to ignore: never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._ignores import Ignore


@rule("L001", Severity.ERROR)
def ignore_without_reason(ignore: Ignore) -> Iterator[Problem]:
    """Comments without `because`, or without a code."""
    if not ignore.codes:
        yield Problem(
            "ignore names no code",
            at=ignore.at,
            help="-- ringfence: ignore M002 because the table is empty",
        )
    elif not ignore.reason:
        yield Problem(
            f"ignore {', '.join(ignore.codes)} gives no reason, and is not heeded",
            at=ignore.at,
            help=f"-- ringfence: ignore {' '.join(ignore.codes)} because …",
        )

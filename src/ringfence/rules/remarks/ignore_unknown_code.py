"""A finding is to be ignored whose code does not exist.

Why it matters: the comment does nothing, and looks as if it did.

Caught:

    -- ringfence: ignore M999 because the table is empty
    DROP INDEX app.t_a;

Passes:

    -- ringfence: ignore M002 because the table is empty
    DROP INDEX app.t_a;

When to ignore: never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.errors import Misuse
from ringfence.finding import Severity
from ringfence.rules import Problem, known, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._ignores import Ignore


@rule("L003", Severity.ERROR)
def ignore_unknown_code(ignore: Ignore) -> Iterator[Problem]:
    """Codes that no rule has."""
    for code in ignore.codes:
        try:
            known([code])
        except Misuse as error:
            yield Problem(f"there is no rule {code} to ignore", at=ignore.at, help=error.hint)

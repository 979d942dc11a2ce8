"""A baseline accepts a finding that nobody makes.

Why it matters: what it accepted has been mended, or renamed. The entry would accept the same mistake
when it is made again.

Passes, whatever the baseline says of it:

    CREATE TABLE app.t (id bigint PRIMARY KEY);

When to ignore: never: take the entry out of the baseline, or write it anew with `--accept`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._baseline import Accepted


@rule("L004", Severity.WARNING)
def accepted_but_gone(accepted: Accepted) -> Iterator[Problem]:
    """Entries that matched nothing although everything was looked at."""
    if not accepted.matched:
        yield Problem(
            f"{accepted.fingerprint} is accepted, and there is no such finding",
            help="take it out of the baseline",
        )

"""A migration waits for a lock without end.

Why it matters: while a statement queues for a lock, everybody who comes after it queues behind it. A
short lock timeout gives up and lets them pass; ringfence sets one for every migration. Who takes it
back has what the server says, and that is no limit unless somebody has set one.

Caught:

    SET lock_timeout = 0;

    SET lock_timeout = '10min';

    SET lock_timeout TO DEFAULT;
    DROP TABLE app.t;

    RESET ALL;
    DROP TABLE app.t;

Passes:

    SET lock_timeout = '2s';

With nothing below it that could wait:

    SET lock_timeout = '2s';
    DROP TABLE IF EXISTS app.none;
    RESET lock_timeout;

When to ignore: while the application is stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import lock_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M049", Severity.WARNING, on=("variable_set", "select", "discard"))
def lock_timeout(action: Action) -> Iterator[Problem]:
    """SET lock_timeout to nothing, or to more than a minute; what takes it back."""
    limit = lock_limit(action.statement)
    if limit is None or 0 < limit <= 60_000:
        return
    if action.verb == "discard" or (action.verb == "variable_set" and not action.node.args):
        every = action.migration.statements
        below = every[every.index(action.statement.top) + 1 :]
        if all(each.kind in _WAIT_FOR_NOBODY for each in below):
            return
    what = "without end" if limit == 0 else "for more than a minute"
    yield Problem(
        f"statements below may queue for a lock {what}, and everybody else queues behind them",
        help="SET lock_timeout = '2s', and try again",
    )


_WAIT_FOR_NOBODY = ("variable_set_stmt", "transaction_stmt", "discard_stmt", "variable_show_stmt")

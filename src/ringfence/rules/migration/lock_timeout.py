"""A migration waits for a lock without end.

Why it matters: while a statement queues for a lock, everybody who comes after it queues behind it. A
short lock timeout gives up and lets them pass; ringfence sets one for every migration.

Caught:

    SET lock_timeout = 0;

    SET lock_timeout = '10min';

Passes:

    SET lock_timeout = '2s';

When to ignore: while the application is stopped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._migration import pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M049", Severity.WARNING, on=("variable_set",))
def lock_timeout(action: Action) -> Iterator[Problem]:
    """SET lock_timeout to nothing, or to more than a minute."""
    node = action.node
    if node.name != "lock_timeout":
        return
    values = [v.a_const for v in node.args]
    limit = _milliseconds(values[0]) if values and node.kind == pb.VAR_SET_VALUE else None
    if limit is None or 0 < limit <= 60_000:
        return
    what = "without end" if limit == 0 else "for more than a minute"
    yield Problem(
        f"statements below may queue for a lock {what}, and everybody else queues behind them",
        help="SET lock_timeout = '2s', and try again",
    )


def _milliseconds(value: Any) -> int | None:
    if value.HasField("ival"):
        return int(value.ival.ival)
    match = re.fullmatch(r"\s*(\d+)\s*(us|ms|s|min|h|d|)\s*", value.sval.sval)
    if match is None:
        return None
    return int(int(match[1]) * _UNITS[match[2]])


_UNITS = {"us": 0.001, "": 1, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}

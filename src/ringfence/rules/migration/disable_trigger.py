"""A trigger is switched off.

Why it matters: what others write meanwhile escapes it. With ALL those of foreign keys are off too,
and what they did not look at is never looked at again.

Caught:

    ALTER TABLE app.t DISABLE TRIGGER ALL;

    ALTER TABLE app.t ENABLE REPLICA TRIGGER touched;

Passes:

    ALTER TABLE app.t ENABLE TRIGGER touched;

When to ignore: in a transaction that holds a lock against writers, and switches it on again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M041", Severity.WARNING, on=("disable_trigger",), measured_as=("OLD_WRITER",))
def disable_trigger(action: Action) -> Iterator[Problem]:
    """DISABLE TRIGGER on a table in use."""
    if not action.new:
        which = action.node.name or "every trigger"
        yield Problem(f"{which} of {action.table} is off for everybody's writes", action.ref)

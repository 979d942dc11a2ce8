"""A rule rewrites other people's statements.

Why it matters: it changes what INSERT, UPDATE and DELETE of everybody mean, evaluates their
expressions more than once, and nobody who reads the statement sees it.

Caught:

    CREATE RULE r AS ON INSERT TO app.t DO ALSO NOTHING;

Passes:

    CREATE TRIGGER tr AFTER INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.f();

When to ignore: where the rule makes a view writable and a trigger cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M042", Severity.WARNING, on=("create_rule",))
def create_rule(action: Action) -> Iterator[Problem]:
    """CREATE RULE."""
    yield Problem(
        f"rule {action.node.rulename} changes what statements on {action.table} do",
        action.ref,
        help="a trigger does it in sight",
    )

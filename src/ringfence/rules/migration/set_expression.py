"""A stored generated column gets another expression.

Why it matters: every row's value is computed anew, so PostgreSQL writes the whole table and its
indexes while nobody can read or write.

Caught:

    ALTER TABLE app.t ALTER COLUMN a SET EXPRESSION AS (b * 2);

Passes:

    ALTER TABLE app.t ALTER COLUMN a DROP EXPRESSION;

A virtual one is stored nowhere:

    CREATE TABLE app.t (id bigint PRIMARY KEY, b int, a int GENERATED ALWAYS AS (b * 3) VIRTUAL);
    -- then
    ALTER TABLE app.t ALTER COLUMN a SET EXPRESSION AS (b * 2);

When to ignore: on a table that stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M046", Severity.WARNING, on=("set_expression",), measurable=True)
def set_expression(action: Action) -> Iterator[Problem]:
    """ALTER COLUMN … SET EXPRESSION."""
    known = action.relation.columns.get(action.node.name)
    if not action.new and (known is None or known.generated != "v"):
        yield Problem(
            f"a new expression for {action.node.name} writes {action.table} anew while nobody can use it",
            action.ref,
            help="add a column with the new expression that is VIRTUAL, or filled by a trigger",
        )

"""Several statements each read the same table as a whole.

Why it matters: one ALTER TABLE with several parts reads, or writes, the table once for all of them;
several statements do it once each, all the while holding the lock.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int, b int);
    -- then
    ALTER TABLE app.t ALTER COLUMN a TYPE bigint;
    ALTER TABLE app.t ALTER COLUMN b TYPE bigint;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int, b int);
    -- then
    ALTER TABLE app.t ALTER COLUMN a TYPE bigint, ALTER COLUMN b TYPE bigint;

When to ignore: where a statement between the two has to come between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import type_of
from ringfence.rules._state import proved_not_null
from ringfence.rules.migration._types import reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M051", Severity.INFO, on=("alter_type", "set_not_null"), measurable=True)
def scans_apart(action: Action) -> Iterator[Problem]:
    """ALTER TABLEs of one table, one right behind the other, that each look at every row."""
    if action.new or not _heavy(action):
        return
    heavy, before = action.migration.heavy, action.migration.actions
    heavy.append(action)
    last = before[-1] if before else None
    if (
        last is not None
        and any(last is each for each in heavy)
        and last.name == action.name
        and last.statement is not action.statement
    ):
        yield Problem(
            f"this and the statement above each go over all of {action.table}",
            action.ref,
            action.statement.at,
            help="write both as one ALTER TABLE",
        )


def _heavy(action: Action) -> bool:
    """Whether it looks at every row, as far as is known."""
    column, relation = action.node.name, action.relation
    if action.verb == "set_not_null":
        return not proved_not_null(relation, column)
    known = relation.columns.get(column)
    old = known.type if known is not None else None
    return reason(action, column, old, type_of(action.definition.type_name)) != ""

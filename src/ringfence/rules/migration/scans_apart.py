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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action, Migration


@rule("M051", Severity.INFO)
def scans_apart(migration: Migration) -> Iterator[Problem]:
    """ALTER TABLEs of one table, next to each other, that each look at every row."""
    last: Action | None = None
    for action in migration.actions:
        heavy = not action.new and action.verb in ("alter_type", "set_not_null")
        if (
            heavy
            and last is not None
            and last.name == action.name
            and last.statement is not action.statement
        ):
            yield Problem(
                f"this and the statement above each go over all of {action.table}",
                action.ref,
                action.statement.at,
                help="write both as one ALTER TABLE",
            )
        last = action if heavy else None

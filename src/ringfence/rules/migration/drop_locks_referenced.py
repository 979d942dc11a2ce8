"""Dropping a foreign key locks the table it refers to as well.

Why it matters: DROP TABLE and DROP CONSTRAINT take away the foreign key's triggers on the other
table, for which nobody may read or write that one either. It is done at once when it gets both
locks, and queues for them behind the longest query on either table.

Caught:

    CREATE TABLE app.p (id bigint PRIMARY KEY);
    CREATE TABLE app.t (id bigint PRIMARY KEY, p_id bigint CONSTRAINT t_p REFERENCES app.p (id));
    -- then
    ALTER TABLE app.t DROP CONSTRAINT t_p;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int CONSTRAINT t_a CHECK (a > 0));
    -- then
    ALTER TABLE app.t DROP CONSTRAINT t_a;

When to ignore: where the lock timeout is short and the migration is tried again, as ringfence does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M024", Severity.INFO, on=("drop_constraint", "drop_table"))
def drop_locks_referenced(action: Action) -> Iterator[Problem]:
    """DROP of a foreign key, or of a table that has one."""
    if action.new or action.migration.undo:
        return
    known = action.relation.constraints
    gone = (
        known
        if action.verb == "drop_table"
        else {n: c for n, c in known.items() if n == action.node.name}
    )
    targets = sorted(
        {c.target for c in gone.values() if c.target is not None and c.target != action.name}
    )
    if targets:
        others = ", ".join(target.path for target in targets)
        yield Problem(
            f"dropping the foreign key of {action.table} locks {others} against readers too",
            action.ref,
            help="in a migration of its own, so that the locks are held for a moment only",
        )

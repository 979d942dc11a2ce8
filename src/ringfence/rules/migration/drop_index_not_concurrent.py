"""An index is dropped under a lock that nobody passes.

Why it matters: DROP INDEX locks the table against readers too. It is done at once when it gets the
lock, but it queues for it behind the longest query, and everybody else queues behind it.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    CREATE INDEX t_a ON app.t (a);
    -- then
    DROP INDEX app.t_a;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    CREATE INDEX t_a ON app.t (a);
    -- then
    DROP INDEX CONCURRENTLY app.t_a;

An index that the same migration made:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    CREATE INDEX t_a ON app.t (a);
    DROP INDEX app.t_a;

When to ignore: where the lock timeout is short and the migration is tried again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M002", Severity.WARNING, on=("drop_index",))
def drop_index_not_concurrent(action: Action) -> Iterator[Problem]:
    """A plain DROP INDEX of an index whose table was there before."""
    index = action.state.indexes.get(action.name)
    table = action.state.relations.get(index.table) if index is not None else None
    if action.node.concurrent or (
        table is not None and (table.made_by == action.migration.shown or table.partitioned)
    ):
        return
    yield Problem(
        f"dropping {action.table} locks its table against readers and writers",
        action.name.ref("index"),
        help="drop it concurrently, in a migration that says `-- ringfence: transaction: none`",
        fix=re.sub(r"(?i)\bINDEX\b", "INDEX CONCURRENTLY", action.statement.text, count=1) + ";",
    )

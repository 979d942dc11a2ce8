"""A partition is detached under a lock on all partitions.

Why it matters: DETACH PARTITION lets nobody read or write the partitioned table, and queues for that
behind its longest query.

Caught:

    CREATE TABLE app.part (id bigint NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.part_1 PARTITION OF app.part FOR VALUES FROM (0) TO (100);
    -- then
    ALTER TABLE app.part DETACH PARTITION app.part_1;

Passes:

    CREATE TABLE app.part (id bigint NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.part_1 PARTITION OF app.part FOR VALUES FROM (0) TO (100);
    -- then
    ALTER TABLE app.part DETACH PARTITION app.part_1 CONCURRENTLY;

When to ignore: where there is a default partition, with which PostgreSQL refuses CONCURRENTLY.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M037", Severity.WARNING, on=("detach_partition",))
def detach_not_concurrent(action: Action) -> Iterator[Problem]:
    """DETACH PARTITION without CONCURRENTLY."""
    if action.new or action.definition.concurrent or action.relation.default_partition is not None:
        return
    yield Problem(
        f"detaching locks {action.table} with all its partitions",
        action.ref,
        help="DETACH PARTITION … CONCURRENTLY, in a migration that says `-- ringfence: transaction: none`",
    )

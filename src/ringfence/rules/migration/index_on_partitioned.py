"""An index is built on all partitions while writers wait.

Why it matters: CREATE INDEX on a partitioned table keeps writers from every partition until the last
one's index is built, and cannot be told CONCURRENTLY.

Caught:

    CREATE TABLE app.part (id bigint NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.part_1 PARTITION OF app.part FOR VALUES FROM (0) TO (100);
    -- then
    CREATE INDEX part_id ON app.part (id);

Passes:

    CREATE TABLE app.part (id bigint NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.part_1 PARTITION OF app.part FOR VALUES FROM (0) TO (100);
    -- then
    CREATE INDEX part_id ON ONLY app.part (id);
    CREATE INDEX CONCURRENTLY part_1_id ON app.part_1 (id);
    ALTER INDEX app.part_id ATTACH PARTITION app.part_1_id;

So does what finds an index like it on every partition: it attaches those, and builds what newer
partitions lack.

    CREATE TABLE app.part (id bigint NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.part_1 PARTITION OF app.part FOR VALUES FROM (0) TO (100);
    -- then
    CREATE INDEX CONCURRENTLY part_1_id ON app.part_1 (id);
    CREATE INDEX part_id ON app.part (id);

When to ignore: where every partition stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M039", Severity.WARNING, on=("create_index",), measurable=True)
def index_on_partitioned(action: Action) -> Iterator[Problem]:
    """CREATE INDEX on a partitioned table without ONLY."""
    if (
        action.new
        or not action.relation.partitioned
        or not action.node.relation.inh
        or action.takes_in
    ):
        return
    yield Problem(
        f"building an index keeps writers from every partition of {action.table}",
        action.ref,
        help="build each partition's index concurrently first: CREATE INDEX on the parent attaches them",
    )

"""A partition is made beside a default one, and the default one is searched.

Why it matters: rows of the new partition may stand in the default one, so PostgreSQL reads all of
that, while nobody can use the partitioned table or any of its partitions.

Caught:

    CREATE TABLE app.part (id bigint NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.rest PARTITION OF app.part DEFAULT;
    -- then
    CREATE TABLE app.part_3 PARTITION OF app.part FOR VALUES FROM (200) TO (300);

Passes:

    CREATE TABLE app.part (id bigint NOT NULL) PARTITION BY RANGE (id);
    -- then
    CREATE TABLE app.part_3 PARTITION OF app.part FOR VALUES FROM (200) TO (300);

When to ignore: where the default partition is empty or small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M038", Severity.WARNING, on=("create_table",), measurable=True)
def partition_beside_default(action: Action) -> Iterator[Problem]:
    """CREATE TABLE … PARTITION OF a table that has a default partition with rows."""
    tree = action.node
    if not tree.HasField("partbound") or not tree.inh_relations:
        return
    parent = tree.inh_relations[0].range_var
    name = action.state.named(parent.schemaname, parent.relname)
    known = action.state.relations.get(name)
    if known is None or known.made_by == action.migration.shown or known.default_partition is None:
        return
    yield Problem(
        f"{known.default_partition.path} is read for rows of the new partition while nobody can use {name.path}",
        name.ref(),
        help="give the default partition a valid CHECK that keeps these rows out, first",
    )

"""A partition is attached, and every row is looked at.

Why it matters: PostgreSQL reads the whole partition, and the default partition too, to see that each
row is in its place, while nobody can use them. A valid CHECK that says so already spares it.

Caught:

    CREATE TABLE app.part (id bigint NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.part_2 (id bigint NOT NULL);
    -- then
    ALTER TABLE app.part ATTACH PARTITION app.part_2 FOR VALUES FROM (100) TO (200);

Passes:

    CREATE TABLE app.part (id bigint NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.part_2 (id bigint NOT NULL, CHECK (id >= 100 AND id < 200));
    -- then
    ALTER TABLE app.part ATTACH PARTITION app.part_2 FOR VALUES FROM (100) TO (200);

When to ignore: where the partition is empty or small, and so is the default partition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import columns_of
from ringfence.rules._state import Relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M036", Severity.WARNING, on=("attach_partition",), measurable=True)
def attach_without_check(action: Action) -> Iterator[Problem]:
    """ATTACH PARTITION of a table without a CHECK on the key."""
    command = action.definition
    name = action.state.named(command.name.schemaname, command.name.relname)
    part = action.state.relations.get(name) or Relation()
    key = set(action.relation.partition_key)
    default = action.relation.default_partition
    if part.made_by != action.migration.shown and not _placed(part, key):
        yield Problem(
            f"attaching reads all of {name.path} while nobody can use it",
            name.ref(),
            help="add a CHECK that says what the bounds say as NOT VALID, validate it, then attach",
        )
    if default is not None and not _placed(action.state.relations.get(default) or Relation(), key):
        yield Problem(
            f"attaching reads all of the default partition {default.path} while nobody can use it",
            default.ref(),
            help="add a CHECK to the default partition that keeps these rows out, validate it, then attach",
        )


def _placed(part: Relation, key: set[str]) -> bool:
    """Whether a valid CHECK speaks of the partition key, as one that proves the bounds would."""
    return any(
        each.kind == "c"
        and each.valid
        and each.expression is not None
        and (columns_of(each.expression) & key if key else True)
        for each in part.constraints.values()
    )

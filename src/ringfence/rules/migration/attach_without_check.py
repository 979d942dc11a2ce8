"""A partition is attached, and every row is looked at.

Why it matters: PostgreSQL reads the whole partition, and the default partition too, to see that each
row is in its place, while nobody can use them. A valid CHECK that says so already spares it, where
no column of the key may be NULL. An index that only the partitioned table has is built then, too.

Caught:

    CREATE TABLE app.part (id bigint NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.part_2 (id bigint NOT NULL);
    -- then
    ALTER TABLE app.part ATTACH PARTITION app.part_2 FOR VALUES FROM (100) TO (200);

With an index to be built:

    CREATE TABLE app.part (id bigint NOT NULL, a int) PARTITION BY RANGE (id);
    CREATE INDEX part_a ON app.part (a);
    CREATE TABLE app.part_2 (id bigint NOT NULL, a int, CHECK (id >= 100 AND id < 200));
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
from ringfence.rules._state import Relation, proved_not_null

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action
    from ringfence.rules._parse import Name
    from ringfence.rules._state import State


@rule("M036", Severity.WARNING, on=("attach_partition",), measurable=True)
def attach_without_check(action: Action) -> Iterator[Problem]:
    """ATTACH PARTITION of a table without a CHECK on the key."""
    command = action.definition
    name = action.state.named(command.name.schemaname, command.name.relname)
    part = action.state.relations.get(name) or Relation()
    key = set(action.relation.partition_key)
    default = action.relation.default_partition
    if part.made_by == action.migration.shown:
        pass  # nobody uses it yet
    elif not _placed(part, key) or (not command.bound.is_default and _may_be_null(part, key)):
        yield Problem(
            f"attaching reads all of {name.path} while nobody can use it",
            name.ref(),
            help="add a CHECK that says what the bounds say as NOT VALID, validate it, then attach",
        )
    elif missing := _indexed(action.state, action.name) - _indexed(action.state, name):
        columns = ", ".join(column or "…" for column in min(missing))
        yield Problem(
            f"attaching builds the index on ({columns}) of {name.path}, which {action.table} has,"
            " while nobody can use it",
            name.ref(),
            help="build it concurrently on the table that is attached: it is taken over then",
        )
    if default is not None and not _placed(action.state.relations.get(default) or Relation(), key):
        yield Problem(
            f"attaching reads all of the default partition {default.path} while nobody can use it",
            default.ref(),
            help="add a CHECK to the default partition that keeps these rows out, validate it, then attach",
        )


def _may_be_null(part: Relation, key: set[str]) -> bool:
    """Whether a column of the key is known to take NULL, which no bound but a list's takes."""
    return any(name in part.columns and not proved_not_null(part, name) for name in key)


def _indexed(state: State, table: Name) -> set[tuple[str, ...]]:
    """What a table's indexes are on, those of its keys too."""
    relation = state.relations.get(table) or Relation()
    return {index.columns for index in state.indexes.values() if index.table == table} | {
        each.columns for each in relation.constraints.values() if each.kind in "pu"
    }


def _placed(part: Relation, key: set[str]) -> bool:
    """Whether a valid CHECK speaks of the partition key, as one that proves the bounds would."""
    return any(
        each.kind == "c"
        and each.valid
        and each.expression is not None
        and (columns_of(each.expression) & key if key else True)
        for each in part.constraints.values()
    )

"""A unique constraint is added, and its index is built under the lock.

Why it matters: ADD CONSTRAINT … UNIQUE lets nobody read or write while the index is built.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, code text);
    -- then
    ALTER TABLE app.t ADD CONSTRAINT t_code UNIQUE (code);

ONLY is nothing to a table that has no partitions:

    CREATE TABLE app.t (id bigint PRIMARY KEY, code text);
    -- then
    ALTER TABLE ONLY app.t ADD CONSTRAINT t_code UNIQUE (code);

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, code text);
    -- then
    CREATE UNIQUE INDEX CONCURRENTLY t_code ON app.t (code);
    ALTER TABLE app.t ADD CONSTRAINT t_code UNIQUE USING INDEX t_code;

Nothing is built for a partitioned table alone, where each partition brings an index of its own:

    CREATE TABLE app.t (id bigint, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    -- then
    ALTER TABLE ONLY app.t ADD CONSTRAINT t_at UNIQUE (at, id);

Nor where each partition has such a key already, which is attached:

    CREATE TABLE app.t (id bigint NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.t_1 PARTITION OF app.t FOR VALUES FROM (0) TO (100);
    -- then
    CREATE UNIQUE INDEX CONCURRENTLY t_1_key ON app.t_1 (id);
    ALTER TABLE app.t_1 ADD CONSTRAINT t_1_key UNIQUE USING INDEX t_1_key;
    ALTER TABLE app.t ADD CONSTRAINT t_key UNIQUE (id);

When to ignore: on a table that stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import called, pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M020", Severity.WARNING, on=("add_constraint",), measurable=True)
def unique_without_index(action: Action) -> Iterator[Problem]:
    """ADD CONSTRAINT … UNIQUE without USING INDEX."""
    if action.new or action.of_whole_only or action.takes_in:
        return
    node = action.definition
    if node.contype == pb.CONSTR_UNIQUE and not node.indexname:
        yield Problem(
            f"the unique constraint{called(node)} builds an index while nobody can use {action.table}",
            action.ref,
            action.place(node),
            help="build a unique index concurrently, then ADD CONSTRAINT … UNIQUE USING INDEX",
        )

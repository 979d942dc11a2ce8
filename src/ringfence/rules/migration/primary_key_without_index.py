"""A primary key is added, and its index is built under the lock.

Why it matters: ADD PRIMARY KEY lets nobody read or write while the index is built and the columns
are searched for NULL.

Caught:

    CREATE TABLE app.t (id bigint NOT NULL);
    -- then
    ALTER TABLE app.t ADD PRIMARY KEY (id);

ONLY is nothing to a table that has no partitions:

    CREATE TABLE app.t (id bigint NOT NULL);
    -- then
    ALTER TABLE ONLY app.t ADD PRIMARY KEY (id);

Passes:

    CREATE TABLE app.t (id bigint NOT NULL);
    -- then
    CREATE UNIQUE INDEX CONCURRENTLY t_pkey ON app.t (id);
    ALTER TABLE app.t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_pkey;

Nothing is built for a partitioned table alone:

    CREATE TABLE app.t (id bigint NOT NULL) PARTITION BY RANGE (id);
    -- then
    ALTER TABLE ONLY app.t ADD PRIMARY KEY (id);

Nor where each partition has such a key already, which is attached:

    CREATE TABLE app.t (id bigint NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.t_1 PARTITION OF app.t FOR VALUES FROM (0) TO (100);
    -- then
    CREATE UNIQUE INDEX CONCURRENTLY t_1_key ON app.t_1 (id);
    ALTER TABLE app.t_1 ADD CONSTRAINT t_1_key PRIMARY KEY USING INDEX t_1_key;
    ALTER TABLE app.t ADD CONSTRAINT t_key PRIMARY KEY (id);

When to ignore: on a table that stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M021", Severity.WARNING, on=("add_constraint",), measurable=True)
def primary_key_without_index(action: Action) -> Iterator[Problem]:
    """ADD PRIMARY KEY without USING INDEX."""
    if action.new or action.of_whole_only or action.takes_in:
        return
    node = action.definition
    if node.contype == pb.CONSTR_PRIMARY and not node.indexname:
        yield Problem(
            f"the primary key builds an index while nobody can use {action.table}",
            action.ref,
            action.place(node),
            help="build a unique index concurrently, then ADD CONSTRAINT … PRIMARY KEY USING INDEX",
        )

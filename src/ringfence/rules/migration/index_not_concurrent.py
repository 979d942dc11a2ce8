"""An index is built while writers wait.

Why it matters: CREATE INDEX holds a lock on the table (SHARE) that lets nobody write until the last
row is read and sorted: on a large table that is minutes.

Caught:

    CREATE TABLE app.orders (id bigint PRIMARY KEY, customer bigint);
    -- then
    CREATE INDEX orders_customer ON app.orders (customer);

Passes:

    CREATE TABLE app.orders (id bigint PRIMARY KEY, customer bigint);
    -- then
    CREATE INDEX CONCURRENTLY orders_customer ON app.orders (customer);

A table that the same migration makes has no writers yet:

    CREATE TABLE app.orders (id bigint PRIMARY KEY, customer bigint);
    CREATE INDEX orders_customer ON app.orders (customer);

Nobody writes to a materialized view:

    CREATE TABLE app.orders (id bigint PRIMARY KEY, customer bigint);
    CREATE MATERIALIZED VIEW app.customers AS SELECT DISTINCT customer FROM app.orders;
    -- then
    CREATE INDEX customers_customer ON app.customers (customer);

When to ignore: on a table that stays small, or while the application is stopped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import Name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M001", Severity.WARNING, on=("create_index",), measurable=True)
def index_not_concurrent(action: Action) -> Iterator[Problem]:
    """A plain CREATE INDEX on a table that was there before."""
    tree, relation = action.node, action.relation
    if action.new or tree.concurrent or relation.partitioned or relation.kind == "matview":
        return
    if not (tree.relation.inh or relation.whole):
        return
    if tree.if_not_exists and Name(action.name.schema, tree.idxname) in action.state.indexes:
        return
    yield Problem(
        f"building an index keeps writers from {action.table} until it is done",
        action.ref,
        help="build it concurrently, in a migration that says `-- ringfence: transaction: none`",
        fix=re.sub(r"(?i)\bINDEX\b", "INDEX CONCURRENTLY", action.statement.text, count=1) + ";",
    )

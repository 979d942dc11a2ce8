"""A failed index stays, and the next try takes it for done.

Why it matters: when CREATE INDEX CONCURRENTLY fails it leaves an invalid index behind. IF NOT EXISTS
finds that name taken and says all is well; no query ever uses the index, and a unique one guards
nothing.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_a ON app.t (a);

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    CREATE UNIQUE INDEX CONCURRENTLY t_a ON app.t (a);

An invalid index of that name is dropped first:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    DROP INDEX CONCURRENTLY IF EXISTS app.t_a;
    CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_a ON app.t (a);

When to ignore: where something else looks at pg_index.indisvalid afterwards. `ringfence verify` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import Name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M004", Severity.WARNING, on=("create_index",))
def concurrently_if_not_exists(action: Action) -> Iterator[Problem]:
    """CONCURRENTLY IF NOT EXISTS with no DROP INDEX of that name before it."""
    tree = action.node
    if not (tree.concurrent and tree.if_not_exists):
        return
    if any(
        a.verb == "drop_index" and a.name.name == tree.idxname for a in action.migration.actions
    ):
        return
    yield Problem(
        f"if building {tree.idxname} fails once, IF NOT EXISTS keeps the invalid index for good",
        action.ref,
        help=f"drop it first: DROP INDEX CONCURRENTLY IF EXISTS {Name(action.name.schema, tree.idxname).path};",
    )

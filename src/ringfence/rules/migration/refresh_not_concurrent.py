"""A materialized view is refreshed while nobody can read it.

Why it matters: REFRESH locks it until the query behind it is done.

Caught:

    CREATE MATERIALIZED VIEW app.mv AS SELECT 1 AS id;
    -- then
    REFRESH MATERIALIZED VIEW app.mv;

Passes:

    CREATE MATERIALIZED VIEW app.mv AS SELECT 1 AS id;
    CREATE UNIQUE INDEX mv_id ON app.mv (id);
    -- then
    REFRESH MATERIALIZED VIEW CONCURRENTLY app.mv;

When to ignore: where nobody reads it meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M035", Severity.WARNING, on=("refresh",), measurable=True)
def refresh_not_concurrent(action: Action) -> Iterator[Problem]:
    """REFRESH without CONCURRENTLY."""
    if not action.new and not action.node.concurrent:
        yield Problem(
            f"nobody can read {action.table} until it is refreshed",
            action.name.ref("materialized_view"),
            help="REFRESH … CONCURRENTLY, which needs a unique index on it",
        )

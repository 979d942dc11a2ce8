"""An index is built anew while others wait.

Why it matters: REINDEX keeps writers from the table until it is done, and queries of it wait too: who plans
one looks at each index of its table, the locked one among them.

Caught:

    REINDEX TABLE app.orders;

    REINDEX (CONCURRENTLY false) TABLE app.orders;

Passes:

    REINDEX TABLE CONCURRENTLY app.orders;

When to ignore: on a table that stays small, or while the application is stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import switched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M005", Severity.WARNING, on=("reindex",), measurable=True)
def reindex_not_concurrent(action: Action) -> Iterator[Problem]:
    """REINDEX without CONCURRENTLY."""
    if action.new or switched(action.node.params, "concurrently"):
        return
    index = action.state.indexes.get(action.name)
    table = action.state.relations.get(index.table) if index is not None else None
    if table is not None and table.made_by == action.migration.shown:
        return
    yield Problem(
        "REINDEX keeps writers from the table until it is done, and queries that look at its indexes",
        action.ref if action.name.name else None,
        help="REINDEX … CONCURRENTLY, in a migration that says `-- ringfence: transaction: none`",
    )

"""A view is sorted.

Why it matters: every query pays for the sort, whether it wants the order or not, and a query that
sorts otherwise pays twice.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY);
    CREATE VIEW app.v AS SELECT id FROM app.t ORDER BY id;

Passes:

    CREATE TABLE app.t (id int PRIMARY KEY);
    CREATE VIEW app.v AS SELECT id FROM app.t ORDER BY id LIMIT 10;

When to ignore: where nothing but people read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._schema import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C013", Severity.INFO)
def view_in_order(schema: Schema) -> Iterator[Problem]:
    """Views with ORDER BY and no LIMIT."""
    for view in schema.views.values():
        tree = parsed(view.definition)
        if (
            view.ref.kind == "view"
            and tree is not None
            and len(tree.sort_clause)
            and not tree.HasField("limit_count")
        ):
            yield Problem(f"{view.ref.path} is sorted for every query", view.ref)

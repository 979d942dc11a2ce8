"""Two flags may contradict each other.

Why it matters: a row that is active and a draft at once is handled by whichever code looks first.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, is_active boolean NOT NULL, is_draft boolean NOT NULL);

Passes:

    CREATE TABLE app.t (
        id int PRIMARY KEY, is_active boolean NOT NULL, is_draft boolean NOT NULL,
        CHECK (NOT (is_active AND is_draft))
    );

When to ignore: where both may be true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import columns_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C006", Severity.INFO)
def flags_contradict(schema: Schema) -> Iterator[Problem]:
    """Pairs of flags of opposite meaning that no CHECK names together."""
    for table in schema.tables.values():
        flags = {
            c.removeprefix("is_"): c
            for c, f in table.columns.items()
            if f.text("type") == "boolean"
        }
        for one, other in _OPPOSITES:
            if one in flags and other in flags:
                pair = {flags[one], flags[other]}
                if not any(pair <= columns_of(tree) for _, tree in table.checks):
                    yield Problem(
                        f"{flags[one]} and {flags[other]} of {table.path} may both be true",
                        table.column_ref(flags[other]),
                        help="one column of a state, or a CHECK that they are not both true",
                    )


_OPPOSITES = (
    ("active", "draft"), ("active", "deleted"), ("active", "archived"), ("enabled", "disabled"),
    ("open", "closed"), ("published", "draft"), ("read", "unread"), ("active", "inactive"),
)  # fmt: skip

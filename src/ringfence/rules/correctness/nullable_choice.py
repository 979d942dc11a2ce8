"""A column of certain values may be NULL.

Why it matters: a CHECK passes for NULL, so the column has one value more than it lists, and
`<> 'closed'` leaves those rows out.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, state text CHECK (state IN ('open', 'closed')));

Passes:

    CREATE TABLE app.t (id int PRIMARY KEY, state text NOT NULL CHECK (state IN ('open', 'closed')));

When to ignore: where NULL means not known yet, and every query says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, _mend, rule
from ringfence.rules._schema import values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C003", Severity.WARNING)
def nullable_choice(schema: Schema) -> Iterator[Problem]:
    """Nullable columns with CHECK (… IN (…))."""
    for table in schema.tables.values():
        for _, tree in table.checks:
            column, values = values_of(tree)
            if column and len(values) > 1 and table.nullable(column):
                yield Problem(
                    f"{column} of {table.path} may be NULL, which its CHECK does not list",
                    table.column_ref(column),
                    fix=_mend.not_null(table, column),
                )

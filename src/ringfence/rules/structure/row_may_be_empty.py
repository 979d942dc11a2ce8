"""A row may be empty, or can never be the first.

Why it matters: a table whose columns may all be NULL takes rows that say nothing. Where foreign keys
that may not be NULL go in a circle, no row can be inserted before the other, unless they are
deferrable.

Caught:

    CREATE TABLE app.t (a int, b int);

Passes:

    CREATE TABLE app.t (a int NOT NULL, b int);

When to ignore: for a table that is only loaded and read by a tool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("P011", Severity.INFO)
def row_may_be_empty(schema: Schema) -> Iterator[Problem]:
    """Tables of nullable columns only; circles of required foreign keys."""
    for table in schema.tables.values():
        if table.columns and all(table.nullable(column) for column in table.columns):
            yield Problem(f"every column of {table.path} may be NULL", table.ref)
        for key in table.foreign:
            other = schema.tables.get(key.target)
            if (
                other is None
                or other.ref == table.ref
                or any(table.nullable(c) for c in key.columns)
            ):
                continue
            for back in other.foreign:
                circle = back.target == table.ref and not any(
                    other.nullable(c) for c in back.columns
                )
                fact = schema.catalog.facts.get(key.ref)
                if (
                    circle
                    and key.ref < back.ref
                    and fact
                    and "DEFERRABLE" not in fact.text("definition")
                ):
                    yield Problem(
                        f"{table.path} and {other.path} require a row of each other: neither can have a first",
                        key.ref,
                    )

"""A table says nothing about itself.

Why it matters: whoever meets it in a query has to read the application to know what a row is.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY);

Passes:

    CREATE TABLE app.t (id int PRIMARY KEY);
    COMMENT ON TABLE app.t IS 'What customers ordered, a row an order';

When to ignore: for partitions and tables of links; a table's name may say enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("P010", Severity.INFO)
def no_comment(schema: Schema) -> Iterator[Problem]:
    """Tables without a comment."""
    for table in schema.tables.values():
        if not schema.catalog.below(table.ref, "comment") and not table.partition_of:
            yield Problem(f"{table.path} has no comment", table.ref)

"""A key that counts up may run out.

Why it matters: after 2,147,483,647 rows, deleted ones and failed inserts included, every INSERT
fails. Most tables never come near, so an `integer` is information; a `smallint` ends at 32,767.

Caught:

    CREATE TABLE app.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);

Passes:

    CREATE TABLE app.t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);

When to ignore: for tables that a person fills.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("P007", Severity.WARNING)
def key_runs_out(schema: Schema) -> Iterator[Problem]:
    """Primary keys of smallint or integer that a sequence fills."""
    for table in schema.tables.values():
        for column in table.primary:
            fact = table.columns.get(column)
            if (
                fact is None
                or fact.text("type") not in ("smallint", "integer")
                or table.partition_of
            ):
                continue
            if fact["identity"] or "nextval" in table.defaults.get(column, ""):
                yield Problem(
                    f"{column} of {table.path} counts up as {fact.text('type')}",
                    fact.ref,
                    help="bigint, or a uuid that grows with time",
                    severity=None if fact.text("type") == "smallint" else Severity.INFO,
                )

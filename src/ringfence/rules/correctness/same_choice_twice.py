"""The same list of values stands in several checks.

Why it matters: a value that is added to one list and forgotten in the other is refused by half of the
tables.

Caught:

    CREATE TABLE app.a (id int PRIMARY KEY, size text NOT NULL CHECK (size IN ('s', 'm', 'l')));
    CREATE TABLE app.b (id int PRIMARY KEY, size text NOT NULL CHECK (size IN ('s', 'm', 'l')));

Passes:

    CREATE DOMAIN app.size AS text CHECK (value IN ('s', 'm', 'l'));
    CREATE TABLE app.a (id int PRIMARY KEY, size app.size NOT NULL);
    CREATE TABLE app.b (id int PRIMARY KEY, size app.size NOT NULL);

When to ignore: where the two lists are alike by chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._schema import values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C017", Severity.INFO)
def same_choice_twice(schema: Schema) -> Iterator[Problem]:
    """CHECK (… IN (…)) of three values or more, met before."""
    seen: dict[tuple[str, ...], str] = {}
    for table in schema.tables.values():
        for ref, tree in table.checks:
            column, values = values_of(tree)
            key = tuple(sorted(values))
            if len(key) < 3 or table.partition_of or table.parents:
                continue
            if key in seen:
                yield Problem(
                    f"{column} of {table.path} takes the same values as {seen[key]}",
                    ref,
                    help="a domain or an enum says them once",
                )
            else:
                seen[key] = f"{column} of {table.path}"

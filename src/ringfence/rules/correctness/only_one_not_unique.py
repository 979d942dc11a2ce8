"""A flag that one row is to have may be on many.

Why it matters: two default addresses are two answers to a question that has one; which of them wins
changes with the plan of the query.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, owner int NOT NULL, is_default boolean NOT NULL);

Passes:

    CREATE TABLE app.t (id int PRIMARY KEY, owner int NOT NULL, is_default boolean NOT NULL);
    CREATE UNIQUE INDEX t_one_default ON app.t (owner) WHERE is_default;

When to ignore: where many rows may have it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C007", Severity.WARNING)
def only_one_not_unique(schema: Schema) -> Iterator[Problem]:
    """Flags named for the one among many, without a unique index where they are true."""
    for table in schema.tables.values():
        for column, fact in table.columns.items():
            if fact.text("type") != "boolean" or not _ONE.fullmatch(column):
                continue
            if not any(index.unique and column in index.predicate for index in table.indexes):
                yield Problem(
                    f"{column} of {table.path} may be true for many rows",
                    fact.ref,
                    help=f"CREATE UNIQUE INDEX … WHERE {column}",
                )


_ONE = re.compile(r"(is_)?(default|primary|main|current|start|first|latest|principal)")

"""A foreign key and what it refers to are of different types.

Why it matters: an int that refers to a bigint works until the ids outgrow it; joins convert, and may
not use the index.

Caught:

    CREATE TABLE app.p (id bigint PRIMARY KEY);
    CREATE TABLE app.t (id int PRIMARY KEY, p_id int REFERENCES app.p);

Passes:

    CREATE TABLE app.p (id bigint PRIMARY KEY);
    CREATE TABLE app.t (id int PRIMARY KEY, p_id bigint REFERENCES app.p);

When to ignore: never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("P004", Severity.WARNING)
def foreign_key_types_differ(schema: Schema) -> Iterator[Problem]:
    """Columns of foreign keys against the columns they refer to."""
    for table in schema.tables.values():
        for key in table.foreign:
            target = schema.tables.get(key.target)
            for column, other in zip(key.columns, key.target_columns, strict=False):
                theirs = target.type(other) if target is not None else ""
                if theirs and table.type(column) != theirs:
                    yield Problem(
                        f"{column} of {table.path} is {table.type(column)}, {other} of {key.target.path} is {theirs}",
                        key.ref,
                    )

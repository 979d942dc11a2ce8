"""A table has no primary key.

Why it matters: the same row may be stored twice and nothing tells the two apart; logical replication
cannot send its updates.

Caught:

    CREATE TABLE app.t (a int, b int);

Passes:

    CREATE TABLE app.t (a int, b int, PRIMARY KEY (a, b));

When to ignore: for a log that is only ever appended to and read as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("P003", Severity.WARNING)
def no_primary_key(schema: Schema) -> Iterator[Problem]:
    """Tables without a primary key."""
    for table in schema.tables.values():
        if not table.primary and not table.partition_of and not table.parents:
            yield Problem(f"{table.path} has no primary key", table.ref)

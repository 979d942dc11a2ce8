"""The files of ddl/ make no schema.

Why it matters: what cannot be loaded cannot be compared, planned or verified either.

Passes, whatever the order of the files:

    CREATE TABLE app.t (id int PRIMARY KEY);

When to ignore: never. The finding says what PostgreSQL said, and where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C000", Severity.ERROR)
def does_not_load(schema: Schema) -> Iterator[Problem]:
    """Nothing: where ddl/ does not load there is no schema to look at; lint itself says so."""
    del schema
    yield from ()

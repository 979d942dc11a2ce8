"""A name has to be written in quotes, or is cut off.

Why it matters: `"Order"` without quotes is another name; whoever forgets them is told that the table
does not exist. PostgreSQL cuts names after 63 bytes without saying so.

Caught:

    CREATE TABLE app."Order" (id int PRIMARY KEY);

Passes:

    CREATE TABLE app.orders (id int PRIMARY KEY);

When to ignore: where a tool made the names and nobody types them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.model import quoted
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("P009", Severity.INFO)
def name_needs_quotes(schema: Schema) -> Iterator[Problem]:
    """Names of tables and columns with capitals, blanks or other signs; names of 63 bytes."""
    for table in schema.tables.values():
        names = [(table.ref, table.ref.name[-1]), *((f.ref, c) for c, f in table.columns.items())]
        for ref, name in names:
            if quoted(name) != name:
                yield Problem(f"{name} in {table.path} has to be written in quotes", ref)
            elif len(name.encode()) >= 63:
                yield Problem(
                    f"{name} in {table.path} is as long as a name can be: it may have been cut off",
                    ref,
                )

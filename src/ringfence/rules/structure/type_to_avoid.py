"""A column is of a type that surprises.

Why it matters: `timestamp` knows no zone, `json` no equality, `money` changes with a setting,
`char(n)` pads with blanks, `serial` leaves a sequence with privileges of its own, `timetz` is for
nobody.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, at timestamp, price money);

Passes:

    CREATE TABLE app.t (id int PRIMARY KEY, at timestamptz, price numeric(12, 2));

When to ignore: where another system's format has to be kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("P008", Severity.INFO)
def type_to_avoid(schema: Schema) -> Iterator[Problem]:
    """Columns of certain types."""
    for table in schema.tables.values():
        if table.partition_of:
            continue
        for column, fact in table.columns.items():
            kind = re.sub(r"\(.*?\)|\[\]", "", fact.text("type"))
            instead = _INSTEAD.get(kind, "")
            if (
                "nextval" in table.defaults.get(column, "")
                and not fact["identity"]
                and column in table.primary
            ):
                kind, instead = "serial", "GENERATED ALWAYS AS IDENTITY"
            if instead:
                yield Problem(
                    f"{column} of {table.path} is {kind}", fact.ref, help=f"better: {instead}"
                )


_INSTEAD = {
    "timestamp without time zone": "timestamptz",
    "time with time zone": "timestamptz, or time",
    "json": "jsonb",
    "money": "numeric",
    "character": "text",
}

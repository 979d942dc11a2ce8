"""A document may be of any shape.

Why it matters: `'"text"'` and `'[]'` are JSON too; code that expects an object fails on the row, long
after it was written.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, settings jsonb NOT NULL DEFAULT '{}');

    CREATE TABLE app.t (id int PRIMARY KEY, "order" json);

Passes:

    CREATE TABLE app.t (
        id int PRIMARY KEY,
        settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object')
    );

When to ignore: where it holds whatever another system sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.kinds._sql import ident
from ringfence.rules import Problem, _mend, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C008", Severity.INFO)
def document_of_any_shape(schema: Schema) -> Iterator[Problem]:
    """Columns of type json or jsonb that no CHECK looks into."""
    for table in schema.tables.values():
        for column, fact in table.columns.items():
            kind = fact.text("type")
            if kind in ("json", "jsonb") and not table.checked(column):
                yield Problem(
                    f"{column} of {table.path} takes any JSON",
                    fact.ref,
                    fix=_mend.check(table, column, f"{kind}_typeof({ident(column)}) = 'object'"),
                )

"""An index serves hardly any query.

Why it matters: an index that begins with a boolean halves the table at best; a B-tree on an array
finds whole arrays only, not their elements.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, done boolean);
    CREATE INDEX t_done ON app.t (done);

Passes:

    CREATE TABLE app.t (id int PRIMARY KEY, done boolean, tags text[]);
    CREATE INDEX t_open ON app.t (id) WHERE NOT done;
    CREATE INDEX t_tags ON app.t USING gin (tags);

When to ignore: where nearly all rows have the one value, and queries ask for the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("P006", Severity.INFO)
def index_of_little_use(schema: Schema) -> Iterator[Problem]:
    """B-trees that begin with a boolean or an array."""
    for table in schema.tables.values():
        for index in table.indexes:
            kind = table.type(index.columns[0]) if index.columns else ""
            if index.owned or index.method != "btree" or index.predicate:
                continue
            if kind == "boolean":
                yield Problem(
                    f"index {index.ref.name[-1]} of {table.path} begins with a boolean",
                    index.ref,
                    help="a partial index on the columns that are asked for, WHERE it is true",
                )
            elif kind.endswith("[]"):
                yield Problem(
                    f"index {index.ref.name[-1]} of {table.path} finds whole arrays only",
                    index.ref,
                    help="USING gin finds elements",
                )

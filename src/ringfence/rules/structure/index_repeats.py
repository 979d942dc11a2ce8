"""An index repeats what another one does.

Why it matters: every write keeps both up, both take room in memory, and no query is faster for it: an
index on (a, b) serves whatever one on (a) would.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, a int, b int, UNIQUE (a, b));
    CREATE INDEX t_a ON app.t (a);

Passes:

    CREATE TABLE app.t (id int PRIMARY KEY, a int, b int, UNIQUE (a, b));
    CREATE INDEX t_b ON app.t (b);
    CREATE INDEX t_a_some ON app.t (a) WHERE b IS NULL;
    CREATE INDEX t_a_down ON app.t (a DESC, b);
    CREATE INDEX t_a_id ON app.t (a) INCLUDE (id);

    CREATE TABLE app.u (id int PRIMARY KEY, name text UNIQUE);
    CREATE INDEX u_like ON app.u (name text_pattern_ops);

When to ignore: where the shorter one is read so often that its size decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("P002", Severity.WARNING)
def index_repeats(schema: Schema) -> Iterator[Problem]:
    """Indexes whose columns another index of the same table begins with."""
    for table in schema.tables.values():
        for index in table.indexes:
            if index.owned or index.attached or index.method != "btree" or not all(index.columns):
                continue
            for other in table.indexes:
                if other is index or other.method != "btree" or other.predicate != index.predicate:
                    continue
                if index.unique and not (other.unique and other.columns == index.columns):
                    continue
                longer = len(other.columns) > len(index.columns)
                twin = other.columns == index.columns and (
                    other.owned or other.unique or other.ref < index.ref
                )
                begins = other.columns[: len(index.columns)] == index.columns
                alike = other.options[: len(index.columns)] == index.options
                holds = index.included <= other.included | {*other.columns}
                if begins and alike and holds and (longer or twin):
                    yield Problem(
                        f"index {index.ref.name[-1]} of {table.path} repeats {other.ref.name[-1]}"
                        f" ({', '.join(column or '…' for column in other.columns)})",
                        index.ref,
                        fix=f"DROP INDEX CONCURRENTLY {index.ref.path};",
                    )
                    break

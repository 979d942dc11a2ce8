"""A foreign key has no index.

Why it matters: each DELETE or change of a key in the other table reads all of this one, under a lock,
to see whether a row refers to it; joins read it whole too.

Caught:

    CREATE TABLE app.p (id int PRIMARY KEY);
    CREATE TABLE app.t (id int PRIMARY KEY, p_id int REFERENCES app.p);

    CREATE TABLE app.p (id int PRIMARY KEY);
    CREATE TABLE app.t (at date, p_id int REFERENCES app.p) PARTITION BY RANGE (at);

Passes:

    CREATE TABLE app.p (id int PRIMARY KEY);
    CREATE TABLE app.t (id int PRIMARY KEY, p_id int REFERENCES app.p);
    CREATE INDEX t_p ON app.t (p_id, id);

When to ignore: where the table stays small, or rows of the other one are never deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, _mend, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("P001", Severity.WARNING)
def foreign_key_without_index(schema: Schema) -> Iterator[Problem]:
    """Foreign keys whose columns no index begins with."""
    for table in schema.tables.values():
        for key in table.foreign:
            wanted = set(key.columns)
            served = any(
                set(index.columns[: len(wanted)]) == wanted
                and (not index.predicate or _not_null(index.predicate, key.columns))
                and index.method in ("btree", "hash")
                for index in table.indexes
            )
            if not served:
                fix = _mend.index(table, key.columns)
                yield Problem(
                    f"no index of {table.path} begins with {', '.join(key.columns)}, which refers to {key.target.path}",
                    key.ref,
                    help=""
                    if fix
                    else "write it into ddl/: ringfence plan adds it partition by partition",
                    fix=fix,
                )


def _not_null(predicate: str, columns: tuple[str, ...]) -> bool:
    """Whether a partial index leaves out no more than what refers to nothing."""
    return predicate in {f"({column} IS NOT NULL)" for column in columns}

"""A column is added with a default and a foreign key, and every row is looked up.

Why it matters: with a default every row refers to something, so PostgreSQL reads both tables to look
it up, while nobody can use the one and nobody can write to the other.

Caught:

    CREATE TABLE app.p (id bigint PRIMARY KEY);
    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN p_id bigint DEFAULT 1 REFERENCES app.p (id);

Passes, for a column that is NULL everywhere refers to nothing:

    CREATE TABLE app.p (id bigint PRIMARY KEY);
    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN p_id bigint REFERENCES app.p (id);

When to ignore: on tables that stay small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import constraints_in, pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M012", Severity.WARNING, on=("add_column",), measurable=True)
def add_column_references(action: Action) -> Iterator[Problem]:
    """ADD COLUMN … DEFAULT … REFERENCES."""
    column = action.definition
    if action.new or (action.node.missing_ok and column.colname in action.relation.columns):
        return
    # DEFAULT NULL is one as well: PostgreSQL looks at every row then.
    defaults = list(constraints_in(column, pb.CONSTR_DEFAULT))
    for each in constraints_in(column, pb.CONSTR_FOREIGN):
        if defaults:
            yield Problem(
                f"{column.colname} has a default and a foreign key: every row of {action.table} is looked up",
                action.ref,
                action.place(each),
                help="add the column, then the foreign key as NOT VALID, and validate it in another migration",
            )

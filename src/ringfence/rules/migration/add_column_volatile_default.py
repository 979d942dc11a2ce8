"""A column is added with a default that differs from row to row.

Why it matters: PostgreSQL stores a constant default once and touches no row. One that differs from
row to row makes it write the whole table and its indexes anew while nobody can read or write.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN token uuid DEFAULT gen_random_uuid();

Passes, for `now()` is the same for every row of one statement:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();

The default in a statement of its own holds for new rows only:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN token uuid;
    ALTER TABLE app.t ALTER COLUMN token SET DEFAULT gen_random_uuid();

When to ignore: on a table that stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import constraints_in, pb
from ringfence.rules._state import volatile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M006", Severity.WARNING, on=("add_column",), measurable=True)
def add_column_volatile_default(action: Action) -> Iterator[Problem]:
    """ADD COLUMN … DEFAULT with a volatile function."""
    column = action.definition
    if action.new or (action.node.missing_ok and column.colname in action.relation.columns):
        return
    for each in constraints_in(column, pb.CONSTR_DEFAULT):
        function = volatile(each.raw_expr, action.state)
        if function:
            yield Problem(
                f"adding {column.colname} writes {action.table} anew: {function}() differs from row to row",
                action.ref,
                action.place(column),
                help="add the column without a default, set the default, fill the old rows in batches",
            )

"""A column is added with a default that differs from row to row.

Why it matters: PostgreSQL stores a constant default once and touches no row. One that differs from
row to row makes it write the whole table and its indexes anew while nobody can read or write.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN token uuid DEFAULT gen_random_uuid();

So does one that its domain brings:

    CREATE DOMAIN app.token AS uuid DEFAULT gen_random_uuid();
    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN token app.token;

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
from ringfence.rules._parse import constraints_in, pb, type_of
from ringfence.rules._state import domain_of, volatile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M006", Severity.WARNING, on=("add_column",), measurable=True)
def add_column_volatile_default(action: Action) -> Iterator[Problem]:
    """ADD COLUMN … DEFAULT with a volatile function."""
    column = action.definition
    if action.new or (action.node.missing_ok and column.colname in action.relation.columns):
        return
    said = [each.raw_expr for each in constraints_in(column, pb.CONSTR_DEFAULT)]
    functions = [volatile(each, action.state) for each in said]
    kind = type_of(column.type_name)
    domain = domain_of(kind, action.state)
    if not said and domain is not None and not kind.array:
        functions = [domain.volatile]
    for function in functions:
        if function:
            yield Problem(
                f"adding {column.colname} writes {action.table} anew: {function}() differs from row to row",
                action.ref,
                action.place(column),
                help="add the column without a default, set the default, fill the old rows in batches",
            )

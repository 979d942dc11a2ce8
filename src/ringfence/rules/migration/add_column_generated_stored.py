"""A stored generated column is added to a table in use.

Why it matters: its value is computed for every row at once, so PostgreSQL writes the whole table and
its indexes anew while nobody can read or write.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    ALTER TABLE app.t ADD COLUMN b int GENERATED ALWAYS AS (a + 1) STORED;

Passes, from PostgreSQL 18 on:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    ALTER TABLE app.t ADD COLUMN b int GENERATED ALWAYS AS (a + 1) VIRTUAL;

When to ignore: on a table that stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import constraints_in, pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M008", Severity.WARNING, on=("add_column",), measurable=True)
def add_column_generated_stored(action: Action) -> Iterator[Problem]:
    """ADD COLUMN … GENERATED ALWAYS AS (…) STORED."""
    column = action.definition
    if action.new or (action.node.missing_ok and column.colname in action.relation.columns):
        return
    for each in constraints_in(column, pb.CONSTR_GENERATED):
        if each.generated_kind != "v":
            yield Problem(
                f"adding {column.colname} writes {action.table} anew, to compute every row's value",
                action.ref,
                action.place(column),
                help="make it VIRTUAL (PostgreSQL 18), or a plain column that a trigger fills",
            )

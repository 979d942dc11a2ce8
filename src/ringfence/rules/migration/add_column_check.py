"""A column is added together with a check, and every row is looked at.

Why it matters: PostgreSQL does not reason that a new column is NULL everywhere: it reads the whole
table to check the rows, while nobody else can read or write.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN a int CHECK (a > 0);

To see that no computed value is NULL takes as long:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    ALTER TABLE app.t ADD COLUMN twice int GENERATED ALWAYS AS (a * 2) VIRTUAL NOT NULL;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN a int;
    ALTER TABLE app.t ADD CONSTRAINT t_a CHECK (a > 0) NOT VALID;

When to ignore: on a table that stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import constraints_in, enforced, pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M011", Severity.WARNING, on=("add_column",), measurable=True)
def add_column_check(action: Action) -> Iterator[Problem]:
    """ADD COLUMN … CHECK."""
    column = action.definition
    if action.new or (action.node.missing_ok and column.colname in action.relation.columns):
        return
    for each in constraints_in(column, pb.CONSTR_CHECK):
        if enforced(column, each):
            yield Problem(
                f"the check on {column.colname} reads all of {action.table} while nobody can use it",
                action.ref,
                action.place(each),
                help="add the column, then the CHECK as NOT VALID, and validate it in another migration",
            )
    virtual = any(c.generated_kind == "v" for c in constraints_in(column, pb.CONSTR_GENERATED))
    for each in constraints_in(column, pb.CONSTR_NOTNULL) if virtual else ():
        yield Problem(
            f"{column.colname} is computed for every row of {action.table}, to see that none is NULL,"
            " while nobody can use it",
            action.ref,
            action.place(each),
            help="add the column, then NOT NULL as a constraint that is NOT VALID, and validate it",
        )

"""A required column without a default is added to a table with rows.

Why it matters: the rows that are there would break it, so PostgreSQL refuses the statement (23502);
on a table without rows it goes through and breaks every writer that does not know the column.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN a int NOT NULL;

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN a int NOT NULL DEFAULT NULL;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN a int NOT NULL DEFAULT 0;

When to ignore: on a table that has no rows anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import is_null, pb, type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M010", Severity.ERROR, on=("add_column",))
def add_column_not_null(action: Action) -> Iterator[Problem]:
    """ADD COLUMN … NOT NULL with nothing to fill it."""
    column = action.definition
    if action.new or (action.node.missing_ok and column.colname in action.relation.columns):
        return
    kinds = {
        each.constraint.contype
        for each in column.constraints
        if each.constraint.contype != pb.CONSTR_DEFAULT or not is_null(each.constraint.raw_expr)
    }
    filled = kinds & {pb.CONSTR_DEFAULT, pb.CONSTR_IDENTITY, pb.CONSTR_GENERATED}
    if pb.CONSTR_NOTNULL in kinds and not filled and "serial" not in type_of(column.type_name).name:
        yield Problem(
            f"{column.colname} is required and has no default: rows of {action.table} have none",
            action.ref,
            action.place(column),
            help="give it a default, or add it nullable, fill it in batches and make it required then",
        )

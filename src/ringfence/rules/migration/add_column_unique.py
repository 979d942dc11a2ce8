"""A column is added together with a key, and an index is built under the lock.

Why it matters: ADD COLUMN lets nobody read or write, and the index of a UNIQUE or PRIMARY KEY column
is built under that lock, from all rows.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN code text UNIQUE;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN code text;
    CREATE UNIQUE INDEX CONCURRENTLY t_code ON app.t (code);

When to ignore: on a table that stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M013", Severity.WARNING, on=("add_column",), measurable=True)
def add_column_unique(action: Action) -> Iterator[Problem]:
    """ADD COLUMN … UNIQUE or PRIMARY KEY."""
    column = action.definition
    if action.new or (action.node.missing_ok and column.colname in action.relation.columns):
        return
    for each in column.constraints:
        if each.constraint.contype in (pb.CONSTR_UNIQUE, pb.CONSTR_PRIMARY):
            yield Problem(
                f"the key on {column.colname} builds an index while nobody can use {action.table}",
                action.ref,
                action.place(each.constraint),
                help="add the column, build a unique index concurrently, then ADD CONSTRAINT … USING INDEX",
            )

"""A column's type is changed to one that is stored otherwise.

Why it matters: PostgreSQL writes the whole table and its indexes anew while nobody can read or
write. Some changes need not: a longer varchar, varchar to text, a numeric of the same scale with
more digits. Which of them it is hangs on the type before.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, n int);
    -- then
    ALTER TABLE app.t ALTER COLUMN n TYPE bigint;

A shorter varchar:

    CREATE TABLE app.t (id bigint PRIMARY KEY, s varchar(50));
    -- then
    ALTER TABLE app.t ALTER COLUMN s TYPE varchar(20);

An index that computes with the column, or says by it which rows it holds, is built anew whatever the
type:

    CREATE TABLE app.t (id bigint PRIMARY KEY, s varchar(50));
    CREATE INDEX t_s ON app.t (lower(s));
    -- then
    ALTER TABLE app.t ALTER COLUMN s TYPE varchar(60);

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, s varchar(50), n numeric(10, 2));
    -- then
    ALTER TABLE app.t ALTER COLUMN s TYPE text, ALTER COLUMN n TYPE numeric(12, 2);

When to ignore: on a table that stays small. Where the type before is not known from the files,
`ringfence rehearse` measures what happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import type_of
from ringfence.rules.migration._types import reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M015", Severity.WARNING, on=("alter_type",), measurable=True)
def alter_type_rewrite(action: Action) -> Iterator[Problem]:
    """ALTER COLUMN … TYPE, judged by the type before where it is known."""
    if action.new:
        return
    column = action.node.name
    definition = action.definition
    new = type_of(definition.type_name)
    known = action.relation.columns.get(column)
    old = known.type if known is not None else None
    why = reason(action, column, old, new)
    if why:
        yield Problem(
            f"changing {column} to {new.shown} {why}",
            action.ref,
            action.place(definition),
            help="add a column of the new type, keep it filled by a trigger, fill the old rows in"
            " batches, then swap the two",
        )

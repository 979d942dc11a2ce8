"""A column of type json is added.

Why it matters: json has no equality, so `SELECT DISTINCT`, `GROUP BY` and `UNION` over the table
begin to fail the moment the column is there.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN extra json;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN extra jsonb;

When to ignore: where the text has to be kept byte for byte, and no query compares rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M014", Severity.WARNING, on=("add_column",))
def add_json_column(action: Action) -> Iterator[Problem]:
    """ADD COLUMN … json."""
    column = action.definition
    if not action.new and type_of(column.type_name).name == "json":
        yield Problem(
            f"{column.colname} is json, which nothing can compare: queries for DISTINCT rows of {action.table} fail",
            action.ref,
            action.place(column),
            help="use jsonb",
        )

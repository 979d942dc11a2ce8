"""A column of a domain with constraints is added to a table in use.

Why it matters: PostgreSQL checks the domain for every row, even for NULL, and does so by writing the
whole table and its indexes anew while nobody can read or write.

Caught:

    CREATE DOMAIN app.positive AS int CHECK (value > 0);
    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN a app.positive;

Passes:

    CREATE DOMAIN app.number AS int;
    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN a app.number;

An array of it has no element yet:

    CREATE DOMAIN app.positive AS int CHECK (value > 0);
    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN a app.positive[];

When to ignore: on a table that stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import type_of
from ringfence.rules._state import domain_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M009", Severity.WARNING, on=("add_column",), measurable=True)
def add_column_of_domain(action: Action) -> Iterator[Problem]:
    """ADD COLUMN of a domain that has a CHECK or NOT NULL."""
    column = action.definition
    if action.new or (action.node.missing_ok and column.colname in action.relation.columns):
        return
    kind = type_of(column.type_name)
    domain = domain_of(kind, action.state) if not kind.array else None
    if domain is not None and domain.limited:
        yield Problem(
            f"adding {column.colname} writes {action.table} anew: its domain has constraints",
            action.ref,
            action.place(column),
            help="give it the base type, and the condition as a CHECK that is NOT VALID at first",
        )

"""An exclusion constraint is added to a table in use.

Why it matters: its index is built, and every row compared, while nobody can read or write; there is
no form of it that waits for nobody.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, during tstzrange);
    -- then
    ALTER TABLE app.t ADD CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&);

Passes:

    CREATE TABLE app.t (
        id bigint PRIMARY KEY, during tstzrange,
        CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&)
    );

When to ignore: on a table that stays small; else fill a new table that has it, and swap the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import called, pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M023", Severity.WARNING, on=("add_constraint",), measurable=True)
def exclusion_constraint(action: Action) -> Iterator[Problem]:
    """ADD CONSTRAINT … EXCLUDE."""
    if not action.new and action.definition.contype == pb.CONSTR_EXCLUSION:
        yield Problem(
            f"the exclusion constraint{called(action.definition)} builds its index while nobody can use {action.table}",
            action.ref,
            action.place(action.definition),
            help="there is no online form: make a new table with the constraint, copy, and swap",
        )

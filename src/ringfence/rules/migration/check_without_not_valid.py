"""A check is added, and every row is looked at.

Why it matters: ADD CONSTRAINT … CHECK reads the whole table while nobody else can read or write.
Added as NOT VALID it holds for new rows at once, and VALIDATE reads the old ones while all goes on.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    ALTER TABLE app.t ADD CONSTRAINT t_a CHECK (a > 0);

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    ALTER TABLE app.t ADD CONSTRAINT t_a CHECK (a > 0) NOT VALID;

When to ignore: on a table that stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import called, pb, string
from ringfence.rules._state import proved_not_null
from ringfence.rules.migration._rewrite import with_not_valid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M017", Severity.WARNING, on=("add_constraint",), measurable=True)
def check_without_not_valid(action: Action) -> Iterator[Problem]:
    """ADD CONSTRAINT … CHECK or NOT NULL without NOT VALID."""
    if action.new:
        return
    node = action.definition
    checks = node.contype == pb.CONSTR_CHECK and node.is_enforced
    required = node.contype == pb.CONSTR_NOTNULL and not proved_not_null(
        action.relation, string(node.keys[0])
    )
    if (checks or required) and not node.skip_validation:
        yield Problem(
            f"{'the check' if checks else 'NOT NULL'}{called(node)} reads all of {action.table} while nobody can use it",
            action.ref,
            action.place(node),
            help="add it as NOT VALID, and validate it in another migration",
            fix=with_not_valid(action),
        )

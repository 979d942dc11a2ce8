"""A column may be NULL from now on.

Why it matters: readers of the release that is running rely on a value; the first NULL breaks them.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int NOT NULL);
    -- then
    ALTER TABLE app.t ALTER COLUMN a DROP NOT NULL;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int NOT NULL);
    ALTER TABLE app.t ALTER COLUMN a DROP NOT NULL;

When to ignore: when every reader takes a NULL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M030", Severity.INFO, on=("drop_not_null",))
def drop_not_null(action: Action) -> Iterator[Problem]:
    """DROP NOT NULL on the way forth."""
    if not action.new and not action.migration.undo:
        yield Problem(
            f"{action.node.name} of {action.table} may be NULL from now on",
            action.ref,
            help="see that every reader of the column takes a NULL",
        )

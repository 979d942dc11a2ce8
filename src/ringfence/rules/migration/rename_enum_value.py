"""A label of an enum is renamed.

Why it matters: the release that is running writes and compares the old label, and every such
statement fails from that moment on.

Caught:

    CREATE TYPE app.mood AS ENUM ('sad', 'happy');
    -- then
    ALTER TYPE app.mood RENAME VALUE 'sad' TO 'blue';

Passes:

    CREATE TYPE app.mood AS ENUM ('sad', 'happy');
    -- then
    ALTER TYPE app.mood ADD VALUE 'blue';

When to ignore: when no release in use knows the old label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import USERS, Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M033", Severity.WARNING, on=("alter_enum",), measured_as=USERS)
def rename_enum_value(action: Action) -> Iterator[Problem]:
    """ALTER TYPE … RENAME VALUE."""
    if action.node.old_val and not action.migration.undo:
        yield Problem(
            f"label {action.node.old_val} is now {action.node.new_val}: statements with the old one fail",
            action.name.ref("enum"),
            help="add the new label, move the rows, and leave the old label be",
        )

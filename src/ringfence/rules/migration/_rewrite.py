"""The safe form of a statement, as SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.model import quoted

if TYPE_CHECKING:
    from ringfence.rules._migration import Action


def with_not_valid(action: Action) -> str:
    """ADD CONSTRAINT as NOT VALID, and its validation; "" where the statement does more than that."""
    tree, name = action.statement.tree, action.definition.conname
    if len(tree.cmds) != 1:
        return ""
    safe = f"{action.statement.text.rstrip()} NOT VALID;"
    if name:
        safe += (
            "\n-- in the next migration:\n"
            f"ALTER TABLE {action.table} VALIDATE CONSTRAINT {quoted(name)};"
        )
    return safe

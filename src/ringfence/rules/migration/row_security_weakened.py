"""Rows come into sight, or vanish, by a change of row-level security.

Why it matters: with row-level security off, or a policy gone, one tenant reads another's rows; with
it on and no policy there, nobody reads anything.

Caught:

    ALTER TABLE app.t DISABLE ROW LEVEL SECURITY;

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;

Between the two nobody sees what it let through:

    DROP POLICY mine ON app.t;
    CREATE POLICY mine ON app.t USING (owner = current_user);

Passes, for a policy takes the place of another:

    BEGIN;
    DROP POLICY mine ON app.t;
    CREATE POLICY mine ON app.t USING (owner = current_user);
    COMMIT;

Policies come first:

    CREATE TABLE app.t (id bigint PRIMARY KEY, owner text);
    -- then
    CREATE POLICY mine ON app.t USING (owner = current_user);
    ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;

When to ignore: on a table whose rows belong to everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._actions import actions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action, Statement
    from ringfence.rules._parse import Name


@rule(
    "M043",
    Severity.ERROR,
    on=("disable_row_security", "no_force_row_security", "drop_policy", "enable_row_security"),
)
def row_security_weakened(action: Action) -> Iterator[Problem]:
    """DISABLE, NO FORCE, DROP POLICY, and ENABLE where no policy is."""
    if action.new or (action.migration.undo and action.verb != "enable_row_security"):
        return
    if action.verb == "disable_row_security":
        yield Problem(
            f"row-level security of {action.table} is off: policies bind nobody", action.ref
        )
    elif action.verb == "no_force_row_security":
        yield Problem(f"policies of {action.table} no longer bind its owner", action.ref)
    elif action.verb == "drop_policy":
        parts = [part.string.sval for part in action.node.objects[0].list.items]
        table = action.state.named(parts[-3] if len(parts) > 2 else "", parts[-2])
        made = action.state.relations.get(table)
        if made is not None and made.made_by == action.migration.shown:
            return
        again = list(_again(action, "create_policy", table))
        if again and not any(action.migration.at_once(action.statement, each) for each in again):
            yield Problem(
                f"policy {parts[-1]} of {table.path} is gone until another is made, in another"
                " transaction: what it lets through nobody sees meanwhile",
                table.ref(),
                help="drop it and make it in one transaction, or ALTER POLICY",
                severity=Severity.WARNING,
            )
        elif not again:
            yield Problem(
                f"policy {parts[-1]} of {table.path} is gone, and this migration makes no other",
                table.ref(),
                severity=Severity.WARNING,
            )
    elif (
        action.relation.whole
        and not action.relation.policies
        and not any(_again(action, "create_policy", action.name))
    ):
        yield Problem(
            f"row-level security of {action.table} is on and it has no policy: nobody sees a row",
            action.ref,
            help="create the policy first, in the same migration",
        )


def _again(action: Action, verb: str, table: Name) -> Iterator[Statement]:
    """The statements of the migration that make another policy of the table."""
    for statement in action.migration.statements:
        if any(e.verb == verb and e.name == table for e in actions(statement, action.state)):
            yield statement

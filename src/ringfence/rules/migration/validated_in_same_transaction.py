"""A constraint is validated in the transaction that added it.

Why it matters: the lock of ADD CONSTRAINT is held until the end of the transaction, so the rows are
read under it after all, and NOT VALID was for nothing.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    BEGIN;
    ALTER TABLE app.t ADD CONSTRAINT t_a CHECK (a > 0) NOT VALID;
    ALTER TABLE app.t VALIDATE CONSTRAINT t_a;
    COMMIT;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    ALTER TABLE app.t ADD CONSTRAINT t_a CHECK (a > 0) NOT VALID;
    ALTER TABLE app.t VALIDATE CONSTRAINT t_a;

When to ignore: on a table that stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Migration


@rule("M019", Severity.WARNING, measurable=True)
def validated_in_same_transaction(migration: Migration) -> Iterator[Problem]:
    """VALIDATE CONSTRAINT behind ADD CONSTRAINT … NOT VALID in one transaction."""
    for block in migration.together():
        added = set()
        for action in block:
            if action.verb == "add_constraint" and action.definition.skip_validation:
                added.add((action.name, action.definition.conname))
            elif action.verb == "validate" and (action.name, action.node.name) in added:
                if action.new:
                    continue
                yield Problem(
                    f"{action.node.name} is validated under the lock that added it to {action.table}",
                    action.ref,
                    action.statement.at,
                    help="validate it in the next migration",
                )

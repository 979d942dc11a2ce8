"""Row-level security is on and no policy lets anybody see a row.

Why it matters: without a permissive policy the table is empty for everybody but its owner, and
INSERT fails; restrictive policies only take away.

Caught:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

Passes:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes USING (owner = current_user);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

When to ignore: where only the owner is to use the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T004", Severity.WARNING)
def no_permissive_policy(schema: Schema) -> Iterator[Problem]:
    """Tables with row-level security and no permissive policy."""
    for table in schema.tables.values():
        if table.row_security and all(policy.restrictive for policy in table.policies):
            yield Problem(
                f"row-level security of {table.path} is on and no policy lets anybody see a row",
                table.ref,
            )

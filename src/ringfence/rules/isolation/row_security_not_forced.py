"""Row-level security does not bind the table's owner.

Why it matters: whoever works as the owner, a migration, a SECURITY DEFINER function or a view of the
owner's, sees and writes every tenant's rows.

Caught:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes USING (owner = current_user);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

Passes:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes USING (owner = current_user);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.notes FORCE ROW LEVEL SECURITY;

Passes, for it has no policies: it is kept from everybody but its owner:

    CREATE TABLE app.keys (id uuid PRIMARY KEY, secret text);
    ALTER TABLE app.keys ENABLE ROW LEVEL SECURITY;

When to ignore: where the owner's jobs have to see every row, and nobody else becomes the owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T002", Severity.WARNING)
def row_security_not_forced(schema: Schema) -> Iterator[Problem]:
    """Tables with policies that are not forced on the owner."""
    for table in schema.tables.values():
        if table.row_security and table.policies and not table.forced:
            owner = schema.role(table.owner)
            logs_in = owner is not None and bool(owner["login"])
            yield Problem(
                f"policies of {table.path} do not bind its owner",
                table.ref,
                fix=f"ALTER TABLE {table.path} FORCE ROW LEVEL SECURITY;",
                severity=Severity.ERROR if logs_in else None,
            )

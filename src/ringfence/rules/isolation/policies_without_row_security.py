"""A table has policies, and row-level security is off.

Why it matters: the policies bind nobody; they only look as if they did.

Caught:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes USING (owner = current_user);

Passes:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes USING (owner = current_user);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

When to ignore: never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T003", Severity.ERROR)
def policies_without_row_security(schema: Schema) -> Iterator[Problem]:
    """Tables with policies and without row-level security."""
    for table in schema.tables.values():
        if table.policies and not table.row_security:
            yield Problem(
                f"{table.path} has policies and row-level security is off: they bind nobody",
                table.ref,
                fix=f"ALTER TABLE {table.path} ENABLE ROW LEVEL SECURITY;",
            )

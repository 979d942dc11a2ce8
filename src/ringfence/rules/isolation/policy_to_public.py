"""A policy holds for every role.

Why it matters: without TO a policy counts for roles that do not exist yet, such as a reporting role
that was to see nothing.

Caught:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes USING (owner = current_user);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

Passes:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes TO app_user USING (owner = current_user);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

When to ignore: where the condition asks a setting, and is meant for whoever sets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T014", Severity.INFO)
def policy_to_public(schema: Schema) -> Iterator[Problem]:
    """Permissive policies without TO."""
    for table in schema.tables.values():
        for policy in table.policies:
            if not policy.roles and not policy.restrictive:
                yield Problem(
                    f"policy {policy.ref.name[-1]} on {table.path} holds for every role",
                    policy.ref,
                )

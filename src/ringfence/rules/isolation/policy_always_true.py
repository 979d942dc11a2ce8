"""A policy holds for every row.

Why it matters: policies are joined with OR, so one that is always true takes the effect of all
others away.

Caught:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes USING (owner = current_user OR 1 = 1);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

Passes:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes USING (owner = current_user);
    CREATE POLICY floor ON app.notes AS RESTRICTIVE USING (true);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

When to ignore: on a table that everybody may read, for a policy FOR SELECT. On one whose rows
belong to nobody such a policy is information.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import always_true

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T005", Severity.ERROR)
def policy_always_true(schema: Schema) -> Iterator[Problem]:
    """Permissive policies whose USING or WITH CHECK is true whatever the row."""
    for table in schema.tables.values():
        for policy in table.policies:
            if policy.restrictive:
                continue
            for tree, word in ((policy.using, "USING"), (policy.check, "WITH CHECK")):
                if always_true(tree):
                    yield Problem(
                        f"{word} of policy {policy.ref.name[-1]} on {table.path} holds for every row",
                        policy.ref,
                        severity=None
                        if schema.belongs(table) or policy.command != "SELECT"
                        else Severity.INFO,
                    )

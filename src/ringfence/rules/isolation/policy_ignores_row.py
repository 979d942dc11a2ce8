"""A policy does not look at the row.

Why it matters: it shows all rows or none, whoever they belong to. An EXISTS that names no column of
the table it guards is true for every row as soon as it is true for one.

Caught:

    CREATE TABLE app.members (who text PRIMARY KEY);
    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes USING (EXISTS (
        SELECT FROM app.members AS m WHERE m.who = current_user
    ));
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

Passes:

    CREATE TABLE app.members (who text PRIMARY KEY);
    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes USING (EXISTS (
        SELECT FROM app.members AS m WHERE m.who = notes.owner AND m.who = current_user
    ));
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

When to ignore: where a role as a whole may see the table or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import always_true

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T008", Severity.ERROR)
def policy_ignores_row(schema: Schema) -> Iterator[Problem]:
    """Permissive policies whose expression uses no column of their table."""
    uses = schema.catalog.uses
    for table in schema.tables.values():
        for policy in table.policies:
            if policy.restrictive or (policy.using is None and policy.check is None):
                continue
            if always_true(policy.using) or always_true(policy.check):
                continue
            own = {
                ref
                for ref in uses.get(policy.ref, ())
                if ref.kind == "column" and ref.name[:-1] == table.ref.name
            }
            if not own and policy.text.strip() not in ("false", "(false)"):
                yield Problem(
                    f"policy {policy.ref.name[-1]} on {table.path} does not look at the row",
                    policy.ref,
                    help="compare a column of the table with who is asking",
                )

"""A policy asks a table that has no row-level security, or its own.

Why it matters: whoever may write the table that a policy asks chooses what the policy answers. A
policy that asks its own table never ends: every query fails (42P17).

Caught:

    CREATE TABLE app.members (who text PRIMARY KEY, team int);
    CREATE TABLE app.notes (id uuid PRIMARY KEY, team int);
    CREATE POLICY mine ON app.notes USING (team IN (
        SELECT m.team FROM app.members AS m WHERE m.who = current_user
    ));
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
    GRANT SELECT, UPDATE ON app.members TO app_user;

Passes:

    CREATE TABLE app.members (who text PRIMARY KEY, team int);
    CREATE TABLE app.notes (id uuid PRIMARY KEY, team int);
    CREATE POLICY mine ON app.notes USING (team IN (
        SELECT m.team FROM app.members AS m WHERE m.who = current_user
    ));
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
    GRANT SELECT ON app.members TO app_user;

When to ignore: where the roles that may write the table are trusted with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ringfence.finding import Severity
from ringfence.model import Ref
from ringfence.rules import Problem, rule
from ringfence.rules._parse import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T013", Severity.WARNING)
def policy_reads_open_table(schema: Schema) -> Iterator[Problem]:
    """Policies that read their own table, or one that runtime roles may write and no policy guards."""
    for table in schema.tables.values():
        for policy in table.policies:
            name = policy.ref.name[-1]
            asked = {
                listed_table(each)
                for tree in (policy.using, policy.check)
                if tree is not None
                for each in nodes(tree, "range_var")
            }
            for ref in sorted(asked & set(schema.tables)):
                other = schema.tables[ref]
                if ref == table.ref:
                    yield Problem(
                        f"policy {name} on {table.path} asks its own table: every query fails",
                        policy.ref,
                        severity=Severity.ERROR,
                    )
                elif not other.row_security and schema.may(ref, "awd"):
                    yield Problem(
                        f"policy {name} on {table.path} asks {other.path}, which"
                        f" {', '.join(schema.may(ref, 'awd'))} may write and no policy guards",
                        policy.ref,
                    )


def listed_table(node: Any) -> Ref:
    """The table that a part of FROM names."""
    return Ref("table", (node.schemaname, node.relname))

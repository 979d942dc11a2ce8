"""A runtime role may write tenants' rows through a view of the owner's.

Why it matters: PostgreSQL lets one UPDATE and DELETE through a simple view, and does so as the view's
owner: a tenant can change, take over or delete another's rows.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    ALTER TABLE app.orders NO FORCE ROW LEVEL SECURITY;
    CREATE VIEW app.v AS SELECT id, tenant_id FROM app.orders;
    GRANT SELECT, UPDATE ON app.v TO app_user;

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    ALTER TABLE app.orders NO FORCE ROW LEVEL SECURITY;
    CREATE VIEW app.v AS SELECT id, tenant_id FROM app.orders;
    GRANT SELECT ON app.v TO app_user;

When to ignore: never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.model import Ref
from ringfence.rules import Problem, rule
from ringfence.rules._parse import pb
from ringfence.rules._schema import View, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T016", Severity.ERROR)
def view_writes_as_owner(schema: Schema) -> Iterator[Problem]:
    """Views that can be written by themselves, granted to a runtime role, that run as their owner."""
    for view in schema.views.values():
        if view.ref.kind != "view" or view.has("security_invoker"):
            continue
        who = schema.may(view.ref, "awd")
        target = _target(view)
        table = schema.tables.get(target) if target is not None else None
        if not who or table is None:
            continue
        if not (table.row_security or schema.scoped.get(table.ref) is not None):
            continue
        if table.row_security and table.forced and view.owner:
            continue
        yield Problem(
            f"{', '.join(who)} may write every row of {table.path} through {view.ref.path}",
            view.ref,
            help=f"REVOKE INSERT, UPDATE, DELETE ON {view.ref.path}, or make it security_invoker",
            fix=f"ALTER VIEW {view.ref.path} SET (security_invoker = true);",
        )


def _target(view: View) -> Ref | None:
    """The one table or view that PostgreSQL writes to through a view, None where it cannot."""
    tree = parsed(view.definition)
    if tree is None or len(tree.from_clause) != 1 or not tree.from_clause[0].HasField("range_var"):
        return None
    if tree.group_clause or tree.distinct_clause or tree.op != pb.SETOP_NONE or tree.window_clause:
        return None
    if (
        tree.HasField("limit_count")
        or tree.HasField("having_clause")
        or tree.HasField("with_clause")
    ):
        return None
    relation = tree.from_clause[0].range_var
    return Ref("table", (relation.schemaname, relation.relname))

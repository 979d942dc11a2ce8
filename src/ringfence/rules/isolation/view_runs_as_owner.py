"""A view shows tenants' rows with its owner's eyes.

Why it matters: without security_invoker a view reads its tables as its owner, whom policies bind only
where row-level security is forced, and a superuser never. Whoever may read the view reads every
tenant's rows.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE TABLE app.lines (id uuid PRIMARY KEY, order_id uuid NOT NULL REFERENCES app.orders);
    CREATE VIEW app.v AS SELECT id FROM app.lines;

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE VIEW app.v WITH (security_invoker) AS SELECT id FROM app.orders;

When to ignore: where the view shows what everybody may see. Where all of its tables force their policies on a plain owner, it is only information.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T015", Severity.ERROR)
def view_runs_as_owner(schema: Schema) -> Iterator[Problem]:
    """Views without security_invoker over tables that policies guard, or that belong to tenants."""
    for view in schema.views.values():
        if view.ref.kind != "view" or view.has("security_invoker"):
            continue
        tables = [schema.tables[ref] for ref in sorted(schema.reached(view))]
        guarded = [t for t in tables if t.row_security or schema.scoped.get(t.ref) is not None]
        if not guarded:
            continue
        owner = schema.role(view.owner)
        above = owner is not None and bool(owner["superuser"] or owner["bypass_row_security"])
        bound = not above and bool(view.owner) and all(t.row_security and t.forced for t in guarded)
        yield Problem(
            f"{view.ref.path} reads {', '.join(t.path for t in guarded)} as its owner, not as who asks",
            view.ref,
            fix=f"ALTER VIEW {view.ref.path} SET (security_invoker = true);",
            severity=Severity.INFO if bound else None,
        )

"""A view over guarded tables is no security barrier.

Why it matters: a function in somebody's WHERE may be run on rows before the view's own condition has
left them out, and tell of them in its messages.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE VIEW app.v AS SELECT id FROM app.orders WHERE id IS NOT NULL;

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE VIEW app.v WITH (security_barrier) AS SELECT id FROM app.orders WHERE id IS NOT NULL;

When to ignore: where nobody but the application's own queries reads the view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T017", Severity.INFO)
def view_without_barrier(schema: Schema) -> Iterator[Problem]:
    """Views of the owner's, with a condition, that are no barrier."""
    for view in schema.views.values():
        if view.ref.kind != "view" or view.has("security_invoker") or view.has("security_barrier"):
            continue
        tables = [schema.tables[ref] for ref in schema.reached(view)]
        guarded = any(t.row_security or schema.scoped.get(t.ref) is not None for t in tables)
        if guarded and " WHERE " in f" {' '.join(view.definition.split())} ":
            yield Problem(
                f"{view.ref.path} may show rows that it leaves out to a function in a query's WHERE",
                view.ref,
                fix=f"ALTER VIEW {view.ref.path} SET (security_barrier = true);",
            )

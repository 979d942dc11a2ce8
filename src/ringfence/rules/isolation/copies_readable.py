"""A copy of tenants' rows has no policies.

Why it matters: a materialized view holds rows of all tenants, and cannot have row-level security.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE MATERIALIZED VIEW app.mv AS SELECT id FROM app.orders;
    GRANT SELECT ON app.mv TO app_user;

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE MATERIALIZED VIEW app.mv AS SELECT id FROM app.orders;

When to ignore: where it holds sums over all tenants that everybody may see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T018", Severity.ERROR)
def copies_readable(schema: Schema) -> Iterator[Problem]:
    """Materialized views over tenants' tables that a runtime role may read."""
    for view in schema.views.values():
        if view.ref.kind != "materialized_view" or not schema.may(view.ref, "r"):
            continue
        tables = [schema.tables[ref] for ref in sorted(schema.reached(view))]
        guarded = [t for t in tables if t.row_security or schema.scoped.get(t.ref) is not None]
        if guarded:
            yield Problem(
                f"{', '.join(schema.may(view.ref, 'r'))} may read {view.ref.path},"
                f" a copy of rows of {', '.join(t.path for t in guarded)}",
                view.ref,
                help="REVOKE SELECT, and read it through a view or function that chooses the tenant's rows",
            )

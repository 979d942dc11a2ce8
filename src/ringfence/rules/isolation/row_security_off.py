"""A table of tenants' rows has no row-level security.

Why it matters: whoever may read the table reads every tenant's rows, and whoever may write it writes
them.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE TABLE app.lines (id uuid PRIMARY KEY, order_id uuid NOT NULL REFERENCES app.orders);

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE TABLE app.lines (id uuid PRIMARY KEY, order_id uuid NOT NULL REFERENCES app.orders);
    CREATE POLICY mine ON app.lines USING (EXISTS (
        SELECT FROM app.orders AS o WHERE o.id = lines.order_id
    ));
    ALTER TABLE app.lines ENABLE ROW LEVEL SECURITY;

When to ignore: where the rows belong to nobody: list the table as `shared` in `[tool.ringfence.tenancy]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T001", Severity.ERROR)
def row_security_off(schema: Schema) -> Iterator[Problem]:
    """Tables below the tenants' table with neither row-level security nor policies."""
    for table in schema.tables.values():
        key = schema.scoped.get(table.ref)
        if key is None or table.row_security or table.policies or table.partition_of:
            continue
        column = schema.tenant_column(table)
        how = f"by {column}" if column else f"through {key.target.path}"
        yield Problem(
            f"{table.path} holds rows of tenants ({how}) and has no row-level security",
            table.ref,
            help="create a policy, then enable and force row-level security; enabled alone it hides every row",
        )

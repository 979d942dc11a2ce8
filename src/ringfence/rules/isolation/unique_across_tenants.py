"""A value may be used once by all tenants together.

Why it matters: the second tenant cannot use it, and learns from the error that another one does.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE TABLE app.users (
        id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants, email text UNIQUE
    );

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE TABLE app.users (
        id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants, email text,
        UNIQUE (tenant_id, email)
    );

When to ignore: where the value is the world's: an id that another service gives out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T024", Severity.WARNING)
def unique_across_tenants(schema: Schema) -> Iterator[Problem]:
    """Unique keys of tenants' tables without the tenant, or anything that leads to it."""
    for table in schema.tables.values():
        if schema.scoped.get(table.ref) is None:
            continue
        leads = {c for key in table.foreign if key.target in schema.scoped for c in key.columns}
        for ref, columns in table.uniques:
            if (
                set(columns) & (leads | {schema.tenant_column(table)})
                or set(columns) >= set(table.primary) > set()
            ):
                continue
            yield Problem(
                f"({', '.join(columns)}) of {table.path} is unique over all tenants",
                ref,
                help="add the tenant's column to it",
            )

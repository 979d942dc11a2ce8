"""A tenant cannot be deleted, for foreign keys disagree.

Why it matters: rows that go with the tenant are held by rows that do not: DELETE of a tenant with
data fails (23503), on the day somebody asks for it.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    ALTER TABLE app.orders DROP CONSTRAINT orders_tenant_id_fkey;
    ALTER TABLE app.orders ADD FOREIGN KEY (tenant_id) REFERENCES app.tenants ON DELETE CASCADE;
    CREATE TABLE app.lines (id uuid PRIMARY KEY, order_id uuid NOT NULL REFERENCES app.orders);

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE TABLE app.lines (id uuid PRIMARY KEY, order_id uuid NOT NULL REFERENCES app.orders);

When to ignore: where tenants are never deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T026", Severity.WARNING)
def tenant_cannot_be_deleted(schema: Schema) -> Iterator[Problem]:
    """Foreign keys that hold on to rows which a deleted tenant takes along."""
    gone = {schema.root} if schema.root is not None else set()
    grown = True
    while grown:
        more = {
            table.ref
            for table in schema.tables.values()
            for key in table.foreign
            if key.on_delete == "CASCADE" and key.target in gone
        }
        grown = not more <= gone
        gone |= more
    for table in schema.tables.values():
        for key in table.foreign:
            holds = key.on_delete in ("NO ACTION", "RESTRICT")
            if holds and key.target in gone and key.target not in (schema.root, table.ref):
                yield Problem(
                    f"rows of {key.target.path} go with their tenant, and {', '.join(key.columns)} of"
                    f" {table.path} holds them: the tenant cannot be deleted",
                    key.ref,
                    help="ON DELETE CASCADE or SET NULL, as everywhere else",
                )

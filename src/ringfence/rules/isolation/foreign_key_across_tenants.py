"""A foreign key lets a row refer to another tenant's.

Why it matters: foreign keys are checked past every policy. When both tables belong to tenants and the
key leaves the tenant out, one tenant's row may hang on another's: it shows what exists there, keeps
it from being deleted, and goes when it goes.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE TABLE app.lines (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES app.tenants,
        order_id uuid NOT NULL REFERENCES app.orders
    );

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    ALTER TABLE app.orders ADD UNIQUE (tenant_id, id);
    CREATE TABLE app.lines (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES app.tenants,
        order_id uuid NOT NULL,
        FOREIGN KEY (tenant_id, order_id) REFERENCES app.orders (tenant_id, id)
    );

When to ignore: where a trigger or a policy on writing compares the tenants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T021", Severity.ERROR)
def foreign_key_across_tenants(schema: Schema) -> Iterator[Problem]:
    """Foreign keys between tenants' tables that are not a table's only way to its tenant."""
    for table in schema.tables.values():
        way = schema.scoped.get(table.ref)
        for key in table.foreign:
            target = schema.tables.get(key.target)
            if (
                way is None
                or target is None
                or target.ref == schema.root
                or key.target not in schema.scoped
            ):
                continue
            if key.ref == way.ref or target.ref == table.ref:
                continue  # what a row hangs on says whose it is
            theirs = schema.tenant_column(target)
            if theirs and theirs in key.target_columns:
                continue
            if any(
                c in f.columns
                for f in table.foreign
                if f is not key
                for c in key.columns
                if c == schema.tenant_column(table)
            ):
                continue
            yield Problem(
                f"{', '.join(key.columns)} of {table.path} may refer to another tenant's {target.path}",
                key.ref,
                help=f"make (tenant, id) of {target.path} unique and refer to both columns",
            )

"""The column that says whose a row is may be NULL.

Why it matters: a row without a tenant is seen by nobody, or by whoever asks without one, and is
never cleaned up with its tenant.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;

When to ignore: where rows without a tenant are everybody's, and the policy says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, _mend, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T009", Severity.WARNING)
def tenant_column_nullable(schema: Schema) -> Iterator[Problem]:
    """Columns that a policy compares with who is asking, and that may be NULL."""
    for table in schema.tables.values():
        for column in sorted({c for p in table.policies for c in schema.compared(p)}):
            if table.nullable(column):
                yield Problem(
                    f"{column} of {table.path} says whose a row is, and may be NULL",
                    table.column_ref(column),
                    fix=_mend.not_null(table, column),
                )

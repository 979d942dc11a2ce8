"""A foreign key tells whether a row exists that its reader may not see.

Why it matters: an INSERT that refers to another tenant's row works, one that refers to nothing fails:
whoever guesses an id learns whether it is taken.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE TABLE app.lines (id uuid PRIMARY KEY, order_id uuid NOT NULL REFERENCES app.orders);
    GRANT INSERT ON app.lines TO app_user;

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE TABLE app.lines (id uuid PRIMARY KEY, order_id uuid NOT NULL REFERENCES app.orders);

When to ignore: where ids cannot be guessed, as random uuids cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T025", Severity.INFO)
def foreign_key_tells(schema: Schema) -> Iterator[Problem]:
    """Tables with row-level security that others, writable by runtime roles, refer to by id alone."""
    for target in schema.tables.values():
        if not target.row_security or target.ref == schema.root:
            continue
        theirs = schema.tenant_column(target)
        from_ = [
            table.path
            for table in schema.tables.values()
            for key in table.foreign
            if key.target == target.ref
            and table.ref != target.ref
            and (not theirs or theirs not in key.target_columns)
            and schema.may(table.ref, "a")
        ]
        if from_:
            yield Problem(
                f"foreign keys of {', '.join(sorted(set(from_)))} tell whether a row of {target.path} exists",
                target.ref,
            )

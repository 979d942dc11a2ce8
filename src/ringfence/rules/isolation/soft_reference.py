"""A column refers to rows that nothing says exist.

Why it matters: an id without a foreign key may be another tenant's, or nobody's, and stays when the
row it meant is gone.

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
        order_ids uuid[] NOT NULL
    );

Passes:

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

When to ignore: where the id is of another database.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T023", Severity.WARNING)
def soft_reference(schema: Schema) -> Iterator[Problem]:
    """Columns named like a table's id, of a key's type or an array of it, without a foreign key."""
    for table in schema.tables.values():
        if table.ref not in schema.scoped:
            continue
        keyed = {column for key in table.foreign for column in key.columns} | set(table.primary)
        for column, fact in table.columns.items():
            kind = fact.text("type")
            match = re.fullmatch(r"(\w+?)_(ids?|by)", column)
            if (
                match is None
                or column in keyed
                or kind.removesuffix("[]") not in ("uuid", "bigint", "integer")
            ):
                continue
            if match[2] == "ids" and not kind.endswith("[]"):
                continue
            yield Problem(
                f"{column} of {table.path} refers to rows, and no foreign key says that they exist",
                table.column_ref(column),
                help="a table of links instead of an array" if kind.endswith("[]") else "",
            )

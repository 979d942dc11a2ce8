"""A row may belong to two tenants, or to two parents that do not belong together.

Why it matters: where a table reaches the same parent on two ways, nothing makes them meet: an order
of one shop with a discount of another shop is a row that no reader expects.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE TABLE app.shops (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE TABLE app.discounts (id uuid PRIMARY KEY, shop_id uuid NOT NULL REFERENCES app.shops);
    CREATE TABLE app.sales (
        id uuid PRIMARY KEY,
        shop_id uuid NOT NULL REFERENCES app.shops,
        discount_id uuid REFERENCES app.discounts
    );

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE TABLE app.shops (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE TABLE app.discounts (
        id uuid PRIMARY KEY, shop_id uuid NOT NULL REFERENCES app.shops, UNIQUE (shop_id, id)
    );
    CREATE TABLE app.sales (
        id uuid PRIMARY KEY,
        shop_id uuid NOT NULL REFERENCES app.shops,
        discount_id uuid,
        FOREIGN KEY (shop_id, discount_id) REFERENCES app.discounts (shop_id, id)
    );

When to ignore: where a trigger compares the two ways.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Ref
    from ringfence.rules._schema import Foreign, Schema


@rule("T022", Severity.ERROR)
def ways_to_tenant_differ(schema: Schema) -> Iterator[Problem]:
    """Two foreign keys of a table that lead to one table other than the tenants', and share no column."""
    for table in schema.tables.values():
        if table.ref not in schema.scoped:
            continue
        for first, second in combinations(table.foreign, 2):
            if set(first.columns) & set(second.columns):
                continue
            meet = (_above(schema, first) & _above(schema, second)) - {schema.root, table.ref}
            both = {first.target, second.target}
            if not meet or (first.target == second.target):
                continue
            nearest = sorted(meet & both) or sorted(meet)
            yield Problem(
                f"{', '.join(first.columns)} and {', '.join(second.columns)} of {table.path} each lead to"
                f" a row of {nearest[0].path}, and nothing makes it the same",
                second.ref,
                help="let one foreign key hold both columns",
            )


def _above(schema: Schema, key: Foreign) -> set[Ref]:
    """The tenants' tables that a foreign key leads to, itself or through others."""
    found: set[Ref] = set()
    waiting = [key.target]
    while waiting:
        ref = waiting.pop()
        table = schema.tables.get(ref)
        if table is None or ref in found or ref not in schema.scoped:
            continue
        found.add(ref)
        way = schema.scoped[ref]
        if way is not None:
            waiting.append(way.target)
    return found

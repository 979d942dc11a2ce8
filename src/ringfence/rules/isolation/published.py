"""Tenants' rows leave the database by replication.

Why it matters: a publication sends rows of all tenants; no policy is asked on the way.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE PUBLICATION everything FOR TABLE app.orders;

Passes:

    CREATE TABLE app.prices (id uuid PRIMARY KEY);
    CREATE PUBLICATION everything FOR TABLE app.prices;

When to ignore: where the subscriber is as trusted as this database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T031", Severity.INFO)
def published(schema: Schema) -> Iterator[Problem]:
    """Publications of tenants' tables."""
    for ref, fact in sorted(schema.catalog.facts.items()):
        if ref.kind == "publication_table":
            for used in sorted(schema.catalog.uses.get(ref, ())):
                if used in schema.tables and schema.scoped.get(used) is not None:
                    yield Problem(
                        f"publication {(fact.parent or ref).path} sends every tenant's rows of {used.path}",
                        used,
                    )

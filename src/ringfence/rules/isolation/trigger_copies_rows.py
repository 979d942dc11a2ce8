"""A trigger copies tenants' rows to a table that belongs to nobody.

Why it matters: an audit table holds what all tenants wrote; without a policy of its own, whoever may
read it reads all of it.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE TABLE app.audit (id bigint PRIMARY KEY, row_data text);
    CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO app.audit VALUES (1, to_jsonb(NEW)::text);
        RETURN NEW;
    END $$;
    CREATE TRIGGER noted AFTER INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION app.note();
    GRANT SELECT ON app.audit TO app_user;

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE TABLE app.audit (id bigint PRIMARY KEY, row_data text);
    CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO app.audit VALUES (1, to_jsonb(NEW)::text);
        RETURN NEW;
    END $$;
    CREATE TRIGGER noted AFTER INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION app.note();

When to ignore: where what is copied says nothing of a tenant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._schema import matching, writes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T028", Severity.WARNING)
def trigger_copies_rows(schema: Schema) -> Iterator[Problem]:
    """Triggers on tenants' tables that write to an open one which a runtime role may read."""
    for table in schema.tables.values():
        if not (table.row_security or schema.scoped.get(table.ref) is not None):
            continue
        for trigger in table.triggers:
            function = schema.function_of(trigger)
            for verb, name in writes(function.body) if function is not None else ():
                for other in matching(schema.tables.values(), name):
                    if (
                        verb == "INSERT"
                        and not other.row_security
                        and other.ref not in schema.scoped
                        and schema.may(other.ref, "r")
                    ):
                        yield Problem(
                            f"trigger {trigger.ref.name[-1]} of {table.path} writes to {other.path}, which"
                            f" {', '.join(schema.may(other.ref, 'r'))} may read as a whole",
                            trigger.ref,
                            help=f"give {other.path} the tenant's column, a policy and row-level security",
                        )

"""A function works on tenants' rows with its owner's rights.

Why it matters: policies ask who the owner is, not who called: it reads and writes every tenant's
rows unless they are forced on the owner. Without a search_path of its own it may be made to call a
function of the caller's.

Caught:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    ALTER TABLE app.orders NO FORCE ROW LEVEL SECURITY;
    CREATE FUNCTION app.count_orders() RETURNS bigint LANGUAGE sql SECURITY DEFINER
        SET search_path = '' AS $$ SELECT count(*) FROM app.orders $$;

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
    CREATE FUNCTION app.count_orders() RETURNS bigint LANGUAGE sql
        SET search_path = '' AS $$ SELECT count(*) FROM app.orders $$;

Passes, for nobody but its owner may call it:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    CREATE FUNCTION app.count_orders() RETURNS bigint LANGUAGE sql SECURITY DEFINER
        SET search_path = '' AS $$ SELECT count(*) FROM app.orders $$;
    REVOKE EXECUTE ON FUNCTION app.count_orders() FROM PUBLIC;

One that asks who is calling, by a setting or a function that reads it, is information: whether it
asks rightly is for a person, or for `ringfence verify`, to see.

When to ignore: where the function itself chooses the tenant's rows, and is tested to do so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T019", Severity.WARNING)
def definer_reads_tenants(schema: Schema) -> Iterator[Problem]:
    """SECURITY DEFINER functions that name tenants' tables, or have no search_path.

    A trigger's is run by whoever writes, with or without a privilege.
    """
    for routine in schema.routines.values():
        if not routine.definer:
            continue
        if routine.result != "trigger" and not schema.called_by(routine):
            continue
        if "search_path" not in routine.settings:
            yield Problem(
                f"{routine.ref.path} is SECURITY DEFINER without a search_path: callers choose what it calls",
                routine.ref,
                fix=f"ALTER FUNCTION {routine.ref.path} SET search_path = '';",
                severity=Severity.ERROR,
            )
        named = [schema.tables[ref] for ref in sorted(schema.named_in(routine.body))]
        reached = [
            t
            for t in named
            if (t.row_security or schema.scoped.get(t.ref) is not None)
            and not (t.forced and t.row_security)
        ]
        if reached:
            asks = routine.ref in schema.asking
            yield Problem(
                f"{routine.ref.path} works on {', '.join(t.path for t in reached)} with its owner's rights",
                routine.ref,
                help="it asks who is calling: see that it does for every row" if asks else "",
                severity=Severity.INFO if asks else None,
            )

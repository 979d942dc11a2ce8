"""A policy fails, or falls back, where no tenant is set.

Why it matters: `current_setting('app.tenant_id')` fails on a fresh connection. With `true` it is
NULL there, but the empty string once any transaction has set it, and `''::uuid` fails again: nullif
takes both for nobody.

Caught:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);
    CREATE POLICY mine ON app.notes USING (tenant_id = current_setting('app.tenant_id')::uuid);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

    CREATE TABLE app.notes (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);
    CREATE POLICY mine ON app.notes USING (tenant_id = current_setting('app.tenant_id', true)::uuid);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

Passes:

    CREATE TABLE app.tenants (id uuid PRIMARY KEY);
    CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
    CREATE POLICY mine ON app.orders
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;

When to ignore: where a request without a tenant is to fail loudly; let every table do it alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T010", Severity.WARNING)
def tenant_setting_raises(schema: Schema) -> Iterator[Problem]:
    """current_setting with one argument, or cast without nullif; settings that differ."""
    for table in schema.tables.values():
        for policy in table.policies:
            name, text = policy.ref.name[-1], policy.text
            if re.search(r"current_setting\('[^']*'(::text)?\)", text):
                yield Problem(
                    f"policy {name} on {table.path} fails where its setting was never set",
                    policy.ref,
                    help="nullif(current_setting('…', true), '') is NULL wherever nobody is set",
                )
            elif re.search(
                r"(?<!NULLIF\()\(?current_setting\('[^']*'(::text)?, true\)\)?::(?!text\b)", text
            ):
                yield Problem(
                    f"policy {name} on {table.path} fails where its setting is empty, as it is after a reset",
                    policy.ref,
                    help="nullif(current_setting('…', true), '') is NULL wherever nobody is set",
                )
            if re.search(r"COALESCE\((NULLIF\()?\(?current_setting[^)]*\)[^)]*, '[^']", text):
                yield Problem(
                    f"policy {name} on {table.path} takes somebody without a tenant for a certain one",
                    policy.ref,
                    severity=Severity.ERROR,
                )
            for setting in re.findall(r"current_setting\('([^']*)'", text):
                if len(schema.settings) > 1 and setting != _usual(schema):
                    yield Problem(
                        f"policy {name} on {table.path} reads {setting}; others read {_usual(schema)}",
                        policy.ref,
                    )


def _usual(schema: Schema) -> str:
    """The setting that most policies read."""
    found = schema.settings
    return schema.tenancy.setting or min(found, key=lambda name: (-len(found[name]), name))

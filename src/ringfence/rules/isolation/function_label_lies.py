"""A function says that it never changes, and reads who is asking.

Why it matters: PostgreSQL may compute an IMMUTABLE function once and keep the answer, in a plan that
another tenant's query uses. LEAKPROOF lets it run before the policies have chosen rows.

Caught:

    CREATE FUNCTION app.me() RETURNS text LANGUAGE sql IMMUTABLE
        AS $$ SELECT current_setting('app.user', true) $$;

Passes:

    CREATE FUNCTION app.me() RETURNS text LANGUAGE sql STABLE
        AS $$ SELECT current_setting('app.user', true) $$;

When to ignore: never.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T012", Severity.ERROR)
def function_label_lies(schema: Schema) -> Iterator[Problem]:
    """IMMUTABLE or LEAKPROOF functions that read settings, roles or tables."""
    for routine in schema.routines.values():
        asks = re.search(
            r"\b(current_setting\b|current_user\b|session_user\b|SELECT\b[^;]*\bFROM\s+(?=[\w\"]))",
            routine.body,
            re.IGNORECASE,
        )
        if asks and routine.volatility == "IMMUTABLE":
            yield Problem(
                f"{routine.ref.path} is IMMUTABLE and reads {asks[1].split()[0]}: one answer may serve all tenants",
                routine.ref,
                help="make it STABLE",
            )
        if asks and routine.leakproof:
            yield Problem(
                f"{routine.ref.path} is LEAKPROOF: it may see rows before a policy has chosen them",
                routine.ref,
                severity=Severity.WARNING,
            )

"""A function takes names from whatever search_path its caller has.

Why it matters: it works on other tables, or calls other functions, than its author meant, depending
on who calls it.

Caught:

    CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;

Passes:

    CREATE FUNCTION app.f() RETURNS int LANGUAGE sql SET search_path = '' AS $$ SELECT 1 $$;

    CREATE FUNCTION app.f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END;

When to ignore: where every name in it is qualified, and no operator of the caller's can come between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T032", Severity.INFO)
def function_without_search_path(schema: Schema) -> Iterator[Problem]:
    """Functions in SQL or PL/pgSQL without a search_path of their own."""
    for routine in schema.routines.values():
        if (
            routine.language in ("sql", "plpgsql")
            and "search_path" not in routine.settings
            and not routine.definer
        ):
            if "BEGIN ATOMIC" in routine.body or routine.body.lstrip().startswith("RETURN "):
                continue  # its names were looked up when it was made
            yield Problem(
                f"{routine.ref.path} has no search_path of its own",
                routine.ref,
                fix=f"ALTER ROUTINE {routine.ref.path} SET search_path = '';",
            )

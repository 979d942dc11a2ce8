"""Every role may call a function that writes.

Why it matters: a function may be executed by PUBLIC unless somebody revokes it.

Caught:

    CREATE TABLE app.notes (id int PRIMARY KEY);
    CREATE FUNCTION app.add_note() RETURNS void LANGUAGE sql AS $$ INSERT INTO app.notes VALUES (1) $$;

Passes:

    CREATE TABLE app.notes (id int PRIMARY KEY);
    CREATE FUNCTION app.add_note() RETURNS void LANGUAGE sql AS $$ INSERT INTO app.notes VALUES (1) $$;
    REVOKE EXECUTE ON FUNCTION app.add_note() FROM PUBLIC;

When to ignore: where whoever calls it needs privileges on the tables anyhow, and has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._schema import writes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T033", Severity.INFO)
def function_for_everybody(schema: Schema) -> Iterator[Problem]:
    """Functions that write, or work with their owner's rights, without a REVOKE FROM PUBLIC."""
    for routine in schema.routines.values():
        if routine.result == "trigger" or not (writes(routine.body) or routine.definer):
            continue
        held = [f for f in schema.catalog.below(routine.ref, "grant") if f.ref.name[-1] == "public"]
        if not held or "X" in held[0].text("privileges"):
            yield Problem(
                f"every role may call {routine.ref.path}",
                routine.ref,
                fix=f"REVOKE EXECUTE ON ROUTINE {routine.ref.path} FROM PUBLIC;",
                severity=Severity.WARNING if routine.definer else None,
            )

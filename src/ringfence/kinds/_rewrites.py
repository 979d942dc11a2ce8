"""Which new columns make PostgreSQL write a table anew: those whose values it has to compute row by row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from ringfence.kinds import Context
    from ringfence.model import Fact, Ref

# The server's own functions, and well-known extensions', that give each row a value of its own.
_VOLATILE = re.compile(
    r"(?<![\w\"])(?:clock_timestamp|currval|gen_random_bytes|gen_random_uuid|gen_salt|lastval"
    r"|nextval|random|random_normal|setval|timeofday|txid_current|uuid_generate_v\w+|uuidv4|uuidv7"
    r"|pg_current_xact_id|set_config|pg_notify|pg_sleep)\("
)
_STRING = re.compile(r"'(?:[^']|'')*'")
_STEADY = re.compile(r"^ (?:WINDOW )?(?:IMMUTABLE|STABLE)\b", re.MULTILINE)


def on_adding(column: Fact, context: Context) -> tuple[Hazard, ...]:
    """The hazard of ADD COLUMN, on a table that is there and may hold rows."""
    table = column.parent
    if table is None or table not in context.old.facts or table in context.drops:
        return ()
    if table.kind != "table":
        return ()
    why = _why(column, context)
    if not why:
        return ()
    message = f"{table.path} is written anew under lock: {why}"
    return (Hazard(HazardCode.REWRITE, column.ref, message),)


def _why(column: Fact, context: Context) -> str:
    if column["generated"]:
        return "the column is computed for each row" if column["generated"] == "s" else ""
    if column["identity"]:
        return "each row gets a number"
    for default in context.inlined(column.ref, "default"):
        if _varies(default.ref, default.text("expression"), context):
            return "the default differs from row to row"
    return _of_domain(column.ref, context, bool(context.inlined(column.ref, "default")))


def _of_domain(ref: Ref, context: Context, has_default: bool) -> str:
    """Domains that are checked, and those whose own default differs from row to row."""
    for used in sorted(context.new.uses.get(ref, ())):
        if used.kind != "domain":
            continue
        domain = context.new.facts[used]
        if domain["not_null"] or context.new.below(used, "domain_constraint"):
            return f"each row is checked by domain {used.path}"
        if not has_default and _varies(used, domain.text("expression"), context):
            return "the default differs from row to row"
        below = _of_domain(used, context, has_default or bool(domain["expression"]))
        if below:
            return below
    return ""


def _varies(ref: Ref, expression: str, context: Context) -> bool:
    if _VOLATILE.search(_STRING.sub("''", expression)):
        return True
    routines = (r for r in context.new.uses.get(ref, ()) if r.kind == "routine")
    return any(
        not _STEADY.search(context.new.facts[r].text("definition").partition("\nAS ")[0])
        for r in routines
        if r in context.new.facts
    )

"""What makes PostgreSQL write a table anew: columns whose values it has to compute row by row.

Where it takes the rows of a column of another type as they are, it may build indexes and read them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.kinds import _bytes
from ringfence.kinds._family import links_below
from ringfence.kinds._swap import resolved
from ringfence.model import Ref
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ringfence.kinds import Context
    from ringfence.model import Catalog, Fact

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
    why = _why(column, context.inlined(column.ref, "default"), context)
    if not why:
        return ()
    message = f"{table.path} is written anew under lock: {why}"
    return (Hazard(HazardCode.REWRITE, column.ref, message),)


def on_retyping(old: Fact, new: Fact, value: str, context: Context) -> tuple[Hazard, ...]:
    """The hazards of ALTER COLUMN … TYPE, on a table that is there; `value`: what USING makes of it."""
    below = list(_with_rows(old, context.old))
    if not below or new["generated"] == "v":
        return _checks_again(below, new, context)
    table = Ref("table", new.ref.name[:-1]).path
    was, now = (_plain(*p) for p in ((old, context.old), (new, context.new)))
    computed = "::text::" in value or value.startswith("CASE ")
    if computed or not _as_they_are(old, new, was, now, context):
        message = f"{table} is written anew under lock"
        if not computed and _bytes.unless_utc(was, now):
            message += ", unless the session's TimeZone is UTC"
        return (Hazard(HazardCode.REWRITE, new.ref, message),)
    hazards = list(_checks_again(below, new, context))
    anew = [r for c in below for r in _built_anew(c, old, new, was, now, context)]
    if anew:
        names = ", ".join(sorted(r.path for r in anew))
        verb = "is" if len(anew) == 1 else "are"
        message = f"{names} {verb} built while nobody may use {table}"
        hazards.append(Hazard(HazardCode.INDEX_BUILD, new.ref, message))
    return tuple(hazards)


def in_local_time(old: Fact, new: Fact, context: Context) -> str:
    """What to know where values become what they are in the session's TimeZone."""
    if not _bytes.local(_plain(old, context.old), _plain(new, context.new)):
        return ""
    return f"the values of {new.ref.path} are taken for local time of the session's TimeZone"


def _with_rows(column: Fact, catalog: Catalog) -> Iterator[Fact]:
    """The column, in the tables of the tree that hold rows of their own or of theirs."""
    table = column.parent
    if table is None:
        return
    if table.kind == "table":
        yield column
    for link in links_below(table, catalog):
        below = catalog.facts.get(Ref("column", (*link.ref.name, column.ref.name[-1])))
        if below is not None:
            yield from _with_rows(below, catalog)


def _plain(column: Fact, catalog: Catalog) -> _bytes.Stored:
    kind, uses = resolved(column, catalog)
    found = _bytes.stored(kind)
    name = found.name.rpartition(".")[2]
    own = name == "citext" and Ref("extension", ("citext",)) in uses
    return found._replace(name=name) if own else found


def _as_they_are(
    old: Fact, new: Fact, was: _bytes.Stored, now: _bytes.Stored, context: Context
) -> bool:
    """Whether PostgreSQL leaves the rows: ATColumnChangeRequiresRewrite in tablecmds.c."""
    before, after = (context.old.uses.get(old.ref, ()), context.new.uses.get(new.ref, ()))
    gone = {r for r in before if r.kind != "collation"} & context.aside
    if old["type"] == new["type"] and not gone:
        return True
    domains = any(r.kind == "domain" for r in (*before, *after))
    if domains and new.text("type").endswith("[]"):
        return False
    if any(r.kind == "domain" for r in before):
        was = was._replace(mods=())  # PostgreSQL forgets which a domain has
    if _checked(new.ref, context) or any(r.kind != "domain" for r in gone):
        return False
    cast = context.old.facts.get(Ref("cast", (f"({was.name} AS {now.name})",)))
    if cast is not None and cast["method"] == "b" and not (was.array or now.array or now.mods):
        return True
    return _bytes.same_bytes(was, now)


def _checked(ref: Ref, context: Context) -> bool:
    """Whether it is of a domain, or one over that, that not every value may be of."""
    return any(
        bool(context.new.facts[used]["not_null"])
        or bool(context.new.below(used, "domain_constraint"))
        or _checked(used, context)
        for used in context.new.uses.get(ref, ())
        if used.kind == "domain"
    )


def _checks_again(columns: list[Fact], new: Fact, context: Context) -> tuple[Hazard, ...]:
    """Checks that speak of the column are made anew by PostgreSQL, and every row is read."""
    found = {
        user
        for column in columns
        for user in context.old.used_by.get(column.ref, ())
        if user.kind == "constraint" and user not in context.drops
        if context.old.facts[user]["type"] == "c"
        if "NOT VALID" not in context.old.facts[user].text("definition")
        if "NOT ENFORCED" not in context.old.facts[user].text("definition")
    }
    if not found:
        return ()
    names = ", ".join(sorted(r.path for r in found))
    table = Ref("table", new.ref.name[:-1]).path
    message = f"every row of {table} is read for {names} while nobody may use it"
    return (Hazard(HazardCode.SCAN_UNDER_LOCK, new.ref, message),)


def _built_anew(
    column: Fact,
    old: Fact,
    new: Fact,
    was: _bytes.Stored,
    now: _bytes.Stored,
    context: Context,
) -> Iterator[Ref]:
    """The indexes that are not the same of the new type: CheckIndexCompatible in indexcmds.c."""
    same = _bytes.same_order(was, now) and _collation(old, context.old) == _collation(
        new, context.new
    )
    for user in sorted(context.old.used_by.get(column.ref, ())):
        if user in context.drops:
            continue
        fact = context.old.facts[user]
        if user.kind == "index":
            keys = fact.text("definition").partition(" USING ")[2].partition("(")[2]
            computes = "(" in keys.partition(" INCLUDE (")[0] or bool(fact["predicate"])
            if computes or not same:
                yield user
        elif user.kind == "constraint" and fact["type"] in ("p", "u", "x"):
            computes = fact["type"] == "x" and fact.text("definition").count("(") > 1
            if computes or not same:
                yield user


def _collation(column: Fact, catalog: Catalog) -> str:
    if column["collation"]:
        return column.text("collation")
    for used in sorted(catalog.uses.get(column.ref, ())):
        if used.kind == "domain" and used in catalog.facts:
            return _collation(catalog.facts[used], catalog)
    return ""


def writes_anew(column: Fact, context: Context) -> bool:
    """Whether ADD COLUMN writes each row, with the default that the column is to have."""
    return bool(_why(column, context.new.below(column.ref, "default"), context))


def _why(column: Fact, defaults: Collection[Fact], context: Context) -> str:
    if column["generated"]:
        return "the column is computed for each row" if column["generated"] == "s" else ""
    if column["identity"]:
        return "each row gets a number"
    for default in defaults:
        if _varies(default.ref, default.text("expression"), context):
            return "the default differs from row to row"
    return _of_domain(column.ref, context, bool(defaults))


def _of_domain(ref: Ref, context: Context, has_default: bool) -> str:
    """Domains that are checked, and those whose own default differs from row to row."""
    for used in sorted(context.new.uses.get(ref, ())):
        if used.kind != "domain":
            continue
        domain = context.new.facts[used]
        if domain["not_null"] or context.new.below(used, "domain_constraint"):
            return f"each row is checked by domain {used.path}"
        default = context.new.facts.get(Ref("domain_default", used.name))
        if (
            not has_default
            and default
            and _varies(default.ref, default.text("expression"), context)
        ):
            return "the default differs from row to row"
        below = _of_domain(used, context, has_default or default is not None)
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

"""Tables that leave all their parents and join them again, or others, and inherit the same meanwhile.

What no parent gives any more becomes a table's own, and PostgreSQL has no statement that undoes
that. So a table made for the purpose, the holder, gives it from the one to the other; and what is
altered of it is altered there.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.kinds import Context, Do, kind_of
from ringfence.kinds._family import aside, inheritance, kept_parents, parents, unproved
from ringfence.kinds._sql import Raw, ident, qualified, sql
from ringfence.kinds._swap import as_before
from ringfence.model import Ref
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact

_PASSED_ON = (
    *("type", "collation", "generated", "expression"),
    *("not_null", "not_null_name", "not_null_not_valid", "not_null_inherited"),
)


def holder(table: Ref) -> tuple[str, str]:
    """The name of the table that gives meanwhile what the parents gave."""
    return table.name[0], aside(table.name)


def is_held(ref: Ref, context: Context) -> bool:
    """Whether a column or check is a holder's meanwhile, and altered there."""
    fact = context.old.facts.get(ref)
    return fact is not None and fact.parent is not None and ref in held(fact.parent, context)


def held(table: Ref, context: Context) -> list[Ref]:
    """What of a table is the holder's meanwhile: what stays inherited, and what that speaks of."""
    if not rejoins(table, context):
        return []
    found = [
        f.ref
        for f in sorted(context.old.children.get(table, ()), key=lambda f: f.ref)
        if f.ref.kind in ("column", "constraint")
        and f.ref not in context.drops
        and f.ref in context.new.facts
        and ((f["inherited"] and context.new.facts[f.ref]["inherited"]) or _keeps(f, context))
        and f.ref not in _anew(table, context)
    ]
    for ref in found:
        speaks = ref.kind == "constraint" or _said_anew(ref, context)
        for used in sorted(context.old.uses.get(ref, ())) if speaks else ():
            if used.kind == "column" and used.name[:-1] == table.name and used not in found:
                found.append(used)
    return found


def _said_anew(column: Ref, context: Context) -> bool:
    """Whether the holder says what is computed in a column: what its heir computes stays, if not."""
    before, after = context.old.facts[column], context.new.facts.get(column)
    if not before["generated"] or after is None:
        return False
    return bool(after["generated"]) and before["expression"] != after["expression"]


def _anew(table: Ref, context: Context) -> list[Ref]:
    """The checks that only are inherited, of columns that become the table's own: given once they are."""
    return [
        f.ref
        for f in sorted(context.old.children.get(table, ()), key=lambda f: f.ref)
        if f.ref.kind == "constraint"
        and f["inherited"]
        and f.ref not in context.drops
        and any(_becomes_own(r, table, context) for r in context.old.uses.get(f.ref, ()))
    ]


def _becomes_own(column: Ref, table: Ref, context: Context) -> bool:
    if column.kind != "column" or column.name[:-1] != table.name or column not in context.new.facts:
        return False
    return bool(
        context.old.facts[column]["inherited"] and not context.new.facts[column]["inherited"]
    )


def let_down(fact: Fact, context: Context) -> Iterator[Ref]:
    """The link of a table that inherits what changes, and that one of those who gave it leaves.

    Where it leaves some parents and joins others, nothing of theirs takes it along.
    """
    now = context.new.facts.get(fact.ref)
    table = fact.parent
    if table is None or table.kind != "table" or now is None:
        return
    link = inheritance(table)
    if not fact["inherited"] or not now["inherited"] or link not in context.new.facts:
        return
    before, after = parents(table, context.old), parents(table, context.new)
    kept = kept_parents(table, context)
    left = [p for p in before if p not in kept]
    if all(p in before for p in after):
        return  # it is altered once the table has left, with what gives it still
    if any(Ref(fact.ref.kind, (*p.name, fact.ref.name[-1])) in context.old.facts for p in left):
        yield link


def passed_on(change: Change, context: Context) -> bool:
    """Whether something changes of a column that a table has from its parents."""
    names = _PASSED_ON if context.server_version >= 180000 else _PASSED_ON[:4]
    return not {*names}.isdisjoint(change.attributes)


def hold(table: Ref, context: Context) -> Iterator[Do]:
    """The holder is made, and gives what the parents gave; those are left."""
    its = held(table, context)
    if its:
        columns = [as_before(context.old.facts[r], context) for r in its if r.kind == "column"]
        columns = [
            replace(f, attrs={**f.attrs, "expression": f"NULL::{f.text('type')}"})
            if f["generated"] and not _said_anew(f.ref, context)
            else f
            for f in columns
        ]
        said = Raw(", ".join(_column(f, not_null=_keeps(f, context)) for f in columns))
        yield Do(sql("CREATE TABLE {t} ({c})", t=holder(table), c=said))
        for check in (context.old.facts[r] for r in its if r.kind == "constraint"):
            yield Do(f"{_add(table)} {_check(check)}")
        yield Do(f"{_child(table)} INHERIT {qualified(holder(table))}")
    for parent in reversed(parents(table, context.old)):
        yield Do(f"{_child(table)} NO INHERIT {qualified(parent.name)}")


def let_go(table: Ref, context: Context) -> Iterator[Do]:
    """The new parents are joined, which give what the holder gave and what is new; it goes."""
    its = held(table, context)
    anew = _anew(table, context) if rejoins(table, context) else []
    new = [f for f in _inherited(table, context) if f.ref in context.creates or f.ref in anew]
    new = [f for f in new if not _comes_later(f, context)]
    nulls = _not_null_from_above(table, context)
    beside = _beside([*new, *nulls], {*its, *(f.ref for f in new)}, context)
    if (new or nulls) and not its:
        yield Do(f"CREATE TABLE {qualified(holder(table))} ()")
        yield Do(f"{_child(table)} INHERIT {qualified(holder(table))}")
    facts = [context.new.facts[r] for r in beside]
    for fact in (*facts, *new):
        if fact.ref.kind == "column":
            wanted = fact in new and (_is_not_null(fact) or _copies(fact, context))
            yield Do(f"{_add(table)} COLUMN {_column(fact, not_null=wanted)}")
    for fact in new:
        if fact.ref in anew:
            yield Do(f"{_child(table)} DROP CONSTRAINT {ident(fact.ref.name[-1])}")
        if fact.ref.kind == "constraint":
            yield Do(f"{_add(table)} {_check(fact)}")
    for fact in context.new.below(table, "column"):
        late = bool(
            fact["not_null_inherited"] and fact["not_null_not_valid"]
        )  # the parents give it
        if (fact in nulls or late) and _has_its_own(fact, context):
            yield Do(f"{_child(table)} ALTER COLUMN {ident(fact.ref.name[-1])} DROP NOT NULL")
        if fact in nulls:
            hazards = scans(fact, context) if fact.ref in context.old.facts else ()
            yield Do(f"{_add(table)} {_not_null(fact)}", hazards)
    for parent in parents(table, context.new):
        yield Do(f"{_child(table)} INHERIT {qualified(parent.name)}")
    if its or new or nulls:
        yield Do(f"{_child(table)} NO INHERIT {qualified(holder(table))}")
        yield Do(f"DROP TABLE {qualified(holder(table))}")


def scans(column: Fact, context: Context) -> tuple[Hazard, ...]:
    """The hazard of what has to be proved of every row; none where a check has proved it."""
    assert column.parent is not None
    checks = context.old.below(column.parent, "constraint")
    if any(_implies(c, column, context) for c in checks):
        return ()
    message = f"every row of {column.parent.path} is read while nobody may use it"
    return (Hazard(HazardCode.SCAN_UNDER_LOCK, column.ref, message),)


def _implies(check: Fact, column: Fact, context: Context) -> bool:
    """Whether a constraint that stays as it is has no row without a value in the column.

    It says no more than that, or that beside other conditions which are all to be met.
    """
    if check.ref in context.drops or context.new.facts.get(check.ref) != check:
        return False
    wanted = f"({ident(column.ref.name[-1])} IS NOT NULL)"
    match = _CHECK.fullmatch(check.text("definition"))
    if match is None:
        return False
    parts = match["all"][1:-1].split(" AND ")
    before = (" AND ".join(parts[:i]) for i, part in enumerate(parts) if part == wanted)
    return match["all"] == wanted or any(b.count("(") == b.count(")") for b in before)


_CHECK = re.compile(r"""CHECK \((?P<all>\([^']*\))\)""")
"""Valid, enforced and inherited, without strings: in those parentheses and words mean nothing."""


def owned(fact: Fact, context: Context) -> bool:
    """Whether that a column is NOT NULL is the table's own meanwhile, though it was inherited."""
    left = fact.parent is not None and inheritance(fact.parent) in context.drops
    return left and not _keeps(fact, context)


def rejoins(table: Ref, context: Context) -> bool:
    """Whether a table leaves all its parents, and joins them or others later."""
    link = inheritance(table)
    if link not in context.drops or link not in context.new.facts:
        return False
    return table not in context.drops and table in context.new.facts


def _not_null_from_above(table: Ref, context: Context) -> list[Fact]:
    """The columns that are to be NOT NULL as the parents have it, and are not so in the holder."""
    return [
        f
        for f in context.new.below(table, "column")
        if _is_not_null(f)
        and not (f["inherited"] and f.ref in context.creates)
        and not (f.ref in context.old.facts and _keeps(context.old.facts[f.ref], context))
    ]


def _has_its_own(column: Fact, context: Context) -> bool:
    """Whether a table's column is NOT NULL by itself, since it left what it had that from."""
    was = context.old.facts.get(column.ref)
    return was is not None and column.ref not in context.creates and bool(was["not_null"])


def _beside(facts: list[Fact], there: set[Ref], context: Context) -> list[Ref]:
    """The columns that those speak of, and that these do, where they are not there."""
    found = [f.ref for f in facts if f.ref not in there]
    found += sorted({r for f in facts for r in _speaks_of(f, context)} - {*there, *found})
    for ref in found:
        more = _speaks_of(context.new.facts[ref], context) - {*there, *found}
        found += sorted(more)
    return sorted({*found}, key=lambda r: bool(context.new.facts[r]["generated"]))


def _keeps(fact: Fact, context: Context) -> bool:
    """Whether a column is NOT NULL as the parents have it, before and after."""
    now = context.new.facts.get(fact.ref)
    if now is None or not _is_not_null(fact) or not _is_not_null(now):
        return False
    return fact["not_null_name"] == now["not_null_name"] and fact["inherited"] == now["inherited"]


def _copies(fact: Fact, context: Context) -> bool:
    """Whether it is NOT NULL by itself, as it was when it came: before 18 nobody knows from where."""
    return context.server_version < 180000 and bool(fact["not_null"])


def _is_not_null(fact: Fact) -> bool:
    return bool(fact["not_null_inherited"] and not fact["not_null_not_valid"])


def _child(table: Ref) -> str:
    return f"ALTER {kind_of(table).keyword} {qualified(table.name)}"


def _add(table: Ref) -> str:
    return f"ALTER TABLE {qualified(holder(table))} ADD"


def _column(fact: Fact, *, not_null: bool) -> str:
    text = f"{ident(fact.ref.name[-1])} {fact.text('type')}"
    if fact["collation"]:
        text += f" COLLATE {fact.text('collation')}"
    if fact["generated"]:
        kept = "STORED" if fact["generated"] == "s" else "VIRTUAL"
        text += f" GENERATED ALWAYS AS ({fact.text('expression')}) {kept}"
    return f"{text} {_not_null(fact).rpartition(' NOT NULL')[0]} NOT NULL" if not_null else text


def _not_null(fact: Fact) -> str:
    table, column = fact.ref.name[-2:]
    name = fact.text("not_null_name") or f"{table}_{column}_not_null"
    return f"CONSTRAINT {ident(name)} NOT NULL {ident(column)}"


def _check(fact: Fact) -> str:
    return f"CONSTRAINT {ident(fact.ref.name[-1])} {fact.text('definition')}"


def _inherited(table: Ref, context: Context) -> list[Fact]:
    return [
        f
        for f in sorted(context.new.children.get(table, ()), key=lambda f: f.ref)
        if f.ref.kind in ("column", "constraint") and f["inherited"]
    ]


def _speaks_of(fact: Fact, context: Context) -> set[Ref]:
    """The columns that a check or a generated column speaks of."""
    if fact.ref.kind != "constraint" and not fact["generated"]:
        return set()
    used = context.new.uses.get(fact.ref, frozenset())
    return {r for r in used if r.kind == "column" and r.name[:-1] == fact.ref.name[:-1]}


def _comes_later(fact: Fact, context: Context) -> bool:
    """Whether it comes with a parent's own ADD once the table inherits, as it is not valid."""
    assert fact.parent is not None
    above = [
        Ref(fact.ref.kind, (*p.name, fact.ref.name[-1])) for p in parents(fact.parent, context.new)
    ]
    return any(r in context.creates and unproved(context.new.facts[r], fact) for r in above)

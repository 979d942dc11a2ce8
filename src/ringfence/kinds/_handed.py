"""Columns and checks that a table goes on to inherit, but from other parents than before.

Another parent gives what the table has before the one that gave it lets go: it is never its own.
Where that is no order to do it in, the table leaves its parents and joins them anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ringfence.kinds._family import common, inheritance, kept_parents, links_below, parents
from ringfence.kinds._inherit import first_left
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.kinds import Context, Stage
    from ringfence.model import Fact

_SAME = (
    *("type", "collation", "generated", "expression", "not_null", "not_null_name"),
    *("not_null_no_inherit", "not_null_not_valid", "not_null_inherited", "definition"),
)


class Handed(NamedTuple):
    """A column or check of a table, the parents' own that gave it, and those that will."""

    heirs: Ref
    gone: list[Ref]
    come: list[Ref]


def handed(own: Ref, context: Context) -> Handed | None:
    """How it comes to another parent, where one that stays a parent loses it or gets it."""
    before, after = context.old.facts.get(own), context.new.facts.get(own)
    if before is None or after is None or own in context.drops or before.parent is None:
        return None
    kept = kept_parents(before.parent, context)
    if not kept or not (before["inherited"] and after["inherited"]):
        return None
    givers = []
    for catalog in (context.old, context.new):
        above = [Ref(own.kind, (*p.name, own.name[-1])) for p in parents(before.parent, catalog)]
        givers.append([r for r in above if r in catalog.facts])
    gone, come = givers
    if any(r in come and r not in context.drops for r in gone):
        return None
    staying = {p.name for p in kept}
    if not any(r.name[:-1] in staying for r in (*gone, *come)):
        return None  # it leaves and joins its parents at once
    return Handed(own, gone, come)


def cannot(hand: Handed, context: Context) -> bool:
    """Whether there is no order to do it in."""
    before, after = context.old.facts[hand.heirs], context.new.facts[hand.heirs]
    if any(before[name] != after[name] for name in _SAME):
        return True
    table = before.parent
    assert table is not None
    old, new = parents(table, context.old), parents(table, context.new)
    stay = {p.name for p in old[: min(common(old, new), first_left(table, context))]}
    kept = {p.name for p in kept_parents(table, context)}
    return any(r.name[:-1] in kept - stay for r in (*hand.gone, *hand.come))


def below(ref: Ref, context: Context) -> Iterator[Handed]:
    """What tables have from a parent's own column or check, or will, and from others too."""
    for catalog in (context.old, context.new):
        fact = catalog.facts.get(ref)
        for link in links_below(fact.parent, catalog) if fact is not None and fact.parent else ():
            if link.ref.kind == "inheritance":
                hand = handed(Ref(ref.kind, (*link.ref.name, ref.name[-1])), context)
                if hand is not None and ref in (*hand.gone, *hand.come):
                    yield hand


def torn(fact: Fact, context: Context) -> Iterator[Ref]:
    """The links of those that go on to inherit what is dropped above, where others do not.

    PostgreSQL lets go of it in all of them, and either drops it there or makes it their own.
    """
    heirs = _heirs(fact, context)
    stay = [heir for heir in heirs if _stays_inherited(heir, context)]
    for heir in stay if len(stay) < len(heirs) else ():
        table = context.old.facts[heir].parent
        assert table is not None
        yield inheritance(table)


def crossed(fact: Fact, context: Context) -> Iterator[Ref]:
    """The links of those that leave a parent for another, where a column goes from them all.

    It goes once they have left, and has to be gone from the other before they join that.
    """
    for link in links_below(fact.parent, context.old) if fact.parent is not None else ():
        heir = link.parent
        if heir is None or fact.parent in kept_parents(heir, context):
            continue
        before, after = parents(heir, context.old), parents(heir, context.new)
        joined = after[common(before, after) :]
        gone = (Ref(fact.ref.kind, (*p.name, fact.ref.name[-1])) for p in joined)
        if link.ref in context.new.facts and any(r in context.drops for r in gone):
            yield link.ref


def all_stay(fact: Fact, context: Context) -> bool:
    """Whether all that inherit it go on to inherit it, from others."""
    heirs = _heirs(fact, context)
    return bool(heirs) and all(_stays_inherited(heir, context) for heir in heirs)


def _heirs(fact: Fact, context: Context) -> list[Ref]:
    links = links_below(fact.parent, context.old) if fact.parent is not None else ()
    return [
        ref
        for link in links
        if fact.parent in kept_parents(link.parent, context)
        and (ref := Ref(fact.ref.kind, (*link.ref.name, fact.ref.name[-1]))) in context.old.facts
    ]


def _stays_inherited(ref: Ref, context: Context) -> bool:
    """Whether what is only inherited stays so."""
    now = context.new.facts.get(ref)
    return now is not None and bool(now["inherited"]) and ref not in context.drops


def made_anew(ref: Ref, context: Context) -> Iterator[Ref]:
    """The links of the tables for which there is no order."""
    for hand in below(ref, context):
        table = context.old.facts[hand.heirs].parent
        if table is not None and cannot(hand, context):
            yield inheritance(table)


def given_before(ref: Ref, context: Context) -> Iterator[tuple[Stage, Ref]]:
    """What is done before a parent lets go of what others will give: they do."""
    for hand in below(ref, context):
        if ref in hand.gone:
            yield from (("create", r) for r in hand.come)
            yield ("alter", inheritance(hand.heirs._replace(name=hand.heirs.name[:-1])))


def given_by_those_that_stay(table: Ref, context: Context) -> Iterator[tuple[Stage, Ref]]:
    """What is done before a table leaves some parents: others that it keeps give what those gave."""
    kept = {p.name for p in kept_parents(table, context)}
    for child in context.new.children.get(table, ()):
        hand = handed(child.ref, context) if child.ref.kind in ("column", "constraint") else None
        if hand is not None and not any(r.name[:-1] in kept for r in hand.gone):
            yield from (("create", r) for r in hand.come if r.name[:-1] in kept)

"""Objects that need each other in a ring, which came to be by altering one of them later.

Such a one is made without what it needs first, and altered to be what it is once the others are
there; and the other way round it lets go of them before they go.
"""

from __future__ import annotations

from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from ringfence.kinds import kind_of

if TYPE_CHECKING:
    from ringfence.model import Catalog, Fact, Ref


def opened(catalog: Catalog, *, to_come: bool) -> Catalog:
    """A catalog whose rings are open: in each, one object is hollow; the catalog itself without any.

    What is computed when it is made is not made `to_come` as long as it would find hollow things.
    """
    hollow: dict[Ref, Fact] = {}
    needs = _needs(catalog)
    while (ring := _ring(needs)) is not None:
        for ref in sorted(ring):
            made = kind_of(ref).hollow(catalog.facts[ref], catalog)
            if made is not None:
                hollow[ref] = made
                needs[ref] = _of_parts(ref, catalog)
                break
        else:  # parts of these are made by themselves
            needs[ring[1]].discard(ring[0])
    if not hollow:
        return catalog
    gone = _computed(set(hollow), catalog) if to_come else set()
    facts = {r: hollow.get(r, f) for r, f in catalog.facts.items() if r not in gone}
    uses = {
        ref: frozenset() if ref in hollow else used - gone
        for ref, used in catalog.uses.items()
        if ref not in gone
    }
    return replace(catalog, facts=facts, uses=uses)


def _top(ref: Ref, catalog: Catalog) -> Ref:
    above = catalog.facts[ref].parent
    while above is not None:
        ref, above = above, catalog.facts[above].parent
    return ref


def _needs(catalog: Catalog) -> dict[Ref, set[Ref]]:
    """Whole → the wholes that it, and what is part of it, needs."""
    found: dict[Ref, set[Ref]] = {}
    for ref, used in catalog.uses.items():
        top = _top(ref, catalog)
        found.setdefault(top, set()).update({_top(u, catalog) for u in used} - {top})
    return found


def _of_parts(ref: Ref, catalog: Catalog) -> set[Ref]:
    """The wholes that the parts of an object need."""
    found: set[Ref] = set()
    todo = [f.ref for f in catalog.children.get(ref, ())]
    for part in todo:
        todo += [f.ref for f in catalog.children.get(part, ())]
        found |= {_top(u, catalog) for u in catalog.uses.get(part, ())}
    return found - {ref}


def _ring(needs: dict[Ref, set[Ref]]) -> list[Ref] | None:
    """Some that need each other, each before the one that needs it; the first is the last too."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        ring: list[Ref] = error.args[1]
        return ring
    return None


def _computed(hollow: set[Ref], catalog: Catalog) -> set[Ref]:
    """What is computed from those when it is made, and all that needs it or is part of it."""
    found: set[Ref] = set()
    todo = [(ref, False) for ref in hollow]
    seen = set(todo)
    while todo:
        ref, goes = todo.pop()
        goes = goes or kind_of(ref).computed
        if goes:
            found.add(ref)
        near = [(f.ref, goes) for f in catalog.children.get(ref, ())]
        near += [(_top(u, catalog) if not goes else u, goes) for u in catalog.used_by.get(ref, ())]
        todo += [n for n in near if n not in seen]
        seen |= {*near}
    return found

"""Triggers that do not fire while rows go from one partition to another: nobody changes those."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Do
from ringfence.kinds._family import links_below, partition, whole
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds._words import FIRES
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.kinds import Context
    from ringfence.model import Catalog, Fact


def quietly(tables: Iterable[Ref], does: Iterable[Do], context: Context) -> Iterator[Do]:
    """What is done, with the triggers of these tables and of what is below them out of the way."""
    heads = {t: f"ALTER TABLE {qualified(t.name)}" for t in tables if _has_any(t, context)}
    for head in heads.values():
        yield Do(f"{head} DISABLE TRIGGER USER")
    yield from does
    for table, head in heads.items():
        yield Do(f"{head} ENABLE TRIGGER USER")
        yield from (Do(text) for text in _as_before(table, head, context))


def once_moved(table: Ref, context: Context) -> Iterator[Ref]:
    """The partitions of its family that come, or come again, before a trigger is not to fire there.

    To let triggers fire again is to forget of a new one that it does not.
    """
    *_, top = _over(table, context.new)
    for part in below(top, context.new):
        if partition(part) in context.creates:
            yield partition(part)


def _has_any(table: Ref, context: Context) -> bool:
    for catalog in (context.old, context.new):
        for place in (*_over(table, catalog), *below(table, catalog)):
            if any(True for _ in catalog.below(place, "trigger")):
                return True
    return False


def _as_before(table: Ref, head: str, context: Context) -> Iterator[str]:
    """What says of triggers that do not simply fire when they do: partitions have those of wholes."""
    for place in _over(table, context.new):
        for trigger in context.new.below(place, "trigger"):
            if trigger["enabled"] and _is_there(trigger, context):
                state = FIRES[trigger.text("enabled")]
                yield f"{head} {state} TRIGGER {ident(trigger.ref.name[-1])}"
        if partition(place) in context.creates:
            break  # it has none of its whole's before it is attached
    parts = list(below(table, context.new))
    for part in parts[1:]:
        for trigger in context.new.below(part, "trigger"):
            if trigger["enabled"] and _is_there(trigger, context):
                yield _state(part, trigger)
    names = {part.name for part in parts if partition(part) not in context.creates}
    for trigger in context.new.facts.values():
        its = trigger.ref.kind == "trigger_state" and trigger.ref.name[:-1] in names
        if its and _is_there(trigger, context):
            yield _state(Ref("table", trigger.ref.name[:-1]), trigger)


def _state(table: Ref, trigger: Fact) -> str:
    word = FIRES[trigger.text("enabled")]
    return f"ALTER TABLE ONLY {qualified(table.name)} {word} TRIGGER {ident(trigger.ref.name[-1])}"


def _is_there(fact: Fact, context: Context) -> bool:
    return fact.ref in context.old.facts and fact.ref not in context.drops


def _over(table: Ref, catalog: Catalog) -> Iterator[Ref]:
    """A table, what it is a partition of, and so on."""
    above: Ref | None = table
    while above is not None:
        yield above
        above = whole(above, catalog)


def below(table: Ref, catalog: Catalog) -> Iterator[Ref]:
    """A table, its partitions, and so on."""
    yield table
    for link in links_below(table, catalog):
        if link.ref.kind == "partition" and link.parent is not None:
            yield from below(link.parent, catalog)

"""What was computed by what something was before, and stays as it was computed.

PostgreSQL takes a function at its word that it is IMMUTABLE: an index over it, a generated column, a
check that rows have passed are not looked at again when the function becomes another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import kind_of
from ringfence.kinds._family import above, parents
from ringfence.kinds._sql import Raw, ident, qualified, sql
from ringfence.model import Ref
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.kinds import Context
    from ringfence.model import Fact


def stale(ref: Ref, context: Context) -> tuple[Hazard, ...]:
    """The hazards of giving other results from now on: one for each object that keeps the old ones."""
    found = {*_keepers(ref, context)}
    hazards = []
    for keeper in sorted(found):
        fact = context.new.facts[keeper]
        if found.isdisjoint(_same_above(fact, context)):
            what, how = kind_of(keeper).kept(fact, context)
            message = f"{what} by what {ref.path} was; to do it again: {how}"
            hazards.append(Hazard(HazardCode.STALE, keeper, message))
    return tuple(hazards)


def _keepers(ref: Ref, context: Context) -> Iterator[Ref]:
    """What is there before and after, and has stored what was computed by way of it."""
    todo, seen = [ref], {ref}
    while todo:
        used = todo.pop()
        parts = (used, *(f.ref for f in context.new.children.get(used, ())))
        for user in {u for part in parts for u in context.new.used_by.get(part, ())} - seen:
            seen.add(user)
            fact = context.new.facts.get(user)
            if fact is None or user not in context.old.facts or user in context.creates:
                continue
            if kind_of(user).relays:
                todo.append(user)
            elif kind_of(user).kept(fact, context)[0]:
                yield user


def _same_above(fact: Fact, context: Context) -> Iterator[Ref]:
    """The same of the tables above its own: what brings that up to date does it here too."""
    yield from above(fact, context.new)
    if fact.parent is not None and fact.ref.kind in ("column", "constraint"):
        for parent in parents(fact.parent, context.new):
            yield Ref(fact.ref.kind, (*parent.name, fact.ref.name[-1]))


def built(index: tuple[str, ...], fact: Fact) -> tuple[str, str]:
    """What an index keeps, and the statement that builds it again."""
    what = f"index {Ref('index', index).path} was built"
    # That of an exclusion constraint is not built beside the old one.
    beside = "" if fact["type"] == "x" else "CONCURRENTLY "
    return what, f"REINDEX INDEX {beside}{qualified(index)}"


def update(column: Ref) -> str:
    """The statement that writes every row as it is, so that what follows from it is computed."""
    return sql("UPDATE {t} SET {c} = {c}", t=column.name[:-1], c=Raw(ident(column.name[-1])))

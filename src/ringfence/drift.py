"""What of the changes between two catalogs that should be the same is drift, and how it is told.

Partitions come and go with the rows: one that only one of the two has is none, as long as both have
the table that it is a partition of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.differing import differences
from ringfence.kinds import kind_of
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ringfence.change import Change
    from ringfence.model import Catalog, Fact


def passing(changes: Iterable[Change], old: Catalog, new: Catalog) -> frozenset[Ref]:
    """What of these changes is a partition's coming or going, or where it begins and ends."""
    tables = _passing(old, new)
    return frozenset(c.ref for c in changes if _comes_and_goes(c, tables, old, new))


def _passing(old: Catalog, new: Catalog) -> frozenset[Ref]:
    """The partitions that one side has and the other has not, of tables that both have."""
    return _only_in(old, new) | _only_in(new, old)


def _only_in(one: Catalog, other: Catalog) -> frozenset[Ref]:
    """The partitions of one side's that the other has not, of tables that both have; and theirs."""
    parts = {
        fact.parent: Ref("table", fact.list("whole"))
        for fact in one.facts.values()
        if fact.ref.kind == "partition" and fact.parent is not None
    }
    own = {part for part in parts if part not in other.facts}
    found = {part for part in own if parts[part] in other.facts}
    while more := {part for part in own if parts[part] in found} - found:
        found |= more
    return frozenset(found)


def left(live: Catalog, wanted: Catalog) -> tuple[Ref, ...]:
    """The partitions that a database has beside what files say of their table, sorted."""
    return tuple(sorted(_only_in(live, wanted)))


def whole(part: Ref, catalog: Catalog) -> Ref | None:
    """The table that is partitioned, at last, into what this is a part of."""
    for fact in catalog.children.get(part, ()):
        if fact.ref.kind == "partition":
            above = Ref("table", fact.list("whole"))
            return whole(above, catalog) or above
    return None


def _table(fact: Fact, catalog: Catalog) -> Ref:
    """What a fact hangs on in the end: its table."""
    while fact.ref.kind != "table" and fact.parent is not None and fact.parent in catalog.facts:
        fact = catalog.facts[fact.parent]
    return fact.ref


def _comes_and_goes(change: Change, passing: frozenset[Ref], old: Catalog, new: Catalog) -> bool:
    fact = change.old or change.new
    assert fact is not None
    if fact.ref.kind == "partition" and change.attributes == ("bound",):
        return True
    return _table(fact, new if change.old is None else old) in passing


def told(change: Change, one: str, other: str) -> str:
    """A change in words, between what is `one` and what is the `other`."""
    return f"{kind_of(change.ref).title(change.ref)} {_said(change, one, other)}"


def _said(change: Change, one: str, other: str) -> str:
    if change.old is None:
        return f"is in {other} and not in {one}"
    if change.new is None:
        return f"is in {one} and not in {other}"
    said = [
        f"{name} is {old} in {one} and {new} in {other}" for name, old, new in differences(change)
    ]
    return "differs: " + "; ".join(said)

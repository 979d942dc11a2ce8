"""That a table inherits from others, and in what order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._family import common, kept_parents, names, parents, unproved
from ringfence.kinds._handed import given_by_those_that_stay
from ringfence.kinds._held import hold, let_go
from ringfence.kinds._inherit import first_left, reinherit
from ringfence.kinds._unproved import around, proved_from, siblings, waits
from ringfence.kinds._words import path
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ringfence.change import Change
    from ringfence.kinds import Stage
    from ringfence.model import Fact


class Inheritance(Kind):
    """A table's parents, together: their order decides that of its columns."""

    name = "inheritance"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_inherits)"
    folds = True
    attributes = {"parents": Attribute("reparent")}
    words = {"parents": path}

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterator[Ref]:  # noqa: ARG002
        for name in names(fact["parents"]):
            yield Ref("table", name)
            yield Ref("foreign_table", name)

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        """INHERIT finds the columns and checks of the parents, in the parents and in the child."""
        if stage == "drop" or fact.parent is None:
            return
        for key in context.old.below(fact.parent, "constraint"):
            if key["type"] == "p":
                yield ("drop", key.ref)  # as long as it is there, NOT NULL cannot go
        yield from ((s, link) for s in _AFTER for link in siblings(fact.parent, context))
        yield from given_by_those_that_stay(fact.parent, context)
        yield from ((s, link) for s in _AFTER for link in proved_from(fact.parent, context))
        old = parents(fact.parent, context.old)
        new = parents(fact.parent, context.new)
        added = [p for p in new if stage == "create" or p not in old]
        given = {
            (f.ref.kind, f.ref.name[-1]) for p in added for f in context.new.children.get(p, ())
        }
        for table in (fact.parent, *added) if added else ():
            for child in context.new.children.get(table, ()):
                if (child.ref.kind, child.ref.name[-1]) not in given or child["type"] == "p":
                    continue  # no parent looks for it
                if child.ref.kind in ("column", "constraint") and child["type"] != "f":
                    inherited = Ref(child.ref.kind, (*fact.parent.name, child.ref.name[-1]))
                    if table != fact.parent and unproved(child, context.new.facts.get(inherited)):
                        continue  # a table that comes later would have it proved
                    if child.text("definition").endswith(" NO INHERIT"):
                        continue
                    if table != fact.parent or not child["inherited"]:
                        yield ("create", child.ref)
                    below = context.new.facts.get(inherited)
                    if below and below["not_null_not_valid"] and waits(child, context):
                        continue
                    yield ("alter", child.ref)
        for table in added:  # which has no more then than it will have
            for child in context.old.children.get(table, ()):
                if child.ref.kind in ("column", "constraint") and child["type"] != "f":
                    yield ("drop", child.ref)
        for table in kept_parents(fact.parent, context) if added else ():
            for child in context.new.children.get(table, ()):
                if child.ref.kind == "column":
                    yield ("create", child.ref)  # one that stays gives what the others find
        # A parent that stays takes it along as long as it is one: it is left and joined after that.
        for table in kept_parents(fact.parent, context)[common(old, new) :]:
            for catalog, stages in ((context.old, _BEFORE), (context.new, _AFTER)):
                for child in catalog.children.get(table, ()):
                    own = Ref(child.ref.kind, (*fact.parent.name, child.ref.name[-1]))
                    late = stages == _AFTER and unproved(child, context.new.facts.get(own))
                    columns = child.ref.kind in ("column", "constraint") and child["type"] != "f"
                    if columns and not late:
                        yield from ((stage, child.ref) for stage in stages)

    def parted(self, fact: Fact, used: Ref, context: Context) -> bool:
        """A table leaves for good what is replaced; put aside, to be made anew, it leaves them all."""
        new = context.new.facts.get(fact.ref)
        if new is None:
            return False
        if fact.parent in context.drops:
            return True
        return fact.ref not in context.drops and used.name not in names(new["parents"])

    def drags(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """A foreign table that would not only inherit what it lets go of: it holds no rows."""
        heir = fact.parent
        if heir is None or heir.kind == "table" or heir not in context.new.facts:
            return
        if fact.ref in context.new.facts and any(
            f["inherited"] and f.ref in context.old.facts
            for f in context.new.children.get(heir, ())
            if f.ref.kind in ("column", "constraint")
        ):
            yield heir

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        assert new.parent is not None
        without, within = around(new.parent, context)
        yield from without
        yield from let_go(new.parent, context)
        yield from within

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        assert old.parent is not None
        yield from hold(old.parent, context)

    def reparent(self, change: Change, context: Context) -> Iterator[Do]:
        """NO INHERIT from the first that is another on; INHERIT in the new order."""
        _, new = pair(change)
        assert new.parent is not None
        before, after = parents(new.parent, context.old), parents(new.parent, context.new)
        stay = min(common(before, after), first_left(new.parent, context))
        without, within = around(new.parent, context)
        yield from without
        yield from reinherit(new.parent, before[stay:], after[stay:], context)
        yield from within


_BEFORE: tuple[Stage, ...] = ("drop",)
_AFTER: tuple[Stage, ...] = ("alter", "create")
KIND = Inheritance()

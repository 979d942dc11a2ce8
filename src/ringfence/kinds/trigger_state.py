"""Whether the trigger of a partition fires, where that is not when its partitioned table's does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._quiet import once_moved
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds._words import FIRES, coded
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ringfence.change import Change
    from ringfence.kinds import Stage
    from ringfence.model import Fact


class TriggerState(Kind):
    """A state, named like the partition's trigger, below the trigger that one was made for."""

    name = "trigger_state"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_inherits)"
    attributes = {"enabled": Attribute("enable")}
    words = {"enabled": coded(FIRES)}

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterable[Ref]:
        # The partition, and that it is one, up to where the trigger was made.
        name = fact.ref.name[:-1]
        yield Ref("table", name)
        yield Ref("foreign_table", name)
        while (place := facts.get(Ref("partition", name))) is not None:
            yield place.ref
            name = place.list("whole")

    def along_with(self, stage: Stage, fact: Fact, context: Context) -> Iterable[Ref]:  # noqa: ARG002
        # It goes with the partition, or when that is no partition any more.
        if stage == "drop":
            yield Ref("table", fact.ref.name[:-1])
            yield Ref("foreign_table", fact.ref.name[:-1])
            yield Ref("partition", fact.ref.name[:-1])

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        if stage == "create":
            table = Ref("table", fact.ref.name[:-1])
            yield from (("create", link) for link in once_moved(table, context))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield _state(new, new.text("enabled"))

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        assert old.parent is not None
        yield _state(old, context.old.facts[old.parent].text("enabled") or "O")

    def enable(self, change: Change, context: Context) -> Iterator[Do]:
        """ENABLE, DISABLE, ENABLE REPLICA, ENABLE ALWAYS."""
        _, new = pair(change)
        yield from self.create(new, context)


def _state(fact: Fact, letter: str) -> Do:
    *table, name = fact.ref.name
    return Do(f"ALTER TABLE ONLY {qualified(tuple(table))} {FIRES[letter]} TRIGGER {ident(name)}")


KIND = TriggerState()

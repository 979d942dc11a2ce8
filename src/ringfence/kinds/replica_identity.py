"""What a table's changes are known by in logical replication."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._family import known_by, links_below, whole
from ringfence.kinds._sql import qualified
from ringfence.kinds._words import coded
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ringfence.change import Change
    from ringfence.kinds import Stage
    from ringfence.model import Fact


class ReplicaIdentity(Kind):
    """A replica identity, named like its table: of its own, for it needs the index it names."""

    name = "replica_identity"
    probe = "EXISTS (SELECT FROM relations WHERE relkind IN ('r', 'p') AND relreplident <> 'd')"
    attributes = {"mode": Attribute("reidentify"), "index": Attribute("reidentify")}
    words = {"mode": coded({"f": "FULL", "n": "NOTHING", "i": "USING INDEX"})}

    def parent(self, name: tuple[str, ...]) -> Ref:
        return Ref("table", name)

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterator[Ref]:  # noqa: ARG002
        if fact["index"]:
            yield Ref("index", (fact.ref.name[0], fact.text("index")))
            yield Ref("constraint", (*fact.ref.name, fact.text("index")))

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        """Rows that change partitions are known by what they were known by."""
        above = whole(fact.parent, context.new) if fact.parent is not None else None
        if stage != "drop" and above is not None:
            yield from (("create", link.ref) for link in links_below(above, context.new))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        if (clause := known_by(new)) != "DEFAULT":
            yield Do(f"ALTER TABLE ONLY {qualified(new.ref.name)} REPLICA IDENTITY {clause}")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(f"ALTER TABLE ONLY {qualified(old.ref.name)} REPLICA IDENTITY DEFAULT")

    def reidentify(self, change: Change, context: Context) -> Iterator[Do]:
        """REPLICA IDENTITY, the other."""
        _, new = pair(change)
        yield from self.create(new, context)


KIND = ReplicaIdentity()

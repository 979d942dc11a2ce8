"""The index that CLUSTER puts a table in the order of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, kind_of, pair
from ringfence.kinds._sql import ident, qualified
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ringfence.change import Change
    from ringfence.model import Fact


class ClusterOn(Kind):
    """The mark, named like its table. It orders no rows: only CLUSTER itself does."""

    name = "cluster_on"
    attributes = {"index": Attribute("recluster")}

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterator[Ref]:  # noqa: ARG002
        yield Ref("index", (fact.ref.name[0], fact.text("index")))
        yield Ref("constraint", (*fact.ref.name, fact.text("index")))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(f"{_alter(new)} CLUSTER ON {ident(new.text('index'))}")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(f"{_alter(old)} SET WITHOUT CLUSTER")

    def recluster(self, change: Change, context: Context) -> Iterator[Do]:
        """CLUSTER ON the other."""
        _, new = pair(change)
        yield from self.create(new, context)


def _alter(fact: Fact) -> str:
    assert fact.parent is not None
    return f"ALTER {kind_of(fact.parent).keyword} {qualified(fact.ref.name)}"


KIND = ClusterOn()

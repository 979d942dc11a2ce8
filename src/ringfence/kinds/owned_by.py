"""That a column owns a sequence: dropping the column drops it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import qualified
from ringfence.model import Fact, Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change


class OwnedBy(Kind):
    """An ownership, named like the sequence: a fact of its own, for the column's default needs it."""

    name = "owned_by"
    probe = "EXISTS (SELECT FROM relations WHERE relkind = 'S')"
    attributes = {"column": Attribute("reown")}

    def parent(self, name: tuple[str, ...]) -> Ref:
        return Ref("sequence", name)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(
            f"ALTER SEQUENCE {qualified(new.ref.name)} OWNED BY {qualified(new.list('column'))}"
        )

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(f"ALTER SEQUENCE {qualified(old.ref.name)} OWNED BY NONE")

    def reown(self, change: Change, context: Context) -> Iterator[Do]:
        """OWNED BY the other."""
        _, new = pair(change)
        yield from self.create(new, context)


KIND = OwnedBy()

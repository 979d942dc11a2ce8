"""That a column owns a sequence: dropping the column drops it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._sequences import go_past, had_values
from ringfence.kinds._sql import qualified
from ringfence.kinds._words import path
from ringfence.model import Fact, Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.kinds import Stage


class OwnedBy(Kind):
    """An ownership, named like the sequence: a fact of its own, for the column's default needs it."""

    name = "owned_by"
    probe = "EXISTS (SELECT FROM relations WHERE relkind = 'S')"
    attributes = {"column": Attribute("reown", when="has_the_owner")}
    words = {"column": path}

    def parent(self, name: tuple[str, ...]) -> Ref:
        return Ref("sequence", name)

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:  # noqa: ARG002
        """It is the owner's of the column's table before, and cannot be another's afterwards."""
        if stage != "drop":
            for owner in (_owner(fact), _owner(fact, sequence=True)):
                yield "alter", owner
                yield "create", owner

    def has_the_owner(self, change: Change, context: Context) -> bool:
        """Whether the other column's table is the same role's."""
        old, new = (
            catalog.facts.get(_owner(fact))
            for catalog, fact in zip((context.old, context.new), pair(change), strict=True)
        )
        return (old and old["owner"]) == (new and new["owner"])

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        name, column = qualified(new.ref.name), Ref("column", new.list("column"))
        yield Do(f"ALTER SEQUENCE {name} OWNED BY {qualified(column.name)}")
        sequence = context.new.facts[Ref("sequence", new.ref.name)]
        default = context.new.uses.get(Ref("default", column.name), frozenset())
        fills = sequence.ref in default and sequence.ref in context.creates
        if fills and had_values(column, context):
            step, low, high = (sequence.text(k) for k in ("increment", "minimum", "maximum"))
            yield go_past(column, name, step, low, high, context)

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(f"ALTER SEQUENCE {qualified(old.ref.name)} OWNED BY NONE")

    def reown(self, change: Change, context: Context) -> Iterator[Do]:
        """OWNED BY the other."""
        _, new = pair(change)
        yield from self.create(new, context)


def _owner(fact: Fact, *, sequence: bool = False) -> Ref:
    """Who owns the column's table, or the sequence."""
    if sequence:
        return Ref("owner", ("sequence", *fact.ref.name))
    return Ref("owner", ("table", *fact.list("column")[:-1]))


KIND = OwnedBy()

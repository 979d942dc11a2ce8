"""A composite type that stands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, kind_of, pair
from ringfence.kinds._sql import qualified
from ringfence.kinds._swap import Swapped, lined_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact


class CompositeType(Swapped):
    """A composite type. Its attributes are facts of their own; their order is the type's."""

    name = "composite_type"
    probe = "EXISTS (SELECT FROM relations WHERE relkind = 'c')"
    attributes = {"attributes": Attribute("reorder", when="can_reorder")}

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("type", *fact.ref.name), ("relation", *fact.ref.name))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        folded = context.folded.get(new.ref, ())
        lines = [kind_of(child).inline(context.new.facts[child], context) for child in folded]
        body = "\n" + ",\n".join(f"    {line}" for line in lines) + "\n" if lines else ""
        yield Do(f"CREATE TYPE {qualified(new.ref.name)} AS ({body})")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        yield from super().drop(old, context)
        if old.ref in context.aside:
            yield from lined_up(old.ref, context)

    def can_reorder(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """Whether what is there already keeps its order, and what is new comes last."""
        old, new = pair(change)
        after = new.list("attributes")
        kept = tuple(a for a in old.list("attributes") if a in after)
        return after[: len(kept)] == kept

    def reorder(self, change: Change, context: Context) -> Iterable[Do]:  # noqa: ARG002
        """Nothing: the attributes come and go by themselves."""
        return ()


KIND = CompositeType()

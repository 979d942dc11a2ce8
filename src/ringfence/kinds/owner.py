"""Who owns an object, where the schema says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, kind_of, pair
from ringfence.kinds._sql import ident
from ringfence.kinds._words import of
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.kinds import Stage
    from ringfence.model import Fact


class Owner(Kind):
    """An owner. Its name is the object's kind and name; no name is whoever runs the plan."""

    name = "owner"
    skip = frozenset({"extract"})
    attributes = {"owner": Attribute("reassign")}

    def title(self, ref: Ref) -> str:
        return " ".join(("owner of", *of(ref)))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        assert new.parent is not None
        if new.text("owner") != context.executor or new.parent in context.old.facts:
            kind = kind_of(new.parent)
            to = ident(new.text("owner")) if new["owner"] else "CURRENT_USER"
            yield Do(f"ALTER {kind.keyword} {kind.sql_name(new.parent)} OWNER TO {to}")

    def roles(self, fact: Fact) -> tuple[str, ...]:
        return (fact.text("owner"),)

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        """What the next owner was granted is revoked before it is the owner's to revoke."""
        assert fact.parent is not None
        if stage == "alter":
            for child in context.old.children.get(fact.parent, ()):
                if child.ref.kind == "grant":
                    yield "drop", child.ref
        if stage == "create" and fact.parent in context.creates:
            for column in context.new.below(fact.parent, "column"):
                if column["identity"]:
                    yield "create", column.ref  # as long as it is the executor's
        if stage != "drop" and fact.parent.kind == "sequence":
            # Its owner is its column's table's, and comes along.
            owned = context.new.facts.get(Ref("owned_by", fact.parent.name))
            if owned is not None:
                table = Ref("owner", ("table", *owned.list("column")[:-1]))
                yield "alter", table
                yield "create", table

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        # The new side does not say who should own it: leave it with whom it is.
        return iter(())

    def reassign(self, change: Change, context: Context) -> Iterator[Do]:
        """ALTER … OWNER TO."""
        _, new = pair(change)
        yield from self.create(new, context)


KIND = Owner()

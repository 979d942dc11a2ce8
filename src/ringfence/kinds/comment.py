"""A comment on anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, kind_of, pair
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.kinds._words import of
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Catalog, Fact


class Comment(Kind):
    """A comment. Its name is the object's kind and name."""

    name = "comment"
    skip = frozenset({"extract"})
    attributes = {"text": Attribute("rewrite")}

    def title(self, ref: Ref) -> str:
        return " ".join(("comment on", *of(ref)))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        yield Do(f"COMMENT ON {_on(new, context.new)} IS {literal(new.text('text')).lstrip()}")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        if _part(old) == "not null":
            column = context.new.facts.get(old.parent) if old.parent is not None else None
            if column is None or not column["not_null"]:
                return  # it goes with its constraint
        yield Do(f"COMMENT ON {_on(old, context.old)} IS NULL")

    def rewrite(self, change: Change, context: Context) -> Iterator[Do]:
        """COMMENT ON … IS."""
        _, new = pair(change)
        yield from self.create(new, context)


def _part(fact: Fact) -> str:
    """What of its object it is on, where that is no object of its own; else empty."""
    assert fact.parent is not None
    return fact.ref.name[-1] if len(fact.ref.name) > len(fact.parent.name) + 1 else ""


def _on(fact: Fact, catalog: Catalog) -> str:
    """What stands behind COMMENT ON."""
    on = fact.parent
    assert on is not None
    match _part(fact):
        case "index":  # that the constraint owns
            on = Ref("index", (on.name[0], on.name[-1]))
        case "not null":
            *table, column = on.name
            name = catalog.facts[on].text("not_null_name") or f"{table[-1]}_{column}_not_null"
            return f"CONSTRAINT {ident(name)} ON {qualified(tuple(table))}"
        case "multirange":
            return f"TYPE {qualified(catalog.facts[on].list('multirange'))}"
    kind = kind_of(on)
    return f"{kind.keyword} {kind.sql_name(on)}"


KIND = Comment()

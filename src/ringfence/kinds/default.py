"""The default of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._family import inheritance, kept_parents, parents, tree
from ringfence.kinds._sql import ident, qualified
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Catalog, Fact


class Default(Kind):
    """A default, named like its column: a fact of its own, for it may need what needs the table."""

    name = "default"
    folds = True
    attributes = {"expression": Attribute("reset")}

    def parent(self, name: tuple[str, ...]) -> Ref:
        return Ref("column", name)

    def folds_into_parent(self, fact: Fact, context: Context) -> bool:
        """Not into a view's column, nor into one that the table inherits."""
        above = _table(fact, context.new)
        return above.kind != "view" and not _inherits(fact, above, context)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        above = _table(new, context.new)
        if above in context.creates and context.new.facts[new.parent or above]["inherited"]:
            given = [
                f
                for p in parents(above, context.new)
                if (f := context.new.facts.get(Ref("default", (*p.name, new.ref.name[-1]))))
            ]
            # One of a parent that is there, and comes later, does not come along.
            there = all(
                f.ref not in context.creates or f.ref in context.folded.get(f.parent or f.ref, ())
                for f in given
            )
            if given and there and all(f["expression"] == new["expression"] for f in given):
                return
        if _comes_along(new, above, context):
            return
        yield Do(f"{_column(new, context.new)} SET DEFAULT {new.text('expression')}")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        yield Do(f"{_column(old, context.old)} DROP DEFAULT")

    def reset(self, change: Change, context: Context) -> Iterator[Do]:
        """SET DEFAULT."""
        _, new = pair(change)
        yield from self.create(new, context)


def _table(fact: Fact, catalog: Catalog) -> Ref:
    assert fact.parent is not None
    above = catalog.facts[fact.parent].parent
    assert above is not None
    return above


def _inherits(fact: Fact, above: Ref, context: Context) -> bool:
    """Whether its column comes with the CREATE TABLE or ADD COLUMN of another table."""
    column = fact.parent
    assert column is not None
    if context.new.facts[column]["inherited"] and inheritance(above) in context.new.facts:
        return True
    return any(
        Ref("column", (*p.name, column.name[-1])) in context.creates
        for p in kept_parents(above, context)
    )


def _comes_along(new: Fact, above: Ref, context: Context) -> bool:
    """Whether the column comes with the only parent's ADD COLUMN, which has the same default."""
    kept = list(kept_parents(above, context))
    if new.parent not in context.creates or above in context.creates or len(kept) != 1:
        return False
    if kept != parents(above, context.new):
        return False
    given = context.new.facts.get(Ref("default", (*kept[0].name, new.ref.name[-1])))
    if given is None or given["expression"] != new["expression"]:
        return False
    stated = given.ref in context.folded.get(given.parent or given.ref, ())
    return stated or _comes_along(given, kept[0], context)


def _column(fact: Fact, catalog: Catalog) -> str:
    above = _table(fact, catalog)
    word = {"foreign_table": "FOREIGN TABLE", "view": "VIEW"}.get(above.kind, "TABLE")
    if tree(above, catalog):
        word += " ONLY"  # those below have defaults of their own, which stay
    *table, column = fact.ref.name
    return f"ALTER {word} {qualified(tuple(table))} ALTER COLUMN {ident(column)}"


KIND = Default()

"""The default of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import ident, qualified
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact


class Default(Kind):
    """A default, named like its column: a fact of its own, for it may need what needs the table."""

    name = "default"
    folds = True
    attributes = {"expression": Attribute("reset")}

    def parent(self, name: tuple[str, ...]) -> Ref:
        return Ref("column", name)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        yield Do(f"{_column(new, context.new)} SET DEFAULT {new.text('expression')}")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        yield Do(f"{_column(old, context.old)} DROP DEFAULT")

    def reset(self, change: Change, context: Context) -> Iterator[Do]:
        """SET DEFAULT."""
        _, new = pair(change)
        yield from self.create(new, context)


def _column(fact: Fact, catalog: object) -> str:
    from ringfence.model import Catalog

    assert isinstance(catalog, Catalog)
    assert fact.parent is not None
    above = catalog.facts[fact.parent].parent
    word = {"foreign_table": "FOREIGN TABLE", "view": "VIEW"}.get(
        above.kind if above else "", "TABLE"
    )
    *table, column = fact.ref.name
    return f"ALTER {word} {qualified(tuple(table))} ALTER COLUMN {ident(column)}"


KIND = Default()

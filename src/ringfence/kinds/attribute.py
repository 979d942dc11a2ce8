"""An attribute of a composite type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, loses_data, pair
from ringfence.kinds._casts import assigned
from ringfence.kinds._rewrites import on_retyping
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds._swap import goes, lost, resolved, stored, stricter
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace, Stage
    from ringfence.model import Catalog, Fact
    from ringfence.step import Hazard

_TYPE_BLOCKS = frozenset({"view", "materialized_view", "rule", "policy", "trigger", "routine"})


class TypeAttribute(Kind):
    """An attribute. Added and dropped in place even where tables hold values of the type."""

    name = "attribute"
    probe = "EXISTS (SELECT FROM relations WHERE relkind = 'c')"
    keyword = "COLUMN"
    folds = True
    placed = True
    attributes = {
        "type": Attribute("retype", when="can_retype", blocks=_TYPE_BLOCKS),
        "collation": Attribute("retype", when="can_retype", blocks=_TYPE_BLOCKS),
    }

    def parent(self, name: tuple[str, ...]) -> Ref:
        return Ref("composite_type", name[:-1])

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("column", *fact.ref.name),)

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        if stage in ("alter", "create"):
            yield from stricter(fact, context)
        else:
            # CASCADE takes what needs the same column of a table OF the type.
            for column in _columns(fact, context.old):
                for user in context.old.used_by.get(column, ()):
                    yield "drop", user

    def drags(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """The type: an attribute made anew would stand at its end, and hold nothing."""
        if fact.ref in context.new.facts and fact.parent is not None:
            yield fact.parent

    def inline(self, fact: Fact, context: Context) -> str:  # noqa: ARG002
        """The attribute as it stands in CREATE TYPE or behind ADD ATTRIBUTE."""
        text = f"{ident(fact.ref.name[-1])} {fact.text('type')}"
        return text + (f" COLLATE {fact.text('collation')}" if fact["collation"] else "")

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        text = f"{_type(new)} ADD ATTRIBUTE {self.inline(new, context)}"
        yield Do(text + _cascade(new, context.old))

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        text = f"{_type(old)} DROP ATTRIBUTE {ident(old.ref.name[-1])}{_cascade(old, context.old)}"
        lost = [*goes(old, context.old)]
        for ref in _columns(old, context.old):
            lost += loses_data(ref, f"every value of {ref.path} is lost")
        yield Do(text, tuple(lost))

    def rename(self, old: Fact, to: Ref) -> Iterator[Do]:
        names = f"{ident(old.ref.name[-1])} TO {ident(to.name[-1])}"
        yield Do(f"{_type(old)} RENAME ATTRIBUTE {names} CASCADE")

    def can_retype(self, change: Change, context: Context) -> bool:
        """Not where tables hold values of the type, nor where those OF it would need a written cast."""
        old, new = pair(change)
        assert old.parent is not None
        if stored(old.parent, context.old):
            return False
        was, now = resolved(old, context.old)[0], resolved(new, context.new)[0]
        return not _tables(old, context.old) or assigned(was, now, context.server_version)

    def retype(self, change: Change, context: Context) -> Iterator[Do]:
        """ALTER ATTRIBUTE … TYPE."""
        old, new = pair(change)
        text = f"{_type(new)} ALTER ATTRIBUTE {ident(new.ref.name[-1])} TYPE {new.text('type')}"
        text += f" COLLATE {new.text('collation')}" if new["collation"] else ""
        tables = _tables(old, context.old)
        hazards: list[Hazard] = []
        for table in tables:
            column = Ref("column", (*table.name, new.ref.name[-1]))
            its = context.old.facts.get(column), context.new.facts.get(column)
            if its[0] is not None and its[1] is not None:
                hazards += on_retyping(its[0], its[1], "", context)
        hazards += lost(old, new, context) if tables else ()
        yield Do(text + _cascade(new, context.old), tuple(hazards))


def _type(fact: Fact) -> str:
    return f"ALTER TYPE {qualified(fact.ref.name[:-1])}"


def _tables(fact: Fact, catalog: Catalog) -> list[Ref]:
    """The tables made OF its type."""
    assert fact.parent is not None
    return [u for u in catalog.used_by.get(fact.parent, ()) if u.kind == "table"]


def _columns(fact: Fact, catalog: Catalog) -> list[Ref]:
    """The columns that tables made OF its type have of it."""
    return [Ref("column", (*table.name, fact.ref.name[-1])) for table in _tables(fact, catalog)]


def _cascade(fact: Fact, catalog: Catalog) -> str:
    return " CASCADE" if _tables(fact, catalog) else ""


KIND = TypeAttribute()

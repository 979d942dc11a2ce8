"""A domain: a type with constraints and a default, which are facts of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, kind_of, pair
from ringfence.kinds._sql import qualified
from ringfence.kinds._swap import Swapped, stored
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact


class Domain(Swapped):
    """A domain. Its constraints and its default are facts of their own."""

    name = "domain"
    probe = "EXISTS (SELECT FROM types WHERE typtype = 'd')"
    keyword = "DOMAIN"
    attributes = {
        "base": REPLACE,
        "collation": REPLACE,
        "not_null": Attribute("renull", when="can_renull"),
    }

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        text = f"CREATE DOMAIN {qualified(new.ref.name)} AS {new.text('base')}"
        if new["collation"]:
            text += f" COLLATE {new.text('collation')}"
        for default in context.inlined(new.ref, "domain_default"):
            text += f" DEFAULT {default.text('expression')}"
        if new["not_null"]:
            text += " NOT NULL"
        for child in context.folded.get(new.ref, ()):
            inline = kind_of(child).inline(context.new.facts[child], context)
            text += f"\n    {inline}" if inline else ""
        yield Do(text)

    def can_renull(self, change: Change, context: Context) -> bool:
        """PostgreSQL does not look for nulls within arrays and other types."""
        _, new = pair(change)
        return not new["not_null"] or not stored(new.ref, context.old, whole=False)

    def renull(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET or DROP NOT NULL."""
        _, new = pair(change)
        name = qualified(new.ref.name)
        if new["not_null"]:
            message = f"every row of every table with a column of {new.ref.path} is read under lock"
            hazard = Hazard(HazardCode.SCAN_UNDER_LOCK, new.ref, message)
            yield Do(f"ALTER DOMAIN {name} SET NOT NULL", (hazard,))
        else:
            yield Do(f"ALTER DOMAIN {name} DROP NOT NULL")


KIND = Domain()

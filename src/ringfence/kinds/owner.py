"""Who owns an object, where the schema says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, kind_of, pair
from ringfence.kinds._sql import ident

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact


class Owner(Kind):
    """An owner. Its name is the object's kind and name."""

    name = "owner"
    skip = frozenset({"extract"})
    attributes = {"owner": Attribute("reassign")}

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        assert new.parent is not None
        if new.text("owner") != context.executor or new.parent in context.old.facts:
            kind = kind_of(new.parent)
            yield Do(
                f"ALTER {kind.keyword} {kind.sql_name(new.parent)} OWNER TO {ident(new.text('owner'))}"
            )

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        # The new side does not say who should own it: leave it with whom it is.
        return iter(())

    def reassign(self, change: Change, context: Context) -> Iterator[Do]:
        """ALTER … OWNER TO."""
        _, new = pair(change)
        yield from self.create(new, context)


KIND = Owner()

"""A comment on anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, kind_of, pair
from ringfence.kinds._sql import literal
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact


class Comment(Kind):
    """A comment. Its name is the object's kind and name."""

    name = "comment"
    skip = frozenset({"extract"})
    attributes = {"text": Attribute("rewrite")}

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield _comment(new, new.text("text"))

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield _comment(old, None)

    def rewrite(self, change: Change, context: Context) -> Iterator[Do]:
        """COMMENT ON … IS."""
        _, new = pair(change)
        yield from self.create(new, context)


def _comment(fact: Fact, text: str | None) -> Do:
    on = fact.parent
    assert on is not None
    if len(fact.ref.name) > len(on.name) + 1:  # on the index that the constraint owns
        on = Ref("index", (on.name[0], on.name[-1]))
    kind = kind_of(on)
    return Do(f"COMMENT ON {kind.keyword} {kind.sql_name(on)} IS {literal(text).lstrip()}")


KIND = Comment()

"""A security label on anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, kind_of, pair
from ringfence.kinds._sql import ident, literal
from ringfence.kinds._words import of
from ringfence.model import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact, Ref


class SecurityLabel(Kind):
    """A label. Its name is the object's kind and name, then the provider."""

    name = "security_label"
    skip = frozenset({"extract"})
    attributes = {"text": Attribute("relabel")}

    def title(self, ref: Ref) -> str:
        kind, name = of(ref._replace(name=ref.name[:-1]))
        return f"security label of {quoted(ref.name[-1])} on {kind} {name}"

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield _label(new, new.text("text"))

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield _label(old, None)

    def relabel(self, change: Change, context: Context) -> Iterator[Do]:
        """SECURITY LABEL … IS."""
        _, new = pair(change)
        yield from self.create(new, context)


def _label(fact: Fact, text: str | None) -> Do:
    assert fact.parent is not None
    kind = kind_of(fact.parent)
    provider = ident(fact.ref.name[-1])
    name = kind.sql_name(fact.parent)
    return Do(f"SECURITY LABEL FOR {provider} ON {kind.keyword} {name} IS {literal(text).lstrip()}")


KIND = SecurityLabel()

"""The default of a domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import qualified
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact


class DomainDefault(Kind):
    """A default, named like its domain: a fact of its own, for it can let go of what it calls."""

    name = "domain_default"
    probe = "EXISTS (SELECT FROM types WHERE typtype = 'd')"
    folds = True
    attributes = {"expression": Attribute("reset")}

    def parent(self, name: tuple[str, ...]) -> Ref:
        return Ref("domain", name)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(f"ALTER DOMAIN {qualified(new.ref.name)} SET DEFAULT {new.text('expression')}")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(f"ALTER DOMAIN {qualified(old.ref.name)} DROP DEFAULT")

    def reset(self, change: Change, context: Context) -> Iterator[Do]:
        """SET DEFAULT."""
        _, new = pair(change)
        yield from self.create(new, context)


KIND = DomainDefault()

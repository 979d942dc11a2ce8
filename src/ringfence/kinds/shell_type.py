"""A type that is only a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Context, Do, Kind
from ringfence.kinds._sql import qualified
from ringfence.kinds._swap import shelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.kinds import Namespace
    from ringfence.model import Catalog, Fact, Ref


class ShellType(Kind):
    """A shell: what a type's own functions can name before there is the type."""

    name = "shell_type"
    probe = "EXISTS (SELECT FROM types WHERE typtype IN ('b', 'p', 'r') AND NOT is_array)"
    keyword = "TYPE"
    renames = False

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("type", *fact.ref.name),)

    def dies_with(self, fact: Fact, catalog: Catalog) -> Ref | None:
        return shelled(fact.ref, catalog)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(f"CREATE TYPE {qualified(new.ref.name)}")


KIND = ShellType()

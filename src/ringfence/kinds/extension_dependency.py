"""That an object goes when an extension is dropped: `ALTER … DEPENDS ON EXTENSION`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Context, Do, Kind, kind_of
from ringfence.kinds._sql import ident
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ringfence.model import Fact


class ExtensionDependency(Kind):
    """Its name is the object's kind and name, then the extension."""

    name = "extension_dependency"
    skip = frozenset({"extract"})

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterable[Ref]:  # noqa: ARG002
        yield Ref("extension", fact.ref.name[-1:])

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield _alter(new, "DEPENDS")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield _alter(old, "NO DEPENDS")


def _alter(fact: Fact, words: str) -> Do:
    assert fact.parent is not None
    kind = kind_of(fact.parent)
    extension = ident(fact.ref.name[-1])
    return Do(f"ALTER {kind.keyword} {kind.sql_name(fact.parent)} {words} ON EXTENSION {extension}")


KIND = ExtensionDependency()

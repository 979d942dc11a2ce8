"""A conversion from one encoding to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Context, Do, Kind, some
from ringfence.kinds._sql import literal, qualified

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.kinds import Namespace
    from ringfence.model import Fact


class Conversion(Kind):
    """A conversion. Nothing of it can be altered."""

    name = "conversion"
    probe = some("pg_conversion")
    keyword = "CONVERSION"
    attributes = dict.fromkeys(("for_encoding", "to_encoding", "function", "is_default"), REPLACE)

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        yield ("conversion", *fact.ref.name)
        if fact["is_default"]:
            # A schema has one default for a pair of encodings.
            pair = (fact.text("for_encoding"), fact.text("to_encoding"))
            yield ("default conversion", fact.ref.name[0], *pair)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        default = "DEFAULT " if new["is_default"] else ""
        yield Do(
            f"CREATE {default}CONVERSION {qualified(new.ref.name)}"
            f" FOR {literal(new.text('for_encoding'))} TO {literal(new.text('to_encoding'))}"
            f" FROM {new.text('function')}"
        )


KIND = Conversion()

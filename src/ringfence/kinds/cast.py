"""A cast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Context, Do, Kind, some
from ringfence.kinds._words import coded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Fact, Ref

_METHODS = {"i": "WITH INOUT", "b": "WITHOUT FUNCTION"}
_CONTEXTS = {"": "explicit", "a": "AS ASSIGNMENT", "i": "AS IMPLICIT"}


class Cast(Kind):
    """A cast; its name is `(source AS target)`. PostgreSQL alters nothing in it."""

    name = "cast"
    probe = some("pg_cast")
    keyword = "CAST"
    renames = False
    attributes = {"method": REPLACE, "function": REPLACE, "context": REPLACE}
    words = {"method": coded({"f": "WITH FUNCTION", **_METHODS}), "context": coded(_CONTEXTS)}

    def sql_name(self, ref: Ref) -> str:
        return ref.name[0]

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        method = _METHODS.get(new.text("method")) or f"WITH FUNCTION {new.text('function')}"
        when = f" {_CONTEXTS[new.text('context')]}" if new["context"] else ""
        yield Do(f"CREATE CAST {self.sql_name(new.ref)} {method}{when}")


KIND = Cast()

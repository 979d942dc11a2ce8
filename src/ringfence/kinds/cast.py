"""A cast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Context, Do, Kind, some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Fact, Ref

_METHODS = {"i": "WITH INOUT", "b": "WITHOUT FUNCTION"}
_CONTEXTS = {"a": " AS ASSIGNMENT", "i": " AS IMPLICIT"}


class Cast(Kind):
    """A cast; its name is `(source AS target)`. PostgreSQL alters nothing in it."""

    name = "cast"
    probe = some("pg_cast")
    keyword = "CAST"
    renames = False
    attributes = {"method": REPLACE, "function": REPLACE, "context": REPLACE}

    def sql_name(self, ref: Ref) -> str:
        return ref.name[0]

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        method = _METHODS.get(new.text("method")) or f"WITH FUNCTION {new.text('function')}"
        when = _CONTEXTS.get(new.text("context"), "")
        yield Do(f"CREATE CAST {self.sql_name(new.ref)} {method}{when}")


KIND = Cast()

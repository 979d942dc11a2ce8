"""A transform: how a procedural language takes and gives a type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair, some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact, Ref


class Transform(Kind):
    """A transform; its name is `(FOR type LANGUAGE language)`. OR REPLACE changes its functions."""

    name = "transform"
    probe = some("pg_transform")
    keyword = "TRANSFORM"
    renames = False
    attributes = {"from_sql": Attribute("redefine"), "to_sql": Attribute("redefine")}

    def sql_name(self, ref: Ref) -> str:
        return ref.name[0][1:-1]

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(f"CREATE TRANSFORM {self.sql_name(new.ref)} ({_functions(new)})")

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """CREATE OR REPLACE TRANSFORM."""
        _, new = pair(change)
        yield Do(f"CREATE OR REPLACE TRANSFORM {self.sql_name(new.ref)} ({_functions(new)})")


def _functions(fact: Fact) -> str:
    words = {"from_sql": "FROM SQL", "to_sql": "TO SQL"}
    return ", ".join(f"{w} WITH FUNCTION {fact.text(a)}" for a, w in words.items() if fact[a])


KIND = Transform()

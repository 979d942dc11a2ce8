"""An extension. What belongs to it is not an object of its own: it stands for all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, loses_data, pair
from ringfence.kinds._sql import sql
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ringfence.change import Change
    from ringfence.model import Fact


class Extension(Kind):
    """An extension, in a schema. PostgreSQL refuses SET SCHEMA where it cannot be moved."""

    name = "extension"
    keyword = "EXTENSION"
    renames = False
    attributes = {"schema": Attribute("move")}

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterable[Ref]:  # noqa: ARG002
        # pg_depend does not tell of public, which may have been dropped and made again.
        yield Ref("schema", (fact.text("schema"),))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        yield Do(sql("CREATE EXTENSION {n} WITH SCHEMA {s}", n=new.ref.name, s=new.text("schema")))
        if Ref("comment", ("extension", *new.ref.name)) not in context.new.facts:
            # It comes with a comment of its own, which somebody took away.
            yield Do(sql("COMMENT ON EXTENSION {n} IS NULL", n=new.ref.name))

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(
            sql("DROP EXTENSION {n}", n=old.ref.name),
            loses_data(old.ref, f"what tables of {old.ref.path} hold, if it has any, is lost"),
        )

    def move(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET SCHEMA, which takes along all that belongs to it."""
        _, new = pair(change)
        yield Do(sql("ALTER EXTENSION {n} SET SCHEMA {s}", n=new.ref.name, s=new.text("schema")))


KIND = Extension()

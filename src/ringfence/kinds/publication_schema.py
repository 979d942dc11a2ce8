"""That a publication has every table of a schema in it, from PostgreSQL 15 on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Context, Do, Kind
from ringfence.kinds._sql import ident
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ringfence.kinds import Stage
    from ringfence.model import Fact


class PublicationSchema(Kind):
    """A membership, named by the schema and then the publication. It goes with either."""

    name = "publication_schema"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_publication)"

    def parent(self, name: tuple[str, ...]) -> Ref:
        return Ref("publication", name[-1:])

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterator[Ref]:  # noqa: ARG002
        yield Ref("schema", fact.ref.name[:1])

    def along_with(self, stage: Stage, fact: Fact, context: Context) -> Iterator[Ref]:  # noqa: ARG002
        if stage == "drop":
            yield Ref("schema", fact.ref.name[:1])

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        # There may be no column list beside a whole schema.
        if stage == "create":
            for child in context.old.children.get(Ref("publication", fact.ref.name[-1:]), ()):
                if child.ref.kind == "publication_table":
                    yield "drop", child.ref

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        schema, publication = new.ref.name
        yield Do(f"ALTER PUBLICATION {ident(publication)} ADD TABLES IN SCHEMA {ident(schema)}")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        schema, publication = old.ref.name
        yield Do(f"ALTER PUBLICATION {ident(publication)} DROP TABLES IN SCHEMA {ident(schema)}")


KIND = PublicationSchema()

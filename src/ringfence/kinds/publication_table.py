"""That a publication has a table in it: which columns, which rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Context, Do, Kind
from ringfence.kinds._family import partitions
from ringfence.kinds._sql import ident, qualified
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ringfence.kinds import Stage
    from ringfence.model import Fact


class PublicationTable(Kind):
    """A membership, named by the table and then the publication. It goes with either."""

    name = "publication_table"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_publication)"
    attributes = {"columns": REPLACE, "filter": REPLACE}

    def parent(self, name: tuple[str, ...]) -> Ref:
        return Ref("publication", name[-1:])

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterator[Ref]:  # noqa: ARG002
        yield Ref("table", fact.ref.name[:-1])

    def along_with(self, stage: Stage, fact: Fact, context: Context) -> Iterator[Ref]:  # noqa: ARG002
        if stage == "drop":
            yield Ref("table", fact.ref.name[:-1])

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        if stage == "create":
            table = Ref("table", fact.ref.name[:-1])
            if fact.ref in context.drops:  # rows may change partitions meanwhile
                yield from (("create", link) for link in partitions(table, context.new))
            # There may be no column list beside a whole schema.
            for child in context.old.children.get(Ref("publication", fact.ref.name[-1:]), ()):
                if child.ref.kind == "publication_schema":
                    yield "drop", child.ref

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        *table, publication = new.ref.name
        text = f"ALTER PUBLICATION {ident(publication)} ADD TABLE ONLY {qualified(tuple(table))}"
        if new["columns"]:
            text += f" ({', '.join(map(ident, new.list('columns')))})"
        if new["filter"]:
            text += f" WHERE {new.text('filter')}"
        yield Do(text)

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        *table, publication = old.ref.name
        yield Do(
            f"ALTER PUBLICATION {ident(publication)} DROP TABLE ONLY {qualified(tuple(table))}"
        )


KIND = PublicationTable()

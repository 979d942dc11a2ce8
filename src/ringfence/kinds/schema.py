"""A schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Context, Do, Kind
from ringfence.kinds._sql import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Fact


class Schema(Kind):
    """A schema. Everything in it is a fact of its own that needs it."""

    name = "schema"
    keyword = "SCHEMA"
    grantable = "SCHEMA"
    privileges = "UC"

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(sql("CREATE SCHEMA {n}", n=new.ref.name))


KIND = Schema()

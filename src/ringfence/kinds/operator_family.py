"""A family of operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Context, Do, Kind, some
from ringfence.kinds._sql import ident, qualified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Fact, Ref


class OperatorFamily(Kind):
    """A family, named by its schema, name and access method. What is in it are facts of their own."""

    name = "operator_family"
    probe = some("pg_opfamily")
    keyword = "OPERATOR FAMILY"
    own = 1

    def sql_name(self, ref: Ref) -> str:
        return f"{qualified(ref.name[:2])} USING {ident(ref.name[2])}"

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(f"CREATE OPERATOR FAMILY {self.sql_name(new.ref)}")


KIND = OperatorFamily()

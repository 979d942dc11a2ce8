"""An operator class: how an access method works with a type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Context, Do, Kind, some
from ringfence.kinds._sql import ident, qualified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Fact, Ref


class OperatorClass(Kind):
    """A class, named by its schema, name and access method. PostgreSQL alters nothing in it."""

    name = "operator_class"
    probe = some("pg_opclass")
    keyword = "OPERATOR CLASS"
    own = 1
    relays = True
    attributes = {
        "family": REPLACE,
        "is_default": REPLACE,
        "type": REPLACE,
        "storage": REPLACE,
        "members": REPLACE,
    }

    def sql_name(self, ref: Ref) -> str:
        return f"{qualified(ref.name[:2])} USING {ident(ref.name[2])}"

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        default = "DEFAULT " if new["is_default"] else ""
        members = list(new.list("members"))
        # A class needs something in it: its own type, said once more, is the nothing pg_dump writes.
        storage = new.text("storage") or ("" if members else new.text("type"))
        members += [f"STORAGE {storage}"] if storage else []
        lines = ",\n".join(f"    {member}" for member in members)
        yield Do(
            f"CREATE OPERATOR CLASS {qualified(new.ref.name[:2])}\n"
            f"    {default}FOR TYPE {new.text('type')} USING {ident(new.ref.name[2])}"
            f" FAMILY {new.text('family')} AS\n{lines}"
        )


KIND = OperatorClass()

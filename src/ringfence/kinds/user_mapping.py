"""As whom a role is known to a foreign server. Passwords are not read, nor written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._acl import PUBLIC
from ringfence.kinds._options import changes, clause, reminder
from ringfence.kinds._sql import ident
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Catalog, Fact


class UserMapping(Kind):
    """A mapping. Its name is the server's, then the role's."""

    name = "user_mapping"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_foreign_server)"
    keyword = "USER MAPPING"
    renames = False
    attributes = {"options": Attribute("reoption")}

    def parent(self, name: tuple[str, ...]) -> Ref:
        return Ref("server", name[:1])

    def roles(self, fact: Fact) -> tuple[str, ...]:
        return fact.ref.name[1:]

    def dies_with(self, fact: Fact, catalog: Catalog) -> Ref | None:  # noqa: ARG002
        """Nothing: a server is not dropped while there are mappings for it."""
        return None

    def sql_name(self, ref: Ref) -> str:
        server, role = ref.name
        return f"FOR {'PUBLIC' if role == PUBLIC else ident(role)} SERVER {ident(server)}"

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        options = new.list("options")
        name = f"USER MAPPING {self.sql_name(new.ref)}"
        comment = reminder(f"ALTER {name}", (), options)
        yield Do(f"CREATE {name}{clause(options)}", comment=comment)

    def reoption(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """OPTIONS, those that differ."""
        old, new = pair(change)
        before, after = old.list("options"), new.list("options")
        prefix = f"ALTER USER MAPPING {self.sql_name(new.ref)}"
        yield Do(f"{prefix} {changes(before, after)}", comment=reminder(prefix, before, after))


KIND = UserMapping()

"""A setting that a role or this database brings along, where roles are asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import ident, literal
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact

# Settings that are lists of names (GUC_LIST_QUOTE in PostgreSQL's guc_tables.c).
_LISTS = frozenset(
    {"local_preload_libraries", "search_path", "session_preload_libraries",
     "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories"}
)  # fmt: skip

_NAME = re.compile(r'"((?:[^"]|"")*)"|([^",\s]+)')


class RoleSetting(Kind):
    """A setting, named by the role (empty for every role), the scope and the setting.

    The scope is `database` where it holds in this database alone, and empty where in all of them.
    """

    name = "role_setting"
    cluster = True
    attributes = {"value": Attribute("reset")}

    def parent(self, name: tuple[str, ...]) -> Ref | None:
        return Ref("role", name[:1]) if name[0] else None

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        setting, value = new.ref.name[2], new.text("value")
        texts = [literal(value).lstrip()]
        if setting in _LISTS:
            parts = [a.replace('""', '"') or b for a, b in _NAME.findall(value)]
            texts = [literal(p).lstrip() for p in parts] or ["''"]
        yield Do(_alter(new, f"SET {_setting(setting)} TO {', '.join(texts)}"))

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(_alter(old, f"RESET {_setting(old.ref.name[2])}"))

    def reset(self, change: Change, context: Context) -> Iterator[Do]:
        """SET … TO."""
        _, new = pair(change)
        yield from self.create(new, context)


def _setting(name: str) -> str:
    return ".".join(map(ident, name.split(".")))


def _alter(fact: Fact, action: str) -> str:
    role, scope, _ = fact.ref.name
    who = ident(role) if role else "ALL"
    if not scope:
        return f"ALTER ROLE {who} {action}"
    # The database is the one the plan runs in, whatever it is called.
    head = f"ALTER ROLE {who} IN DATABASE %I " if role else "ALTER DATABASE %I "
    template = literal(
        head.replace(who, who.replace("%", "%%")) + action.replace("%", "%%")
    ).lstrip()
    body = f"BEGIN EXECUTE format({template}, current_database()); END"
    tag = "$$"
    while tag in body:
        tag = f"${'x' * (len(tag) - 1)}$"
    return f"DO {tag}{body}{tag}"


KIND = RoleSetting()

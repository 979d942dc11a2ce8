"""A role, where roles are asked for: they are the whole cluster's. Passwords are never read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import ident, literal
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact

# Attribute → the words where it is set and where it is not; what it is by default comes second.
_FLAGS = {
    "superuser": ("SUPERUSER", "NOSUPERUSER"),
    "create_database": ("CREATEDB", "NOCREATEDB"),
    "create_role": ("CREATEROLE", "NOCREATEROLE"),
    "no_inherit": ("NOINHERIT", "INHERIT"),
    "login": ("LOGIN", "NOLOGIN"),
    "replication": ("REPLICATION", "NOREPLICATION"),
    "bypass_row_security": ("BYPASSRLS", "NOBYPASSRLS"),
}


class Role(Kind):
    """A role. It is made without a password, which is nobody's business but its own."""

    name = "role"
    keyword = "ROLE"
    cluster = True
    attributes = dict.fromkeys((*_FLAGS, "connection_limit", "valid_until"), Attribute("redefine"))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        words = [on for key, (on, _) in _FLAGS.items() if new[key]]
        words += [_value(new, key) for key in ("connection_limit", "valid_until") if new[key]]
        name = ident(new.ref.name[0])
        comment = f"it has no password: \\password {name}" if new["login"] else ""
        yield Do(" ".join([f"CREATE ROLE {name}", *words]), comment=comment)

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        name = ident(old.ref.name[0])
        hazard = Hazard(HazardCode.NOT_REVERSIBLE, old.ref, f"the password of {name} is lost")
        yield Do(f"DROP ROLE {name}", (hazard,))

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ALTER ROLE, all that differs at once."""
        _, new = pair(change)
        words = [
            (on if new[key] else off)
            for key, (on, off) in _FLAGS.items()
            if key in change.attributes
        ]
        words += [
            _value(new, key)
            for key in ("connection_limit", "valid_until")
            if key in change.attributes
        ]
        yield Do(" ".join([f"ALTER ROLE {ident(new.ref.name[0])}", *words]))


def _value(fact: Fact, key: str) -> str:
    if key == "connection_limit":
        return f"CONNECTION LIMIT {fact.text(key) or '-1'}"
    return f"VALID UNTIL {literal(fact.text(key) or 'infinity').lstrip()}"


KIND = Role()

"""That a role is a member of another, where roles are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import ident
from ringfence.model import Ref
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ringfence.change import Change
    from ringfence.kinds import Stage
    from ringfence.model import Fact

# Attribute → the option it is, and whether it is the default's opposite. All but the first are of
# PostgreSQL 16.
_OPTIONS = {"admin": "ADMIN", "inherit": "INHERIT", "no_set": "SET"}


class Membership(Kind):
    """A membership, named by the role, the member and, from PostgreSQL 16 on, who granted it."""

    name = "membership"
    cluster = True
    attributes = dict.fromkeys(_OPTIONS, Attribute("regrant"))

    def parent(self, name: tuple[str, ...]) -> Ref:
        return Ref("role", name[1:2])  # the other one may be predefined, and no fact

    def roles(self, fact: Fact) -> tuple[str, ...]:
        return fact.ref.name

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterator[Ref]:
        for ref in facts:
            # Who granted it has the admin option itself.
            if ref.kind == "membership" and ref.name[:2] == (fact.ref.name[0], *fact.ref.name[2:]):
                yield ref

    def along_with(self, stage: Stage, fact: Fact, context: Context) -> Iterator[Ref]:  # noqa: ARG002
        if stage == "drop":
            yield Ref("role", fact.ref.name[:1])

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        if context.server_version < 160000:
            options = " WITH ADMIN OPTION" if new["admin"] else ""
        else:
            options = f" WITH {', '.join(_options(new))}"
        yield Do(f"GRANT {_to(new, 'TO')}{options}{_by(new)}")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        role, member = map(ident, old.ref.name[:2])
        hazard = Hazard(
            HazardCode.LOST_PRIVILEGE, old.ref, f"{member} is no longer a member of {role}"
        )
        yield Do(f"REVOKE {_to(old, 'FROM')}{_by(old)}", (hazard,))

    def regrant(self, change: Change, context: Context) -> Iterator[Do]:
        """GRANT again with other options; before PostgreSQL 16, REVOKE ADMIN OPTION FOR."""
        _, new = pair(change)
        if context.server_version < 160000 and not new["admin"]:
            yield Do(f"REVOKE ADMIN OPTION FOR {_to(new, 'FROM')}")
        else:
            yield from self.create(new, context)


def _to(fact: Fact, word: str) -> str:
    role, member = map(ident, fact.ref.name[:2])
    return f"{role} {word} {member}"


def _options(fact: Fact) -> list[str]:
    values = {"ADMIN": fact["admin"], "INHERIT": fact["inherit"], "SET": not fact["no_set"]}
    return [f"{option} {'TRUE' if value else 'FALSE'}" for option, value in values.items()]


def _by(fact: Fact) -> str:
    return f" GRANTED BY {ident(fact.ref.name[2])}" if len(fact.ref.name) > 2 else ""


KIND = Membership()

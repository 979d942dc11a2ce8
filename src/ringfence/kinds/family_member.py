"""An operator or support function that is in an operator family on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Context, Do, Kind, some
from ringfence.kinds._sql import ident, qualified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Fact


class FamilyMember(Kind):
    """A member, named by its family, its number there (`operator 1`) and its operands' types."""

    name = "family_member"
    probe = f"({some('pg_amop')} OR {some('pg_amproc')})"
    attributes = {"operator": REPLACE, "order_by": REPLACE, "function": REPLACE}

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        number, operands = new.ref.name[3:]
        if new["operator"]:
            member = f"{number.upper()} {new.text('operator')} {operands}"
            member += f" FOR ORDER BY {new.text('order_by')}" if new["order_by"] else ""
        else:
            member = f"{number.upper()} {operands} {new.text('function')}"
        yield Do(f"{_family(new)} ADD {member}")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        number, operands = old.ref.name[3:]
        yield Do(f"{_family(old)} DROP {number.upper()} {operands}")


def _family(fact: Fact) -> str:
    name = fact.ref.name
    return f"ALTER OPERATOR FAMILY {qualified(name[:2])} USING {ident(name[2])}"


KIND = FamilyMember()

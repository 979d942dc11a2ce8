"""A subscription: never connected by a plan, and made without its password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, pair
from ringfence.kinds._options import HIDDEN
from ringfence.kinds._sql import ident, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact

# Attribute → the option of the same meaning. Changing the others asks the publisher.
_OPTIONS = {
    "slot": "slot_name",
    "binary": "binary",
    "streaming": "streaming",
    "synchronous_commit": "synchronous_commit",
    "disable_on_error": "disable_on_error",
    "password_optional": "password_required",
    "run_as_owner": "run_as_owner",
    "origin": "origin",
}


class Subscription(Kind):
    """A subscription. Whether it is enabled is how things stand, not schema: pg_dump holds so too.

    It is made with `connect = false`, and dropped without its slot, which is the publisher's.
    """

    name = "subscription"
    keyword = "SUBSCRIPTION"
    superuser = True
    attributes = {
        "connection": Attribute("reconnect"),
        "publications": Attribute("resubscribe"),
        **dict.fromkeys(_OPTIONS, Attribute("reset")),
        "two_phase": REPLACE,
        "failover": REPLACE,
    }

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        name = ident(new.ref.name[0])
        options = ["connect = false", f"slot_name = {_value(new, 'slot')}"]
        options += [
            f"{option} = {_value(new, key)}"
            for key, option in _OPTIONS.items()
            if key != "slot" and (key == "streaming" or new[key] is not None)
        ]
        options += [f"{key} = true" for key in ("two_phase", "failover") if new[key]]
        comment = "nothing is replicated yet: "
        if HIDDEN in new.text("connection"):
            comment += f"set its password with ALTER SUBSCRIPTION {name} CONNECTION '…', then "
        comment += f"make its slot, ALTER SUBSCRIPTION {name} ENABLE and REFRESH PUBLICATION"
        yield Do(
            f"CREATE SUBSCRIPTION {name} CONNECTION {literal(new.text('connection')).lstrip()}"
            f" PUBLICATION {_publications(new)} WITH ({', '.join(options)})",
            comment=comment,
        )

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        name = ident(old.ref.name[0])
        yield Do(f"ALTER SUBSCRIPTION {name} DISABLE")
        yield Do(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
        slot = old.text("slot")
        comment = f"the publisher keeps the slot {slot}: drop it there" if slot else ""
        yield Do(f"DROP SUBSCRIPTION {name}", comment=comment)

    def reconnect(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """CONNECTION."""
        _, new = pair(change)
        hidden = HIDDEN in new.text("connection")
        comment = f"its password is not known here: put it where {HIDDEN} is" if hidden else ""
        connection = literal(new.text("connection")).lstrip()
        yield Do(
            f"ALTER SUBSCRIPTION {ident(new.ref.name[0])} CONNECTION {connection}", comment=comment
        )

    def resubscribe(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET PUBLICATION, without asking the publisher."""
        _, new = pair(change)
        name = ident(new.ref.name[0])
        yield Do(
            f"ALTER SUBSCRIPTION {name} SET PUBLICATION {_publications(new)} WITH (refresh = false)",
            comment=f"afterwards, ALTER SUBSCRIPTION {name} REFRESH PUBLICATION",
        )

    def reset(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET (…)."""
        _, new = pair(change)
        if "slot" in change.attributes and new["slot"] is None:
            yield Do(f"ALTER SUBSCRIPTION {ident(new.ref.name[0])} DISABLE")
        options = [
            f"{option} = {_value(new, key)}"
            for key, option in _OPTIONS.items()
            if key in change.attributes
        ]
        yield Do(f"ALTER SUBSCRIPTION {ident(new.ref.name[0])} SET ({', '.join(options)})")


def _value(fact: Fact, key: str) -> str:
    value = fact[key]
    if key == "slot":
        return literal(fact.text("slot")).lstrip() if value is not None else "NONE"
    if key == "password_optional":
        return "false" if value else "true"
    if isinstance(value, str):
        return literal(value).lstrip()
    if key in ("origin", "synchronous_commit"):
        return {"origin": "any", "synchronous_commit": "off"}[key]
    return "true" if value else "false"


def _publications(fact: Fact) -> str:
    return ", ".join(map(ident, fact.list("publications")))


KIND = Subscription()

"""A trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import ident, qualified

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact, Ref

_STATES = {"": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


class Trigger(Kind):
    """A trigger. Its definition is the server's own text of it; whether it fires is apart."""

    name = "trigger"
    keyword = "TRIGGER"
    attributes = {"definition": REPLACE, "enabled": Attribute("enable")}

    def sql_name(self, ref: Ref) -> str:
        return f"{ident(ref.name[-1])} ON {qualified(ref.name[:-1])}"

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("trigger", *fact.ref.name),)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(new.text("definition"))
        if new["enabled"]:
            yield _state(new)

    def enable(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ENABLE, DISABLE, ENABLE REPLICA, ENABLE ALWAYS."""
        _, new = pair(change)
        yield _state(new)


def _state(fact: Fact) -> Do:
    *table, name = fact.ref.name
    word = _STATES[fact.text("enabled")]
    return Do(f"ALTER TABLE {qualified(tuple(table))} {word} TRIGGER {ident(name)}")


KIND = Trigger()

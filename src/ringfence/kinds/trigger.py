"""A trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._quiet import once_moved
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds._words import FIRES, coded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace, Stage
    from ringfence.model import Fact, Ref


# What is done to the trigger of a partitioned table is done to those of its partitions.
_PARTITIONS = frozenset({"trigger_state"})


class Trigger(Kind):
    """A trigger. Its definition is the server's own text of it; whether it fires is apart."""

    name = "trigger"
    keyword = "TRIGGER"
    attributes = {
        "definition": Attribute("redefine", when="can_redefine", blocks=_PARTITIONS),
        "enabled": Attribute("enable", blocks=_PARTITIONS),
    }
    words = {"enabled": coded(FIRES)}

    def sql_name(self, ref: Ref) -> str:
        return f"{ident(ref.name[-1])} ON {qualified(ref.name[:-1])}"

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("trigger", *fact.ref.name),)

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        if stage == "create" and fact["enabled"] and fact.parent is not None:
            yield from (("create", link) for link in once_moved(fact.parent, context))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(new.text("definition"))
        if new["enabled"]:
            yield state(new)

    def can_redefine(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """There is no OR REPLACE for constraint triggers."""
        return all(f.text("definition").startswith("CREATE TRIGGER ") for f in pair(change))

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """CREATE OR REPLACE TRIGGER, which enables it."""
        _, new = pair(change)
        yield Do(new.text("definition").replace("CREATE", "CREATE OR REPLACE", 1))
        if new["enabled"]:
            yield state(new)

    def enable(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ENABLE, DISABLE, ENABLE REPLICA, ENABLE ALWAYS."""
        _, new = pair(change)
        if "definition" not in change.attributes:
            yield state(new)


def state(fact: Fact) -> Do:
    """The statement that makes a trigger fire as the fact says."""
    *table, name = fact.ref.name
    word = FIRES[fact.text("enabled")]
    return Do(f"ALTER TABLE {qualified(tuple(table))} {word} TRIGGER {ident(name)}")


KIND = Trigger()

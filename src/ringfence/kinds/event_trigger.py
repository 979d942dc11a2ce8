"""An event trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import literal, qualified, sql
from ringfence.kinds._words import FIRES, coded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact


class EventTrigger(Kind):
    """An event trigger: it is not there while a plan runs, but for plans that do not touch it."""

    name = "event_trigger"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_event_trigger)"
    keyword = "EVENT TRIGGER"
    last = True
    attributes = {
        "event": REPLACE,
        "tags": REPLACE,
        "function": REPLACE,
        "enabled": Attribute("enable"),
    }
    words = {"enabled": coded(FIRES)}

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        text = sql("CREATE EVENT TRIGGER {n} ON {e}", n=new.ref.name, e=new.text("event"))
        if new["tags"]:
            text += f"\n    WHEN TAG IN ({', '.join(literal(t) for t in new.list('tags'))})"
        yield Do(f"{text}\n    EXECUTE FUNCTION {new.text('function')}()")
        if new["enabled"]:
            yield _state(new)

    def enable(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ENABLE, DISABLE, ENABLE REPLICA, ENABLE ALWAYS."""
        _, new = pair(change)
        yield _state(new)


def _state(fact: Fact) -> Do:
    return Do(f"ALTER EVENT TRIGGER {qualified(fact.ref.name)} {FIRES[fact.text('enabled')]}")


KIND = EventTrigger()

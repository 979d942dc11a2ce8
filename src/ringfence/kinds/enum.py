"""An enumerated type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, loses_data, pair
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.kinds._swap import Swapped, put_aside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact, Ref
    from ringfence.step import Hazard


class Enum(Swapped):
    """An enumerated type. Labels can be added in place, anywhere; not removed, and not moved."""

    name = "enum"
    probe = "EXISTS (SELECT FROM types WHERE typtype = 'e')"
    attributes = {"labels": Attribute("extend", when="can_extend")}

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        labels = ", ".join(_label(label) for label in new.list("labels"))
        old = context.old.facts.get(new.ref)
        gone = [] if old is None else [v for v in old.list("labels") if v not in new.list("labels")]
        hazards: tuple[Hazard, ...] = ()
        if gone and new.ref in context.aside:
            hazards = loses_data(new.ref, _without(new.ref, gone, context))
        yield Do(f"CREATE TYPE {qualified(new.ref.name)} AS ENUM ({labels})", hazards)

    def can_extend(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """Whether every old label is there still, in the old order."""
        old, new = pair(change)
        before = old.list("labels")
        return tuple(v for v in new.list("labels") if v in before) == before

    def extend(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ADD VALUE, which has to be committed before the label can be used."""
        old, new = pair(change)
        there, labels = set(old.list("labels")), new.list("labels")
        added = [v for v in labels if v not in there]
        for label in added:
            at = labels.index(label)
            place = f" AFTER {_label(labels[at - 1])}" if at else ""
            if not there & set(labels[at + 1 :]):
                place = ""
            elif not at:
                place = f" BEFORE {_label(next(v for v in labels if v in there))}"
            there.add(label)
            yield Do(
                f"ALTER TYPE {qualified(new.ref.name)} ADD VALUE {_label(label)}{place}",
                transactional="commit" if label == added[-1] else "yes",
            )


def _without(ref: Ref, gone: list[str], context: Context) -> str:
    """What rows that have a label which goes do, and how to say what they become."""
    words = ", ".join(map(_label, gone))
    types = (qualified(ref.name), put_aside(ref))
    held = [
        user
        for user in context.old.used_by.get(ref, ())
        if user.kind == "column" and context.old.facts[user].text("type") in types
    ]
    said = f"{ref.path} no longer has {words}: rows that have it stop the plan"
    if not held:
        return said
    column = held[0]
    of = " of each column of the type" if held[1:] else ""
    which = f"= {words}" if len(gone) == 1 else f"IN ({words})"
    table, name = qualified(column.name[:-1]), ident(column.name[-1])
    update = f"UPDATE {table} SET {name} = … WHERE {name} {which}"  # noqa: S608 - quoted
    return f"{said}, unless its file says above this what they become{of}: {update}"


def _label(text: str) -> str:
    return literal(text).lstrip()


KIND = Enum()

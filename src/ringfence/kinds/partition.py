"""That a table is a partition of another, and of which rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Context, Do, Kind
from ringfence.kinds._family import keys_on
from ringfence.kinds._sql import Raw, sql
from ringfence.model import Ref
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ringfence.kinds import Stage
    from ringfence.model import Fact


class Partition(Kind):
    """A partition's place. ATTACH and DETACH keep its rows, whatever the bound was or is."""

    name = "partition"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_inherits)"
    attributes = {"whole": REPLACE, "bound": REPLACE}

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterator[Ref]:  # noqa: ARG002
        yield Ref("table", fact.list("whole"))

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        """ATTACH finds what is attached with it, and no other partition where it is to be."""
        if stage != "create" or fact.parent is None:
            return
        above = Ref("table", fact.list("whole"))
        for table in (fact.parent, above):
            for catalog in (context.old, context.new):
                for child in catalog.children.get(table, ()):
                    if child.ref.kind == "column":
                        yield from ((s, child.ref) for s in ("drop", "alter", "create"))
                    elif child.ref.kind in ("constraint", "index"):
                        yield ("drop", child.ref)
                        if child["type"] != "f" and not _is_late(child, context):
                            yield ("alter", child.ref)
                            yield ("create", child.ref)
        for user in context.old.used_by.get(above, ()):
            if user.kind == "partition":
                yield ("drop", user)
        for user in context.new.used_by.get(fact.parent, ()):
            if user.kind == "partition":
                yield ("create", user)

    def before_rows(self, fact: Fact, into: Ref, context: Context) -> bool:  # noqa: ARG002
        return into != fact.parent

    def drags(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """While it is detached, no foreign key may miss its rows."""
        if fact.ref not in context.new.facts:
            return
        for key in keys_on(Ref("table", fact.list("whole")), context.old):
            yield key.ref

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        hazards: tuple[Hazard, ...] = ()
        if new.parent in context.old.facts and new.parent not in context.drops:
            message = "every row of it is read, to see that it belongs there"
            hazards = (Hazard(HazardCode.SCAN_UNDER_LOCK, new.ref, message),)
        yield Do(
            sql(
                "ALTER TABLE ONLY {whole} ATTACH PARTITION {part} {bound}",
                whole=new.list("whole"),
                part=new.ref.name,
                bound=Raw(new.text("bound")),
            ),
            hazards,
        )

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(
            sql(
                "ALTER TABLE {whole} DETACH PARTITION {part}",
                whole=old.list("whole"),
                part=old.ref.name,
            )
        )


def _is_late(fact: Fact, context: Context) -> bool:
    """An index that stays invalid for want of a partition's is made after the partitions."""
    if fact["invalid"]:
        return True
    attached = fact.list("attached")
    above = context.new.facts.get(Ref("index", attached)) if attached else None
    return above is not None and bool(above["invalid"])


KIND = Partition()

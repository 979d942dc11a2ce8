"""That a table is a partition of another, and of which rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Context, Do, Kind
from ringfence.kinds._bounds import (
    belongs,
    defaults,
    keeps_parts,
    put_back,
    put_by,
    stays_within,
    widens,
)
from ringfence.kinds._family import (
    above,
    goes_before,
    is_foreign,
    is_partition,
    keys_on,
    keys_on_itself,
    known_by,
    link_stays,
    links_below,
    parts,
    referred,
    stays_invalid,
)
from ringfence.kinds._published import unknown, unspeakable
from ringfence.kinds._quiet import below, quietly
from ringfence.kinds._sql import Raw, ident, qualified, sql
from ringfence.kinds._words import path
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
    words = {"whole": path}
    again = "detached and attached again"

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterator[Ref]:  # noqa: ARG002
        yield Ref("table", fact.list("whole"))

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        """ATTACH finds what is attached with it, and no other partition where it is to be."""
        if fact.parent is None:
            return
        if stage != "create":
            for child in context.old.children.get(fact.parent, ()):
                yield from (("drop", r) for r in goes_before(child, context))
            for key in keys_on(Ref("table", fact.list("whole")), context.old):
                if not is_partition(key.parent, context.old):
                    yield ("drop", key.ref)  # no row may be missing to it when it is detached
            return
        above = Ref("table", fact.list("whole"))
        for table in (fact.parent, above):
            for catalog in (context.old, context.new):
                for child in catalog.children.get(table, ()):
                    if child.ref.kind == "column":
                        yield from ((s, child.ref) for s in ("drop", "alter", "create"))
                    elif child.ref.kind in ("constraint", "index"):
                        yield ("drop", child.ref)
                        late = _is_late(context.new.facts.get(child.ref, child), context)
                        if child["type"] != "f" and not late:
                            yield ("alter", child.ref)
                            yield ("create", child.ref)
                        # ATTACH passes over an index that is not valid for want of a part.
                        if not late and (table != above or is_foreign(fact)):
                            for part in parts(child.ref, context.new):
                                yield from (("alter", part), ("create", part))
        # A whole that is made anew has no others; they may go with its rows alone.
        for user in context.old.used_by.get(above, ()) if above not in context.drops else ():
            if user.kind == "partition":
                yield ("drop", user)
        yield from (("drop", key.ref) for key in keys_on(above, context.old))
        for user in context.new.used_by.get(fact.parent, ()):
            if user.kind == "partition":
                yield ("create", user)
        row = _row(above, context)
        if fact.ref in row[1:]:
            yield ("create", row[row.index(fact.ref) - 1])
        for table in _losers(fact, context):
            yield from (("drop", r) for r in unspeakable(table, context))

    def before_rows(self, fact: Fact, into: Ref, context: Context) -> bool:  # noqa: ARG002
        return into != fact.parent

    def drags(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """While it is detached, no foreign key may miss its rows."""
        if fact.ref not in context.new.facts:
            return
        for key in keys_on(Ref("table", fact.list("whole")), context.old):
            yield key.ref
        if fact.parent is not None and _leaves_out(context.new.facts[fact.ref], context):
            yield from unspeakable(fact.parent, context, detached=True)

    def displaces(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """The foreign keys that would miss the rows that it takes from the default partition."""
        yield from _would_fill(fact, context)
        yield from _would_leave_invalid(fact, context)
        for table in _losers(fact, context):
            yield from unspeakable(table, context)
        above = Ref("table", fact.list("whole"))
        if above not in context.old.facts or above in context.drops:
            return
        if fact["bound"] == "DEFAULT":
            return
        if any(True for _ in defaults(above, context)):
            yield from (key.ref for key in keys_on(above, context.old))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        hazards: tuple[Hazard, ...] = ()
        if new.parent in context.old.facts and new.parent not in context.drops:
            message = f"every row of {new.ref.path} is read, to see that it belongs there"
            hazards = (Hazard(HazardCode.SCAN_UNDER_LOCK, new.ref, message),)
            hazards += (*_keys_proved(new, context),)
        above = Ref("table", new.list("whole"))
        hazards += _defaults_read(new, above, context)
        row = _row(above, context)
        if new.ref in row:
            yield from _leave_out(new, row, context)
        yield from _take_in(new, context)
        yield Do(
            sql(
                "ALTER TABLE ONLY {whole} ATTACH PARTITION {part} {bound}",
                whole=new.list("whole"),
                part=new.ref.name,
                bound=Raw(new.text("bound")),
            ),
            hazards,
        )
        if new.ref in row[-1:]:
            yield from quietly([above], put_back(above, context.new), context)

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(
            sql(
                "ALTER TABLE {whole} DETACH PARTITION {part}",
                whole=old.list("whole"),
                part=old.ref.name,
            )
        )


def _would_fill(new: Fact, context: Context) -> Iterator[Ref]:
    """The whole's indexes for which ATTACH would make one that is not to be, or not so."""
    whole = Ref("table", new.list("whole"))
    its = context.new.children.get(new.parent, ()) if new.parent is not None else ()
    for index in context.old.below(whole, "index"):
        after = context.new.facts.get(index.ref)
        if after is None or not stays_invalid(after, context.new):
            continue
        there = (context.old.facts.get(f.ref) for f in its if f.list("attached") == index.ref.name)
        if not any(f is not None and f.list("attached") == index.ref.name for f in there):
            yield index.ref


def _would_leave_invalid(new: Fact, context: Context) -> Iterator[Ref]:
    """The whole's invalid indexes that ATTACH of a table does not make valid: anew, they are so."""
    whole = Ref("table", new.list("whole"))
    for index in context.old.below(whole, "index"):
        after = context.new.facts.get(index.ref)
        if not index["invalid"] or after is None or stays_invalid(after, context.new):
            continue
        # What is attached to it by itself does make it valid.
        users = [r for r in context.new.used_by.get(index.ref, ()) if r.kind == "index"]
        if not any(_by_itself(context.new.facts[r], index, context) for r in users):
            yield index.ref


def _by_itself(part: Fact, index: Fact, context: Context) -> bool:
    """Whether a partition that stays one gets an index attached that it has not now."""
    was = context.old.facts.get(part.ref)
    return link_stays(part.parent, context) and (
        was is None or was.list("attached") != index.ref.name
    )


def _row(above: Ref, context: Context) -> list[Ref]:
    """The partitions attached one after the other, where rows may belong in others afterwards."""
    if above not in context.old.facts or (
        above in context.drops and not keeps_parts(above, context)
    ):
        return []
    its = [
        link.ref
        for link in links_below(above, context.new)
        if link.ref.kind == "partition" and link.ref in context.creates
    ]
    moved = [r for r in its if _leaves_out(context.new.facts[r], context)]
    return sorted(its, key=lambda r: (r not in moved, r)) if moved else []


def _leaves_out(new: Fact, context: Context) -> bool:
    """Whether rows of what is a partition already may not belong there any more."""
    old = context.old.facts.get(new.ref)
    if old is None or new.parent is None or new.parent.kind != "table":
        return False
    above = Ref("table", new.list("whole"))
    same = widens(old.text("bound"), new.text("bound"))
    if above in context.drops:
        same = same and stays_within(above, context)
    return (
        new.parent not in context.drops
        and old["whole"] == new["whole"]
        and not same
        and bool(belongs(new, context.new))
        and not _is_referred_to(new.parent, context)
    )


def _leave_out(new: Fact, row: list[Ref], context: Context) -> Iterator[Do]:
    """The rows that do not belong there any more are put by, until all partitions are attached."""
    if not _leaves_out(new, context):
        return
    above = Ref("table", new.list("whole"))
    if new.ref == row[0]:
        yield Do(f"CREATE TABLE {put_by(above)} (LIKE {qualified(above.name)})")
    assert new.parent is not None
    moved = _moved(
        new.ref,
        f"({belongs(new, context.new)}) IS NOT TRUE",
        put_by(above),
        above,
        context,
        comment="rows that the new bound leaves out go to where they belong now",
    )
    yield from quietly([new.parent], moved, context)


def _take_in(new: Fact, context: Context) -> Iterator[Do]:
    """The rows that the default partition had for want of this one."""
    above = Ref("table", new.list("whole"))
    if above in context.drops or new.parent is None or new.parent.kind != "table":
        return
    if new.parent in context.drops or any(
        key.ref not in context.drops for key in keys_on(above, context.old)
    ):
        return  # to move a row is to delete it, which foreign keys would see
    for default in defaults(above, context):
        which = belongs(new, context.new)
        if which and not _is_referred_to(default, context):
            moved = _moved(
                default,
                which,
                qualified(new.ref.name),
                above,
                context,
                comment="rows of the default partition that belong here",
            )
            yield from quietly([default, new.parent], moved, context)


def _is_referred_to(table: Ref, context: Context) -> bool:
    """Whether a foreign key refers to the partition by itself, and would do something to who does.

    Its rows stay: PostgreSQL then refuses to attach where one of them does not belong.
    """
    return any(
        key.ref not in context.drops
        for part in below(table, context.old)
        for key in keys_on_itself(part, context.old)
    )


def _defaults_read(new: Fact, above: Ref, context: Context) -> tuple[Hazard, ...]:
    """The hazard of the default partition: its rows that belong here go, and all the others are read."""
    if above not in context.old.facts or above in context.drops or new["bound"] == "DEFAULT":
        return ()
    said = f"is read, for those that belong in {new.ref.path}"
    return tuple(
        Hazard(HazardCode.SCAN_UNDER_LOCK, default, f"every row of {default.path} {said}")
        for default in defaults(above, context)
    )


def _keys_proved(new: Fact, context: Context) -> Iterator[Hazard]:
    """The hazards of the whole's foreign keys: ATTACH gives the partition those that it has not."""
    assert new.parent is not None
    for key in context.new.below(new.parent, "constraint"):
        if key["type"] != "f" or key.ref not in context.creates or not key["attached"]:
            continue
        other = referred(key, context.new)
        if not all(
            r in context.old.facts and r not in context.creates for r in above(key, context.new)
        ):
            continue  # the whole's own is told of
        if other is None or key.text("definition").endswith((" NOT VALID", " NOT ENFORCED")):
            continue
        said = f"every row of {new.ref.path} is read, for what {key.ref.path} refers to"
        message = f"{said}, while nobody may write to {other.path}"
        yield Hazard(HazardCode.SCAN_UNDER_LOCK, key.ref, message)


def _losers(new: Fact, context: Context) -> Iterator[Ref]:
    """The default partition that rows are moved out of when it is attached."""
    above = Ref("table", new.list("whole"))
    if above not in context.drops and new.parent is not None and new.parent.kind == "table":
        yield from (d for d in defaults(above, context) if not _is_referred_to(d, context))


def _moved(
    out_of: Ref, which: str, into: str, above: Ref, context: Context, *, comment: str
) -> Iterator[Do]:
    columns = ", ".join(
        ident(c.ref.name[-1])
        for c in context.new.below(above, "column")
        if not c["generated"] and c.ref in context.old.facts
    )
    move = sql(
        "WITH gone AS (DELETE FROM {t} WHERE {which} RETURNING {c})\n"
        "INSERT INTO {into} ({c}) OVERRIDING SYSTEM VALUE SELECT {c} FROM gone",
        t=out_of.name,
        which=Raw(which),
        c=Raw(columns),
        into=Raw(into),
    )
    if not unknown(out_of, context):
        yield Do(move, comment=comment)
        return
    # Where deletes are published, a row cannot be deleted without what it is known by.
    identity = Ref("replica_identity", out_of.name)
    was = None if identity in context.drops else context.old.facts.get(identity)
    head = f"ALTER TABLE ONLY {qualified(out_of.name)} REPLICA IDENTITY"
    yield Do(f"{head} FULL")
    yield Do(move, comment=comment)
    yield Do(f"{head} {known_by(was)}")


def _is_late(fact: Fact, context: Context) -> bool:
    """An index that stays invalid for want of a partition's is made after the partitions."""
    return stays_invalid(fact, context.new)


KIND = Partition()

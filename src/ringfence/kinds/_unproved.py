"""NOT NULL that is NOT VALID, and tables that come to inherit it: from then on they have it proved.

So it is taken from the topmost table that has it, and given anew once they are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Do, kind_of
from ringfence.kinds._family import (
    inheritance,
    is_partition,
    kept_parents,
    link_stays,
    links_below,
    parents,
)
from ringfence.kinds._held import scans
from ringfence.kinds._not_null import called
from ringfence.kinds._sql import Raw, ident, qualified, sql
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.kinds import Context
    from ringfence.model import Fact


def comes_late(column: Fact, context: Context) -> bool:
    """Whether a column's NOT NULL is given with a table that comes below, as it is NOT VALID."""
    assert column.parent is not None
    for link in links_below(column.parent, context.new):
        below = context.new.facts.get(Ref("column", (*link.ref.name, column.ref.name[-1])))
        if below is None or link.parent is None or not _merely_inherits(below):
            continue
        if column.parent not in kept_parents(link.parent, context) or comes_late(below, context):
            return True
    return False


def around(table: Ref, context: Context) -> tuple[list[Do], list[Do]]:
    """What is done before and after a table comes to inherit what is not valid."""
    before, after = [], []
    for column in context.new.below(table, "column"):
        if not _merely_inherits(column):
            continue
        for top in _tops(column, context):
            assert top.parent is not None
            name = ident(top.ref.name[-1])
            head = f"ALTER {kind_of(top.parent).keyword} {qualified(top.parent.name)}"
            before.append(Do(f"{head} ALTER COLUMN {name} DROP NOT NULL"))
            named = sql("ADD CONSTRAINT {n} NOT NULL {c} NOT VALID", n=called(top), c=Raw(name))
            after.append(Do(f"{head} {named}"))
            after += proved_still(top, context)
    return before, after


def proved_still(top: Fact, context: Context) -> Iterator[Do]:
    """VALIDATE in the tables that have it proved all the while, where it is not from above."""
    for heir in _proved(top, context):
        assert heir.parent is not None
        head = f"ALTER {kind_of(heir.parent).keyword} {qualified(heir.parent.name)}"
        # A partition has lost its own with the whole's, and got the whole's.
        name = called(top if link_stays(heir.parent, context) else heir)
        yield Do(f"{head} VALIDATE CONSTRAINT {ident(name)}", scans(heir, context))


def waits(column: Fact, context: Context) -> bool:
    """Whether a column becomes NOT NULL as not valid, and nothing else, so that it can do so late."""
    old = context.old.facts.get(column.ref)
    if old is None or not column["not_null_not_valid"] or column.ref in context.drops:
        return False
    if old["not_null"] and not old["not_null_not_valid"]:
        return False  # a table that comes would have to have it proved, as it is
    names = {*old.attrs, *column.attrs}
    return all(old[name] == column[name] for name in names if not name.startswith("not_null"))


def have_it_so(column: Fact, context: Context) -> Iterator[Ref]:
    """The links of those below that have it as not valid too: a table that comes later has it so."""
    yield from _below(column, context) if waits(column, context) else ()


def _below(column: Fact, context: Context) -> Iterator[Ref]:
    for link in links_below(column.parent, context.new) if column.parent is not None else ():
        below = context.new.facts.get(Ref("column", (*link.ref.name, column.ref.name[-1])))
        if below is None or not below["not_null_not_valid"]:
            continue
        if link.ref.kind == "inheritance":  # a partition is attached later, by a statement
            yield link.ref
        yield from _below(below, context)


def siblings(table: Ref, context: Context) -> Iterator[Ref]:
    """The links of those that come to inherit as not valid what this one is to have proved."""
    for column in context.new.below(table, "column"):
        if not column["not_null_inherited"] or column["not_null_not_valid"]:
            continue
        for parent in parents(table, context.new):
            above = context.new.facts.get(Ref("column", (*parent.name, column.ref.name[-1])))
            if above is None or not above["not_null_not_valid"]:
                continue
            for link in links_below(parent, context.new):
                other = context.new.facts.get(Ref("column", (*link.ref.name, column.ref.name[-1])))
                if other is not None and _merely_inherits(other):
                    yield link.ref


def proved_from(table: Ref, context: Context) -> Iterator[Ref]:
    """The links of parents that stay, by which its columns become NOT NULL, as theirs do."""
    for parent in kept_parents(table, context):
        for column in context.new.below(table, "column"):
            above = Ref("column", (*parent.name, column.ref.name[-1]))
            if _is_proved_by_a_link(column.ref, context) and _is_proved_by_a_link(above, context):
                yield inheritance(parent)


def _is_proved_by_a_link(column: Ref, context: Context) -> bool:
    was, now = context.old.facts.get(column), context.new.facts.get(column)
    if was is None or now is None or column in context.drops or was["not_null"]:
        return False
    return bool(now["not_null_inherited"] and not now["not_null_not_valid"])


def _merely_inherits(column: Fact) -> bool:
    return bool(column["not_null_inherited"] and column["not_null_not_valid"])


def _tops(column: Fact, context: Context) -> Iterator[Fact]:
    """The columns it comes from, as far up as they have it: those that are not altered later."""
    assert column.parent is not None
    for parent in parents(column.parent, context.new):
        above = context.new.facts.get(Ref("column", (*parent.name, column.ref.name[-1])))
        if above is None or not above["not_null_not_valid"]:
            continue
        if above["not_null_inherited"]:
            yield from _tops(above, context)
            continue
        was = context.old.facts.get(above.ref)
        if not waits(above, context) or (was is not None and was["not_null_not_valid"]):
            yield above


def _proved(top: Fact, context: Context) -> Iterator[Fact]:
    """The columns below that have it proved already, and all the while."""
    assert top.parent is not None
    for link in links_below(top.parent, context.old):
        ref = Ref("column", (*link.ref.name, top.ref.name[-1]))
        was, now = context.old.facts.get(ref), context.new.facts.get(ref)
        if was is None or now is None or top.parent not in kept_parents(link.parent, context):
            continue
        given = now["not_null_inherited"] or is_partition(now.parent, context.new)
        if given and not (was["not_null_not_valid"] or now["not_null_not_valid"]):
            yield now
        else:
            yield from _proved(now, context)

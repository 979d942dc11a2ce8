"""Where a sequence stands, while what it may give changes, or another takes its place.

A column that is filled by a sequence of its own and one that is an identity count alike: where the
one becomes the other, the new sequence goes on where the old one stood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Do, loses_data
from ringfence.kinds._family import aside, links_below
from ringfence.kinds._sql import ident, literal, qualified, sql
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.kinds import Context
    from ringfence.model import Catalog, Fact
    from ringfence.step import Hazard

INTEGERS = ("smallint", "integer", "bigint")


def stay_within(ref: Ref, name: str, old: tuple[str, str], new: tuple[str, str]) -> Iterator[Do]:
    """Move a sequence to the nearest end of its new range, where it stands outside.

    `ref` is what it is, or the column that it is of, `name` its qualified name as SQL, the others are its least and greatest value. PostgreSQL
    refuses a range that a sequence stands outside of.
    """
    (low, high), (least, most) = map(int, old), map(int, new)
    if low >= least and high <= most:
        return
    # Between the changes it may not leave its old range either: to where both meet.
    floor, ceiling = max(low, least), min(high, most)
    if floor > ceiling:
        return  # it begins anew: see `begins_anew`
    yield Do(
        f"SELECT pg_catalog.setval({literal(name)}, greatest({floor}, least({ceiling}, last_value)),"
        f" is_called AND last_value BETWEEN {floor} AND {ceiling})\nFROM {name}",
        loses_data(
            ref,
            f"the position of {ref.path} is lost where it is not from {floor} to {ceiling}",
        ),
    )


def begins_anew(old: tuple[str, str], new: tuple[str, str]) -> bool:
    """Whether the two ranges of a sequence have nothing in common, so it stands in the new one nowhere."""
    (low, high), (least, most) = map(int, old), map(int, new)
    return max(low, least) > min(high, most)


def position_lost(ref: Ref) -> tuple[Hazard, ...]:
    """The hazard of a sequence that begins anew."""
    return loses_data(ref, f"the position of {ref.path} is lost")


def taken_by(sequence: Fact, context: Context) -> Fact | None:
    """The column that becomes an identity, and that this sequence filled."""
    column = _filled(sequence, context.old)
    if column is None or column["identity"] or not _stays(column.ref, context):
        return None
    gone = sequence.ref in context.drops or sequence.ref not in context.new.facts
    now = context.new.facts[column.ref]
    return now if gone and now["identity"] and now.list("sequence") else None


def taken_from(sequence: Fact, context: Context) -> Fact | None:
    """The column that is an identity no more, and that this sequence will fill."""
    column = _filled(sequence, context.new)
    if column is None or column["identity"] or not _stays(column.ref, context):
        return None
    made = sequence.ref in context.creates or sequence.ref not in context.old.facts
    was = context.old.facts[column.ref]
    return was if made and was["identity"] and was.list("sequence") else None


def fills(column: Ref, catalog: Catalog) -> Fact | None:
    """The sequence that a column owns and its default takes values from."""
    default = catalog.uses.get(Ref("default", column.name), frozenset())
    own = {Ref("sequence", r.name) for r in catalog.used_by.get(column, ()) if r.kind == "owned_by"}
    return next((catalog.facts[ref] for ref in sorted(own & default)), None)


def put_by(sequence: Ref) -> str:
    """Under what name the position waits that one sequence hands on to another."""
    return qualified((sequence.name[0], aside(sequence.name)))


def go_on(
    ref: Ref, name: str, source: str, old: tuple[str, str], new: tuple[str, str]
) -> Iterator[Do]:
    """The sequence `name` goes on where `source` stands, which is needed no more."""
    low, (least, most) = int(old[0]), map(int, new)
    if low >= least:  # PostgreSQL refuses to go on beyond the new end
        yield Do(f"SELECT pg_catalog.setval({literal(name)}, last_value, is_called)\nFROM {source}")
    else:
        yield Do(
            f"SELECT pg_catalog.setval({literal(name)}, greatest({least}, least({most}, last_value)),"
            f" is_called AND last_value >= {least})\nFROM {source}",
            loses_data(
                ref, f"the position of {ref.path} is lost where it is not from {least} to {most}"
            ),
        )
    yield Do(f"DROP SEQUENCE {source}")


def go_past(column: Ref, name: str, step: str, low: str, high: str, context: Context) -> Do:
    """A new sequence begins behind the values that its column has, and those that inherit it."""
    last = f"{'min' if int(step) < 0 else 'max'}({ident(column.name[-1])})"
    table = context.new.facts[column].parent
    below = [*_tree(table, context.new)] if table is not None else []
    held = qualified(column.name[:-1])
    if any(r.kind == "foreign_table" for r in below):
        # What is elsewhere may not be there to be read.
        there = [
            r for r in below if r == table or (r in context.old.facts and r not in context.drops)
        ]
        its = ((r, Ref("column", (*r.name, column.name[-1]))) for r in there if r.kind == "table")
        stored = [r for r, held_by in its if r == table or held_by in context.old.facts]
        own = column.name[-1:]
        parts = (sql("SELECT {c} FROM ONLY {t}", c=own, t=r.name) for r in stored)
        held = f"({' UNION ALL '.join(parts)}) AS held"
    return Do(
        f"SELECT pg_catalog.setval({literal(name)}, {last})\nFROM {held}\n"
        f"HAVING {last} BETWEEN {low} AND {high}"
    )


def _tree(table: Ref, catalog: Catalog) -> Iterator[Ref]:
    """It, and what is below it."""
    yield table
    for link in links_below(table, catalog):
        if link.parent is not None:
            yield from _tree(link.parent, catalog)


def _filled(sequence: Fact, catalog: Catalog) -> Fact | None:
    fact = catalog.facts.get(Ref("owned_by", sequence.ref.name))
    column = Ref("column", fact.list("column")) if fact is not None else None
    if column is None or fills(column, catalog) is not sequence:
        return None
    return catalog.facts.get(column)


def _stays(column: Ref, context: Context) -> bool:
    old, new = context.old.facts.get(column), context.new.facts.get(column)
    if old is None or new is None or old.parent is None or old.parent.kind != "table":
        return False
    return not {column, old.parent} & context.drops


def had_values(column: Ref, context: Context) -> bool:
    """Whether it is an integer column that is there already, and that nothing counted."""
    if not _stays(column, context):
        return False
    old, new = context.old.facts[column], context.new.facts[column]
    return old.text("type") in INTEGERS and new.text("type") in INTEGERS and not old["identity"]

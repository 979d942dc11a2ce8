"""Tables in families: what inherits from what, and what a partition's things hang on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ringfence.kinds import Do
from ringfence.kinds._sql import ident, qualified
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.kinds import Context
    from ringfence.model import Catalog, Fact, Value

_TABLES = ("table", "foreign_table")


def partition(table: Ref) -> Ref:
    """The fact that a table is a partition, where it is one."""
    return Ref("partition", table.name)


def inheritance(table: Ref) -> Ref:
    """The fact that a table inherits from others, where it does."""
    return Ref("inheritance", table.name)


def is_partition(table: Ref | None, catalog: Catalog) -> bool:
    """Whether it is a partition in that catalog."""
    return table is not None and partition(table) in catalog.facts


def names(value: Value) -> list[tuple[str, ...]]:
    """A list of qualified names out of an attribute."""
    if not isinstance(value, tuple):
        return []
    return [tuple(str(p) for p in v) for v in value if isinstance(v, tuple)]


def whole(table: Ref, catalog: Catalog) -> Ref | None:
    """What it is a partition of."""
    fact = catalog.facts.get(partition(table))
    return None if fact is None else Ref("table", fact.list("whole"))


def parents(table: Ref, catalog: Catalog) -> list[Ref]:
    """What it inherits from or is a partition of, in order."""
    above = whole(table, catalog)
    if above is not None:
        return [above]
    fact = catalog.facts.get(inheritance(table))
    return [] if fact is None else _tables(names(fact["parents"]), catalog)


def _tables(found: list[tuple[str, ...]], catalog: Catalog) -> list[Ref]:
    return [
        next((r for k in _TABLES if (r := Ref(k, name)) in catalog.facts), Ref("table", name))
        for name in found
    ]


def keys_on(table: Ref | None, catalog: Catalog) -> Iterator[Fact]:
    """The foreign keys that refer to a table, or to what it is a partition of."""
    while table is not None:
        yield from keys_on_itself(table, catalog)
        table = whole(table, catalog)


def keys_on_itself(table: Ref, catalog: Catalog) -> Iterator[Fact]:
    """The foreign keys that refer to a table."""
    for column in catalog.below(table, "column"):
        for user in catalog.used_by.get(column.ref, ()):
            key = catalog.facts[user]
            foreign = user.kind == "constraint" and key["type"] == "f"
            if foreign and not key["attached"] and _refers(key, table, catalog):
                yield key


def _refers(key: Fact, table: Ref, catalog: Catalog) -> bool:
    """Whether a foreign key refers to the table: it uses what its own columns would not need."""
    used = catalog.uses.get(key.ref, frozenset())
    return key.parent != table or any(
        u.kind in ("index", "constraint") and u.name[:2] == table.name[:2] for u in used
    )


def referred(key: Fact, catalog: Catalog) -> Ref | None:
    """The table that a foreign key refers to."""
    hangs_on = above(key, catalog)
    for used in catalog.uses.get(key.ref, ()):
        if used.kind in ("index", "constraint") and used not in hangs_on:
            return catalog.facts[used].parent
    return None


def references(table: Ref, catalog: Catalog) -> Iterator[tuple[Fact, Ref]]:
    """The foreign keys of a table, and the other tables that they refer to."""
    for key in catalog.below(table, "constraint"):
        other = referred(key, catalog) if key["type"] == "f" else None
        if other is not None and other != table:
            yield key, other


def unproved(above: Fact, below: Fact | None) -> bool:
    """Whether a constraint is NOT VALID, and as it is inherited too."""
    return below is not None and all(
        f.text("definition").endswith(" NOT VALID") for f in (above, below)
    )


def common(old: list[Ref], new: list[Ref]) -> int:
    """How many of the first parents stay: the order is part of it."""
    count = 0
    while count < min(len(old), len(new)) and old[count] == new[count]:
        count += 1
    return count


def kept_parents(table: Ref | None, context: Context) -> list[Ref]:
    """What it is below before, meanwhile and after: what is done to that is done to it."""
    if table is None or table in context.drops or table in context.creates:
        return []
    if context.drops & {partition(table), inheritance(table)}:
        return []
    new = parents(table, context.new)
    return [p for p in parents(table, context.old) if p in new and p not in context.drops]


def links_below(table: Ref, catalog: Catalog) -> Iterator[Fact]:
    """The facts that other tables inherit from it or are its partitions."""
    for user in catalog.used_by.get(table, ()):
        if user.kind in ("partition", "inheritance"):
            yield catalog.facts[user]


def partitions(table: Ref, catalog: Catalog) -> Iterator[Ref]:
    """The facts that tables are partitions of it, or of a partition of it, and so on."""
    for link in links_below(table, catalog):
        if link.ref.kind == "partition" and link.parent is not None:
            yield link.ref
            yield from partitions(link.parent, catalog)


def tree(table: Ref, catalog: Catalog) -> str:
    """`partitioned`, `inherited` or empty: how others are below it."""
    for link in links_below(table, catalog):
        return "partitioned" if link.ref.kind == "partition" else "inherited"
    return ""


def kept_partitions(table: Ref, context: Context) -> bool:
    """Whether there are partitions of it already, which stay so."""
    return any(
        link.parent is not None and table in kept_parents(link.parent, context)
        for link in links_below(table, context.new)
        if link.ref.kind == "partition"
    )


def above(fact: Fact, catalog: Catalog) -> list[Ref]:
    """What a partition's index or constraint is attached to: the index or constraint."""
    attached = fact.list("attached")
    if not attached:
        return []
    if len(attached) == 3:
        return [Ref("constraint", attached)]
    found = [Ref("index", attached)]
    assert fact.parent is not None
    table = whole(fact.parent, catalog)
    if table is not None:
        found.append(Ref("constraint", (*table.name, attached[-1])))
    return found


def goes_before(fact: Fact, context: Context) -> list[Ref]:
    """What a partition's index or constraint is attached to and goes with, before the table does.

    So it is where the whole's own is dropped by a step of its own.
    """
    if fact.parent not in context.drops:
        return []
    return [r for r in above(fact, context.old) if r in context.alone]


def is_foreign(link: Fact) -> bool:
    """Whether it is a foreign table's, which has no part in what the whole's indexes are."""
    foreign = link.parent is not None and link.parent.kind == "foreign_table"
    return foreign and link.ref.kind == "partition"


def parts(index: Ref, catalog: Catalog) -> Iterator[Ref]:
    """The indexes that are attached to it, and to those."""
    for user in catalog.used_by.get(index, ()):
        if user.kind == "index" and index in above(catalog.facts[user], catalog):
            yield user
            yield from parts(user, catalog)


def stays_invalid(fact: Fact, catalog: Catalog) -> bool:
    """Whether an index, or one that it is attached to, is without some partition's."""
    found = [catalog.facts[r] for r in above(fact, catalog) if r in catalog.facts]
    return bool(fact["invalid"]) or any(stays_invalid(f, catalog) for f in found)


def link_stays(table: Ref | None, context: Context) -> bool:
    """Whether it is the partition that it was, all the while."""
    return (
        table is not None
        and bool(kept_parents(table, context))
        and is_partition(table, context.new)
    )


def let_go(table: Ref | None, context: Context) -> bool:
    """Whether it is a partition that is detached, by itself or since the whole is replaced."""
    if table is None:
        return False
    above = whole(table, context.old)
    return above is not None and (above in context.drops or partition(table) in context.drops)


def let_go_first(fact: Fact, context: Context) -> Iterator[Ref]:
    """The partitions whose own index or constraint stays: detached, before it goes with the whole's."""
    for user in context.old.used_by.get(fact.ref, ()):
        part = context.old.facts[user]
        if user not in context.drops and fact.ref in above(part, context.old):
            assert part.parent is not None
            if partition(part.parent) in context.drops:
                yield partition(part.parent)


def known_by(identity: Fact | None) -> str:
    """A table's replica identity as it stands in ALTER TABLE … REPLICA IDENTITY."""
    if identity is not None and identity["index"]:
        return f"USING INDEX {ident(identity.text('index'))}"
    mode = identity.text("mode") if identity is not None else ""
    return {"f": "FULL", "n": "NOTHING"}.get(mode, "DEFAULT")


def aside(name: tuple[str, ...]) -> str:
    """A name that nobody has, to put something aside under; the same for the same thing."""
    return "ringfence_" + hashlib.blake2b(qualified(name).encode(), digest_size=8).hexdigest()


def attach(fact: Fact, index: tuple[str, ...], context: Context) -> Iterator[Do]:
    """ATTACH a partition's index to the whole's, unless the table's own ATTACH does."""
    assert fact.parent is not None
    attached = fact.list("attached")
    if not attached:
        return
    if stays_invalid(fact, context.new) or partition(fact.parent) not in context.creates:
        yield Do(f"ALTER INDEX {qualified(attached)} ATTACH PARTITION {qualified(index)}")

"""Rows made up where partitions' bounds move: copies of others, with keys out of those bounds.

Rows that are made up at random hardly ever lie where something moves.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from ringfence.kinds._bounds import key_columns, points
from ringfence.kinds._family import links_below
from ringfence.kinds._sql import Raw, ident, sql
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from ringfence.model import Catalog
    from ringfence.step import Plan

_MOST = 100
"""Rows that are made so."""


class Place(NamedTuple):
    """Values of the columns that a table is partitioned by, as they stand in SQL."""

    whole: Ref
    values: tuple[tuple[str, str], ...]


def places(plan: Plan, old: Catalog, new: Catalog) -> Iterator[Place]:
    """Where bounds lie that come, go or move: what they let in, and what is right behind."""
    links = dict.fromkeys(step.ref for step in plan.steps if step.ref.kind == "partition")
    for link in (c.facts[ref] for ref in links for c in (old, new) if ref in c.facts):
        whole = Ref("table", link.list("whole"))
        if whole not in old.facts or _is_elsewhere(whole, old):
            continue
        columns = key_columns(old.facts[whole])
        for values in points(link.text("bound")):
            if columns and len(columns) == len(values):
                yield Place(whole, tuple(zip(columns, values, strict=True)))


def fill(connection: Connection[tuple[object, ...]], plan: Plan, old: Catalog, new: Catalog) -> int:
    """Put a row into each place that takes one; how many there are. Where one is refused, there is none."""
    made = 0
    for place in islice(dict.fromkeys(places(plan, old, new)), _MOST):
        try:
            with connection.transaction():
                made += connection.execute(_copied(place, old).encode()).rowcount
        except psycopg.Error:
            continue
    return made


def _copied(place: Place, old: Catalog) -> str:
    columns = [
        ident(c.ref.name[-1]) for c in old.below(place.whole, "column") if not c["generated"]
    ]
    told = dict(place.values)
    return sql(
        "INSERT INTO {t} ({c}) OVERRIDING SYSTEM VALUE SELECT {v} FROM {t} LIMIT 1",
        t=place.whole.name,
        c=Raw(", ".join(columns)),
        v=Raw(", ".join(told.get(c, c) for c in columns)),
    )


def _is_elsewhere(whole: Ref, catalog: Catalog) -> bool:
    """Whether a partition of it is another server's."""
    return any(
        link.parent is not None
        and (link.parent.kind == "foreign_table" or _is_elsewhere(link.parent, catalog))
        for link in links_below(whole, catalog)
    )

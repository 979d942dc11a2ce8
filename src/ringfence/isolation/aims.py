"""The rows of a relation that probes are aimed at: one of A's and one of B's, and how to name each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringfence.isolation.estate import by_key
from ringfence.kinds._sql import ident, literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ringfence.isolation.estate import Fixture, Row
    from ringfence.isolation.surface import Relation
    from ringfence.seed.shape import Table


@dataclass(frozen=True)
class Aim:
    """A relation with a row of A's and one of B's that show in it."""

    relation: Relation
    a: Mapping[str, str | None]
    b: Mapping[str, str | None]
    where_a: str
    where_b: str
    table: Table | None = None
    row_a: Row | None = None
    row_b: Row | None = None


def aim_at(fixture: Fixture, relation: Relation, seen: tuple[Row, Row] | None) -> Aim | None:
    """Rows of A's and B's in a table of tenants' rows, or None where either has none there: those that
    were `seen`, or the first."""
    table = fixture.estate.table(relation)
    if table is None:
        return None
    leaf = ""
    if relation.partition_of and relation.kind == "r":
        leaf = _leaf(fixture, table, relation)
        if not leaf:
            return None
    twins = seen or fixture.twins(table, leaf)
    if twins is None:
        return None
    return aim_of(relation, table, *twins)


def aim_of(relation: Relation, table: Table | None, a: Row, b: Row) -> Aim:
    """These rows of a table as what is aimed at."""
    assert table is not None
    return Aim(relation, a.values, b.values, where_is(table, a), where_is(table, b), table, a, b)


def _leaf(fixture: Fixture, table: Table, relation: Relation) -> str:
    for tenant in (fixture.a, fixture.b):
        for row in fixture.rows[tenant].get(table.oid, ()):
            if row.leaf in (relation.sql, relation.name, f"{relation.schema}.{relation.name}"):
                return row.leaf
    return ""


def where_is(table: Table, row: Row) -> str:
    lies = f"tableoid = {literal(row.leaf)}::regclass AND ctid = {literal(row.ctid)}"
    return by_key(table, row) or lies


def aim_through(
    relation: Relation,
    a: Sequence[Mapping[str, str | None]],
    b: Sequence[Mapping[str, str | None]],
) -> Aim | None:
    """Rows of A's and B's that show in a view."""
    if not a or not b:
        return None
    mine, theirs = a[0], b[0]
    every = [*a, *b]
    for column in relation.columns:
        name = column.name
        if mine.get(name) is None or theirs.get(name) is None:
            continue
        seen = [row.get(name) for row in every]
        if seen.count(mine[name]) == 1 and seen.count(theirs[name]) == 1 and _plain(column.type):
            return Aim(
                relation,
                mine,
                theirs,
                f"{ident(name)} = {literal(mine[name])}",
                f"{ident(name)} = {literal(theirs[name])}",
            )
    return Aim(relation, mine, theirs, _whole(mine), _whole(theirs))


def _whole(row: Mapping[str, str | None]) -> str:
    return " AND ".join(
        f"{ident(n)}::text IS NOT DISTINCT FROM {literal(v)}" for n, v in row.items()
    )


def _plain(type_: str) -> bool:
    return type_ in ("uuid", "integer", "bigint", "text") or type_.startswith("character")

"""The ways to read a relation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.isolation.probes import Probe
from ringfence.kinds._sql import ident, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.isolation.aims import Aim
    from ringfence.isolation.surface import Relation


def reads(
    relation: Relation, role: str, setting: str, tenants: tuple[str, str], aim: Aim | None
) -> Iterator[Probe]:
    """Ways to read a relation."""
    columns = relation.open_to(role, "SELECT")
    if not columns:
        return
    names = ", ".join(ident(c.name) for c in columns)
    every = len(columns) == len(relation.columns)
    star = "*" if every else names
    at = relation.sql
    first = ident(columns[0].name)
    yield Probe("SELECT", "select", f"SELECT {star} FROM {at}")
    yield Probe("SELECT", "count", f"SELECT count({'*' if every else first}) FROM {at}")
    yield Probe(
        "SELECT",
        "aggregate",
        # In an order of its own: that of the rows in a materialized view changes when it is filled.
        f"SELECT max({first}::text), string_agg(concat_ws(' ', {names}), ' '"
        f" ORDER BY concat_ws(' ', {names})) FROM {at}",
    )
    if aim is not None and every:
        for name, head in (
            ("select by key", f"SELECT {star}"),
            ("exists", f"SELECT EXISTS (SELECT {star}"),
        ):
            close = ")" if name == "exists" else ""
            yield Probe(
                "SELECT",
                name,
                f"{head} FROM {at} WHERE {aim.where_b}{close}",
                f"{head} FROM {at} WHERE {aim.where_a}{close}",
                keyed=True,
            )
    yield Probe(
        "SELECT",
        "order",
        f"SELECT {star} FROM {at} ORDER BY {first}::text DESC, concat_ws(' ', {names}) LIMIT 3",
    )
    yield Probe(
        "SELECT",
        "join",
        f"SELECT count(*) FROM {at} AS one JOIN {at} AS other"
        f" ON one.{first}::text = other.{first}::text",
    )
    yield Probe(
        "SELECT",
        "cursor",
        "FETCH ALL FROM ringfence_cursor",
        before=(f"DECLARE ringfence_cursor CURSOR FOR SELECT {star} FROM {at}",),
    )
    yield Probe("SELECT", "copy of a query", f"COPY (SELECT {star} FROM {at}) TO STDOUT")
    yield Probe(
        "SELECT",
        "leaky function",
        f"SELECT count({first}) FROM {at} WHERE pg_temp.ringfence_peek(concat_ws(' ', {names}))",
    )
    yield Probe(
        "SELECT",
        "explain",
        # Estimates are no part of it, for they tell the same in every database with row security.
        "EXPLAIN (ANALYZE, VERBOSE, COSTS off, TIMING off, SUMMARY off, BUFFERS off)"
        f" SELECT {names} FROM {at}",
    )
    yield Probe(
        "SELECT",
        "row_security off",
        f"SELECT {star} FROM {at}",
        before=("SET LOCAL row_security = off",),
    )
    if setting:
        a, b = tenants
        use = f"SELECT set_config({literal(setting)}, "
        yield Probe(
            "SELECT",
            "statement planned for B",
            "EXECUTE ringfence_plan",
            before=(
                f"{use}{literal(b)}, true)",
                f"PREPARE ringfence_plan AS SELECT {star} FROM {at}",
                *["EXECUTE ringfence_plan"] * 6,
                f"{use}{literal(a)}, true)",
            ),
        )
    if relation.kind in "rpf":
        yield Probe(
            "SELECT",
            "pg_stats",
            "SELECT most_common_vals, histogram_bounds FROM pg_stats"
            f" WHERE schemaname = {literal(relation.schema)}"
            f" AND tablename = {literal(relation.name)}",
        )
        if relation.kind != "f":
            yield Probe(
                "SELECT", "tablesample", f"SELECT {star} FROM {at} TABLESAMPLE SYSTEM (100)"
            )
        if relation.may(role, "UPDATE") or relation.may(role, "DELETE"):
            yield Probe("SELECT", "for update", f"SELECT {star} FROM {at} FOR UPDATE")
        stored = ", ".join(ident(c.name) for c in columns if not c.generated)
        if relation.kind == "r" and stored:
            yield Probe("SELECT", "copy", f"COPY {at} ({stored}) TO STDOUT")

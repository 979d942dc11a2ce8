"""Rows of A's that say what B's rows say, for triggers that look at it.

What such a row says nobody need mind; but what a trigger does then, and tells.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.isolation.aims import where_is
from ringfence.isolation.probes import Probe, gone, values_of
from ringfence.kinds._sql import ident, literal
from ringfence.seed.soft import soft_references

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.isolation.aims import Aim
    from ringfence.isolation.estate import Fixture
    from ringfence.isolation.surface import Column, Trigger
    from ringfence.seed.shape import Table


def for_triggers(
    fixture: Fixture, aim: Aim, role: str, triggers: Sequence[Trigger]
) -> Iterator[Probe]:
    """A row of A's with one value of B's, where a trigger looks at it: what the row says nobody need
    mind, but what the trigger does then, and says."""
    table, relation = aim.table, aim.relation
    if table is None or aim.row_a is None:
        return
    # What adds nothing changes nothing: the fullest row of A's, with the fewest noughts.
    row = min(
        (r for r in fixture.rows[fixture.a][table.oid] if r.leaf == aim.row_a.leaf),
        key=lambda r: sum(v in (None, "", "0", "0.00", "{}", "[]") for v in r.values.values()),
    )
    where = where_is(table, row)
    bound = {c for e in fixture.estate.edges(table) for c in e.columns}
    bound.add(fixture.estate.model.own(table))
    made = [c for c in relation.open_to(role, "INSERT") if not c.generated]
    names = ", ".join(ident(c.name) for c in made)
    always = " OVERRIDING SYSTEM VALUE" if any(c.identity_always for c in made) else ""
    head = f"INSERT INTO {relation.sql} ({names}){always} VALUES"
    may_change = {c.name for c in relation.open_to(role, "UPDATE") if not c.identity_always}
    mine = values_of(made, row.values)
    for column in table.columns:
        if column.name in bound or column.generated:
            continue
        looked = [t for t in triggers if t.looks_at(column.name)]
        inserted = any(t.on_insert for t in looked) and relation.may(role, "INSERT")
        updated = any(t.on_update for t in looked) and relation.may(role, "SELECT")
        values = _others(fixture, table, column.name, column.sql) if looked else []
        values += _compared_with(fixture, table, column.name, looked)
        for value in dict.fromkeys(values):
            if inserted and column.name in {c.name for c in made}:
                yield Probe(
                    "INSERT",
                    f"insert with B's {column.name}",
                    f"{head} ({values_of(made, {**row.values, column.name: value})})",
                    f"{head} ({mine})",
                    gone(row),
                    gone(row),
                )
            if updated and column.name in may_change:
                change = f"UPDATE {relation.sql} SET {ident(column.name)} ="
                yield Probe(
                    "UPDATE",
                    f"update to B's {column.name}",
                    f"{change} {literal(value)} WHERE {where}",
                    f"{change} {ident(column.name)} WHERE {where}",
                )


def _others(fixture: Fixture, table: Table, column: str, type_: str) -> list[str]:
    """Values that B's rows have in a column, of full rows first; and keys of B's rows of any table
    where nothing says what a column names."""
    theirs = fixture.rows[fixture.b].get(table.oid, ())
    own = {r.values.get(column) for r in fixture.rows[fixture.a].get(table.oid, ())}
    full = sorted(theirs, key=lambda r: sum(v is None for v in r.values.values()))
    found = [v for r in full if (v := r.values.get(column)) is not None and v not in own][:2]
    if type_ in ("uuid", "integer", "bigint"):
        for oid, other in fixture.estate.tables.items():
            keys = dict.fromkeys(c for k in other.keys for c in k.columns)
            keys.pop(fixture.estate.model.own(other), None)
            for key in other.columns if oid != table.oid else ():
                if key.name in keys and key.sql == type_:
                    rows = fixture.rows[fixture.b].get(oid, ())[:1]
                    found += [v for r in rows if (v := r.values.get(key.name)) is not None]
    return list(dict.fromkeys(found))[:8]


def _compared_with(
    fixture: Fixture, table: Table, column: str, triggers: Sequence[Trigger]
) -> list[str]:
    """Values of B's rows of other tables, in columns that triggers compare this one with."""
    new = rf"NEW\s*\.\s*\"?{re.escape(column)}(?![\w$])"
    found: list[str] = []
    for trigger in triggers:
        names = re.findall(rf"(?i)(\w+)\"?\s*=\s*{new}", trigger.body)
        names += re.findall(rf"(?i){new}\"?\s*=\s*(?:\w+\.)?(\w+)", trigger.body)
        for oid, other in fixture.estate.tables.items():
            if oid != table.oid and re.search(
                rf"(?<![\w$]){re.escape(other.name)}(?![\w$])", trigger.body
            ):
                rows = fixture.rows[fixture.b].get(oid, ())[:2]
                found += [v for r in rows for n in names if (v := r.values.get(n)) is not None]
    return found


def alike(fixture: Fixture, aim: Aim, columns: Sequence[Column], head: str) -> Iterator[Probe]:
    """A row of A's with the values of B's row, where a trigger looks at them."""
    table = aim.table
    if table is None or aim.row_a is None or not aim.relation.triggers:
        return
    bound = {c for r in table.references for c in r.columns} | {fixture.estate.model.own(table)}
    bound |= {s.column for s in soft_references(fixture.estate.shape, table, bound)}
    # What is unique among all tenants' rows stays as it was; among one's own it may be B's.
    own = bound | {
        c.name
        for k in table.keys
        if not bound & set(k.columns)
        for c in table.columns
        if c.name in k.columns or any(c.name in e for e in k.elements)
    }
    # What names a row without a foreign key, a trigger may refuse to everybody.
    own |= {c.name for c in table.columns if c.sql in ("uuid", "uuid[]")}
    bent = {**aim.b, **{c: aim.a.get(c) for c in own}}
    yield Probe(
        "INSERT",
        "insert with B's values",
        f"{head} ({values_of(columns, bent)})",
        f"{head} ({values_of(columns, aim.a)})",
        gone(aim.row_a),
        gone(aim.row_a),
    )

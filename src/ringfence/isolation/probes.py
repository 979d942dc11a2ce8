"""The statements that tenant A tries in order to get at tenant B's rows, for one relation.

A probe carries the same statement aimed at A's own twin of the row, its control: where that does not
work either, nothing has been shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ringfence.isolation.estate import by_key
from ringfence.kinds._sql import ident, literal
from ringfence.seed.soft import soft_references

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from ringfence.isolation.estate import Fixture, Row
    from ringfence.isolation.surface import Column, Relation, Trigger
    from ringfence.seed.shape import Reference, Table

PEEK = (
    "CREATE FUNCTION pg_temp.ringfence_peek(said text) RETURNS boolean LANGUAGE plpgsql COST 0.0001"
    " AS $$ BEGIN RAISE NOTICE '%', said; RETURN true; END $$"
)

FETCH = (
    "CREATE FUNCTION pg_temp.ringfence_fetch(opened refcursor) RETURNS SETOF text LANGUAGE plpgsql"
    " AS $$ DECLARE one record; BEGIN LOOP FETCH opened INTO one; EXIT WHEN NOT FOUND;"
    " RETURN NEXT one::text; END LOOP; END $$"
)
HELPERS = {"ringfence_peek": PEEK, "ringfence_fetch": FETCH}
"""What statements use that nobody's schema has, by its name."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One way to get at rows. `keyed`: the statement can hit no row but B's.

    `cause` is what a leak of it is put down to, where that needs no looking into; `by` the trigger
    that lets it happen.
    `setup` and `control_setup` prepare the two statements as who may everything, `before` as the
    role. `edge` is the foreign key that the statement bends. `others`: how many rows are not B's,
    where a statement that hits more has hit B's.
    """

    verb: str
    name: str
    statement: str
    control: str = ""
    setup: tuple[str, ...] = ()
    control_setup: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    control_before: tuple[str, ...] = ()
    keyed: bool = False
    edge: Reference | None = None
    copied: str | None = None
    control_copied: str | None = None
    others: int = -1
    cause: str = ""
    by: str = ""


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


def writes(
    fixture: Fixture, aim: Aim, role: str, version: int, parents: Mapping[str, tuple[str, str]]
) -> Iterator[Probe]:
    """Ways to change what is in a relation.

    `parents` holds, for columns of a view, the values that name a row of A's and one of B's.
    """
    relation = aim.relation
    if relation.may(role, "INSERT") and relation.events & 8:
        yield from _inserts(fixture, aim, role, version)
    if relation.may(role, "UPDATE") and relation.events & 4:
        yield from _updates(fixture, aim, role, version, parents)
    if relation.may(role, "DELETE") and relation.events & 16:
        yield from _deletes(aim, role, version)
    if relation.may(role, "TRUNCATE") and relation.kind in "rpf":
        yield Probe("TRUNCATE", "truncate", f"TRUNCATE {relation.sql} CASCADE")


def _values(columns: Sequence[Column], row: Mapping[str, str | None]) -> str:
    return ", ".join(literal(row.get(c.name)) for c in columns)


def gone(row: Row) -> tuple[str, ...]:
    """Take a row away, so that it can be made again as somebody else."""
    return (
        "SET LOCAL session_replication_role = replica",
        f"DELETE FROM ONLY {row.leaf} WHERE ctid = {literal(row.ctid)}",
        "SET LOCAL session_replication_role = origin",
    )


def _inserts(fixture: Fixture, aim: Aim, role: str, version: int) -> Iterator[Probe]:
    relation = aim.relation
    if relation.kind == "v":
        columns = [c for c in relation.open_to(role, "INSERT") if c.updatable and c.name in aim.b]
    else:
        columns = [c for c in relation.open_to(role, "INSERT") if not c.generated]
    if not columns:
        return
    names = ", ".join(ident(c.name) for c in columns)
    always = " OVERRIDING SYSTEM VALUE" if any(c.identity_always for c in columns) else ""
    head = f"INSERT INTO {relation.sql} ({names}){always} VALUES"
    gone_a = gone(aim.row_a) if aim.row_a else ()
    gone_b = gone(aim.row_b) if aim.row_b else ()
    mine, theirs = _values(columns, aim.a), _values(columns, aim.b)
    insert = Probe("INSERT", "insert", f"{head} ({theirs})", f"{head} ({mine})", gone_b, gone_a)
    yield insert
    if aim.table is not None and aim.table.triggers:
        # What a row need not say, a trigger may refuse it for: without it the policy stands alone.
        spare = {c.name for c in aim.table.columns if not c.not_null}
        bare_a, bare_b = ({**row, **dict.fromkeys(spare)} for row in (aim.a, aim.b))
        if bare_b != aim.b:
            yield Probe(
                "INSERT",
                "insert bare",
                f"{head} ({_values(columns, bare_b)})",
                f"{head} ({_values(columns, bare_a)})",
                gone_b,
                gone_a,
            )
    if shown := relation.open_to(role, "SELECT"):
        back = " RETURNING " + ", ".join(ident(c.name) for c in shown)
        yield Probe(
            "INSERT",
            "insert returning",
            insert.statement + back,
            insert.control + back,
            gone_b,
            gone_a,
        )
    if relation.kind == "v":
        return
    yield Probe(
        "INSERT",
        "copy from",
        f"COPY {relation.sql} ({names}) FROM STDIN",
        f"COPY {relation.sql} ({names}) FROM STDIN",
        gone_b,
        gone_a,
        copied=_line(columns, aim.b),
        control_copied=_line(columns, aim.a),
    )
    if version >= 150000 and relation.kind in "rp":
        yield Probe(
            "INSERT",
            "merge insert",
            f"MERGE INTO {relation.sql} USING (SELECT 1) AS one ON false"
            f" WHEN NOT MATCHED THEN INSERT ({names}){always} VALUES ({theirs})",
            f"MERGE INTO {relation.sql} USING (SELECT 1) AS one ON false"
            f" WHEN NOT MATCHED THEN INSERT ({names}){always} VALUES ({mine})",
            gone_b,
            gone_a,
        )
    yield from _alike(fixture, aim, columns, head)
    change = _change(aim, role, _own(fixture, aim))
    key = next((k for k in (aim.table.keys if aim.table else ()) if k.primary), None)
    if change and key and all(key.columns) and relation.may(role, "SELECT"):
        column, for_b, for_a = change
        on = ", ".join(map(ident, key.columns))
        yield Probe(
            "UPDATE",
            "on conflict do update",
            f"{head} ({theirs}) ON CONFLICT ({on}) DO UPDATE SET {ident(column)} = {literal(for_b)}",
            f"{head} ({mine}) ON CONFLICT ({on}) DO UPDATE SET {ident(column)} = {literal(for_a)}",
            keyed=True,
        )


def _alike(fixture: Fixture, aim: Aim, columns: Sequence[Column], head: str) -> Iterator[Probe]:
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
        f"{head} ({_values(columns, bent)})",
        f"{head} ({_values(columns, aim.a)})",
        gone(aim.row_a),
        gone(aim.row_a),
    )


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
    where = _where(table, row)
    bound = {c for e in fixture.estate.edges(table) for c in e.columns}
    bound.add(fixture.estate.model.own(table))
    made = [c for c in relation.open_to(role, "INSERT") if not c.generated]
    names = ", ".join(ident(c.name) for c in made)
    always = " OVERRIDING SYSTEM VALUE" if any(c.identity_always for c in made) else ""
    head = f"INSERT INTO {relation.sql} ({names}){always} VALUES"
    may_change = {c.name for c in relation.open_to(role, "UPDATE") if not c.identity_always}
    mine = _values(made, row.values)
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
                    f"{head} ({_values(made, {**row.values, column.name: value})})",
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


def _line(columns: Sequence[Column], row: Mapping[str, str | None]) -> str:
    out = []
    for column in columns:
        value = row.get(column.name)
        if value is None:
            out.append(r"\N")
        else:
            value = value.replace("\\", "\\\\").replace("\t", "\\t")
            out.append(value.replace("\n", "\\n").replace("\r", "\\r"))
    return "\t".join(out) + "\n"


def _own(fixture: Fixture, aim: Aim) -> set[str]:
    """The column that says whose a row is, if one does by itself."""
    return {fixture.estate.model.own(aim.table)} if aim.table is not None else set()


def _change(
    aim: Aim, role: str, parents: Collection[str] = ()
) -> tuple[str, str | None, str | None] | None:
    """A column that the role may change, with what it becomes in B's row and in A's."""
    bound = set(parents)
    if aim.table is not None:
        bound |= {c for r in aim.table.references for c in r.columns}
        bound |= {c for k in aim.table.keys for c in k.columns}
    open_ = [c for c in aim.relation.open_to(role, "UPDATE") if c.updatable and c.name in aim.b]
    free = [c for c in open_ if c.name not in bound and not c.generated and not c.identity_always]
    same = [c for c in free if aim.a[c.name] == aim.b[c.name] and aim.a[c.name] is not None]
    other = [
        c
        for c in free
        if aim.a[c.name] != aim.b[c.name] and None not in (aim.a[c.name], aim.b[c.name])
    ]
    if aim.table is None:
        # Of a view nobody knows which column is a key: what a row has it may have.
        for column in (*other, *same):
            return column.name, aim.b[column.name], aim.a[column.name]
    for column in other:
        return column.name, aim.a[column.name], aim.b[column.name]
    for column in same or free or [c for c in open_ if not c.generated and not c.identity_always]:
        return column.name, aim.b[column.name], aim.a[column.name]
    return None


def _updates(
    fixture: Fixture, aim: Aim, role: str, version: int, parents: Mapping[str, tuple[str, str]]
) -> Iterator[Probe]:
    relation, at = aim.relation, aim.relation.sql
    change = _change(aim, role, {*parents, *_own(fixture, aim)})
    if change is not None:
        column, for_b, for_a = change
        name = ident(column)
        theirs, mine = f"{name} = {literal(for_b)}", f"{name} = {literal(for_a)}"
        if relation.may(role, "SELECT"):
            yield Probe(
                "UPDATE",
                "update by key",
                f"UPDATE {at} SET {theirs} WHERE {aim.where_b}",
                f"UPDATE {at} SET {mine} WHERE {aim.where_a}",
                keyed=True,
            )
            back = " RETURNING " + ", ".join(
                ident(c.name) for c in relation.open_to(role, "SELECT")
            )
            yield Probe(
                "UPDATE",
                "update returning",
                f"UPDATE {at} SET {theirs} WHERE {aim.where_b}{back}",
                f"UPDATE {at} SET {mine} WHERE {aim.where_a}{back}",
                keyed=True,
            )
            if version >= 150000 and relation.holds_rows and relation.kind != "f":
                yield Probe(
                    "UPDATE",
                    "merge",
                    f"MERGE INTO {at} USING (SELECT 1) AS one ON {aim.where_b}"
                    f" WHEN MATCHED THEN UPDATE SET {theirs}",
                    f"MERGE INTO {at} USING (SELECT 1) AS one ON {aim.where_a}"
                    f" WHEN MATCHED THEN UPDATE SET {mine}",
                    keyed=True,
                )
            if relation.kind == "r" and len(relation.open_to(role, "SELECT")) == len(
                relation.columns
            ):
                yield Probe(
                    "UPDATE",
                    "update where current of",
                    f"UPDATE {at} SET {theirs} WHERE CURRENT OF ringfence_cursor",
                    f"UPDATE {at} SET {mine} WHERE CURRENT OF ringfence_cursor",
                    before=_cursor(at, aim.where_b),
                    control_before=_cursor(at, aim.where_a),
                    keyed=True,
                )
        yield Probe(
            "UPDATE",
            "update all",
            f"UPDATE {at} SET {name} = {name}",
            f"UPDATE {at} SET {name} = {name}",
            others=0,
        )
    yield from _unread(fixture, aim, role, change)
    if relation.kind == "v" and not relation.may(role, "SELECT"):
        yield from _unseen(fixture, aim, role, parents)
    yield from _moves(fixture, aim, role, parents)
    if relation.kind == "v" and relation.triggers and relation.may(role, "SELECT"):
        # What works in the statement's place may look for its row by a key that it was given.
        for one in relation.open_to(role, "UPDATE"):
            own, others = aim.a.get(one.name), aim.b.get(one.name)
            if own != others and own is not None and others is not None:
                yield Probe(
                    "UPDATE",
                    f"give {one.name} of B's row",
                    f"UPDATE {at} SET {ident(one.name)} = {literal(others)} WHERE {aim.where_a}",
                    f"UPDATE {at} SET {ident(one.name)} = {ident(one.name)} WHERE {aim.where_a}",
                )


def _unread(
    fixture: Fixture, aim: Aim, role: str, change: tuple[str, str | None, str | None] | None
) -> Iterator[Probe]:
    """Changes that read no column: policies for reading have no say in them, those for changing alone.

    The rest of the table is out of the way, so that no key of another row is.
    """
    table = aim.table
    if aim.relation.kind not in "rp" or table is None or aim.row_a is None or aim.row_b is None:
        return
    rows = fixture.rows
    at = aim.relation.sql
    if table.has_children and not table.partitioned:
        at = f"ONLY {at}"  # its children's rows are theirs
    may = {c.name for c in aim.relation.open_to(role, "UPDATE")}

    def alone(*kept: Row) -> tuple[str, ...]:
        mine = (*rows[fixture.a].get(table.oid, ()), *rows[fixture.b].get(table.oid, ()))
        others = [r for r in (*mine, *fixture.lone.get(table.oid, ())) if r not in kept]
        return tuple(line for r in others for line in gone(r))

    if change is not None:
        column, for_b, for_a = change
        yield Probe(
            "UPDATE",
            "update unread",
            f"UPDATE {at} SET {ident(column)} = {literal(for_b)}",
            f"UPDATE {at} SET {ident(column)} = {literal(for_a)}",
            setup=alone(aim.row_b),
            control_setup=alone(aim.row_a),
            keyed=True,
        )
    for columns, mine, theirs, edge in ends(fixture, aim, {}):
        if not set(columns) <= may:
            continue
        to_me, to_them = (
            ", ".join(f"{ident(c)} = {literal(v)}" for c, v in zip(columns, values, strict=True))
            for values in (mine, theirs)
        )
        kept = alone(aim.row_a)
        yield Probe(
            "UPDATE",
            f"take {', '.join(columns)} unread",
            f"UPDATE {at} SET {to_me}",
            f"UPDATE {at} SET {to_me}",
            setup=alone(aim.row_b),
            control_setup=kept,
            keyed=True,
            edge=edge,
        )
        yield Probe(
            "UPDATE",
            f"give {', '.join(columns)} unread",
            f"UPDATE {at} SET {to_them}",
            f"UPDATE {at} SET {to_me}",
            setup=kept,
            control_setup=kept,
            edge=edge,
        )


def _unseen(
    fixture: Fixture, aim: Aim, role: str, parents: Mapping[str, tuple[str, str]]
) -> Iterator[Probe]:
    """Changes through a view that the role may not read."""
    at = aim.relation.sql
    table = fixture.estate.tables.get(aim.row_a.table) if aim.row_a is not None else None
    keyed = {c for key in table.keys for c in key.columns} if table is not None else set()
    for column in aim.relation.open_to(role, "UPDATE"):
        name, ends_ = ident(column.name), parents.get(column.name)
        mine = aim.a.get(column.name)
        if not column.updatable or column.name not in aim.b:
            continue
        if ends_ is not None:
            yield Probe(
                "UPDATE",
                f"give {column.name} unread",
                f"UPDATE {at} SET {name} = {literal(ends_[1])}",
                f"UPDATE {at} SET {name} = {literal(ends_[0])}",
            )
        elif mine is not None and column.name not in keyed:
            yield Probe(
                "UPDATE",
                f"update {column.name} unread",
                f"UPDATE {at} SET {name} = {literal(mine)}",
                f"UPDATE {at} SET {name} = {literal(mine)}",
            )


def _cursor(at: str, where: str) -> tuple[str, ...]:
    return (
        f"DECLARE ringfence_cursor CURSOR FOR SELECT * FROM {at} WHERE {where} FOR UPDATE",
        "FETCH ringfence_cursor",
    )


def _moves(
    fixture: Fixture, aim: Aim, role: str, parents: Mapping[str, tuple[str, str]]
) -> Iterator[Probe]:
    """Take B's row under a parent of A's, give A's row to one of B's."""
    at = aim.relation.sql
    if not aim.relation.may(role, "SELECT"):
        return
    may = {c.name for c in aim.relation.open_to(role, "UPDATE")}
    for columns, mine, theirs, edge in ends(fixture, aim, parents):
        if not set(columns) <= may:
            continue
        to_me = ", ".join(f"{ident(c)} = {literal(v)}" for c, v in zip(columns, mine, strict=True))
        to_them = ", ".join(
            f"{ident(c)} = {literal(v)}" for c, v in zip(columns, theirs, strict=True)
        )
        own = f"UPDATE {at} SET {to_me} WHERE {aim.where_a}"
        yield Probe(
            "UPDATE",
            f"take {', '.join(columns)}",
            f"UPDATE {at} SET {to_me} WHERE {aim.where_b}",
            own,
            keyed=True,
            edge=edge,
        )
        yield Probe(
            "UPDATE",
            f"give {', '.join(columns)}",
            f"UPDATE {at} SET {to_them} WHERE {aim.where_a}",
            own,
            edge=edge,
        )


def ends(
    fixture: Fixture, aim: Aim, parents: Mapping[str, tuple[str, str]]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], Reference | None]]:
    """Columns that say whose a row is, with their values for A and for B."""
    if aim.table is None:
        for name, (a, b) in parents.items():
            yield (name,), (a,), (b,), None
        return
    model = fixture.estate.model
    edges = fixture.estate.edges(aim.table)
    column = model.own(aim.table) if model.root is None else ""
    # A foreign key that takes the tenant along keeps the column as it is.
    if column and not any(column in edge.columns for edge in edges):
        yield (column,), (fixture.a,), (fixture.b,), None
    for edge in edges:
        target = fixture.estate.tables[edge.target]
        own = next(
            (
                (mine, r)
                for r in fixture.rows[fixture.a].get(aim.table.oid, ())
                if (mine := _key(r, edge.columns)) is not None
            ),
            None,
        )
        mine = own[0] if own else _parent(fixture, fixture.a, target, edge)
        theirs = _parent(fixture, fixture.b, target, edge)
        if mine is not None and theirs is not None:
            yield edge.columns, mine, theirs, edge


def _key(row: Row, columns: Sequence[str]) -> tuple[str, ...] | None:
    found = tuple(v for c in columns if (v := row.values.get(c)) is not None)
    return found if len(found) == len(columns) else None


def _parent(
    fixture: Fixture, tenant: str, target: Table, edge: Reference
) -> tuple[str, ...] | None:
    """The key of some row of the tenant's that a foreign key may point to."""
    for row in fixture.rows[tenant].get(target.oid, ()):
        found = _key(row, edge.target_columns)
        if found is not None:
            return found
    return None


def crossing(fixture: Fixture, aim: Aim, role: str) -> Iterator[Probe]:
    """A's row made anew with each of its foreign keys pointing to a row of B's."""
    relation = aim.relation
    columns = [c for c in relation.open_to(role, "INSERT") if not c.generated]
    if aim.row_a is None or not relation.may(role, "INSERT") or not relation.events & 8:
        return
    names = ", ".join(ident(c.name) for c in columns)
    always = " OVERRIDING SYSTEM VALUE" if any(c.identity_always for c in columns) else ""
    head = f"INSERT INTO {relation.sql} ({names}){always} VALUES"
    for across, _, theirs, edge in ends(fixture, aim, {}):
        if not set(across) <= {c.name for c in columns}:
            continue
        bent = {**aim.a, **dict(zip(across, theirs, strict=True))}
        yield Probe(
            "INSERT",
            f"insert with {', '.join(across)} of B",
            f"{head} ({_values(columns, bent)})",
            f"{head} ({_values(columns, aim.a)})",
            gone(aim.row_a),
            gone(aim.row_a),
            edge=edge,
        )


def _deletes(aim: Aim, role: str, version: int) -> Iterator[Probe]:
    at = aim.relation.sql
    if aim.relation.may(role, "SELECT"):
        yield Probe(
            "DELETE",
            "delete by key",
            f"DELETE FROM {at} WHERE {aim.where_b}",
            f"DELETE FROM {at} WHERE {aim.where_a}",
            keyed=True,
        )
        shown = ", ".join(ident(c.name) for c in aim.relation.open_to(role, "SELECT"))
        yield Probe(
            "DELETE",
            "delete returning",
            f"DELETE FROM {at} WHERE {aim.where_b} RETURNING {shown}",
            f"DELETE FROM {at} WHERE {aim.where_a} RETURNING {shown}",
            keyed=True,
        )
        if version >= 150000 and aim.relation.kind in "rp":
            yield Probe(
                "DELETE",
                "merge delete",
                f"MERGE INTO {at} USING (SELECT 1) AS one ON {aim.where_b} WHEN MATCHED THEN DELETE",
                f"MERGE INTO {at} USING (SELECT 1) AS one ON {aim.where_a} WHEN MATCHED THEN DELETE",
                keyed=True,
            )
    yield Probe("DELETE", "delete all", f"DELETE FROM {at}", f"DELETE FROM {at}")


def blind(aim: Aim, role: str) -> Iterator[Probe]:
    """Ways to change rows that who tries them may not read."""
    relation = aim.relation
    if relation.may(role, "DELETE"):
        yield Probe("DELETE", "delete all", f"DELETE FROM {relation.sql}")
    change = _change(aim, role)
    if relation.may(role, "UPDATE") and change is not None:
        column, for_b, _ = change
        yield Probe(
            "UPDATE",
            "update all",
            f"UPDATE {relation.sql} SET {ident(column)} = {literal(for_b)}",
        )


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
    return Aim(relation, a.values, b.values, _where(table, a), _where(table, b), table, a, b)


def in_branch(fixture: Fixture, aim: Aim, role: str, version: int) -> Iterator[Probe]:
    """Those ways to change rows in which it matters what is in them, but for whose they are."""
    for probe in writes(fixture, aim, role, version, {}):
        if probe.name in ("insert", "insert bare") or probe.name.endswith(" unread"):
            yield replace(probe, name=f"{probe.name}, in a branch")


def _leaf(fixture: Fixture, table: Table, relation: Relation) -> str:
    for tenant in (fixture.a, fixture.b):
        for row in fixture.rows[tenant].get(table.oid, ()):
            if row.leaf in (relation.sql, relation.name, f"{relation.schema}.{relation.name}"):
                return row.leaf
    return ""


def _where(table: Table, row: Row) -> str:
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

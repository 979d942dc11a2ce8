"""The ways to change what is in a relation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.isolation.probes import Probe, gone, line_of, values_of
from ringfence.isolation.provoking import alike
from ringfence.kinds._sql import ident, literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from ringfence.isolation.aims import Aim
    from ringfence.isolation.estate import Fixture, Row
    from ringfence.seed.shape import Reference, Table


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


def in_branch(fixture: Fixture, aim: Aim, role: str, version: int) -> Iterator[Probe]:
    """Those ways to change rows in which it matters what is in them, but for whose they are."""
    for probe in writes(fixture, aim, role, version, {}):
        if probe.name in ("insert", "insert bare") or probe.name.endswith(" unread"):
            yield replace(probe, name=f"{probe.name}, in a branch")


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
            f"{head} ({values_of(columns, bent)})",
            f"{head} ({values_of(columns, aim.a)})",
            gone(aim.row_a),
            gone(aim.row_a),
            edge=edge,
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
    mine, theirs = values_of(columns, aim.a), values_of(columns, aim.b)
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
                f"{head} ({values_of(columns, bare_b)})",
                f"{head} ({values_of(columns, bare_a)})",
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
        copied=line_of(columns, aim.b),
        control_copied=line_of(columns, aim.a),
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
    yield from alike(fixture, aim, columns, head)
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

"""SQL that closes what was found, to be tried before it is shown.

Whose a row is, a policy decides by following the same foreign keys that decide it here. None of this
is the only way: it is one that works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds._sql import ident, literal, qualified
from ringfence.seed import naming

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ringfence.isolation.estate import Estate
    from ringfence.isolation.surface import Relation, Routine
    from ringfence.seed.shape import Reference, Table

_MAXIMUM = 63


def condition(estate: Estate, table: Table, alias: str = "", depth: int = 1) -> str:
    """What is true of the rows of the tenant that the session names; no row where it names none."""
    prefix = f"{alias}." if alias else ""
    if column := estate.model.own(table):
        return _is(f"{prefix}{ident(column)}", estate, table, column)
    return _through(estate, table, estate.model.path[table.oid], prefix, depth)


def _is(said: str, estate: Estate, table: Table, column: str) -> str:
    """That it is the tenant of the session: the one that it names, or one that its person belongs to."""
    members = estate.model.members
    if members is None:
        return f"{said} = {_setting(estate, table, column)}"
    listed = estate.shape.tables[members.table]
    return (
        f"{said} IN (SELECT {ident(members.tenant.columns[0])}"
        f" FROM {qualified((listed.schema, listed.name))}"
        f" WHERE {ident(members.person)} = {_setting(estate, listed, members.person)})"
    )


def _setting(estate: Estate, table: Table, column: str) -> str:
    type_ = table.column[column].sql
    said = f"nullif(current_setting({literal(estate.model.setting)}, true), '')"
    for key in naming.place(estate.model.value):
        said = f"({said}::jsonb ->> {literal(key).strip()})"
    return f"(SELECT {said}::{type_})"


def _through(estate: Estate, table: Table, edge: Reference, prefix: str, depth: int) -> str:
    root = estate.model.root
    target = estate.tables[edge.target]
    if (
        root is not None
        and target.oid == root.oid
        and edge.target_columns == (estate.model.column,)
    ):
        # No need to look the tenant up: the key holds what the setting names.
        return _is(f"{prefix}{ident(edge.columns[0])}", estate, root, estate.model.column)
    up = f"up{depth}"
    here = prefix or f"{ident(table.name)}."
    on = " AND ".join(
        f"{up}.{ident(there)} = {here}{ident(own)}"
        for own, there in zip(edge.columns, edge.target_columns, strict=True)
    )
    more = condition(estate, target, up, depth + 1)
    name = qualified((target.schema, target.name))
    return f"EXISTS (SELECT FROM {name} AS {up} WHERE {on} AND {more})"


def row_security(estate: Estate, table: Table) -> str:
    """Row security, and a policy that lets each tenant at its own rows."""
    name = qualified((table.schema, table.name))
    policy = ident(f"{table.name}_tenant"[:_MAXIMUM])
    return (
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;\n"
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY;\n"
        f"CREATE POLICY {policy} ON {name}\n    USING ({condition(estate, table)});"
    )


def enable(estate: Estate, table: Table) -> str:
    """Row security where the policies are there already."""
    name = qualified((table.schema, table.name))
    del estate
    return (
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;\n"
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY;"
    )


def floor(estate: Estate, table: Table) -> str:
    """A policy that whatever others allow must meet as well."""
    name = qualified((table.schema, table.name))
    policy = ident(f"{table.name}_tenant_floor"[:_MAXIMUM])
    said = condition(estate, table)
    return (
        f"CREATE POLICY {policy} ON {name} AS RESTRICTIVE\n    USING ({said})\n"
        f"    WITH CHECK ({said});"
    )


def tenantful(estate: Estate, relation: Relation) -> str:
    """A policy for each way to write, which takes no row without a tenant."""
    table = estate.tables[relation.oid]
    edge = estate.model.path.get(table.oid)
    columns = (
        [estate.model.own(table)] if estate.model.own(table) else list(edge.columns) if edge else []
    )
    said = " AND ".join(f"{ident(column)} IS NOT NULL" for column in columns)
    lines = []
    for verb, clauses in (
        ("INSERT", f"WITH CHECK ({said})"),
        ("UPDATE", f"USING ({said}) WITH CHECK ({said})"),
        ("DELETE", f"USING ({said})"),
    ):
        policy = ident(f"{table.name}_has_tenant_{verb.lower()}"[-_MAXIMUM:])
        lines.append(
            f"CREATE POLICY {policy} ON {relation.sql} AS RESTRICTIVE FOR {verb}\n    {clauses};"
        )
    return "\n".join(lines)


def close_partition(relation: Relation) -> str:
    """Row security on a partition: who asks the whole table is bound by the whole table's policies."""
    return f"ALTER TABLE {relation.sql} ENABLE ROW LEVEL SECURITY;"


def reference(estate: Estate, table: Table, edge: Reference, on_delete: str) -> str:
    """A foreign key that cannot leave the tenant, or where it lacks the column, a policy."""
    target = estate.tables[edge.target]
    mine, theirs = _tenant_column(estate, table), _tenant_column(estate, target)
    child = qualified((table.schema, table.name))
    if mine and theirs and mine not in edge.columns:
        parent = qualified((target.schema, target.name))
        columns = (theirs, *edge.target_columns)
        lines = []
        if not any(k.columns == columns and not k.predicate for k in target.keys):
            lines.append(f"ALTER TABLE {parent} ADD UNIQUE ({', '.join(map(ident, columns))});")
        lines.append(
            f"ALTER TABLE {child} DROP CONSTRAINT {ident(edge.name)},\n"
            f"    ADD CONSTRAINT {ident(edge.name)}"
            f" FOREIGN KEY ({', '.join(map(ident, (mine, *edge.columns)))})\n"
            f"    REFERENCES {parent} ({', '.join(map(ident, columns))}){on_delete};"
        )
        return "\n".join(lines)
    policy = ident(f"{table.name}_{'_'.join(edge.columns)}_tenant"[:_MAXIMUM])
    said = _through(estate, table, edge, "", 1)
    if table.nullable(edge):
        said = " OR ".join([*(f"{ident(c)} IS NULL" for c in edge.columns), said])
    return (
        f"CREATE POLICY {policy} ON {child} AS RESTRICTIVE\n    USING (true)\n"
        f"    WITH CHECK ({said});"
    )


def agreement(
    estate: Estate,
    table: Table,
    straight: Reference,
    first: Reference,
    second: Reference,
    on_delete: str,
) -> str:
    """A foreign key that takes along what the row it points to refers to, so that both agree."""
    target = estate.tables[first.target]
    there = dict(zip(second.target_columns, second.columns, strict=True))
    pairs = dict(zip(first.columns, first.target_columns, strict=True))
    for here, key in zip(straight.columns, straight.target_columns, strict=True):
        if key not in there:
            return ""  # the two name their row by different keys
        if here not in pairs:
            pairs[here] = there[key]
    parent, child = (qualified((t.schema, t.name)) for t in (target, table))
    lines = []
    keys = tuple(pairs.values())
    if not any(k.columns == keys and not k.predicate for k in target.keys):
        lines.append(f"ALTER TABLE {parent} ADD UNIQUE ({', '.join(map(ident, keys))});")
    lines.append(
        f"ALTER TABLE {child} DROP CONSTRAINT {ident(first.name)},\n"
        f"    ADD CONSTRAINT {ident(first.name)} FOREIGN KEY ({', '.join(map(ident, pairs))})\n"
        f"    REFERENCES {parent} ({', '.join(map(ident, keys))}){on_delete};"
    )
    return "\n".join(lines)


def _tenant_column(estate: Estate, table: Table) -> str:
    """The column of a table that holds the tenant itself."""
    root = estate.model.root
    if root is None:
        return estate.model.own(table)
    edge = estate.model.path.get(table.oid)
    if edge is None or edge.target != root.oid or len(edge.columns) != 1:
        return ""
    return edge.columns[0]


def invoker(relation: Relation) -> str:
    """A view that reads as whoever asks it."""
    return f"ALTER VIEW {relation.sql} SET (security_invoker = on);"


def revoke(what: str, relation: Relation, roles: Sequence[str], kind: str = "") -> str:
    """Take a privilege away."""
    whom = ", ".join(["PUBLIC", *map(ident, roles)])
    return f"REVOKE {what} ON {kind}{relation.sql} FROM {whom};"


def search_path(routine: Routine) -> str:
    """A function that looks for names where it always did, and in pg_temp last."""
    kind = "PROCEDURE" if routine.procedure else "FUNCTION"
    said = [p.strip() for p in routine.path.split(",") if p.strip()]
    path = [p for p in said if p != "pg_temp"] or [ident(routine.schema)]
    given = ", ".join(routine.types)
    return f"ALTER {kind} {routine.sql}({given}) SET search_path = {', '.join(path)}, pg_temp;"


def as_caller(routine: Routine) -> str:
    """A function that works as whoever calls it."""
    kind = "PROCEDURE" if routine.procedure else "FUNCTION"
    given = ", ".join(routine.types)
    return f"ALTER {kind} {routine.sql}({given}) SECURITY INVOKER;"

"""Persons who stand for tenants, where a session names a person and a table says where one belongs.

Each tenant gets members who belong to no other one; the first of them is who sessions name.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg

from ringfence.errors import Refused
from ringfence.isolation.estate import compared_with, lying
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.model import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from ringfence.isolation.estate import Estate, Fixture
    from ringfence.isolation.surface import Role
    from ringfence.seed import Model


def assigned(conn: Connection[Any], estate: Estate, tenants: Sequence[str]) -> Model:
    """The tenancy with a person for each of the tenants, whose members are told apart for that.

    Raises `Refused` where no two persons can be.
    """
    model = estate.model
    members = model.members
    if members is None:
        return model
    table = estate.tables[members.table]
    name = f"{table.path}.{quoted(members.person)}"
    if not members.setting:
        raise Refused(
            f"sessions name a person whom {name} lists, and by which setting is not known",
            hint='name it: [tool.ringfence.tenancy] setting = "…"',
        )
    pool = _persons(conn, estate)
    halves = (pool[0::2], pool[1::2])
    column = ident(members.person)
    for index, tenant in enumerate(tenants[:2]):
        mine, theirs = halves[index], halves[1 - index]
        rows = _listed(conn, estate, tenant)
        free = [person for person in mine if person not in {p for _, p in rows}]
        for ctid, person in rows:
            if person not in theirs:
                continue
            at = f"{qualified((table.schema, table.name))}"
            done = False
            if free:
                with suppress(psycopg.Error), conn.transaction():
                    conn.execute(
                        f"UPDATE {at} SET {column} = %s WHERE ctid = %s::tid".encode(),
                        [free.pop(0), ctid],
                    )
                    done = True
            if not done:
                with suppress(psycopg.Error), conn.transaction():
                    conn.execute(f"DELETE FROM {at} WHERE ctid = %s::tid".encode(), [ctid])
    lists = [{p: None for _, p in _listed(conn, estate, tenant)} for tenant in tenants[:2]]
    names = {}
    for index, tenant in enumerate(tenants[:2]):
        apart = [person for person in lists[index] if person not in lists[1 - index]]
        if not apart:
            raise Refused(
                f"no row of {name} could be made for a person who belongs to one tenant only",
                hint="give the persons' table more rows: [tool.ringfence.seed] rows",
            )
        names[tenant] = apart[0]
    return replace(model, setting=members.setting, value=members.value, names=names)


def strengthen(fixture: Fixture, roles: Sequence[Role]) -> None:
    """Make the persons who stand for tenants such members as may do the most.

    Policies ask what one is there (an owner, an editor): of the words that they compare a column of the
    table of members with, each is kept that lets the person see or change more rows.
    """
    conn, estate, surface = fixture.conn, fixture.estate, fixture.surface
    members = estate.model.members
    if members is None:
        return
    table = estate.tables[members.table]
    bound = {members.person, *members.tenant.columns}
    bound |= {c for k in table.keys if k.primary for c in k.columns}
    asking = [f"{p.using_expression} {p.check_expression}" for p in surface.policies]
    asking += [r.body for r in surface.routines]
    body = "\n".join(text for text in asking if table.name in text)
    tried = [
        (column.name, value)
        for column in table.columns
        if column.name not in bound and not column.generated
        for value in dict.fromkeys(compared_with(column.sql, column.name, body))
    ]
    best = _reach(fixture, roles)
    for name, value in tried[:_MOST]:
        with suppress(psycopg.Error), conn.transaction():
            for tenant, person in estate.model.names.items():
                conn.execute(
                    f"UPDATE {qualified((table.schema, table.name))} AS rf0 SET {ident(name)} = {value}"
                    f" WHERE {ident(members.person)}::text = {literal(person)}"
                    f" AND {estate.owner(table, 'rf0')} = {literal(tenant)}".encode(),
                    prepare=False,
                )
            now = _reach(fixture, roles)
            if now <= best:
                raise psycopg.Rollback
            best = now


_MOST = 24


def _reach(fixture: Fixture, roles: Sequence[Role]) -> int:
    """How many rows A's person sees, and may change."""
    conn, model = fixture.conn, fixture.estate.model
    asked = []
    for relation in fixture.surface.relations.values():
        if fixture.estate.table(relation) is None or not relation.row_security:
            continue
        for role in roles:
            if relation.may(role.name, "SELECT"):
                lock = " FOR UPDATE" if relation.may(role.name, "UPDATE") else ""
                asked.append((role.name, f"SELECT FROM {relation.sql}"))
                asked += [(role.name, f"SELECT FROM {relation.sql}{lock}")] if lock else []
    count = 0
    for role_name, query in asked:
        with suppress(psycopg.Error), conn.transaction(force_rollback=True):
            named = literal(model.named(fixture.a))
            conn.execute(
                f"SELECT set_config({literal(model.setting)}, {named}, true);"
                f" SET LOCAL SESSION AUTHORIZATION {ident(role_name)}"
            )
            count += conn.execute(query.encode(), prepare=False).rowcount
    return count


def _persons(conn: Connection[Any], estate: Estate) -> list[str]:
    """All persons there are: those that the column may refer to, else those that stand in it."""
    members = estate.model.members
    assert members is not None
    table = estate.shape.tables[members.table]
    column = members.person
    edge = next((e for e in table.references if e.columns == (column,)), None)
    if edge is not None and edge.target in estate.shape.tables:
        table, column = estate.shape.tables[edge.target], edge.target_columns[0]
    found = conn.execute(
        f"SELECT {ident(column)}::text AS person FROM {qualified((table.schema, table.name))}"
        f" WHERE {ident(column)} IS NOT NULL GROUP BY {ident(column)} ORDER BY 1".encode()
    )
    return [str(person) for (person,) in found]


def _listed(conn: Connection[Any], estate: Estate, tenant: str) -> list[tuple[str, str]]:
    """The tenant's members: where the row is, and who it is."""
    members = estate.model.members
    assert members is not None
    table = estate.tables[members.table]
    found = conn.execute(
        f"SELECT rf0.ctid::text, rf0.{ident(members.person)}::text FROM {lying(table)} AS rf0"
        f" WHERE {estate.owner(table, 'rf0')} = %s AND rf0.{ident(members.person)} IS NOT NULL"
        " ORDER BY rf0.ctid".encode(),
        [tenant],
    )
    return [(str(ctid), str(person)) for ctid, person in found]

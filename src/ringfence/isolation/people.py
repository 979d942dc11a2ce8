"""Persons who stand for tenants, where a session names a person and a table says where one belongs.

Each tenant gets members who belong to no other one; the first of them is who sessions name.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg

from ringfence.errors import Refused
from ringfence.isolation.estate import lying
from ringfence.kinds._sql import ident, qualified
from ringfence.model import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from ringfence.isolation.estate import Estate
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

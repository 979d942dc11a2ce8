"""Every row that would be written, thought up and tested by the server, none of them written.

Table by table, parents first. A value depends on the seed and its own place only, so that another
table, or another column, changes nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ringfence.errors import Misuse
from ringfence.seed import order
from ringfence.seed.desk import Desk, Office, Shortfall
from ringfence.seed.place import instant
from ringfence.seed.rows import Family
from ringfence.seed.rules import Constants
from ringfence.seed.session import steady
from ringfence.seed.soft import point, soft_references
from ringfence.seed.values import Values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

    from ringfence.seed.rows import Row
    from ringfence.seed.shape import Shape
    from ringfence.seed.tenancy import Model

__all__ = ["Plan", "Shortfall", "plan"]


@dataclass(frozen=True)
class Plan:
    """All rows by table, and the tables by group, in the order in which they are written."""

    seed: int
    tenants: int
    shape: Shape
    model: Model
    groups: tuple[order.Group, ...]
    rows: Mapping[int, Sequence[Row]]
    shortfalls: tuple[Shortfall, ...] = ()

    @cached_property
    def tenant_ids(self) -> tuple[str, ...]:
        """The tenants' keys in the root table, which the setting holds where there is one."""
        root = self.model.root
        if root is None:
            return ()
        primary = next((key.columns for key in root.keys if key.primary), ())
        names = (self.model.column,) if self.model.column else primary
        return tuple(
            ", ".join(row.values.get(name) or "" for name in names) for row in self.rows[root.oid]
        )


def plan(
    conn: Connection[Any],
    shape: Shape,
    model: Model,
    *,
    tenants: int = 2,
    rows: int = 5,
    seed: int = 1,
    refused: Mapping[tuple[str, str], int] | None = None,
) -> Plan:
    """Think up `rows` rows per table and tenant. Reads from the server, writes nothing.

    `refused` counts, by table and column, how often what was planned before was refused after all.
    Raises `Misuse` for numbers that make no sense and `Refused` for a table that no row can be found
    for, naming the constraint and the last row that was tried.
    """
    if tenants < 1:
        raise Misuse(f"{tenants} tenants were asked for", hint="ask for one at least: --tenants 1")
    if rows < 1:
        raise Misuse(f"{rows} rows were asked for", hint="ask for one at least: --rows 1")
    groups = order.groups(shape)
    with steady(conn):
        constants = Constants(conn, shape, instant(seed))
        office = Office(
            conn, shape, model, tenants if model.root else 1, rows, seed, dict(refused or {}),
            constants, Values(shape, constants.domains(shape)), Family(model, seed),
        )  # fmt: skip
        desks: list[Desk] = []
        shortfalls: list[Shortfall | None] = []
        for group in groups:
            made, missing = _fill(office, group)
            desks += made
            shortfalls += missing
        for desk in desks:
            _point(office, desk)
    return Plan(
        seed=seed,
        tenants=office.tenants,
        shape=shape,
        model=model,
        groups=groups,
        rows={desk.table.oid: office.family.of(desk.table) for desk in desks},
        shortfalls=tuple(short for short in shortfalls if short is not None),
    )


def _fill(office: Office, group: order.Group) -> tuple[list[Desk], list[Shortfall | None]]:
    """Rows for all tables of a group, and what is missing of them."""
    desks: list[Desk] = []
    shortfalls: list[Shortfall | None] = []
    for table in group.tables:
        desk = Desk(office, table, [r for r in group.late if r.table == table.oid])
        desk.draft()
        shortfalls.append(desk.settle(final=not group.late))
        desks.append(desk)
    if group.late:
        for desk in desks:
            desk.close()
        shortfalls = [desk.settle(final=True) for desk in desks]
    return desks, shortfalls


def _point(office: Office, desk: Desk) -> None:
    """Let columns that refer to rows by name alone refer to rows that exist.

    Not those that any constraint reads: what the server judged must stay as it was.
    """
    bound = desk.keys | {name for rule in desk.rules for name in rule.columns}
    bound |= {name for reference in desk.table.references for name in reference.columns}
    for soft in soft_references(office.shape, desk.table, bound):
        for row in desk.rows:
            point(office.family, row, soft)

"""Every row that would be written, thought up and tested by the server, none of them written.

Table by table, parents first. A value depends on the seed and its own place only, so that another
table, or another column, changes nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ringfence.errors import Misuse
from ringfence.seed import order
from ringfence.seed.desk import Desk, Office, Shortfall
from ringfence.seed.lexicon import lexicon
from ringfence.seed.numbers import is_number
from ringfence.seed.place import instant
from ringfence.seed.rows import Family
from ringfence.seed.rules import Constants
from ringfence.seed.session import steady
from ringfence.seed.soft import point, soft_references
from ringfence.seed.tenants import named
from ringfence.seed.values import Values
from ringfence.seed.wishes import Overrides, Wishes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence as Several

    from psycopg import Connection

    from ringfence.seed.rows import Row
    from ringfence.seed.shape import Sequence, Shape
    from ringfence.seed.tenancy import Model

__all__ = ["Plan", "Shortfall", "plan"]

_ROUNDS = 8
"""How often the tables of a circle take over from each other what was drawn again."""


@dataclass(frozen=True)
class Plan:
    """All rows by table, and the tables by group, in the order in which they are written.

    `wanted` is how many rows there are to be by table and tenant: more than are thought up here,
    with the load profile. `uncovered` are (table, column, value) of which no row could be found,
    where all literals were to occur. `reach` is by table and column the last number of a sequence
    that rows beyond those take. `names` are the tenants where only columns name them.
    `fickle` are (column, function) of overrides whose SQL gives other values the next time.
    """

    wishes: Wishes
    tenants: int
    shape: Shape
    model: Model
    groups: tuple[order.Group, ...]
    rows: Mapping[int, Several[Row]]
    shortfalls: tuple[Shortfall, ...] = ()
    wanted: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    uncovered: tuple[tuple[str, str, str], ...] = ()

    reach: Mapping[tuple[int, str], int] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    fickle: tuple[tuple[str, str], ...] = ()

    def restarts(self) -> list[sql.Composed]:
        """What sets every sequence to go on behind the rows.

        RESTART is undone with the transaction, where setval() is not.
        """
        return _restarts(self)

    @property
    def seed(self) -> int:
        """What all values follow from."""
        return self.wishes.seed

    @cached_property
    def tenant_ids(self) -> tuple[str, ...]:
        """The tenants' keys in the root table, which the setting holds where there is one."""
        root = self.model.root
        if root is None:
            return self.names
        primary = next((key.columns for key in root.keys if key.primary), ())
        names = (self.model.column,) if self.model.column else primary
        return tuple(
            ", ".join(row.values.get(name) or "" for name in names) for row in self.rows[root.oid]
        )


def _restarts(plan: Plan) -> list[sql.Composed]:
    reached: dict[tuple[str, str], tuple[int, Sequence]] = {}
    for oid, rows in plan.rows.items():
        for column in plan.shape.tables[oid].columns:
            sequence = column.sequence
            if sequence is None:
                continue
            texts = (row.values.get(column.name) for row in rows)
            # A default may be text around the sequence's number.
            numbers = [int(text) for text in texts if text and is_number(text)]
            furthest = plan.reach.get((oid, column.name))
            numbers += [furthest] if furthest is not None else []
            if not numbers:
                continue
            up = sequence.increment > 0
            last = max(numbers) if up else min(numbers)
            key = (sequence.schema, sequence.name)
            if key in reached:
                last = max(last, reached[key][0]) if up else min(last, reached[key][0])
            reached[key] = (last, sequence)
    statements: list[sql.Composed] = []
    restart = sql.SQL("ALTER SEQUENCE {} RESTART WITH {}")
    for key, (last, sequence) in sorted(reached.items(), key=lambda item: item[0]):
        name, following = sql.Identifier(*key), last + sequence.increment
        if sequence.lowest <= following <= sequence.highest:
            statements.append(restart.format(name, sql.Literal(following)))
            continue
        # No number is left, and nextval() shall say so rather than give one that is taken. In a
        # sequence that was restarted here setval() is undone with the transaction, too.
        end = sql.Literal(min(max(last, sequence.lowest), sequence.highest))
        statements.append(restart.format(name, end))
        statements.append(
            sql.SQL("SELECT setval(format('%I.%I', {}::TEXT, {}::TEXT)::REGCLASS, {})").format(
                sql.Literal(sequence.schema), sql.Literal(sequence.name), end
            )
        )
    return statements


def plan(
    conn: Connection[Any],
    shape: Shape,
    model: Model,
    wishes: Wishes | None = None,
    *,
    refused: Mapping[tuple[str, str], int] | None = None,
) -> Plan:
    """Think up the rows of every table. Reads from the server, writes nothing.

    `refused` counts, by table and column, how often what was planned before was refused after all.
    Raises `Misuse` for wishes that make no sense and `Refused` for a table that no row can be found
    for, naming the constraint and the last row that was tried.
    """
    wishes = wishes or Wishes()
    if wishes.tenants < 1:
        asked = f"{wishes.tenants} tenants were asked for"
        raise Misuse(asked, hint="ask for one at least: --tenants 1")
    if wishes.rows < 0:
        raise Misuse(f"{wishes.rows} rows were asked for", hint="ask for one at least: --rows 1")
    words = lexicon(wishes.locale)
    groups = order.groups(shape)
    with steady(conn):
        constants = Constants(conn, shape, instant(wishes.seed))
        values = Values(shape, constants.domains(shape))
        overrides = Overrides(conn, shape, wishes)
        names = named(conn, shape, model, wishes, overrides, constants, values, words)
        office = Office(
            conn, shape, model, wishes.tenants if model.root or names else 1, wishes, overrides,
            dict(refused or {}), constants, values,
            Family(model, wishes.seed, leaves=wishes.leaves), words, names,
        )  # fmt: skip
        desks: list[Desk] = []
        shortfalls: list[Shortfall | None] = []
        for group in groups:
            made, missing = _fill(office, group)
            desks += made
            shortfalls += missing
        filled = {table.oid: n for n, group in enumerate(groups) for table in group.tables}
        looked_at = order.read_by_triggers(shape)
        for desk in desks:
            _point(office, desk, filled, looked_at)
    return Plan(
        wishes=wishes,
        tenants=office.tenants,
        shape=shape,
        model=model,
        groups=groups,
        rows={desk.table.oid: office.family.of(desk.table) for desk in desks},
        shortfalls=tuple(short for short in shortfalls if short is not None),
        wanted={desk.table.oid: desk.wanted for desk in desks},
        uncovered=tuple((d.table.path, name, text) for d in desks for name, text in d.uncovered),
        names=names,
        fickle=overrides.fickle,
    )


def _fill(office: Office, group: order.Group) -> tuple[list[Desk], list[Shortfall | None]]:
    """Rows for all tables of a group, and what is missing of them."""
    desks: list[Desk] = []
    shortfalls: list[Shortfall | None] = []
    early = [r for t in group.tables for r in t.references if group.late and r not in group.late]
    for table in group.tables:
        copied = {c for r in early if r.target == table.oid for c in r.target_columns}
        desk = Desk(office, table, [r for r in group.late if r.table == table.oid], copied)
        desk.draft()
        shortfalls.append(desk.settle(final=not group.late))
        desks.append(desk)
    if group.late:
        for desk in desks:
            desk.close()
        for _ in range(_ROUNDS):
            shortfalls = [desk.settle(final=False) for desk in desks]
            if not sum(desk.mend() for desk in desks):
                break
        shortfalls = [desk.settle(final=True) for desk in desks]
    return desks, shortfalls


def _point(
    office: Office, desk: Desk, filled: Mapping[int, int], looked_at: set[tuple[int, int]]
) -> None:
    """Let columns that refer to rows by name alone refer to rows that exist.

    Not those that any constraint reads: what the server judged must stay as it was. What refers to
    rows that are written later, where a trigger looks for them, refers to none.
    """
    own = desk.table.oid
    bound = desk.keys | {name for rule in desk.rules for name in rule.columns}
    bound |= {name for reference in desk.table.references for name in reference.columns}
    bound |= {name for oid, name in office.overrides.columns if oid == desk.table.oid}
    for soft in soft_references(office.shape, desk.table, bound):
        target = soft.reference.target
        early = filled[own] < filled.get(target, -1) and (own, target) in looked_at
        for row in desk.rows:
            if early and not desk.table.column[soft.column].not_null:
                row.values[soft.column] = None
            else:
                point(office.family, row, soft)

"""Rows being thought up: what they hold, and which rows they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ringfence.seed.draw import Draw
from ringfence.seed.place import SHARED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ringfence.seed.limits import Limits
    from ringfence.seed.shape import Reference, Table
    from ringfence.seed.tenancy import Model

    Role = tuple[int, tuple[str, ...]]
    Lineage = dict[Role, "Row"]


@dataclass(slots=True, eq=False)
class Row:
    """A row. `tenant` is a number from 0, or `SHARED`; `number` counts the tenant's rows.

    `values` are in PostgreSQL's notation, None for NULL. `parents` are the rows its foreign keys
    point to. `lineage` are its parents and theirs, by the table and the columns that point there:
    two ways up that end in columns of the same name end in the same row. `attempts` counts, by
    column and by constraint, how often the server said no; `computed` is what it said that
    expressions over the row's other columns come to, `drawn` the last values with the attempt and
    the limits they were drawn for. `gone` marks a row that was given up. `voice` is the tenant in
    whose place its choices are made, another than its own among twins; `turn` counts the rows among which
    choices are to go round; `forced` are (column, value) that it is there for, `own` those that say
    whose it is.
    """

    table: Table
    tenant: int
    number: int
    values: dict[str, str | None] = field(default_factory=dict)
    parents: dict[Reference, Row | None] = field(default_factory=dict)
    lineage: Lineage = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    leaf: int = 0
    tries: int = 0
    computed: dict[str, str | None] = field(default_factory=dict)
    drawn: dict[str, tuple[int, Limits, str | None]] = field(default_factory=dict)
    gone: bool = False
    voice: int = 0
    turn: int = 0
    forced: tuple[tuple[str, str], ...] = ()
    own: tuple[tuple[str, str], ...] = ()

    def attempt(self, names: Iterable[str]) -> int:
        """How often the server said no because of any of these columns."""
        return max((self.attempts.get(name, 0) for name in names), default=0)

    def adopt(self) -> None:
        """Write the parents' keys into the foreign keys' columns."""
        for reference, parent in self.parents.items():
            if parent is not None:
                for column, target in zip(reference.columns, reference.target_columns, strict=True):
                    self.values[column] = parent.values.get(target)


class NoParent(Exception):
    """There is no row that a foreign key could point to."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        super().__init__(reference.name)


class Family:
    """All rows there are, and the choice of parents among them."""

    def __init__(self, model: Model, seed: int, *, leaves: bool = False) -> None:
        self.model = model
        self.seed = seed
        self.leaves = leaves
        self.rows: dict[int, dict[int, list[Row]]] = {}
        self.roles: dict[int, set[Role]] = {}
        self.exclusive: set[Reference] = set()
        self.taken: dict[tuple[Reference, Row], Row] = {}

    def of(self, table: Table) -> list[Row]:
        """A table's rows, tenant after tenant."""
        by_tenant = self.rows.get(table.oid, {})
        return [row for tenant in sorted(by_tenant) for row in by_tenant[tenant]]

    def open(self, table: Table, late: Sequence[Reference]) -> None:
        """Make ready for rows of a table, whose foreign keys in `late` are chosen afterwards."""
        self.rows[table.oid] = {}
        roles: set[Role] = set()
        unique = {frozenset(k.columns) for k in table.keys if not k.operators and not k.predicate}
        self.exclusive |= {r for r in table.references if frozenset(r.columns) in unique}
        for reference in table.references:
            if reference.target != table.oid and reference not in late:
                roles |= {(reference.target, reference.columns)}
                roles |= self.roles.get(reference.target, set())
        self.roles[table.oid] = roles

    def add(self, row: Row) -> None:
        """Let a row be a parent."""
        self.rows[row.table.oid].setdefault(row.tenant, []).append(row)

    def remove(self, row: Row) -> None:
        """Let a row not be a parent any more."""
        self.rows[row.table.oid][row.tenant].remove(row)
        self._release(row)

    def choose(
        self, row: Row, references: Sequence[Reference], limits: Mapping[str, Limits]
    ) -> None:
        """Choose the row's parents, all of the row's tenant and all in agreement with each other.

        Those with the most ancestors go first, for what they fix the others must follow. Raises
        `NoParent` where a foreign key that must not be NULL finds nobody.
        """
        self._release(row)
        ordered = sorted(references, key=lambda r: (-len(self.roles.get(r.target, ())), r.columns))
        for salt in range(_SALTS):
            try:
                self._choose(row, ordered, limits, salt, agree=salt < _SALTS - 1)
            except NoParent:
                if salt == _SALTS - 1:
                    raise
            else:
                return

    def _choose(
        self,
        row: Row,
        references: Sequence[Reference],
        limits: Mapping[str, Limits],
        salt: int,
        *,
        agree: bool,
    ) -> None:
        lineage: Lineage = {}
        fixed: dict[str, str | None] = dict(row.own)
        row.parents = {}
        for reference in references:
            parent = None
            if self._wanted(row, reference, limits, fixed, salt):
                parent = self._find(row, reference, lineage if agree else {}, fixed, salt)
                if parent is None and not row.table.nullable(reference):
                    raise NoParent(reference)
            row.parents[reference] = parent
            if parent is None:
                free = [c for c in reference.columns if not row.table.column[c].not_null]
                for column in reference.columns if reference.match_full else free:
                    fixed.setdefault(column, None)
                continue
            around = parent.table.oid == row.table.oid and parent.number > row.number
            for column, target in zip(reference.columns, reference.target_columns, strict=True):
                if around and column == target:
                    # Rows that point to each other in a ring share it: it is the first one's.
                    first = self.rows[row.table.oid].get(row.tenant, [row])[0]
                    if column not in fixed and column in first.values:
                        fixed[column] = first.values[column]
                elif parent is not row:
                    fixed[column] = parent.values.get(target)
            if parent.table.oid != row.table.oid:
                lineage[reference.target, reference.columns] = parent
            _inherit(lineage, parent)
        row.lineage = lineage
        row.values = fixed
        for reference, parent in row.parents.items():
            if parent is not None and reference in self.exclusive:
                self.taken[reference, parent] = row

    def _release(self, row: Row) -> None:
        for reference, parent in row.parents.items():
            if parent is not None and self.taken.get((reference, parent)) is row:
                del self.taken[reference, parent]

    def relatives(self, row: Row, reference: Reference, count: int) -> list[Row]:
        """Rows that a reference by name alone may mean: the row's own children first."""
        own = {
            role: row for role in self.roles.get(reference.target, ()) if role[0] == row.table.oid
        }
        found: list[Row] = []
        for turn in range(count):
            relative = self._find(row, reference, {**row.lineage, **own}, {}, turn)
            if relative is None and not own:
                relative = self._find(row, reference, {}, {}, turn)
            if relative is not None and relative not in found:
                found.append(relative)
        return found

    def late(
        self,
        row: Row,
        references: Sequence[Reference],
        limits: Mapping[str, Limits],
        copied: Collection[str],
    ) -> None:
        """Choose the parents that close a circle. Raises `NoParent` as `choose` does.

        Columns that are `copied` stay as they are: rows of the circle point to this one by them.
        """
        for reference in references:
            fixed = dict(row.own) | {
                column: row.values.get(column)
                for other, parent in row.parents.items()
                if other is not reference and parent is not None
                for column in other.columns
            }
            for column in reference.columns:
                if column in copied:
                    fixed[column] = row.values.get(column)
            parent = None
            if self._wanted(row, reference, limits, fixed, 0):
                own = {
                    role: row
                    for role in self.roles.get(reference.target, ())
                    if role[0] == row.table.oid
                }
                parent = self._find(row, reference, {**row.lineage, **own}, fixed, 0)
                parent = parent or self._find(row, reference, row.lineage, fixed, 0)
                if parent is None and not row.table.nullable(reference):
                    parent = self._find(row, reference, {}, fixed, 0)
                    if parent is None:
                        raise NoParent(reference)
            row.parents[reference] = parent
            if parent is None:
                for column in reference.columns:
                    if column not in fixed:
                        row.values[column] = None
        row.adopt()

    def _wanted(
        self,
        row: Row,
        reference: Reference,
        limits: Mapping[str, Limits],
        fixed: Mapping[str, str | None],
        salt: int,
    ) -> bool:
        """Whether the foreign key is to point anywhere."""
        # Of a column that is never NULL nobody has to say so.
        can = [c for c in reference.columns if not row.table.column[c].not_null]
        asked = {limits[c].null for c in can if c in limits}
        if not row.table.nullable(reference) or False in asked:
            return True
        if True in asked:
            return False
        if any(fixed.get(c, "") is None for c in reference.columns):
            return False
        attempt = row.attempt(reference.columns) + salt
        if self.model.path.get(row.table.oid) is reference or (not row.number and not attempt):
            return True
        draw = self._draw(row, reference, "null", row.number, attempt)
        return not draw.chance(2 if attempt > 2 else 6)

    def _draw(self, row: Row, reference: Reference, *more: str | int) -> Draw:
        return Draw(self.seed, row.voice, row.table.path, *reference.columns, "parent", *more)

    def _candidates(self, row: Row, reference: Reference) -> Sequence[Row]:
        by_tenant = self.rows.get(reference.target, {})
        if self.leaves and reference.target != row.table.oid:
            # The last of several is for nobody to point to.
            by_tenant = {
                tenant: rows[:-1] if len(rows) > 1 else rows for tenant, rows in by_tenant.items()
            }
        if reference.target == row.table.oid:
            # Earlier rows only, so that a table's rows can be written in their order.
            mine = by_tenant.get(row.tenant, ())
            earlier = [r for r in mine if r.number < row.number]
            if row.attempt(reference.columns) > _IN_ORDER and (
                not earlier or not row.table.nullable(reference)
            ):
                # That was refused again and again: the next ones first, so that they make a ring.
                return [r for r in mine if r.number > row.number] + earlier
            return earlier
        if row.tenant == SHARED or SHARED in by_tenant:
            return [r for tenant in sorted(by_tenant) for r in by_tenant[tenant]]
        return by_tenant.get(row.tenant, ())

    def _find(
        self,
        row: Row,
        reference: Reference,
        lineage: Lineage,
        fixed: Mapping[str, str | None],
        salt: int,
    ) -> Row | None:
        candidates = self._candidates(row, reference)
        if reference.leaves:
            candidates = [
                r for r in candidates if r.table.partitions[r.leaf].oid in reference.leaves
            ]
        if candidates:
            columns = candidates[0].table.column
            loose = [name for name in reference.target_columns if not columns[name].not_null]
            if loose:
                # Nothing can point to a key that is not there.
                candidates = [
                    r for r in candidates if all(r.values.get(n, "") is not None for n in loose)
                ]
        itself = reference.target == row.table.oid
        if lineage and any(_siblings(row, reference)):
            # An order's two addresses agree with the rest of it, not with each other.
            lineage = {}
            for other, parent in row.parents.items():
                if parent is not None and parent.table.oid != reference.target:
                    lineage[other.target, other.columns] = parent
                    _inherit(lineage, parent)
        if not candidates:
            # The first row of a table that points to itself can only point to itself.
            return row if itself and not row.table.nullable(reference) else None
        role = (reference.target, reference.columns)
        decided = lineage.get(role) if not itself else None
        attempt = row.attempt(reference.columns) + salt
        # In turn at first, so that every parent gets its share; anywhere when that was refused.
        start = self._draw(row, reference, "first").below(len(candidates)) + row.number
        if attempt:
            start = self._draw(row, reference, row.number, attempt).below(len(candidates))
        held_by: Row | None = None
        ring = itself and row.attempt(reference.columns) > _IN_ORDER
        if ring:
            start = row.attempt(reference.columns) - _IN_ORDER - 1
        shared = [
            (column, target)
            for column, target in zip(reference.columns, reference.target_columns, strict=True)
            if column in fixed
        ]
        for offset in range(len(candidates)):
            candidate = candidates[(start + offset) % len(candidates)]
            if decided is not None and candidate is not decided:
                continue
            holder = self.taken.get((reference, candidate), row)
            held = holder is not row and not (itself and holder is candidate)
            if held and (not ring or held_by is not None):
                continue
            if any(candidate.values.get(target) != fixed[column] for column, target in shared):
                continue
            if all(lineage.get(r, a) is a for r, a in candidate.lineage.items()):
                if not held:
                    return candidate
                held_by = candidate
        if held_by is not None and self.taken.get((reference, row), row) is row:
            # Step in between: whoever points there points here instead.
            before = self.taken[reference, held_by]
            before.parents[reference] = row
            self.taken[reference, row] = before
            return held_by
        # Where every row takes one of its own, it takes itself.
        return row if itself and not row.table.nullable(reference) else None


def _inherit(lineage: Lineage, parent: Row) -> None:
    """Add a parent's ancestors, where nobody stands in their place yet."""
    for role, ancestor in parent.lineage.items():
        lineage.setdefault(role, ancestor)


def _siblings(row: Row, reference: Reference) -> Iterable[Row]:
    """The parents of the row in the same table, by other foreign keys."""
    for other, parent in row.parents.items():
        if parent is not None and parent.table.oid == reference.target and other is not reference:
            yield parent


_IN_ORDER = 3
"""How often a row is refused before what it points to in its own table may be a later row."""

_SALTS = 8
"""How many times parents are chosen anew before they need not agree any more."""

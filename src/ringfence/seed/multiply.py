"""Many more rows like those that were planned, as bytes for COPY, as fast as the server takes them.

A planned row's fields are had from the server once, in PostgreSQL's binary form. A *generation* is
a copy of all of a tenant's planned rows of a table, in which only what must differ does: keys count
on, foreign keys point to a generation of the parents, moments move on. What a row holds still
follows from its place alone, so nothing is kept in memory but the planned rows.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import chain
from struct import Struct
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
from psycopg import sql

from ringfence.seed import beside, expression
from ringfence.seed.counting import Counting
from ringfence.seed.ground import Crop, Ground, NotMore, base, bound, own, sent
from ringfence.seed.lanes import Lanes
from ringfence.seed.place import SHARED, ordinal
from ringfence.seed.probe import parameters, verbatim
from ringfence.seed.routes import Hops, Routes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from psycopg import Connection

    from ringfence.seed.ground import Block, Maker
    from ringfence.seed.planning import Plan
    from ringfence.seed.routes import Route
    from ringfence.seed.rows import Row
    from ringfence.seed.shape import Column, Key, Reference, Table

    Source: TypeAlias = "tuple[Route, int, int, str]"

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

_SPAN = 90 * 86_400 * 1_000_000
"""Over how many microseconds the moments of a table's generations are spread."""


_KEPT = 16
"""How many generations of a column are remembered: children of the same parents come together."""

_LONG = Struct(">iq")


class Multiplier:
    """Generations of the planned rows of one plan. `late` are foreign keys that close circles."""

    def __init__(self, conn: Connection[Any], plan: Plan) -> None:
        self.conn = conn
        self.plan = plan
        self.crops: dict[int, dict[int, Crop]] = {}
        self.grounds: dict[int, Ground] = {}
        late = {reference for group in plan.groups for reference in group.late}
        self.routes = Routes(plan, late, self.crops, self.grounds)
        self.counting = Counting(plan)
        self.lanes = Lanes(conn, plan)
        self.blocks: OrderedDict[tuple[int, str, int, int], Block] = OrderedDict()
        for oid, rows in plan.rows.items():
            crops: dict[int, Crop] = {}
            for row in rows:
                crop = crops.setdefault(row.tenant, Crop([], {}, 0))
                crop.number[id(row)] = len(crop.rows)
                crop.rows.append(row)
            for crop in crops.values():
                crop.total = len(crop.rows)
            self.crops[oid] = crops

    def prepare(self, table: Table, *, shift: bool = True, shaped: bool = False) -> bool:
        """Make ready to multiply a table, whose parents are; False where no more rows are wanted.

        With `shift` moments move on; with `shaped` text that must differ is made of the characters
        that the planned text has in the same places, and not of that text and a number.

        Raises `NotMore` where there can be none.
        """
        wanted = self.plan.wanted.get(table.oid, {})
        crops = self.crops.get(table.oid, {})
        if not any(wanted.get(tenant, 0) > len(crop.rows) for tenant, crop in crops.items()):
            return False
        for tenant, crop in crops.items():
            crop.total = max(len(crop.rows), wanted.get(tenant, 0))
            crop.generations = crop.total // len(crop.rows)
        ground = Ground(table, [c for c in table.columns if not c.generated], crops)
        self.grounds[table.oid] = ground
        try:
            self.routes.steps(ground)
            self._encode(ground)
            self._keys(ground, shaped)
            if shift:
                self._shift(ground)
        except NotMore:
            self.give_up(table)
            raise
        return True

    def give_up(self, table: Table) -> None:
        """Let a table have its planned rows only."""
        self.grounds.pop(table.oid, None)
        for crop in self.crops[table.oid].values():
            crop.total, crop.generations = len(crop.rows), 1

    def statement(self, table: Table, into: sql.Composable | None = None) -> sql.Composed:
        """The COPY that takes the rows."""
        names = [sql.Identifier(c.name) for c in table.columns if not c.generated]
        return sql.SQL("COPY {}{} FROM STDIN (FORMAT binary)").format(
            into or sql.Identifier(table.schema, table.name),
            # A table may have no column, and then there is nothing to put in brackets.
            sql.SQL(" ({})").format(sql.SQL(", ").join(names)) if names else sql.SQL(""),
        )

    def rows(self, table: Table, tenant: int, generation: int) -> tuple[int, bytes]:
        """How many rows a generation has, and the rows as COPY reads them.

        The last one may not be whole.
        """
        ground = self.grounds[table.oid]
        crop = ground.crops[tenant]
        count = min(len(crop.rows), crop.total - generation * len(crop.rows))
        head = len(ground.columns).to_bytes(2, "big")
        parts: list[Sequence[bytes]] = []
        fixed: list[Block] = [[head] * len(crop.rows)]
        for column in ground.columns:
            block = self._block(ground, column.name, tenant, generation)
            if block is ground.constant[tenant][column.name]:
                fixed.append(block)
                continue
            parts.append(self._joined(ground, tenant, len(parts), fixed))
            parts.append(block)
            fixed = []
        if fixed:
            parts.append(self._joined(ground, tenant, len(parts), fixed))
        if count < len(crop.rows):
            parts = [part[:count] for part in parts]
        return count, b"".join(chain.from_iterable(zip(*parts, strict=True)))

    def _joined(self, ground: Ground, tenant: int, at: int, fixed: list[Block]) -> Block:
        """Fields next to each other that no generation changes, joined once."""
        key = (ground.table.oid, f"\0{at}", tenant, -1)
        found = self.blocks.get(key)
        if found is None:
            found = self.blocks[key] = list(map(b"".join, zip(*fixed, strict=True))) or [b""] * len(
                ground.crops[tenant].rows
            )
        return found

    def forget(self) -> None:
        """Forget what was remembered of the table before."""
        self.blocks.clear()

    def _block(self, ground: Ground, name: str, tenant: int, generation: int) -> Block:
        """A column of a generation: one field a row, with its length."""
        if not generation:
            return ground.constant[tenant][name]
        maker = ground.makers.get(name)
        if maker is None:
            return ground.constant[tenant][name]
        key = (ground.table.oid, name, tenant, generation)
        found = self.blocks.get(key)
        if found is None:
            found = maker(tenant, generation)
            self.blocks[key] = found
            if len(self.blocks) > _KEPT * 64:
                for old in [k for k in self.blocks if k[3] >= 0][: _KEPT * 32]:
                    del self.blocks[old]
        return found

    def _planned(self, oid: int, name: str, tenant: int, generation: int) -> Block:
        """A column of a parent's generation, whether the parent is multiplied or not."""
        ground = self.grounds.get(oid)
        if ground is None:
            ground = self._still(oid)
        return self._block(ground, name, tenant, generation)

    def _still(self, oid: int) -> Ground:
        """A table that is not multiplied, as far as children need its keys."""
        table = self.plan.shape.tables[oid]
        ground = Ground(table, [c for c in table.columns if not c.generated], self.crops[oid])
        self._encode(ground)
        self.grounds[oid] = ground
        return ground

    # What differs between generations.

    def _keys(self, ground: Ground, shaped: bool) -> None:
        table = ground.table
        for column in ground.columns:
            if bound(table, column.name):
                self._point(ground, column)
        moved = self.lanes.lay(ground)
        chosen: list[str] = []
        # What a unique key counts may be what an exclusion constraint wants to be equal.
        for key in sorted(table.keys, key=lambda key: bool(key.operators)):
            if moved & own(self.plan, table, beside.side_by_side(key)):
                continue
            free = [n for n in table.column if n in own(self.plan, table, beside.equal(key))]
            if not free and len(beside.equal(key)) == len(key.elements):
                continue  # foreign keys alone: see _needs_radix
            if any(name in chosen or self._apart(ground, key, name, moved) for name in free):
                continue
            ranked = sorted(
                (rank, name)
                for name in free
                if name not in moved
                if (rank := self.counting.rank(ground, table.column[name])) is not None
            )
            if not ranked and len(beside.equal(key)) < len(key.elements):
                raise NotMore(f"{key.name} excludes rows by what nobody here can lay side by side")
            if not ranked:
                raise NotMore(f"{key.name} leaves no room for more")
            name = ranked[0][1]
            chosen.append(name)
            ground.makers[name] = self.counting.maker(ground, table.column[name], key, shaped)

    def _apart(self, ground: Ground, key: Key, name: str, moved: Collection[str]) -> bool:
        """Whether no two generations have the same of a column, for it is moved on."""
        if name not in moved:
            return False
        texts = (row.values.get(name) for crop in ground.crops.values() for row in crop.rows)
        return key.nulls_distinct or None not in texts

    def _point(self, ground: Ground, column: Column) -> None:
        """A column of foreign keys: what the parents' column holds in their generation."""
        table, name = ground.table, column.name
        groups: dict[int, dict[Source, int]] = {}
        places: dict[int, list[tuple[int, int, int]]] = {}
        moves = False
        for tenant, crop in ground.crops.items():
            known = groups.setdefault(tenant, {})
            found = places.setdefault(tenant, [])
            for k, row in enumerate(crop.rows):
                origin = _origin(table, row, name)
                if origin is None:
                    continue
                row, reference, target = origin
                parent = row.parents[reference]
                assert parent is not None
                if parent.table.column[target].generated:
                    raise NotMore(f"{reference.name} points to what the server computes")
                number = self.crops[reference.target][parent.tenant].number[id(parent)]
                route = self.routes.route(row, reference)
                source = (route, reference.target, parent.tenant, target)
                if source not in known:
                    known[source] = len(known)
                    self.routes.check(route, crop.generations, reference.name)
                above = self.grounds.get(reference.target)
                if route != Hops(None) and above is not None:
                    moves = moves or target in above.makers or above is ground
                found.append((k, known[source], number))
        if not moves:
            return

        def make(tenant: int, generation: int) -> Block:
            blocks = [
                self._planned(oid, target, whose, self.routes.walk(route, generation))
                for route, oid, whose, target in groups[tenant]
            ]
            here = places[tenant]
            if len(blocks) == 1 and len(here) == len(ground.crops[tenant].rows):
                only = blocks[0]
                return [only[number] for _, _, number in here]
            made = list(ground.constant[tenant][name])
            for k, which, number in here:
                made[k] = blocks[which][number]
            return made

        ground.makers[name] = make

    def _encode(self, ground: Ground) -> None:
        """Have the server write the planned rows in binary."""
        for tenant, crop in ground.crops.items():
            blocks: dict[str, Block] = {}
            for column in ground.columns:
                texts = [row.values.get(column.name) for row in crop.rows]
                query = sql.SQL(
                    "SELECT v::{} FROM unnest({}) WITH ORDINALITY AS u (v, n) ORDER BY n"
                ).format(verbatim(self.plan.shape.below_domains(column)), parameters(1))
                cursor = psycopg.RawCursor(self.conn)
                try:
                    with self.conn.transaction():
                        cursor.execute(query, [texts], binary=True)
                except psycopg.Error as error:
                    said = (error.diag.message_primary or str(error)).strip()
                    raise NotMore(f"{column.name}: {said}") from error
                result = cursor.pgresult
                assert result is not None
                made = (result.get_value(k, 0) for k in range(len(texts)))
                blocks[column.name] = [sent(value) for value in made]
            ground.constant[tenant] = blocks

    def _shift(self, ground: Ground) -> None:
        """Let the moments of a row move on together, but where a condition knows an absolute one."""
        names = [
            column.name
            for column in ground.columns
            if base(self.plan.shape, column).name in ("timestamp", "timestamptz")
            and column.name not in ground.makers
        ]
        table = ground.table
        texts = [c.expression for c in table.checks] + [p.bound for p in table.partitions]
        for text in texts:
            tree = expression.parse(text)
            if set(tree.columns()) & set(names) and (
                any(True for _ in tree.literals()) or "'" in text
            ):
                return
        for name in names:
            ground.makers[name] = self._moving(ground, name)
        ground.shifted = tuple(names)

    def _moving(self, ground: Ground, name: str) -> Maker:
        numbers: dict[int, list[int | None]] = {}
        for tenant in ground.crops:
            fields = ground.constant[tenant][name]
            numbers[tenant] = [
                value
                if len(f) == 12
                and abs(value := int.from_bytes(f[4:], "big", signed=True)) < 1 << 60
                else None
                for f in fields
            ]

        def make(tenant: int, generation: int) -> Block:
            crop = ground.crops[tenant]
            moved = generation * _SPAN // max(1, crop.generations) // 1_000_000 * 1_000_000
            if ground.stride:
                # As far as the ranges, so that a row's moments stay what they are to each other.
                moved = generation * ground.stride
            constant = ground.constant[tenant][name]
            pack = _LONG.pack
            return [
                constant[k] if number is None else pack(8, number + moved)
                for k, number in enumerate(numbers[tenant])
            ]

        return make


def reach(plan: Plan) -> dict[tuple[int, str], int]:
    """By table and column the last number of a sequence, when all wanted rows are there."""
    found: dict[tuple[int, str], int] = {}
    for oid, wanted in plan.wanted.items():
        for column in plan.shape.tables[oid].columns:
            if column.sequence is None or not wanted:
                continue
            last = max(ordinal(tenant, count - 1, plan.tenants) for tenant, count in wanted.items())
            reached = column.sequence.start + last * column.sequence.increment
            lowest, highest = column.sequence.lowest, column.sequence.highest
            found[oid, column.name] = min(max(reached, lowest), highest)
    return found


def _origin(table: Table, row: Row, name: str) -> tuple[Row, Reference, str] | None:
    """Whose key it is that a column holds: the row that points, by what, and to which column.

    A row of the same table that holds it by a foreign key too is not where it comes from. None
    where it is nobody's but a row's own.
    """
    seen: list[Row] = []
    while row not in seen:
        seen.append(row)
        held = [r for r in table.references if name in r.columns and row.parents.get(r) is not None]
        if not held:
            return None
        reference = min(held, key=lambda r: r.target == table.oid)
        target = reference.target_columns[reference.columns.index(name)]
        if reference.target != table.oid or not bound(table, target):
            return row, reference, target
        above = row.parents[reference]
        assert above is not None
        row, name = above, target
    return None


def tenants_of(crops: Mapping[int, Crop]) -> Iterator[int]:
    """The tenants, nobody first."""
    yield from sorted(crops, key=lambda tenant: (tenant != SHARED, tenant))

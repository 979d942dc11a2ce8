"""Many more rows like those that were planned, as bytes for COPY, as fast as the server takes them.

A planned row's fields are had from the server once, in PostgreSQL's binary form. A *generation* is
a copy of all of a tenant's planned rows of a table, in which only what must differ does: keys count
on, foreign keys point to a generation of the parents, moments move on. What a row holds still
follows from its place alone, so nothing is kept in memory but the planned rows.

Whose child a row is stays true to the plan along every path: of a row's parents the one with the
most ancestors decides the generation, and the others follow from it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import shake_128
from itertools import chain, count
from math import gcd, prod
from struct import Struct
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
from psycopg import sql

from ringfence.seed import beside, checks, expression
from ringfence.seed.limits import ANY
from ringfence.seed.numbers import is_number, precision_and_scale
from ringfence.seed.place import SHARED, instant, ordinal
from ringfence.seed.probe import Probe, parameters, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from psycopg import Connection

    from ringfence.seed.planning import Plan
    from ringfence.seed.rows import Row
    from ringfence.seed.shape import Column, Key, Reference, Table, Type

    Block = list[bytes]
    Source: TypeAlias = "tuple[Route, int, int, str]"
    Maker = Callable[[int, int], Block]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

_SPAN = 90 * 86_400 * 1_000_000
"""Over how many microseconds the moments of a table's generations are spread."""

_MOMENTS = (-211_810_000_000_000_000, 9_223_371_331_000_000_000)
"""About the first and the last moment that there is, in microseconds from 2000."""

_KEPT = 16
"""How many generations of a column are remembered: children of the same parents come together."""


@dataclass(frozen=True, slots=True)
class Hops:
    """A way up, as (table, tenant, foreign key) of each step; None leads to the planned rows."""

    hops: tuple[tuple[int, int, Reference], ...] | None


@dataclass(frozen=True, slots=True)
class Aligned:
    """A parent that shares an ancestor with the row's first one: it is one of the `many` whose way
    `back` to the ancestor ends where the way `there` does."""

    there: Hops
    back: Hops
    many: int


Route: TypeAlias = Hops | Aligned


class NotMore(Exception):
    """A table of which there cannot be more rows than were planned, with the reason."""


@dataclass(slots=True, eq=False)
class Crop:
    """A table's planned rows of one tenant and how many there will be.

    `generations` counts whole copies, that of the planned rows included: children point to these.
    """

    rows: list[Row]
    number: dict[int, int]
    total: int
    generations: int = 1


@dataclass(slots=True, eq=False)
class Ground:
    """A table that is multiplied: its columns, and how a generation of each is made."""

    table: Table
    columns: list[Column]
    crops: dict[int, Crop]
    constant: dict[int, dict[str, Block]] = field(default_factory=dict)
    makers: dict[str, Maker] = field(default_factory=dict)
    steps: dict[tuple[int, Reference], Callable[[int], int]] = field(default_factory=dict)
    primary: Reference | None = None
    radix: bool = False
    shifted: tuple[str, ...] = ()
    numbered: tuple[str, ...] = ()
    stride: int = 0
    why: str = "a key of foreign keys has no more combinations"


class Multiplier:
    """Generations of the planned rows of one plan. `late` are foreign keys that close circles."""

    def __init__(self, conn: Connection[Any], plan: Plan) -> None:
        self.conn = conn
        self.plan = plan
        self.late = {reference for group in plan.groups for reference in group.late}
        self.crops: dict[int, dict[int, Crop]] = {}
        self.grounds: dict[int, Ground] = {}
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
            self._steps(ground)
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

    # Whose children the rows of a generation are.

    def _steps(self, ground: Ground) -> None:
        """For every row's parents, from the generation of the row to that of the parent."""
        table = ground.table
        moving = [
            reference
            for reference in table.references
            if reference not in self.late and reference.target != table.oid
            and self._moves(ground, reference)
        ]  # fmt: skip
        depth = {
            reference: max(
                len(p.lineage)
                for crop in ground.crops.values()
                for row in crop.rows
                if (p := row.parents.get(reference)) is not None
            )
            for reference in moving
        }
        if moving:
            ground.primary = max(moving, key=lambda r: (depth[r], r.columns))
        ground.radix = self._needs_radix(ground, moving)
        for tenant, crop in ground.crops.items():
            stride = 1
            ordered = sorted(moving, key=lambda r: r is not ground.primary)
            for reference in ordered:
                parents = self._parents_crop(reference, crop)
                if parents is None:
                    continue
                ground.steps[tenant, reference] = self._step(ground, crop, parents, stride)
                if ground.radix:
                    stride *= parents.generations
            if ground.radix and stride < crop.generations:
                crop.generations = stride
                crop.total = stride * len(crop.rows)

    def _moves(self, ground: Ground, reference: Reference) -> bool:
        crops = [self._parents_crop(reference, crop) for crop in ground.crops.values()]
        return any(found is not None and found.generations > 1 for found in crops)

    def _parents_crop(self, reference: Reference, crop: Crop) -> Crop | None:
        parent = next((p for row in crop.rows if (p := row.parents.get(reference))), None)
        return None if parent is None else self.crops[reference.target][parent.tenant]

    def _step(self, ground: Ground, crop: Crop, parents: Crop, stride: int) -> Callable[[int], int]:
        many, all_ = parents.generations, crop.generations
        if ground.radix:
            return lambda g: g // stride % many
        # Side by side: the children of a row come one after the other.
        return lambda g: g * many // all_ if g < all_ else many - 1

    def _needs_radix(self, ground: Ground, moving: Sequence[Reference]) -> bool:
        """Whether some key consists of foreign keys alone, none of which is enough by itself."""
        for key in ground.table.keys:
            names = _columns(key)
            own = [name for name in names if not self._fixed(ground.table, name)]
            if own or len(beside.equal(key)) < len(key.elements):
                continue
            inside = [r for r in moving if set(r.columns) & names]
            if not inside:
                raise NotMore(f"{key.name} leaves no room for more")
            enough = any(
                (found := self._parents_crop(r, crop)) is not None
                and found.generations >= crop.generations
                for r in inside
                for crop in ground.crops.values()
            )
            if not enough:
                if len(inside) < 2:
                    names_ = ground.table.path
                    raise NotMore(f"{key.name} takes each row of another table once: {names_}")
                return True
            for crop in ground.crops.values():
                # The last copy, if it is not whole, would point where the one before does.
                whole = crop.generations * len(crop.rows)
                if whole < crop.total:
                    crop.total = whole
                    ground.why = f"{key.name} takes each row of another table once"
        return False

    def _route(self, row: Row, reference: Reference) -> Route:
        """How the generation of a row's parent follows from the row's own."""
        parent = row.parents[reference]
        assert parent is not None
        if reference in self.late:
            return Hops(None)
        if parent.table.oid == row.table.oid:
            return Hops(())
        ground = self.grounds.get(row.table.oid)
        primary = None if ground is None else ground.primary
        head = None if primary is None else row.parents.get(primary)
        alone = Hops(((row.table.oid, row.tenant, reference),))
        if primary is None or head is None or reference is primary:
            return alone
        found = self._way(head, parent)
        if found is not None:
            return self._along(Hops(((row.table.oid, row.tenant, primary),)), found)
        up = Hops(((row.table.oid, row.tenant, primary),))
        for ancestor in self._ancestors(parent):
            if self.crops[ancestor.table.oid][ancestor.tenant].generations < 2:
                continue
            over = self._way(head, ancestor)
            below = self._way(parent, ancestor)
            if over is not None and below is not None:
                there, back = self._along(up, over), self._along(Hops(()), below)
                if isinstance(there, Hops) and isinstance(back, Hops):
                    many = self.crops[parent.table.oid][parent.tenant].generations
                    return Aligned(there, back, many)
                raise NotMore(
                    f"{reference.name} and {primary.name} meet again in {ancestor.table.path}"
                )
        return alone

    def _along(self, route: Route, way: Sequence[tuple[Row, Reference]]) -> Route:
        """A route, and on by these steps."""
        for row, reference in way:
            more = self._route(row, reference)
            if not isinstance(route, Hops) or not isinstance(more, Hops):
                raise NotMore(f"{row.table.path} is reached in more ways than can be followed")
            both = None if route.hops is None or more.hops is None else route.hops + more.hops
            route = Hops(both)
        return route

    def _way(self, row: Row, goal: Row) -> list[tuple[Row, Reference]] | None:
        """The steps up from a row to an ancestor of it; none for itself."""
        if row is goal:
            return []
        for reference, parent in row.parents.items():
            if parent is None or parent.table.oid == row.table.oid or reference in self.late:
                continue
            found = self._way(parent, goal)
            if found is not None:
                return [(row, reference), *found]
        return None

    def _ancestors(self, row: Row) -> Iterator[Row]:
        """A row and all above it, the nearest first."""
        yield row
        for reference, parent in row.parents.items():
            if parent is None or parent.table.oid == row.table.oid or reference in self.late:
                continue
            yield from self._ancestors(parent)

    def _walk(self, route: Route, generation: int) -> int:
        """The generation that a route leads to."""
        if isinstance(route, Aligned):
            goal = self._walk(route.there, generation)
            low = self._first(route, goal)
            high = self._first(route, goal + 1)
            return low + generation % max(1, high - low) if low < route.many else route.many - 1
        if route.hops is None:
            return 0
        for oid, tenant, reference in route.hops:
            ground = self.grounds.get(oid)
            step = None if ground is None else ground.steps.get((tenant, reference))
            generation = 0 if step is None else step(generation)
        return generation

    def _first(self, route: Aligned, goal: int) -> int:
        """The first generation from which the way back leads to `goal` or beyond."""
        low, high = 0, route.many
        while low < high:
            middle = (low + high) // 2
            if self._walk(route.back, middle) < goal:
                low = middle + 1
            else:
                high = middle
        return low

    def _try(self, route: Route, generations: int, name: str) -> None:
        """Follow an aligned route from every generation. Raises `NotMore` where it misses."""
        if isinstance(route, Aligned):
            for generation in range(generations + 1):
                there = self._walk(route.there, generation)
                if self._walk(route.back, self._walk(route, generation)) != there:
                    raise NotMore(f"{name} has too few rows to point to")

    # What differs between generations.

    def _keys(self, ground: Ground, shaped: bool) -> None:
        table = ground.table
        for column in ground.columns:
            if _bound(table, column.name):
                self._point(ground, column)
        moved = self._beside(ground)
        chosen: list[str] = []
        # What a unique key counts may be what an exclusion constraint wants to be equal.
        for key in sorted(table.keys, key=lambda key: bool(key.operators)):
            if moved & self._free(table, beside.side_by_side(key)):
                continue
            free = [n for n in table.column if n in self._free(table, beside.equal(key))]
            if not free and len(beside.equal(key)) == len(key.elements):
                continue  # foreign keys alone: see _needs_radix
            if any(name in chosen or self._apart(ground, key, name, moved) for name in free):
                continue
            ranked = sorted(
                (rank, name)
                for name in free
                if name not in moved
                if (rank := self._rank(ground, table.column[name])) is not None
            )
            if not ranked and len(beside.equal(key)) < len(key.elements):
                raise NotMore(f"{key.name} excludes rows by what nobody here can lay side by side")
            if not ranked:
                raise NotMore(f"{key.name} leaves no room for more")
            name = ranked[0][1]
            chosen.append(name)
            ground.makers[name] = self._counting(ground, table.column[name], key, shaped)

    def _free(self, table: Table, elements: Sequence[str]) -> set[str]:
        """The columns in elements of a key that are a row's own."""
        names = {name for e in elements for name in expression.parse(e).columns()}
        for column in table.columns:
            if column.name in names and column.generated:
                # What the server computes is another where what it is computed from is.
                names |= set(expression.parse(column.generated).columns())
                names.discard(column.name)
        return {name for name in names if name in table.column and not self._fixed(table, name)}

    def _apart(self, ground: Ground, key: Key, name: str, moved: Collection[str]) -> bool:
        """Whether no two generations have the same of a column, for it is moved on."""
        if name not in moved:
            return False
        texts = (row.values.get(name) for crop in ground.crops.values() for row in crop.rows)
        return key.nulls_distinct or None not in texts

    def _beside(self, ground: Ground) -> set[str]:
        """Lay the ranges of exclusion constraints side by side; gives the columns that move.

        All of a table move as far, for constraints may speak of the same columns.
        """
        table, shape = ground.table, self.plan.shape
        spans: dict[beside.Measure, beside.Span] = {}
        rows = [row for crop in ground.crops.values() for row in crop.rows]
        probe: Probe | None = None
        for key in table.keys:
            for element in beside.side_by_side(key):
                probe = probe or Probe(self.conn, shape, table)
                extent = beside.extent(probe, key, element, rows)
                if extent is None:
                    continue
                names = [
                    name
                    for name in table.column
                    if name in self._free(table, [element])
                    and beside.measured(shape, self._base(table.column[name])) == extent.measure
                ]
                if not names:
                    continue
                span = spans.setdefault(extent.measure, beside.Span(extent.low, extent.high))
                span.low, span.high = min(span.low, extent.low), max(span.high, extent.high)
                span.columns += [name for name in names if name not in span.columns]
                for row, (headless, endless) in zip(rows, extent.open, strict=True):
                    if headless or endless:
                        before = span.opens.get(id(row), (False, False))
                        span.opens[id(row)] = (before[0] or headless, before[1] or endless)
                break
        moved: set[str] = set()
        for measure, span in spans.items():
            if span.sign:
                self._lay(ground, measure, span)
                moved |= set(span.columns)
        return moved

    def _lay(self, ground: Ground, measure: beside.Measure, span: beside.Span) -> None:
        """Move columns on by a span a generation."""
        shape = self.plan.shape
        unit = beside.DAY if measure == "time" else 1
        for name in span.columns:
            fields = (f for blocks in ground.constant.values() for f in blocks[name])
            ends = beside.values(shape, self._base(ground.table.column[name]), fields)
            span.low, span.high = min(span.low, *ends), max(span.high, *ends)
        # An end that was open goes one further than all that are known.
        closed = (span.low // unit * unit - unit, -(-span.high // unit) * unit + unit)
        distance = (closed[1] - closed[0] + unit) * span.sign
        if measure == "time":
            ground.stride = distance
        room = [
            (highest - closed[1] if distance > 0 else closed[0] - lowest) // abs(distance)
            for name in span.columns
            for lowest, highest in (self._ends(ground.table.column[name], measure),)
        ]
        self._copies(ground, span.columns[0], min(room))
        opens = {
            tenant: [span.opens.get(id(row)) for row in crop.rows]
            for tenant, crop in ground.crops.items()
        }
        for name in span.columns:
            type_ = self._base(ground.table.column[name])
            ground.makers[name] = self._laid(ground, name, type_, distance, closed, opens)

    def _laid(
        self,
        ground: Ground,
        name: str,
        type_: Type,
        distance: int,
        closed: tuple[int, int],
        opens: Mapping[int, Sequence[tuple[bool, bool] | None]],
    ) -> Maker:
        shape = self.plan.shape
        move = beside.mover(shape, type_)
        ranges = type_.kind in ("r", "m")

        def make(tenant: int, generation: int) -> Block:
            far = distance * generation
            made: Block = []
            for field_, open_ in zip(ground.constant[tenant][name], opens[tenant], strict=True):
                if open_ is None or ranges or len(field_) > 4:
                    made.append(move(field_, far, None if open_ is None else closed))
                elif open_[0] != open_[1]:
                    # The column says by NULL that there is no end.
                    made.append(beside.stated(shape, type_, closed[open_[1]] + far))
                else:
                    made.append(field_)
            return made

        return make

    def _base(self, column: Column) -> Type:
        shape = self.plan.shape
        return shape.base(shape.types[column.type])[0]

    def _ends(self, column: Column, measure: beside.Measure) -> tuple[int, int]:
        """The least and the greatest that a column takes of what it counts."""
        if measure == "time":
            return _MOMENTS
        shape = self.plan.shape
        type_, typmod = shape.base(shape.types[column.type], column.typmod)
        while type_.kind in ("r", "m"):
            type_, typmod = shape.base(shape.types[type_.subtype])
        if type_.name == "numeric":
            precision, scale = precision_and_scale(typmod) if typmod >= 4 else (1000, 0)
            most = 10 ** max(0, precision - scale) - 1
            return -most, most
        return -_HIGHEST[type_.name] - 1, _HIGHEST[type_.name]

    def _copies(self, ground: Ground, name: str, most: int) -> None:
        """Let there be no more than so many generations beside the planned one."""
        for crop in ground.crops.values():
            total = len(crop.rows) * (1 + max(0, most))
            if total < crop.total:
                crop.total = total
                crop.generations = total // len(crop.rows)
                ground.why = f"{name} has no room for more ranges side by side"
        if all(crop.total == len(crop.rows) for crop in ground.crops.values()):
            raise NotMore(f"{name} has no room for more ranges side by side")

    def _fixed(self, table: Table, name: str) -> bool:
        """Whether a column follows from others' rows, or from whose the row is."""
        return _bound(table, name) or self.plan.model.columns.get(table.oid) == name

    def _rank(self, ground: Ground, column: Column) -> int | None:
        """How well a column counts; None where it does not."""
        name = self._type(column)
        if name not in _COUNTING or column.generated:
            return None
        texts = [row.values.get(column.name) for c in ground.crops.values() for row in c.rows]
        if _COUNTING[name] == "text" and len(set(texts)) <= 1 < len(texts):
            return None
        # Text that a check looks at takes a number less gladly than text that none does.
        checked = _COUNTING[name] == "text" and any(
            column.name in expression.parse(check.expression).columns()
            for check in ground.table.checks
        )
        return (
            list(_COUNTING).index(name) + (50 if checked else 0) - (100 if column.sequence else 0)
        )

    def _type(self, column: Column) -> str:
        shape = self.plan.shape
        return shape.base(shape.types[column.type])[0].name

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
                route = self._route(row, reference)
                source = (route, reference.target, parent.tenant, target)
                if source not in known:
                    known[source] = len(known)
                    self._try(route, crop.generations, reference.name)
                above = self.grounds.get(reference.target)
                if route != Hops(None) and above is not None:
                    moves = moves or target in above.makers or above is ground
                found.append((k, known[source], number))
        if not moves:
            return

        def make(tenant: int, generation: int) -> Block:
            blocks = [
                self._planned(oid, target, whose, self._walk(route, generation))
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
                blocks[column.name] = [_field(value) for value in made]
            ground.constant[tenant] = blocks

    def _shift(self, ground: Ground) -> None:
        """Let the moments of a row move on together, but where a condition knows an absolute one."""
        names = [
            column.name
            for column in ground.columns
            if self._type(column) in ("timestamp", "timestamptz")
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

    def _counting(self, ground: Ground, column: Column, key: Key, shaped: bool) -> Maker:
        """A column that counts on from the planned rows."""
        kind = _COUNTING[self._type(column)]
        if kind == "uuid":
            return self._uuids(ground, column, alone=len(_columns(key)) == 1)
        if kind == "text":
            if shaped:
                return self._shaped(ground, column, key)
            ground.numbered += (column.name,)
            return self._texts(ground, column)
        return self._numbers(ground, column, key)

    def _uuids(self, ground: Ground, column: Column, *, alone: bool) -> Maker:
        """Ordered in time where the column is a key by itself, random otherwise."""
        began = int(instant(self.plan.seed).timestamp() * 1000)
        place = f"{self.plan.seed}\0{ground.table.path}\0{column.name}"
        length = (16).to_bytes(4, "big")

        def make(tenant: int, generation: int) -> Block:
            count = len(ground.crops[tenant].rows)
            first = generation * count
            drawn = shake_128(f"{place}\0{tenant}\0{generation}".encode()).digest(16 * count)
            whole = bytearray(drawn)
            whole[6::16] = drawn[6::16].translate(_VERSION7 if alone else _VERSION4)
            whole[8::16] = drawn[8::16].translate(_VARIANT)
            if not alone:
                return [length + whole[at : at + 16] for at in range(0, 16 * count, 16)]
            clock = began + max(tenant, 0) * 10**7 + first
            return [
                length + (clock + k).to_bytes(6, "big") + whole[16 * k + 6 : 16 * k + 16]
                for k in range(count)
            ]

        return make

    def _limit(self, ground: Ground, key: Key, room: int) -> None:
        """Let there be no more rows than a key has room for, all tenants' counted in turn."""
        tenants = self.plan.tenants
        short = False
        for tenant, crop in ground.crops.items():
            most = room if tenant == SHARED else (room - tenant + tenants - 1) // tenants
            if most < crop.total:
                short = True
                crop.total = max(len(crop.rows), most)
                crop.generations = crop.total // len(crop.rows)
        if short:
            ground.why = f"{key.name} leaves no room for more"
            if all(crop.total == len(crop.rows) for crop in ground.crops.values()):
                raise NotMore(ground.why)

    def _highest(self, ground: Ground, column: Column) -> int | None:
        """The greatest whole number that the column takes, as far as type and checks tell."""
        type_, typmod = self.plan.shape.base(self.plan.shape.types[column.type], column.typmod)
        found = [_HIGHEST[type_.name]] if type_.name in _HIGHEST else []
        if type_.name == "numeric" and typmod >= 4:
            precision, scale = precision_and_scale(typmod)
            found.append(10 ** max(0, precision - scale) - 1)
        if column.sequence is not None:
            found.append(column.sequence.highest)
        if type_.name in (*_HIGHEST, "numeric"):
            for check in ground.table.checks:
                rule = checks.rule(check, now=instant(self.plan.seed), computed=lambda _: None)
                if rule.columns == (column.name,) and len(rule.ways) == 1:
                    limits = rule.ways[0].limits.get(column.name, ANY)
                    found += [
                        int(Decimal(text)) - (not inclusive)
                        for text, inclusive in limits.high
                        if is_number(text)
                    ]
        return min(found) if found else None

    def _numbers(self, ground: Ground, column: Column, key: Key) -> Maker:
        """The numbers after those of the planned rows, or those of the column's own sequence."""
        name = self._type(column)
        pack = _PACKS[name]
        tenants = self.plan.tenants
        sequence = column.sequence
        least, step = 0, 1
        if sequence is not None:
            least, step = sequence.start, sequence.increment
        elif name == "numeric":
            texts = (r.values.get(column.name) for c in ground.crops.values() for r in c.rows)
            least = max((int(float(t)) for t in texts if t is not None), default=0) + 1
        else:
            fields = (f for blocks in ground.constant.values() for f in blocks[column.name])
            values = [int.from_bytes(f[4:], "big", signed=True) for f in fields if len(f) > 4]
            unit = 1_000_000 if name.startswith("timestamp") else 1
            least, step = max(values, default=0) + unit, unit
        highest = self._highest(ground, column)
        if sequence is not None and step < 0:
            highest = sequence.lowest
        if highest is not None:
            crops = ground.crops.items()
            last = max(ordinal(tenant, crop.total - 1, tenants) for tenant, crop in crops)
            if sequence is None and least + step * last > highest:
                # Then close behind the planned rows, too.
                least -= step * min(ordinal(t, len(crop.rows), tenants) for t, crop in crops)
            self._limit(ground, key, (highest - least) // step + 1)

        def make(tenant: int, generation: int) -> Block:
            crop = ground.crops[tenant]
            count = len(crop.rows)
            first = generation * count
            if highest is not None and first + count > crop.total:
                # What is beyond the last row is not sent, and need not fit.
                last = crop.total - 1
                return [
                    pack(least + step * ordinal(tenant, min(first + k, last), tenants))
                    for k in range(count)
                ]
            return [pack(least + step * ordinal(tenant, first + k, tenants)) for k in range(count)]

        return make

    def _texts(self, ground: Ground, column: Column) -> Maker:
        """The planned text, with the row's number where it fits in without changing its kind."""
        tenants = self.plan.tenants
        typmod = self.plan.shape.base(self.plan.shape.types[column.type], column.typmod)[1]
        longest = typmod - 4 if typmod > 0 else 1 << 30
        planned = {
            tenant: [row.values.get(column.name) for row in crop.rows]
            for tenant, crop in ground.crops.items()
        }

        def make(tenant: int, generation: int) -> Block:
            texts = planned[tenant]
            first = generation * len(texts)
            return [
                _field(
                    None
                    if text is None
                    else _numbered(text, ordinal(tenant, first + k, tenants), longest).encode()
                )
                for k, text in enumerate(texts)
            ]

        return make

    def _shaped(self, ground: Ground, column: Column, key: Key) -> Maker:
        """Text of the characters that planned text of the same length has in the same places."""
        tenants = self.plan.tenants
        planned = {
            tenant: [row.values.get(column.name) for row in crop.rows]
            for tenant, crop in ground.crops.items()
        }
        every = sorted({text for texts in planned.values() for text in texts if text})
        best: tuple[int, list[str]] = (0, [])
        for length in sorted({len(text) for text in every}):
            alphabets = _alphabets([text for text in every if len(text) == length])
            best = max(best, (prod(map(len, alphabets)), alphabets))
        capacity, alphabets = best
        if capacity < 2:
            raise NotMore(f"{key.name} leaves no room for more")
        # Neighbours look unlike each other, and whether all will do shows in the first ones.
        stride = next(n for n in count(capacity * 5 // 8 + 1) if gcd(n, capacity) == 1)
        back = pow(stride, -1, capacity)
        codes = (_code(text, alphabets) for text in every)
        used = sorted({code * back % capacity for code in codes if code is not None})
        free = [number - k for k, number in enumerate(used)]
        crops = ground.crops
        begin = min(ordinal(t, len(crop.rows), tenants) for t, crop in crops.items())
        self._limit(ground, key, capacity - len(used) + begin)

        def make(tenant: int, generation: int) -> Block:
            texts = planned[tenant]
            made: Block = []
            for k, text in enumerate(texts):
                number = ordinal(tenant, generation * len(texts) + k, tenants) - begin
                number = (number + bisect_right(free, number)) % capacity
                told = None if text is None else _of(number * stride % capacity, alphabets)
                made.append(_field(None if told is None else told.encode()))
            return made

        return make


def _alphabets(texts: Sequence[str]) -> list[str]:
    """By place the characters that stand there, one of each letter: a key may not tell case."""
    found: list[str] = []
    for characters in zip(*texts, strict=True):
        kinds = {character.casefold(): character for character in sorted(characters)}
        found.append("".join(kinds.values()))
    if found and len(found[-1]) > 1:
        # A type may not tell trailing spaces.
        found[-1] = found[-1].replace(" ", "")
    return found


def _code(text: str, alphabets: Sequence[str]) -> int | None:
    """The number of a text among all those of the alphabets; None for one that is not."""
    if len(text) != len(alphabets):
        return None
    number = 0
    for character, alphabet in zip(text.casefold(), alphabets, strict=False):
        at = alphabet.casefold().find(character)
        if at < 0:
            return None
        number = number * len(alphabet) + at
    return number


def _of(number: int, alphabets: Sequence[str]) -> str:
    made = []
    for alphabet in reversed(alphabets):
        number, at = divmod(number, len(alphabet))
        made.append(alphabet[at])
    return "".join(reversed(made))


def _numbered(text: str, number: int, longest: int) -> str:
    """Text told apart from its like by a number: an address stays one, digits stay digits."""
    digits = len(text) - len(text.rstrip("0123456789"))
    if digits >= 6:
        width = min(digits, 10)
        return f"{text[:-width]}{number:0{width}}"[:longest]
    user, at, domain = text.partition("@")
    mark = "." if at else " " if " " in text else "-"
    suffix = f"{mark}{number}{at}{domain}"
    return user[: max(0, longest - len(suffix))] + suffix


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


def _columns(key: Key) -> set[str]:
    return {name for element in key.elements for name in expression.parse(element).columns()}


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
        if reference.target != table.oid or not _bound(table, target):
            return row, reference, target
        above = row.parents[reference]
        assert above is not None
        row, name = above, target
    return None


def _bound(table: Table, name: str) -> bool:
    return any(name in reference.columns for reference in table.references)


def _field(value: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if value is None else len(value).to_bytes(4, "big") + value


def _numeric(number: int) -> bytes:
    """A whole number as `numeric` is sent: digits to the base of ten thousand."""
    digits: list[int] = []
    rest = abs(number)
    while rest:
        rest, digit = divmod(rest, 10_000)
        digits.insert(0, digit)
    sign = 0x4000 if number < 0 else 0
    body = b"".join(
        part.to_bytes(2, "big") for part in (len(digits), max(0, len(digits) - 1), sign, 0, *digits)
    )
    return len(body).to_bytes(4, "big") + body


_LONG = Struct(">iq")
_INT4 = Struct(">ii")
_INT2 = Struct(">ih")
_HIGHEST = {"int2": (1 << 15) - 1, "int4": (1 << 31) - 1, "int8": (1 << 63) - 1}
_PACKS: dict[str, Callable[[int], bytes]] = {
    "int8": lambda n: _LONG.pack(8, n),
    "int4": lambda n: _INT4.pack(4, n),
    "int2": lambda n: _INT2.pack(2, n),
    "timestamp": lambda n: _LONG.pack(8, n),
    "timestamptz": lambda n: _LONG.pack(8, n),
    "date": lambda n: _INT4.pack(4, n),
    "numeric": _numeric,
}
_COUNTING: Mapping[str, str] = {
    "uuid": "uuid",
    "int8": "number",
    "int4": "number",
    "numeric": "number",
    "int2": "number",
    "text": "text",
    "varchar": "text",
    "citext": "text",
    "timestamptz": "number",
    "timestamp": "number",
    "date": "number",
    "bpchar": "text",
}
"""The types whose values can count, the best first."""

_VERSION7 = bytes(0x70 | n & 0x0F for n in range(256))
_VERSION4 = bytes(0x40 | n & 0x0F for n in range(256))
_VARIANT = bytes(0x80 | n & 0x3F for n in range(256))


def tenants_of(crops: Mapping[int, Crop]) -> Iterator[int]:
    """The tenants, nobody first."""
    yield from sorted(crops, key=lambda tenant: (tenant != SHARED, tenant))

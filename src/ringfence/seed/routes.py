"""Whose children the rows of a generation are: from a row's generation to that of each of its parents.

Of a row's parents the one with the most ancestors decides, and the others follow from it by the ways
that meet again above.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ringfence.seed import beside
from ringfence.seed.ground import NotMore, columns_of, fixed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from ringfence.seed.ground import Crop, Ground
    from ringfence.seed.planning import Plan
    from ringfence.seed.rows import Row
    from ringfence.seed.shape import Reference


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


class Routes:
    """The ways up between the tables of one plan. `late` are foreign keys that close circles."""

    def __init__(
        self,
        plan: Plan,
        late: Collection[Reference],
        crops: Mapping[int, Mapping[int, Crop]],
        grounds: Mapping[int, Ground],
    ) -> None:
        self.plan = plan
        self.late = late
        self.crops = crops
        self.grounds = grounds

    def steps(self, ground: Ground) -> None:
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
            names = columns_of(key)
            own = [name for name in names if not fixed(self.plan, ground.table, name)]
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

    def route(self, row: Row, reference: Reference) -> Route:
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
            more = self.route(row, reference)
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

    def walk(self, route: Route, generation: int) -> int:
        """The generation that a route leads to."""
        if isinstance(route, Aligned):
            goal = self.walk(route.there, generation)
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
            if self.walk(route.back, middle) < goal:
                low = middle + 1
            else:
                high = middle
        return low

    def check(self, route: Route, generations: int, name: str) -> None:
        """Follow an aligned route from every generation. Raises `NotMore` where it misses."""
        if isinstance(route, Aligned):
            for generation in range(generations + 1):
                there = self.walk(route.there, generation)
                if self.walk(route.back, self.walk(route, generation)) != there:
                    raise NotMore(f"{name} has too few rows to point to")

"""Ranges of exclusion constraints, side by side: each generation of a table moves on by a span."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ringfence.seed import beside
from ringfence.seed.ground import HIGHEST, NotMore, base, own
from ringfence.seed.numbers import precision_and_scale
from ringfence.seed.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

    from ringfence.seed.ground import Block, Ground, Maker
    from ringfence.seed.planning import Plan
    from ringfence.seed.shape import Column, Type

_MOMENTS = (-211_810_000_000_000_000, 9_223_371_331_000_000_000)
"""About the first and the last moment that there is, in microseconds from 2000."""


class Lanes:
    """How the tables of one plan keep to what excludes rows that overlap."""

    def __init__(self, conn: Connection[Any], plan: Plan) -> None:
        self.conn = conn
        self.plan = plan

    def lay(self, ground: Ground) -> set[str]:
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
                    if name in own(self.plan, table, [element])
                    and beside.measured(shape, base(shape, table.column[name])) == extent.measure
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
            ends = beside.values(shape, base(shape, ground.table.column[name]), fields)
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
            type_ = base(shape, ground.table.column[name])
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
        return -HIGHEST[type_.name] - 1, HIGHEST[type_.name]

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

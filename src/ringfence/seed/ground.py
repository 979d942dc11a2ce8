"""What is multiplied: a table's planned rows by tenant, and how a generation of each column is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ringfence.seed import expression

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ringfence.seed.planning import Plan
    from ringfence.seed.rows import Row
    from ringfence.seed.shape import Column, Key, Reference, Shape, Table, Type

    Block = list[bytes]
    Maker = Callable[[int, int], Block]

HIGHEST = {"int2": (1 << 15) - 1, "int4": (1 << 31) - 1, "int8": (1 << 63) - 1}
"""The greatest number of a type."""


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


def columns_of(key: Key) -> set[str]:
    """The columns that a key's elements are made of."""
    return {name for element in key.elements for name in expression.parse(element).columns()}


def bound(table: Table, name: str) -> bool:
    """Whether a column is one of a foreign key's."""
    return any(name in reference.columns for reference in table.references)


def fixed(plan: Plan, table: Table, name: str) -> bool:
    """Whether a column follows from others' rows, or from whose the row is."""
    return bound(table, name) or plan.model.columns.get(table.oid) == name


def own(plan: Plan, table: Table, elements: Sequence[str]) -> set[str]:
    """The columns in elements of a key that are a row's own."""
    names = {name for e in elements for name in expression.parse(e).columns()}
    for column in table.columns:
        if column.name in names and column.generated:
            # What the server computes is another where what it is computed from is.
            names |= set(expression.parse(column.generated).columns())
            names.discard(column.name)
    return {name for name in names if name in table.column and not fixed(plan, table, name)}


def base(shape: Shape, column: Column) -> Type:
    """A column's type, below its domains."""
    return shape.base(shape.types[column.type])[0]


def sent(value: bytes | None) -> bytes:
    """A field as COPY reads it, with its length."""
    return b"\xff\xff\xff\xff" if value is None else len(value).to_bytes(4, "big") + value

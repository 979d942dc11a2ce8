"""Ranges of a generation laid beside those of the planned rows, where an exclusion constraint asks.

The ranges that the planned rows have lie within a *span*. A generation is moved by as many spans as
its number says, whatever stands beside the range in the constraint: so no range of one generation
meets one of another, and those of one stay to each other as they were planned. A range that has no
end would meet all: from the first copy on it ends where the span does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil, floor
from typing import TYPE_CHECKING, Literal

from ringfence.seed.numbers import is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ringfence.seed.probe import Probe
    from ringfence.seed.rows import Row
    from ringfence.seed.shape import Key, Shape, Type

DAY = 86_400 * 1_000_000
"""Moments are counted in microseconds, and a span of them is whole days: dates move as far."""

Measure = Literal["number", "time"]

_MEASURES: dict[str, Measure] = {
    "smallint": "number",
    "integer": "number",
    "bigint": "number",
    "numeric": "number",
    "date": "time",
    "timestamp without time zone": "time",
    "timestamp with time zone": "time",
}
_MEASURED: dict[str, Measure] = {
    "int2": "number",
    "int4": "number",
    "int8": "number",
    "numeric": "number",
    "date": "time",
    "timestamp": "time",
    "timestamptz": "time",
}
_EMPTY, _LOW_OPEN, _HIGH_OPEN = 0x01, 0x08, 0x10
_DAWN = Decimal(946_684_800_000_000)
"""The first moment of 2000, from which PostgreSQL counts, in microseconds from 1970."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the ranges of an element lie: whole numbers, or microseconds from 2000 on.

    `open` tells by row whether its range lacks a beginning and an end.
    """

    measure: Measure
    low: int
    high: int
    open: tuple[tuple[bool, bool], ...]


@dataclass(slots=True)
class Span:
    """How far a generation is from the next, and the columns that move by it.

    `opens` tells of the planned rows whose ranges lack a beginning, or an end.
    """

    low: int
    high: int
    columns: list[str] = field(default_factory=list)
    opens: dict[int, tuple[bool, bool]] = field(default_factory=dict)

    @property
    def sign(self) -> int:
        """Forth, or back where planned ranges have no end; 0 where neither will do."""
        headless, endless = (any(o[n] for o in self.opens.values()) for n in (0, 1))
        return 0 if headless and endless else -1 if endless else 1


def side_by_side(key: Key) -> list[str]:
    """The elements that may not overlap; none of a unique key."""
    told = zip(key.elements, key.operators, strict=bool(key.operators))
    return [element for element, operator in told if _name(operator) == "&&"]


def equal(key: Key) -> list[str]:
    """The elements that have to be equal for rows to clash: of a unique key all."""
    if not key.operators:
        return list(key.elements)
    told = zip(key.elements, key.operators, strict=True)
    return [element for element, operator in told if _name(operator) == "="]


def _name(operator: str) -> str:
    return operator.rpartition(".")[2].removesuffix(")")


def extent(probe: Probe, key: Key, element: str, rows: Sequence[Row]) -> Extent | None:
    """Where the ranges that an element comes to lie; None where it is none of numbers or moments."""
    kinds = set(probe.compute(f"pg_typeof(lower({element}))", rows[:1]))
    measure = _MEASURES.get(kinds.pop() or "")
    if measure is None:
        return None
    applies = f"({key.predicate}) IS TRUE AND" if key.predicate else ""
    number = "{}::NUMERIC" if measure == "number" else "EXTRACT(epoch FROM {})::NUMERIC * 1000000"
    lows, highs = (
        probe.compute(
            f"CASE WHEN {applies} NOT isempty({element}) THEN CASE WHEN {end}_inf({element})"
            f" THEN 'open' ELSE ({number.format(f'{end}({element})')})::TEXT END END",
            rows,
        )
        for end in ("lower", "upper")
    )
    begin = _DAWN if measure == "time" else Decimal(0)
    known = [Decimal(text) - begin for text in (*lows, *highs) if text and is_number(text)]
    if not known:
        return None
    opened = tuple(
        (low is not None and not is_number(low), high is not None and not is_number(high))
        for low, high in zip(lows, highs, strict=True)
    )
    return Extent(measure, floor(min(known)), ceil(max(known)), opened)


def measured(shape: Shape, type_: Type) -> Measure | None:
    """What a type counts that can be moved: a number, a moment, or ranges of them."""
    scalar = _scalar(shape, type_)
    return None if scalar is None else _MEASURED.get(scalar.name)


def _scalar(shape: Shape, type_: Type) -> Type | None:
    while type_.kind in ("r", "m"):
        type_ = shape.base(shape.types[type_.subtype])[0]
    return type_ if type_.name in _MEASURED and type_.schema == "pg_catalog" else None


def values(shape: Shape, type_: Type, fields: Iterable[bytes]) -> list[int]:
    """The finite ends of what fields of a column hold, rounded outwards."""
    scalar = _scalar(shape, type_)
    found: list[int] = []
    if scalar is None:
        return found

    def look(body: bytes) -> bytes:
        for ceiling in (0, 1):
            number = _read(scalar, body, ceiling)
            if number is not None:
                found.append(number)
        return body

    for whole in fields:
        _each(type_.kind, whole, look, None)
    return found


def mover(shape: Shape, type_: Type) -> Callable[[bytes, int, tuple[int, int] | None], bytes]:
    """Moves a field by so much; with two numbers given, an end that is open goes there."""
    scalar = _scalar(shape, type_)
    assert scalar is not None
    kind = type_.kind

    def move(whole: bytes, distance: int, closed: tuple[int, int] | None) -> bytes:
        ends = None
        if closed is not None:
            ends = (_write(scalar, closed[0] + distance), _write(scalar, closed[1] + distance))
        return _each(kind, whole, lambda body: _add(scalar, body, distance), ends)

    return move


def stated(shape: Shape, type_: Type, number: int) -> bytes:
    """The field of a column that holds a number or a moment."""
    scalar = _scalar(shape, type_)
    assert scalar is not None
    return _framed(_write(scalar, number))


def _framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def _each(
    kind: str, whole: bytes, change: Callable[[bytes], bytes], ends: tuple[bytes, bytes] | None
) -> bytes:
    """A field with every number or moment in it changed."""
    if whole[:4] == b"\xff\xff\xff\xff":
        return whole
    body = whole[4:]
    if kind == "r":
        return _framed(_range(body, change, ends))
    if kind == "m":
        parts, at = [body[:4]], 4
        while at < len(body):
            length = int.from_bytes(body[at : at + 4], "big")
            parts.append(_framed(_range(body[at + 4 : at + 4 + length], change, ends)))
            at += 4 + length
        return _framed(b"".join(parts))
    return _framed(change(body))


def _range(
    body: bytes, change: Callable[[bytes], bytes], ends: tuple[bytes, bytes] | None
) -> bytes:
    flags, at = body[0], 1
    if flags & _EMPTY:
        return body
    parts: list[bytes] = []
    for number, bit in enumerate((_LOW_OPEN, _HIGH_OPEN)):
        if not flags & bit:
            length = int.from_bytes(body[at : at + 4], "big")
            parts.append(_framed(change(body[at + 4 : at + 4 + length])))
            at += 4 + length
        elif ends is not None:
            flags &= ~bit
            parts.append(_framed(ends[number]))
    return bytes([flags]) + b"".join(parts)


def _add(scalar: Type, body: bytes, distance: int) -> bytes:
    """A number or a moment moved; what is not finite stays."""
    if scalar.name == "numeric":
        digits, weight, sign, scale = (
            int.from_bytes(body[n : n + 2], "big", signed=n == 2) for n in (0, 2, 4, 6)
        )
        if sign not in (0, 0x4000):
            return body
        number = 0
        for n in range(digits):
            number = number * 10_000 + int.from_bytes(body[8 + 2 * n : 10 + 2 * n], "big")
        number = -number if sign else number
        power = weight - digits + 1
        if power > 0:
            number, power = number * 10_000**power, 0
        return _numeric(number + distance * 10_000**-power, power, scale)
    number = int.from_bytes(body, "big", signed=True)
    if _MEASURED[scalar.name] == "time" and number in _endless(body):
        return body
    if scalar.name == "date":
        distance //= DAY
    return (number + distance).to_bytes(len(body), "big", signed=True)


def _endless(body: bytes) -> tuple[int, int]:
    half = 1 << (8 * len(body) - 1)
    return -half, half - 1


def _read(scalar: Type, body: bytes, ceiling: int) -> int | None:
    if scalar.name == "numeric":
        # With nothing added it is read, and what is behind the point is cut off.
        digits, weight, sign = (
            int.from_bytes(body[n : n + 2], "big", signed=n == 2) for n in (0, 2, 4)
        )
        if sign not in (0, 0x4000):
            return None
        whole = 0
        for n in range(weight + 1):
            part = body[8 + 2 * n : 10 + 2 * n] if n < digits else b""
            whole = whole * 10_000 + int.from_bytes(part, "big")
        return (-whole if sign else whole) + (1 if ceiling else -1)
    number = int.from_bytes(body, "big", signed=True)
    if _MEASURED[scalar.name] == "time" and number in _endless(body):
        return None
    return number * DAY if scalar.name == "date" else number


def _write(scalar: Type, number: int) -> bytes:
    if scalar.name == "numeric":
        return _numeric(number, 0, 0)
    if scalar.name == "date":
        number //= DAY
    size = {"int2": 2, "int4": 4, "date": 4}.get(scalar.name, 8)
    return number.to_bytes(size, "big", signed=True)


def _numeric(number: int, power: int, scale: int) -> bytes:
    """`number` times ten thousand to the `power` as PostgreSQL sends it."""
    digits: list[int] = []
    rest = abs(number)
    while rest:
        rest, digit = divmod(rest, 10_000)
        digits.append(digit)
    digits.reverse()
    weight = len(digits) - 1 + power if digits else 0
    return b"".join(
        (
            len(digits).to_bytes(2, "big"),
            weight.to_bytes(2, "big", signed=True),
            (0x4000 if number < 0 else 0).to_bytes(2, "big"),
            scale.to_bytes(2, "big"),
            *(digit.to_bytes(2, "big") for digit in digits),
        )
    )

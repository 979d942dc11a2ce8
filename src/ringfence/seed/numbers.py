"""Numbers that a column's name asks for, within bounds."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ringfence.seed.draw import Draw
    from ringfence.seed.limits import Limits
    from ringfence.seed.place import Place

_STUBBORN = 8

_WIDEST: dict[str, tuple[int, int]] = {
    "int2": (-(2**15), 2**15 - 1),
    "int4": (-(2**31), 2**31 - 1),
    "int8": (-(2**63), 2**63 - 1),
    "oid": (0, 2**32 - 1),
    "money": (-(10**15), 10**15),
    "float4": (-(10**6), 10**6),
    "float8": (-(10**15), 10**15),
    "numeric": (-(10**15), 10**15),
}
_USUAL: tuple[tuple[str, int, int], ...] = (
    ("years?|anio|ano", 1990, 2024),
    ("age|edad", 18, 80),
    ("months?|mes", 1, 12),
    ("days?|dia|dias", 1, 28),
    ("hours?|horas?", 0, 23),
    ("rating|score|stars|calificacion", 1, 5),
    ("percent|percentage|pct|porcentaje|discount|rate|ratio|tasa", 0, 1),
    ("lat|latitude|latitud", 14, 32),
    ("lon|lng|longitude|longitud", -117, -86),
    ("port|puerto", 1024, 65535),
    ("counts?|total|quantity|qty|stock|unread|cantidad|attempts|retries|usos", 0, 50),
    ("priority|prioridad|position|posicion|order|sort|rank|level|nivel|sequence", 0, 20),
    ("price|amount|cost|salary|subtotal|balance|fee|precio|monto|costo|importe|saldo", 10, 5000),
    ("version|revision|generation", 1, 9),
)
_COMPILED = tuple((re.compile(f"_({words})_"), low, high) for words, low, high in _USUAL)


def numeric(name: str, typmod: int, limits: Limits, place: Place, draw: Draw) -> str:
    """A number of the type `name`, with the precision and scale in `typmod`."""
    low, high = _WIDEST[name]
    scale = {"numeric": 2, "money": 2, "float4": 2, "float8": 2}.get(name, 0)
    if name == "numeric" and typmod >= 4:
        precision, scale = precision_and_scale(typmod)
        high = min(high, 10 ** (precision - scale) - 1 if precision > scale else 0)
        low = max(low, -high)
        if precision <= scale:
            return _fraction(precision, scale, limits, place, draw)
    step = Decimal(1).scaleb(-scale)
    least = _bound(limits.low, step, up=True)
    most = _bound(limits.high, step, up=False)
    floor = Decimal(low) if least is None else max(Decimal(low), least)
    ceiling = Decimal(high) if most is None else min(Decimal(high), most)
    if place.key and not limits.choices:
        return _counted(floor, ceiling, least, place)
    usual_low, usual_high = _usual(place)
    if scale == 0 and (usual_low, usual_high) == (0, 1):
        usual_high = 100
    first, last = max(floor, Decimal(usual_low)), min(ceiling, Decimal(usual_high))
    if first > last or place.attempt > 1:
        # The bounds leave nothing of what is usual: stay near the one that is known.
        if least is None and most is not None:
            first, last = max(floor, ceiling - 1000), ceiling
        else:
            first, last = floor if least is not None else max(floor, Decimal(0)), ceiling
            last = min(last, first + 1000)
    if first > last:
        first = last = floor
    if place.attempt > 1:
        special = _special(limits, floor, ceiling, scale, draw)
        if special is not None:
            return special
    for _ in range(8):
        units = draw.between(int(first / step), int(last / step))
        made = _shown(units * step, scale)
        if made not in limits.excluded:
            break
    return made


def is_number(text: str) -> bool:
    """Whether the text is one number.

    >>> is_number("-1.5"), is_number("month")
    (True, False)
    """
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def precision_and_scale(typmod: int) -> tuple[int, int]:
    """What `numeric(p, s)` declares; the scale may be negative."""
    precision, scale = (typmod - 4) >> 16 & 0xFFFF, (typmod - 4) & 0x7FF
    return precision, scale - 0x800 if scale & 0x400 else scale


def _fraction(precision: int, scale: int, limits: Limits, place: Place, draw: Draw) -> str:
    """A number smaller than one: numeric(2, 2), numeric(3, 5)."""
    most = 10**precision - 1
    step = Decimal(1).scaleb(-scale)
    least, top = _bound(limits.low, step, up=True), _bound(limits.high, step, up=False)
    first = 0 if least is None else max(-most, int(least / step))
    last = most if top is None else min(most, int(top / step))
    if place.key:
        return _shown(
            (first + (place.ordinal + place.attempt) % max(1, last - first + 1)) * step, scale
        )
    return _shown(draw.between(first, max(first, last)) * step, scale)


def _bound(bounds: tuple[tuple[str, bool], ...], step: Decimal, *, up: bool) -> Decimal | None:
    """The tightest of the bounds, moved onto the nearest allowed multiple of `step`."""
    found: list[Decimal] = []
    for text, inclusive in bounds:
        try:
            number = Decimal(text.replace("$", "").replace(",", ""))
        except InvalidOperation:
            continue
        if not number.is_finite():
            continue
        rounding = ROUND_CEILING if up else ROUND_FLOOR
        units = (number / step).to_integral_value(rounding=rounding)
        if not inclusive and units * step == number:
            units += 1 if up else -1
        found.append(units * step)
    return (max(found) if up else min(found)) if found else None


def _counted(floor: Decimal, ceiling: Decimal, least: Decimal | None, place: Place) -> str:
    """A number of its own: the row's, counted over all tenants when it stands alone."""
    number = place.ordinal if place.alone or place.attempt else place.row
    number += place.attempt * 1000 if place.attempt > 1 else 0
    # What asks for an even number, or one of a kind, never meets it in steps of a thousand.
    number += place.attempt if place.attempt > _STUBBORN else 0
    start = max(floor, Decimal(1)) if least is None else floor
    if start > ceiling:
        start = floor
    span = int(ceiling - start) + 1
    return _shown(start + number % max(1, span), 0)


def _usual(place: Place) -> tuple[int, int]:
    for pattern, low, high in _COMPILED:
        if pattern.search(place.words):
            return low, high
    return (1, 1000)


def _special(
    limits: Limits, floor: Decimal, ceiling: Decimal, scale: int, draw: Draw
) -> str | None:
    """Now and then a number that conditions are made around."""
    candidates = [Decimal(0), Decimal(1), Decimal(100), Decimal(-1), floor, ceiling]
    for text in filter(is_number, limits.pool):
        candidates += [Decimal(text), Decimal(text) + 1, Decimal(text) - 1]
    fitting = [c for c in candidates if floor <= c <= ceiling and c.is_finite()]
    if not fitting or not draw.chance(2):
        return None
    return _shown(draw.choice(fitting), scale)


def _shown(number: Decimal, scale: int) -> str:
    text = f"{number:.{max(scale, 0)}f}" if scale >= 0 else f"{number:f}"
    return "0" if text == "-0" else text

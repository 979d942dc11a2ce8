"""Columns that count: what no two generations of a table may have in common."""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from hashlib import shake_128
from itertools import count
from math import gcd, prod
from struct import Struct
from typing import TYPE_CHECKING

from ringfence.seed import checks, expression
from ringfence.seed.ground import HIGHEST, NotMore, base, columns_of, sent
from ringfence.seed.limits import ANY
from ringfence.seed.numbers import is_number, precision_and_scale
from ringfence.seed.place import SHARED, instant, ordinal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ringfence.seed.ground import Block, Ground, Maker
    from ringfence.seed.planning import Plan
    from ringfence.seed.shape import Column, Key


class Counting:
    """The columns of one plan's tables that can count on from the planned rows."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def rank(self, ground: Ground, column: Column) -> int | None:
        """How well a column counts; None where it does not."""
        name = base(self.plan.shape, column).name
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

    def maker(self, ground: Ground, column: Column, key: Key, shaped: bool) -> Maker:
        """A column that counts on from the planned rows."""
        kind = _COUNTING[base(self.plan.shape, column).name]
        if kind == "uuid":
            return self._uuids(ground, column, alone=len(columns_of(key)) == 1)
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
        found = [HIGHEST[type_.name]] if type_.name in HIGHEST else []
        if type_.name == "numeric" and typmod >= 4:
            precision, scale = precision_and_scale(typmod)
            found.append(10 ** max(0, precision - scale) - 1)
        if column.sequence is not None:
            found.append(column.sequence.highest)
        if type_.name in (*HIGHEST, "numeric"):
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
        name = base(self.plan.shape, column).name
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
                sent(
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
                made.append(sent(None if told is None else told.encode()))
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

"""Values for columns, as PostgreSQL's input functions read them: one function a type.

Every function takes what the value must satisfy (`Limits`) and where it goes (`Place`), and gives
text. The same place gives the same text. That the text satisfies the limits is not promised, only
likely: the server tests it afterwards.
"""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ringfence.seed import documents, moments, numbers, words
from ringfence.seed.jsonpaths import EVERY
from ringfence.seed.limits import ANY, Limits
from ringfence.seed.place import instant
from ringfence.seed.texts import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ringfence.seed.draw import Draw
    from ringfence.seed.place import Place
    from ringfence.seed.shape import Shape, Type

    Maker = Callable[[int, Limits, Place, Draw], str]


class Values:
    """Values of the types of one database.

    `domains` gives for each domain, by OID, what its own checks ask: it holds for members of arrays
    and composites, for which no column speaks.
    """

    def __init__(self, shape: Shape, domains: Mapping[int, Limits]) -> None:
        self.shape = shape
        self.domains = domains

    def value(self, oid: int, typmod: int, limits: Limits, place: Place) -> str:
        """A value of a type, as text."""
        return self._make(oid, typmod, limits, place, place.draw())

    def _make(self, oid: int, typmod: int, limits: Limits, place: Place, draw: Draw) -> str:
        type_, typmod = self.shape.base(self.shape.types[oid], typmod)
        chosen = _chosen(type_, limits, place, draw)
        if chosen is not None:
            return chosen
        if type_.element:
            return self._array(type_, typmod, limits, place, draw)
        if type_.kind == "c":
            return self._composite(type_, limits, place)
        if type_.kind in ("r", "m"):
            return self._range(type_, place, draw)
        maker = _MAKERS.get(type_.name)
        if maker is not None:
            return maker(typmod, limits, place, draw)
        if type_.category == "S":
            return text(typmod, limits, place, draw)
        return _GUESSES[place.attempt % len(_GUESSES)]

    def _member(self, oid: int, typmod: int, place: Place, limits: Limits = ANY) -> str:
        """A value inside another, which draws for itself: a new one changes none of the others."""
        place = replace(place, key=False, default=None)
        limits = self.domains.get(oid, ANY) & limits
        return self._make(oid, typmod, limits, place, place.draw())

    def _array(self, type_: Type, typmod: int, limits: Limits, place: Place, draw: Draw) -> str:
        asked = dict(limits.inside)
        every = asked.get(EVERY, ANY)
        fewest = max(limits.shortest, len(limits.keys))
        most = fewest + 2 if limits.longest is None else min(limits.longest, fewest + 2)
        count = draw.between(max(fewest, min(1, most)), most)
        columns = (f"{place.column}[{number}]" for number in range(count))
        members = [
            self._member(
                type_.element, typmod, replace(place, column=name),
                every & asked.get(f"[{number}]", ANY),
            )
            for number, name in enumerate(columns, 1)
        ]  # fmt: skip
        # Those it must hold go where nothing else is asked for, as far as there is room.
        free = [n for n in range(len(members)) if f"[{n + 1}]" not in asked]
        held = [text_ for text_ in limits.keys if text_ not in members]
        for number, text_ in zip(free, held, strict=False):
            members[number] = text_
        delimiter = self.shape.types[type_.element].delimiter
        return "{" + delimiter.join(_quoted(member) for member in members) + "}"

    def _composite(self, type_: Type, limits: Limits, place: Place) -> str:
        asked = dict(limits.inside)
        parts = (
            _quoted(
                self._member(
                    oid,
                    typmod,
                    replace(place, column=f"{place.column}.{name}"),
                    asked.get(f".{name}", ANY),
                )
            )
            for name, oid, typmod in zip(
                type_.attributes, type_.attribute_types, type_.attribute_typmods, strict=True
            )
        )
        return "(" + ",".join(parts) + ")"

    def _range(self, type_: Type, place: Place, draw: Draw) -> str:
        """A range of its own for every row, so that no two overlap."""
        if type_.kind == "m":
            return "{" + self._range(self.shape.types[type_.subtype], place, draw) + "}"
        subtype, _ = self.shape.base(self.shape.types[type_.subtype])
        number = (place.ordinal + place.attempt * 7919) % 100_000
        begin = instant(place.seed)
        if subtype.category == "N":
            return f"[{number * 20 + 1},{number * 20 + 1 + draw.between(1, 10)})"
        if subtype.name == "date":
            first = begin.date() + timedelta(days=number * 10)
            return f"[{first},{first + timedelta(days=draw.between(1, 9))})"
        if subtype.name in ("timestamp", "timestamptz"):
            start = begin + timedelta(hours=number * 3)
            end = start + timedelta(minutes=draw.between(30, 170))
            tz = subtype.name == "timestamptz"
            return f'["{moments.written(start, tz)}","{moments.written(end, tz)}")'
        one = _quoted(self._member(type_.subtype, -1, place))
        return f"[{one},{one}]"


_GUESSES = ("", "0", "a", "1", "{}", "[]", "()", "(0,0)", "POINT(0 0)", "a.b", "0/0", "'a'")
"""What some type that nobody here knows may accept."""


def _chosen(type_: Type, limits: Limits, place: Place, draw: Draw) -> str | None:
    """One of the values there are, where they are few."""
    options = limits.options
    if limits.choices is None and type_.kind == "e":
        options = tuple(label for label in type_.labels if label not in limits.excluded)
    if not options or (place.attempt > 12 and draw.chance(2)):
        # Nothing else has helped: perhaps a constant that some condition mentions does.
        pool = [text_ for text_ in limits.pool if _reads(type_, text_)]
        if place.attempt > 3 and pool and draw.chance(2):
            return draw.choice(pool)
        return None
    if place.key:
        return options[(place.ordinal + place.attempt) % len(options)]
    if place.turn >= 0:
        return options[(place.turn + place.attempt) % len(options)]
    return draw.choice(options)


def _reads(type_: Type, text_: str) -> bool:
    """Whether a constant that stands somewhere in a condition can be a value of the type."""
    if type_.category == "N":
        return numbers.is_number(text_)
    if type_.category == "D":
        return moments.parsed(text_, False) is not None
    if type_.name in ("json", "jsonb"):
        return documents.sample(text_) is not None
    if type_.category == "A":
        return text_.startswith("{")
    return type_.category in ("S", "E", "B")


def _quoted(member: str) -> str:
    return '"' + member.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _boolean(_: int, limits: Limits, place: Place, draw: Draw) -> str:
    del limits
    if place.key:
        return "true" if (place.ordinal + place.attempt) % 2 else "false"
    if place.attempt:
        return "true" if draw.chance(2) else "false"
    if place.default is not None:
        usual = place.default
        return usual if not draw.chance(4) else {"true": "false"}.get(usual, "true")
    return "true" if draw.chance(2) else "false"


def _uuid(_: int, limits: Limits, place: Place, draw: Draw) -> str:
    """In the order of the rows where it is a key by itself: an index grows at its end."""
    del limits
    bits = draw.word() << 64 | draw.word()
    if place.alone:
        milliseconds = int(instant(place.seed).timestamp() * 1000)
        clock = milliseconds + max(place.tenant, 0) * 10**7 + place.row
        bits = (clock & (1 << 48) - 1) << 80 | bits & (1 << 80) - 1
        return _uuid_text(bits, 7)
    return _uuid_text(bits, 4)


def _uuid_text(bits: int, version: int) -> str:
    bits = bits & ~(0xF << 76) | version << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    digits = f"{bits:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _bytea(_: int, limits: Limits, place: Place, draw: Draw) -> str:
    fewest = limits.shortest
    begins = [like[3:-1] for like in limits.likes if like.startswith("\\\\x") and like[-1:] == "%"]
    if begins:
        head = bytes.fromhex(draw.choice(begins))
        rest = place.ordinal.to_bytes(8, "big") + draw.bytes(max(fewest - len(head) - 8, 2))
        return "\\x" + (head + rest)[: limits.longest].hex()
    most = limits.longest if limits.longest is not None else max(fewest, 16)
    return "\\x" + draw.bytes(most if most <= 1024 else max(fewest, 16)).hex()


def _bits(typmod: int, limits: Limits, place: Place, draw: Draw) -> str:
    del limits
    count = typmod if typmod > 0 else 1
    if place.key:
        return f"{(place.ordinal + place.attempt) % (1 << count):0{count}b}"
    return draw.text("01", count)


def _varbits(typmod: int, limits: Limits, place: Place, draw: Draw) -> str:
    return _bits(min(typmod, 16) if typmod > 0 else 8, limits, place, draw)


def _number(name: str) -> Maker:
    return lambda typmod, limits, place, draw: numbers.numeric(name, typmod, limits, place, draw)


def _written(make: Callable[[int, Draw], str]) -> Maker:
    """A type whose values are written from one number: the row's where they must be unique."""

    def maker(_: int, limits: Limits, place: Place, draw: Draw) -> str:
        del limits
        number = place.ordinal + 1 + place.attempt * 1000 if place.key else draw.below(1 << 16)
        return make(number, draw)

    return maker


def _character(_: int, limits: Limits, place: Place, draw: Draw) -> str:
    del limits
    letters = string.ascii_uppercase
    return letters[(place.ordinal + place.attempt) % 26] if place.key else draw.choice(letters)


def _name_type(_: int, limits: Limits, place: Place, draw: Draw) -> str:
    return text(67, limits, place, draw)[:31]


def _vector(typmod: int, limits: Limits, place: Place, draw: Draw) -> str:
    del limits, place
    return "[" + ",".join(f"0.{draw.below(1000):03}" for _ in range(max(typmod, 1))) + "]"


def _ltree(_: int, limits: Limits, place: Place, draw: Draw) -> str:
    del limits
    suffix = str(place.ordinal + place.attempt * 1000) if place.key else ""
    return f"{draw.choice(words.PLAIN)}.{draw.choice(words.PLAIN)}{suffix}"


_MAKERS: dict[str, Maker] = {
    **{
        name: _number(name)
        for name in ("int2", "int4", "int8", "oid", "numeric", "float4", "float8", "money")
    },
    **dict.fromkeys(("text", "varchar", "bpchar", "citext"), text),
    "bool": _boolean,
    "char": _character,
    "name": _name_type,
    "date": moments.date_,
    "time": moments.time,
    "timetz": moments.timetz,
    "timestamp": moments.timestamp,
    "timestamptz": moments.timestamptz,
    "interval": moments.interval,
    "uuid": _uuid,
    "bytea": _bytea,
    "bit": _bits,
    "varbit": _varbits,
    "json": documents.document,
    "jsonb": documents.document,
    "vector": _vector,
    "halfvec": _vector,
    "ltree": _ltree,
    "jsonpath": _written(lambda n, _: f"$.n{n}"),
    "inet": _written(lambda n, _: f"203.0.{n // 256 % 256}.{n % 256}"),
    "cidr": _written(lambda n, _: f"10.{n // 256 % 256}.{n % 256}.0/24"),
    "macaddr": _written(
        lambda n, _: f"02:00:00:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"
    ),
    "macaddr8": _written(
        lambda n, _: f"02:00:00:ff:fe:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"
    ),
    "xml": _written(lambda n, d: f"<note><number>{n}</number>{d.choice(words.PLAIN)}</note>"),
    "tsvector": _written(lambda n, d: f"'{d.choice(words.PLAIN)}':1 '{n}':2"),
    "tsquery": _written(lambda n, d: f"'{d.choice(words.PLAIN)}' & '{n}'"),
    "point": _written(lambda n, d: f"({n},{d.below(1000)})"),
    "line": _written(lambda n, d: f"{{1,{d.between(1, 9)},{n}}}"),
    "lseg": _written(lambda n, d: f"[({n},0),({n},{d.between(1, 9)})]"),
    "box": _written(lambda n, d: f"({n * 20 + d.between(1, 9)},1),({n * 20},0)"),
    "path": _written(lambda n, d: f"[({n},0),({n},{d.between(1, 9)})]"),
    "polygon": _written(lambda n, d: f"(({n},0),({n},{d.between(1, 9)}),({n + 1},0))"),
    "circle": _written(lambda n, d: f"<({n * 20},0),{d.between(1, 9)}>"),
    "pg_lsn": _written(lambda n, _: f"0/{n:X}"),
    "xid": _written(lambda n, _: str(n)),
    "xid8": _written(lambda n, _: str(n)),
    "cid": _written(lambda n, _: str(n)),
    "tid": _written(lambda n, _: f"({n},1)"),
    "pg_snapshot": _written(lambda n, _: f"{n}:{n}:"),
    "txid_snapshot": _written(lambda n, _: f"{n}:{n}:"),
    "regclass": _written(lambda *_: "pg_catalog.pg_class"),
    "regtype": _written(lambda *_: "integer"),
    "regproc": _written(lambda *_: "pg_catalog.now"),
    "regprocedure": _written(lambda *_: "pg_catalog.now()"),
    "regoper": _written(lambda *_: "pg_catalog.||/"),
    "regoperator": _written(lambda *_: "pg_catalog.+(integer,integer)"),
    "regnamespace": _written(lambda *_: "pg_catalog"),
    "regrole": _written(lambda *_: "pg_monitor"),
    "regcollation": _written(lambda *_: 'pg_catalog."C"'),
    "regconfig": _written(lambda *_: "pg_catalog.simple"),
    "regdictionary": _written(lambda *_: "pg_catalog.simple"),
    "int2vector": _written(lambda n, _: f"{n % 1000} 2"),
    "oidvector": _written(lambda n, _: f"{n} 2"),
    "hstore": _written(lambda n, d: f'"{d.choice(words.PLAIN)}"=>"{n}"'),
    "cube": _written(lambda n, d: f"({n},{d.below(100)})"),
}

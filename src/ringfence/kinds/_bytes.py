"""Which changes of a column's type leave its rows as they are stored: the rest write the table anew.

PostgreSQL takes rows as they are where the cast is none, or one of its own that only would refuse
what cannot be there: a longer varchar, a numeric of the same scale with more digits. Lint and plans
ask here; tests compare it with every server.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Typed(Protocol):
    """A type by PostgreSQL's own name of it (int4), its modifiers, and whether it is an array."""

    @property
    def name(self) -> str: ...
    @property
    def mods(self) -> Sequence[int]: ...
    @property
    def array(self) -> bool: ...


class Stored(NamedTuple):
    """A type as the catalog shows it."""

    name: str
    mods: tuple[int, ...]
    array: bool


TEXTS = ("text", "varchar")
_MOMENTS = ("timestamp", "timestamptz")
_PRECISE = ("timestamp", "timestamptz", "time", "timetz", "varbit")
_TIMES = ("timestamp", "timestamptz", "time", "timetz")
_DIGITS = 6  # of a second, at most
_SAME_BYTES = {
    ("cidr", "inet"), ("xml", "text"), ("xml", "varchar"), ("citext", "text"), ("text", "citext"),
    ("varchar", "citext"), ("citext", "varchar"), ("varchar", "bpchar"), ("text", "bpchar"),
    ("xml", "bpchar"), ("bit", "varbit"), ("varbit", "bit"), ("regoper", "regoperator"),
    ("regoperator", "regoper"), ("regproc", "regprocedure"), ("regprocedure", "regproc"),
    *itertools.permutations(("int4", "oid"), 2),
}  # fmt: skip
_OBJECTS = (
    "regclass", "regcollation", "regconfig", "regdictionary", "regnamespace", "regoper",
    "regoperator", "regproc", "regprocedure", "regrole", "regtype",
)  # fmt: skip
_SAME_BYTES |= {
    pair for name in _OBJECTS for of in ("oid", "int4") for pair in ((name, of), (of, name))
}


def same_bytes(old: Typed, new: Typed, *, utc: bool = False) -> bool:
    """Whether the rows stay as they are; `utc`: where that is the session's TimeZone."""
    if old.array != new.array:
        return False
    if old.name == new.name:
        return _fits(old, new) and not (old.array and new.mods and old.mods != new.mods)
    if old.array or new.mods:
        return False  # each element is cast, though it is the same afterwards
    if {old.name, new.name} <= {*TEXTS}:
        return True
    if {old.name, new.name} == {*_MOMENTS}:
        return utc
    return (old.name, new.name) in _SAME_BYTES


def unless_utc(old: Typed, new: Typed) -> bool:
    """Whether it hangs on the session's TimeZone if the rows stay as they are."""
    return not same_bytes(old, new) and same_bytes(old, new, utc=True)


def local(old: Typed, new: Typed) -> bool:
    """Whether the values become what they are in the session's TimeZone."""
    return old.name in ("timestamp", "date", "time") and new.name in ("timestamptz", "timetz")


def same_order(old: Typed, new: Typed) -> bool:
    """Whether an index on the column is one of the new type, where the rows stay as they are."""
    named = {old.name, new.name}
    return len(named) == 1 or named <= {*TEXTS} or named == {"cidr", "inet"}


def stored(kind: str) -> Stored:
    """The type that the server's format_type names."""
    bare = kind.removesuffix("[]")
    fields = _INTERVAL.fullmatch(bare)
    if fields:
        bits = _BITS.get(fields["least"] or "", _ALL_FIELDS)
        return Stored("interval", _interval(bits, fields["digits"]), bare != kind)
    given = _MODIFIER.search(bare)
    mods: tuple[int, ...] = ()
    if given and _NUMBERS.fullmatch(given[1]):
        mods = tuple(map(int, given[1].split(",")))
    elif given:
        mods = (int.from_bytes(given[1].encode()),)  # an extension's own: the same or another
    name = _MODIFIER.sub("", bare)
    return Stored(_NAMES.get(name, name), mods, bare != kind)


def _interval(fields: int, digits: str | None) -> tuple[int, ...]:
    if digits is not None:
        return (fields, int(digits))
    return () if fields == _ALL_FIELDS else (fields,)


def _fits(old: Typed, new: Typed) -> bool:
    """Whether every value of a type fits the same type with other modifiers."""
    if not new.mods or tuple(old.mods) == tuple(new.mods):
        return True
    if old.name == "numeric":
        if not old.mods:
            return False
        scales = [t.mods[1] if len(t.mods) > 1 else 0 for t in (old, new)]
        return scales[0] == scales[1] and new.mods[0] >= old.mods[0]
    if old.name == "interval":
        (was, least), (now, digits) = map(_of_interval, (old.mods, new.mods))
        return now <= was and (was > 0 or digits >= min(_DIGITS, least))
    if old.name == "varchar" or old.name in _PRECISE:
        if not old.mods and old.name in _TIMES:
            return new.mods[-1] >= _DIGITS
        return bool(old.mods) and new.mods[-1] >= old.mods[-1]
    return False


def _of_interval(mods: Sequence[int]) -> tuple[int, int]:
    """The place of the least field that it holds, and the digits of its seconds."""
    fields = mods[0] if mods else _ALL_FIELDS
    least = next((n for n, bit in enumerate(_BITS.values()) if fields & bit), 0)
    return least, mods[1] if len(mods) > 1 else _DIGITS


_ALL_FIELDS = 0x7FFF
_BITS = {"second": 1 << 12, "minute": 1 << 11, "hour": 1 << 10, "day": 8, "month": 2, "year": 4}
_FIELD = "|".join(_BITS)
_INTERVAL = re.compile(
    rf"interval(?: (?:(?:{_FIELD}) to )?(?P<least>{_FIELD}))?(?:\((?P<digits>\d+)\))?"
)
_MODIFIER = re.compile(r"\(([^()]*)\)")
_NUMBERS = re.compile(r"-?\d+(?:,-?\d+)*")
_NAMES = {
    "character varying": "varchar",
    "character": "bpchar",
    "bit varying": "varbit",
    '"bit"': "bit",
    '"char"': "char",
    "smallint": "int2",
    "integer": "int4",
    "bigint": "int8",
    "real": "float4",
    "double precision": "float8",
    "boolean": "bool",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
}

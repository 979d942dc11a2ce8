"""The casts that PostgreSQL itself has between types that are not strings.

Between a string and anything else a cast goes by way of text; so it has to be said where there is
none at all. A test compares this with every server's pg_cast.
"""

from __future__ import annotations

import re

_NUMBERS = ("smallint", "integer", "bigint", "real", "double precision", "numeric")

_TO: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_NUMBERS, _NUMBERS),
    "bit": ("bit varying", "bigint", "integer"),
    "bit varying": ("bit",),
    "boolean": ("integer",),
    "box": ("point", "lseg", "circle", "polygon"),
    '"char"': ("integer",),
    "cidr": ("inet",),
    "circle": ("box", "point", "polygon"),
    "date": ("timestamp without time zone", "timestamp with time zone"),
    "inet": ("cidr",),
    "interval": ("time without time zone",),
    "json": ("jsonb",),
    "jsonb": (*_NUMBERS, "boolean", "json"),
    "lseg": ("point",),
    "macaddr": ("macaddr8",),
    "macaddr8": ("macaddr",),
    "money": ("numeric",),
    "oid": ("integer", "bigint"),
    "path": ("polygon",),
    "point": ("box",),
    "polygon": ("box", "circle", "path", "point"),
    "time without time zone": ("interval", "time with time zone"),
    "time with time zone": ("time without time zone",),
    "timestamp without time zone": ("date", "time without time zone", "timestamp with time zone"),
    "timestamp with time zone": (
        "date",
        "time without time zone",
        "time with time zone",
        "timestamp without time zone",
    ),
    "xid8": ("xid",),
    **{f"{r}range": (f"{r}multirange",) for r in ("int4", "int8", "num", "date", "ts", "tstz")},
}
_ALSO: dict[str, tuple[str, ...]] = {
    "smallint": ("oid",),
    "integer": ("boolean", '"char"', "oid", "money", "bit"),
    "bigint": ("oid", "money", "bit"),
    "numeric": ("money",),
}
_UNTIL_14: dict[str, tuple[str, ...]] = {"path": ("point",)}
_SINCE_18: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("smallint", "integer", "bigint"), ("bytea",)),
    "bytea": ("smallint", "integer", "bigint"),
}
_ALONE = ("bytea", "uuid", "xml", "tsvector", "tsquery", "pg_lsn", "jsonpath", "line", "xid")
_STRINGS = ("text", "character varying", "character", "name")
KNOWN = {*_TO, *_ALSO, *_ALONE, *(t for to in _TO.values() for t in to)}

_MODIFIER = re.compile(r"\([\d,-]+\)")


def has_cast(before: str, after: str, version: int) -> bool:
    """Whether a value of the one type can be cast to the other; True where it is not known."""
    old, many = _plain(before)
    new, much = _plain(after)
    if old == new and many == much:
        return True
    strings = {old if not many else "", new if not much else ""} & {*_STRINGS}
    if strings or old not in KNOWN | {*_STRINGS} or new not in KNOWN | {*_STRINGS}:
        return True
    if many != much:
        return False
    if old in _STRINGS or new in _STRINGS:
        return True
    return new in targets(old, version)


def targets(kind: str, version: int) -> frozenset[str]:
    """What a type that is no string can be cast to, but for strings and itself."""
    since = _SINCE_18.get(kind, ()) if version >= 180000 else ()
    until = _UNTIL_14.get(kind, ()) if version < 150000 else ()
    return frozenset({*_TO.get(kind, ()), *_ALSO.get(kind, ()), *since, *until} - {kind})


def _plain(kind: str) -> tuple[str, bool]:
    """The type without its modifier, and whether it is an array of it."""
    bare = kind.removesuffix("[]")
    return _MODIFIER.sub("", bare), bare != kind

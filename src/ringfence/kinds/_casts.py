"""The casts that PostgreSQL itself has between types that are not strings.

Between a string and anything else a cast goes by way of text; so it has to be said where there is
none at all. What PostgreSQL assigns by itself is left to its own rule, which refuses a string that
is too long, where a cast that is written cuts it off. Tests compare this with every server.
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
_BY_HAND = frozenset(
    [('"char"', "integer"), ("integer", '"char"'), ("boolean", "integer"), ("integer", "boolean")]
    + [(w, "bit") for w in ("integer", "bigint")]
    + [("bit", w) for w in ("integer", "bigint")]
    + [(w, "bytea") for w in ("smallint", "integer", "bigint")]
    + [("bytea", w) for w in ("smallint", "integer", "bigint")]
    + [("box", w) for w in ("circle", "lseg", "point")]
    + [("circle", w) for w in ("box", "point", "polygon")]
    + [("polygon", w) for w in ("box", "circle", "point")]
    + [("path", "point"), ("lseg", "point"), ("xid8", "xid")]
    + [("jsonb", w) for w in (*_NUMBERS, "boolean")]
    + [(f"{r}range", f"{r}multirange") for r in ("int4", "int8", "num", "date", "ts", "tstz")]
)
"""The casts that are made only where they are written."""

_FORGETS = {
    ("inet", "cidr"): "the bits to the right of their netmask",
    ("json", "jsonb"): "the order of keys, those given twice, and blanks",
    ("integer", "boolean"): "which number other than 0 they are",
    ("integer", "bit"): "the bits that do not fit",
    ("bigint", "bit"): "the bits that do not fit",
    ("xid8", "xid"): "their epoch",
    ("box", "point"): "all but their centre",
    ("box", "lseg"): "all but their diagonal",
    ("box", "circle"): "their shape",
    ("circle", "box"): "their shape",
    ("circle", "point"): "all but their centre",
    ("circle", "polygon"): "their shape",
    ("lseg", "point"): "all but their centre",
    ("path", "point"): "all but their centre",
    ("polygon", "point"): "all but their centre",
    ("polygon", "box"): "their shape",
    ("polygon", "circle"): "their shape",
    ("path", "polygon"): "where they begin",
    ("timestamp without time zone", "date"): "the time of day",
    ("timestamp with time zone", "date"): "the time of day and the time zone",
    ("timestamp without time zone", "time without time zone"): "the date",
    ("timestamp with time zone", "time without time zone"): "the date and the time zone",
    ("timestamp with time zone", "time with time zone"): "the date",
    ("timestamp with time zone", "timestamp without time zone"): (
        "the time zone: they become the local time of the session's TimeZone"
    ),
    ("time with time zone", "time without time zone"): "the time zone",
    ("interval", "time without time zone"): "their days, months and years",
    ("text", "date"): "the time of day, where they have one",
    ("text", "time without time zone"): "the date and the time zone, where they have them",
    ("text", "time with time zone"): "the date, where they have one",
    ("text", "timestamp without time zone"): "the time zone, where they have one",
    ("text", "jsonb"): "the order of keys, those given twice, and blanks",
    ("text", '"char"'): "all but the first byte",
}
"""What values lose by a cast that PostgreSQL makes without a word."""
_ALONE = (
    *("bytea", "uuid", "xml", "tsvector", "tsquery", "pg_lsn", "jsonpath", "line"),
    *("xid", "cid", "tid", "aclitem", "pg_snapshot", "txid_snapshot"),
)
STRINGS = ("text", "character varying", "character", "bpchar", "name")
KNOWN = {*_TO, *_ALSO, *_ALONE, *(t for to in _TO.values() for t in to)}

_INTEGERS = ("smallint", "integer", "bigint")
_MODIFIER = re.compile(r"\(([\d,-]+)\)")
_FIELDS = ("year", "month", "day", "hour", "minute", "second")
_FIELD = re.compile(rf"\Ainterval (?:{'|'.join(_FIELDS)})(?: to (?:{'|'.join(_FIELDS)}))?")


def has_cast(before: str, after: str, version: int) -> bool:
    """Whether a value of the one type can be cast to the other; True where it is not known."""
    old, many = _plain(before)
    new, much = _plain(after)
    if old == new and many == much:
        return True
    strings = {old if not many else "", new if not much else ""} & {*STRINGS}
    if strings or old not in KNOWN | {*STRINGS} or new not in KNOWN | {*STRINGS}:
        return True
    if many != much:
        return False
    if old in STRINGS or new in STRINGS:
        return True
    return new in targets(old, version)


def targets(kind: str, version: int) -> frozenset[str]:
    """What a type that is no string can be cast to, but for strings and itself."""
    since = _SINCE_18.get(kind, ()) if version >= 180000 else ()
    until = _UNTIL_14.get(kind, ()) if version < 150000 else ()
    return frozenset({*_TO.get(kind, ()), *_ALSO.get(kind, ()), *since, *until} - {kind})


def assigned(before: str, after: str, version: int) -> bool:
    """Whether PostgreSQL takes a value of the one type for the other without a cast that is written."""
    old, many = _plain(before)
    new, much = _plain(after)
    if new in STRINGS and (many or not much):
        return True
    if many != much:
        return False
    if old == new:
        return True
    if old in STRINGS:
        return new == '"char"' and old != "name"
    return old in KNOWN and new in targets(old, version) and (old, new) not in _BY_HAND


def meant(before: str, after: str) -> tuple[str, str]:
    """Where values mean something else by their text, or nothing: what makes the one of the other,
    with `{v}` for the value, and which of several meanings is taken; empty where none is."""
    old, many = _plain(before)
    new, much = _plain(after)
    if many or much:
        return "", ""
    if old in _NUMBERS and new in _MEANT_OF_NUMBERS:
        how, what = _MEANT_OF_NUMBERS[new]
        return (how if new == after else f"({how})::{after}"), what
    if old in _MEANT_AS_NUMBERS and new in _NUMBERS:
        how, what = _MEANT_AS_NUMBERS[old]
        rounded = ", rounded" if new in _INTEGERS and "seconds" in what else ""
        return f"{how}::{after}", what + rounded
    return "", ""


_EPOCH = "seconds since 1970-01-01 00:00 UTC"
_MEANT_OF_NUMBERS = {
    "timestamp with time zone": ("to_timestamp({v})", f"are taken for {_EPOCH}"),
    "timestamp without time zone": (
        "to_timestamp({v}) AT TIME ZONE 'UTC'",
        f"are taken for {_EPOCH}",
    ),
    "date": ("{v}::text::date", "are taken for the digits of dates, 20260101 for 2026-01-01"),
    "interval": ("make_interval(secs => {v})", "are taken for seconds"),
}
_MEANT_AS_NUMBERS = {
    "timestamp with time zone": ("extract(epoch FROM {v})", f"become {_EPOCH}"),
    "timestamp without time zone": (
        "extract(epoch FROM {v})",
        f"are taken for local time in UTC, and become {_EPOCH}",
    ),
    "date": (
        "to_char({v}, 'YYYYMMDD')",
        "become the digits of their dates, 20260101 for 2026-01-01, and NULL where they are infinity",
    ),
    "interval": ("extract(epoch FROM {v})", "become seconds, with 30 days a month"),
    "boolean": ("{v}::integer", ""),
}


def forgets(before: str, after: str) -> str:
    """What values lose without a word when they become of the other type; empty for nothing."""
    old, many = _plain(before)
    new, much = _plain(after)
    if many != much:
        return ""
    if new in STRINGS:
        return _blanks(old, new, _limit(before), _limit(after)) if old in STRINGS else ""
    old = "text" if old in STRINGS else old
    if (old, new) in _FORGETS:
        return _FORGETS[old, new]
    if new in (*_NUMBERS, "money"):
        return _digits(old, new, before, after)
    if new == "interval" and old in ("interval", "text"):
        was, now = (_least_field(before) if old == new else 5), _least_field(after)
        if now < was:
            return f"what is less than a {_FIELDS[now]}"
    if new in _TIMES and old in (*_TIMES, "text"):
        was, now = _limit(before, 6) if old != "text" else 6, _limit(after, 6)
        if now < was:
            return f"fractions of a second beyond {now} digits"
    return ""


def cuts(before: str, after: str) -> str:
    """What else is lost where the cast is written, as it has to be within a value."""
    old, many = _plain(before)
    new, much = _plain(after)
    if many == much and new in (*STRINGS, "bit", "bit varying"):
        most = _limit(after)
        if most < (_limit(before) if old == new or old in STRINGS else _ENDLESS):
            return f"what is beyond {most} characters"
    return ""


def unlike(before: str, after: str) -> bool:
    """Whether no value of the one type reads as one of the other."""
    old, many = _plain(before)
    new, much = _plain(after)
    if many or much:
        return False
    return (old in _COUNTS and new in _MARKS) or (old in _MARKS and new in _COUNTS)


def listed(before: str, after: str) -> bool:
    """Whether a document is to become an array, which is written in another way."""
    old, many = _plain(before)
    _, much = _plain(after)
    return old in ("json", "jsonb") and not many and much


_TIMES = (
    "interval",
    "time without time zone",
    "time with time zone",
    "timestamp without time zone",
    "timestamp with time zone",
)
_COUNTS = (*_INTEGERS, "real", "double precision", "boolean", "money", "oid", "date", *_TIMES)
_MARKS = ("uuid", "inet", "cidr", "macaddr", "macaddr8", "point", "box", "circle", "path")
_ENDLESS = 10**9
_DIGITS = {"real": 6, "double precision": 15}
_BROKEN = (*_DIGITS, "numeric", "money", "jsonb")
"""What may have a fraction."""


def _blanks(old: str, new: str, most: int, least: int) -> str:
    if new == "name" and old != "name":
        return "what is beyond 63 bytes"
    if new in ("character", "bpchar") and old not in ("character", "bpchar"):
        return "the blanks at their ends"
    return f"blanks beyond {least} characters" if least < most else ""


def _digits(old: str, new: str, before: str, after: str) -> str:
    """What a number loses that becomes one of another kind."""
    if new in _INTEGERS:
        return "the fraction" if old in _BROKEN and _scale(old, before) > 0 else ""
    if old not in (*_INTEGERS, *_BROKEN, "text", "oid", "xid", "xid8", "cid"):
        return ""  # it is no number
    if new in _DIGITS:
        short = old == "smallint" or old == new or (old, new) in _WITHIN
        return "" if short else f"digits beyond the {_DIGITS[new]}th"
    if new == "money":
        return "digits beyond the currency's own" if old == "numeric" else ""
    places = _scale(new, after)
    if old in _DIGITS and places == _ENDLESS:
        return f"digits beyond the {_DIGITS[old]}th"
    return f"digits beyond {places} decimal places" if places < _scale(old, before) else ""


_WITHIN = {("real", "double precision"), ("integer", "double precision")}


def _scale(plain: str, kind: str) -> int:
    """How many digits a number may have behind its point."""
    if plain in _INTEGERS:
        return 0
    if plain == "money":
        return 2
    given = _MODIFIER.search(kind) if plain == "numeric" else None
    return int(given[1].split(",")[1]) if given else _ENDLESS


def _limit(kind: str, otherwise: int = _ENDLESS) -> int:
    """The modifier of a type that has the one."""
    given = _MODIFIER.search(kind)
    return int(given[1]) if given else otherwise


def _least_field(kind: str) -> int:
    fields = _FIELD.match(kind)
    return _FIELDS.index(fields[0].split()[-1]) if fields else 5


def _plain(kind: str) -> tuple[str, bool]:
    """The type without its modifier, and whether it is an array of it."""
    bare = kind.removesuffix("[]")
    return _FIELD.sub("interval", _MODIFIER.sub("", bare)), bare != kind

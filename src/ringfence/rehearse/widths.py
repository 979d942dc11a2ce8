"""Which types of columns hold less than others do: numbers by their range, texts by their length."""

from __future__ import annotations

import re


def narrower(new: str, old: str) -> bool:
    """Whether a type of numbers refuses, or rounds, some that another one takes.

    >>> narrower("integer", "bigint"), narrower("bigint", "integer"), narrower("integer", "numeric(9,2)")
    (True, False, True)
    """
    kind, known = _parts(new)[0], _parts(old)[0]
    return kind in _WIDTH and known in _WIDTH and _WIDTH.index(kind) < _WIDTH.index(known)


_WIDTH = ("smallint", "integer", "bigint", "numeric")


def holds(new: str, old: str) -> bool:
    """Whether a type holds whatever another one does and reads the same: a longer text, say.

    >>> holds("character varying(20)", "character varying(10)"), holds("text", "character varying(10)")
    (True, True)
    >>> holds("character varying", "text"), holds("character varying(9)", "text")
    (True, False)
    >>> holds("numeric(12,2)", "numeric(10,2)"), holds("numeric(12,4)", "numeric(10,2)")
    (True, True)
    >>> holds("numeric(10,4)", "numeric(10,2)"), holds("bigint", "integer")
    (False, False)
    """
    (kind, limits), (known, had) = _parts(new), _parts(old)
    if (known, kind) in _SAME:
        return not limits or (bool(had) and limits >= had)
    if kind != known or kind == "character":
        return False
    if not limits:
        return True
    if not had or len(limits) != len(had):
        return False
    if len(limits) == 2:
        return limits[1] >= had[1] and limits[0] - limits[1] >= had[0] - had[1]
    return limits >= had


_SAME = {
    ("character varying", "text"), ("text", "character varying"), ("character varying", "character varying"), ("cidr", "inet"),
    ("bit varying", "bit varying"),
}  # fmt: skip


def _parts(type_: str) -> tuple[str, tuple[int, ...]]:
    """A type's name without its limits, and those."""
    match = re.search(r"\((\d+(?:,-?\d+)*)\)", type_)
    if match is None:
        return type_, ()
    limits = tuple(map(int, match[1].split(",")))
    return type_[: match.start()] + type_[match.end() :], limits

"""What attributes are in words: those that PostgreSQL's commands have for what its catalogs say in codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ringfence.model import Value

FIRES = {"": "ENABLE", "O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
"""When a trigger or rule fires; most simply do, of which facts say nothing."""


def said(value: Value) -> str:
    """A value as it is.

    >>> said(None), said(True), said(("a", "b")), said((("a", "b"), ("c", "d")))
    ('not set', 'set', 'a, b', 'a b, c d')
    """
    if isinstance(value, tuple):
        parts = (" ".join(map(said, v)) if isinstance(v, tuple) else said(v) for v in value)
        return ", ".join(parts) or "none"
    if value is None or isinstance(value, bool):
        return "set" if value else "not set"
    return str(value) or "empty"


def coded(words: Mapping[str, str]) -> Callable[[Value], str]:
    """How a code is said; the empty one is what facts say nothing of."""

    def word(value: Value) -> str:
        return words.get("" if value is None else str(value)) or said(value)

    return word


def path(value: Value) -> str:
    """A name that is in parts, or names that are."""
    if not isinstance(value, tuple) or not value:
        return said(value)
    if isinstance(value[0], tuple):
        return ", ".join(map(path, value))
    return Ref("", tuple(map(str, value))).path


def of(ref: Ref) -> tuple[str, str]:
    """What the name of something that is on an object begins with: the object's kind and name."""
    return ref.name[0].replace("_", " "), Ref("", ref.name[1:]).path

"""What attributes are in words: those that PostgreSQL's commands have for what its catalogs say in codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ringfence.model import Value


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

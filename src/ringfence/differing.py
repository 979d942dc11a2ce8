"""What differs between two facts, as a person reads it: PostgreSQL's words, and of long texts the part
where they part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change

_MOST = 60
"""Characters of a text that are shown at most."""

_BEFORE = 24
"""How many of them stand before the place where the two part."""

_MARKS = str.maketrans({"\n": "⏎", "\r": "␍", "\t": "⇥"})


def differences(change: Change) -> Iterator[tuple[str, str, str]]:
    """Each attribute that differs, and what it is on both sides."""
    assert change.old is not None
    assert change.new is not None
    kind = kind_of(change.ref)
    for name in change.attributes:
        old, new = (kind.in_words(name, fact[name]) for fact in (change.old, change.new))
        yield name.replace("_", " "), *apart(old, new)


def apart(old: str, new: str) -> tuple[str, str]:
    """Two texts, each on one line; of long ones what stands around the place where they first differ.

    >>> apart("a  <\\n b", "a > b")
    ('a < b', 'a > b')
    """
    folded = " ".join(old.split()), " ".join(new.split())
    if folded[0] == folded[1]:  # they differ in what folding takes away
        folded = old.translate(_MARKS), new.translate(_MARKS)
    longest = max(map(len, folded))
    if longest <= _MOST:
        return folded
    first = _first(*folded)
    start = max(0, min(first - _BEFORE, longest - _MOST))
    if start and (blank := folded[0].find(" ", start, first)) >= 0:
        start = blank + 1  # no word is cut
    one, other = (_cut(text, start) for text in folded)
    return one, other


def _first(one: str, other: str) -> int:
    """Where two texts that are not the same begin to differ."""
    differ = (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differ, min(len(one), len(other)))


def _cut(text: str, start: int) -> str:
    end = start + _MOST
    return "…" * bool(start) + text[start:end].strip(" ") + "…" * (end < len(text))

"""Text: what a column's name asks for, or what a pattern matches, in the room that there is."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from ringfence.seed import moments, names, pattern

if TYPE_CHECKING:
    from collections.abc import Callable

    from ringfence.seed.draw import Draw
    from ringfence.seed.limits import Limits
    from ringfence.seed.place import Place


def text(typmod: int, limits: Limits, place: Place, draw: Draw) -> str:
    """Text of at most `typmod - 4` characters, what the column's name asks for where it can be."""
    room = typmod - 4 if typmod > 0 else pattern.MANY
    longest = min(room, room if limits.longest is None else limits.longest)
    shortest = min(limits.shortest, longest)
    provider = names.provider(place.words)
    made = _patterned(limits, place, draw, shortest, longest, known=provider is not None)
    if made is None:
        if place.attempt > 1:
            made = names.variety(place, draw, limits.pool)
        else:
            made = (provider or names.plain)(place, draw)
        if place.key and place.attempt:
            made = _numbered(made, place, longest)
        if len(made) > longest:
            made = _cut(made, place, draw, longest)
        while len(made) < shortest:
            made += (" " if len(made) + 2 < shortest else "") + draw.text(
                string.ascii_lowercase, min(8, max(1, shortest - len(made) - 1))
            )
    if limits.case:
        made = made.lower() if limits.case == "lower" else made.upper()
    return made


def _patterned(
    limits: Limits, place: Place, draw: Draw, shortest: int, longest: int, *, known: bool
) -> str | None:
    """Text that one of the patterns matches; None to leave it to the column's name first."""
    if known and place.attempt == 0:
        return None
    bounds = (*limits.low, *limits.high)
    if place.attempt % 2 and any(moments.parsed(bound, False) for bound, _ in bounds):
        # Text that is cast and compared with a day had better be one.
        return moments.date_(-1, limits, place, draw)
    sources: list[tuple[Callable[..., str], str]] = [
        *((pattern.matching, p) for p in limits.patterns),
        *((pattern.like, p) for p in limits.likes),
    ]
    if not sources:
        return None
    # The longest says most; the others get their turn when that was not enough, then all at once.
    sources.sort(key=lambda source: -len(source[1]))
    turn = max(0, place.attempt - 1) % (len(sources) + 1) if len(sources) > 1 else 0
    try:
        if turn == len(sources):
            return pattern.joined(limits.patterns, draw, longest)
        make, source = sources[turn]
        return make(source, draw, shortest, longest)
    except pattern.NotAPattern:
        return None


def _numbered(made: str, place: Place, longest: int) -> str:
    """Text told apart from its like in other rows by the row's number."""
    number = place.ordinal + 1 + (place.attempt - 1) * 1000
    user, at, domain = made.partition("@")
    if at and domain:
        return f"{user[: max(1, longest - len(domain) - 8)]}.{number}@{domain}"
    suffix = f"{'' if ' ' not in made else ' '}{number}"
    return made[: max(0, longest - len(suffix))] + suffix


def _cut(made: str, place: Place, draw: Draw, longest: int) -> str:
    """Text that fits; letters and digits where next to nothing fits."""
    if longest >= 6 and not place.key:
        return made[:longest].rstrip()
    if longest <= 4 or place.key:
        return draw.text(string.ascii_uppercase + (string.digits if longest > 3 else ""), longest)
    return made[:longest].rstrip()

"""JSON: of the shape of the column's default, with the members that conditions ask for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ringfence.seed import words
from ringfence.seed.jsonpaths import EVERY
from ringfence.seed.limits import ANY
from ringfence.seed.numbers import numeric
from ringfence.seed.texts import text

if TYPE_CHECKING:
    from ringfence.seed.draw import Draw
    from ringfence.seed.limits import Limits
    from ringfence.seed.place import Place


def document(_: int, limits: Limits, place: Place, draw: Draw) -> str:
    """A value of type json or jsonb."""
    return json.dumps(_json_value(limits, place, draw), ensure_ascii=False)


def _json_value(limits: Limits, place: Place, draw: Draw) -> Any:
    example = sample(place.default)
    kind = limits.json
    if place.key and not kind and not isinstance(example, list):
        example, kind = None, "object"
    inside = dict(limits.inside)
    if kind in ("", "object") and (
        (inside and EVERY not in inside) or limits.keys or kind == "object"
    ):
        made: dict[str, Any] = dict(_varied(example, draw)) if isinstance(example, dict) else {}
        for key in dict.fromkeys((*limits.keys, *inside)):
            made[key] = _member(inside.get(key, ANY), replace(place, column=key), draw)
        if place.key:
            made["number"] = place.ordinal + 1
        if limits.inside or limits.keys or made:
            return made
        return {"text": draw.choice(words.SENTENCES)}
    if kind == "array" or EVERY in inside or (not kind and isinstance(example, list)):
        count = draw.between(limits.shortest, max(limits.shortest, limits.longest or 2))
        every = inside.get(EVERY, ANY)
        return [
            _member(every, replace(place, column=f"{place.column}.{n}"), draw) for n in range(count)
        ]
    simple: dict[str, Any] = {
        "string": draw.choice(words.PLAIN),
        "number": draw.between(1, 1000),
        "boolean": draw.chance(2),
        "null": None,
    }
    if kind in simple:
        asked = _asked(kind, limits, place, draw)
        return simple[kind] if asked is None else asked
    if example:
        return _varied(example, draw)
    return {"text": draw.choice(words.SENTENCES), "number": draw.between(1, 100)}


def _asked(kind: str, limits: Limits, place: Place, draw: Draw) -> Any:
    """A plain value of a document, of this kind, that is one of a few or within bounds; else None."""
    if limits.options:
        chosen = draw.choice(limits.options)
        return chosen if kind == "string" else sample(chosen)
    if kind == "number" and (limits.low or limits.high):
        return int(float(numeric("int4", -1, limits, replace(place, key=False), draw)))
    if kind == "string" and (limits.patterns or limits.likes or limits.shortest):
        return text(-1, limits, replace(place, key=False, default=None), draw)
    return None


def sample(default: str | None) -> Any:
    """What a default says a document looks like; None where it says nothing."""
    try:
        return json.loads(default) if default else None
    except ValueError:
        return None


def _varied(sample: Any, draw: Draw) -> Any:
    """The same shape with other numbers and words."""
    if isinstance(sample, dict):
        return {key: _varied(member, draw) for key, member in sample.items()}
    if isinstance(sample, list):
        return [_varied(member, draw) for member in sample]
    if isinstance(sample, bool):
        return draw.chance(2)
    if isinstance(sample, int | float):
        return draw.between(0, 1000)
    return draw.choice(words.PLAIN) if isinstance(sample, str) else sample


def _member(limits: Limits, place: Place, draw: Draw) -> Any:
    if limits.json or limits.inside or limits.keys:
        return _json_value(limits, replace(place, default=None, key=False), draw)
    if limits.options:
        return draw.choice(limits.options)
    if limits.low or limits.high:
        return int(float(numeric("int4", -1, limits, replace(place, key=False), draw)))
    if limits.patterns or limits.likes or limits.shortest or limits.longest is not None:
        return text(-1, limits, replace(place, key=False, default=None), draw)
    return draw.choice(words.PLAIN)

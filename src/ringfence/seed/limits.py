"""What one value must satisfy, gathered from the conditions on its column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
Bound = tuple[str, bool]
"""A bound as PostgreSQL writes the value, and whether the bound itself is allowed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value must satisfy; every field has "anything" as its default.

    `null` says that the value must be NULL, or must not. `choices` are the only values there are,
    `excluded` those there are not. `low` and `high` may hold several bounds, of which all hold.
    Lengths are in characters, octets or elements, whatever the type counts. `likes` are LIKE
    patterns. `keys` are those a JSON object has, `inside` what its members satisfy. `pool` are
    constants that the conditions mention, worth trying when nothing else helps.
    """

    null: bool | None = None
    choices: tuple[str, ...] | None = None
    excluded: frozenset[str] = frozenset()
    low: tuple[Bound, ...] = ()
    high: tuple[Bound, ...] = ()
    shortest: int = 0
    longest: int | None = None
    patterns: tuple[str, ...] = ()
    likes: tuple[str, ...] = ()
    case: Literal["", "lower", "upper"] = ""
    json: str = ""
    keys: tuple[str, ...] = ()
    inside: tuple[tuple[str, Limits], ...] = ()
    pool: tuple[str, ...] = ()

    def __and__(self, other: Limits) -> Limits:
        """Both at once. `impossible` tells whether that can be."""
        if other == ANY:
            return self
        if self == ANY:
            return other
        inside = dict(self.inside)
        for key, limits in other.inside:
            inside[key] = inside.get(key, ANY) & limits
        choices = self.choices if other.choices is None else other.choices
        if self.choices is not None and other.choices is not None:
            choices = tuple(c for c in self.choices if c in other.choices)
        null = self.null if other.null is None else other.null
        if {self.null, other.null} == {True, False}:
            choices, null = (), False
        return Limits(
            null=null,
            choices=choices,
            excluded=self.excluded | other.excluded,
            low=_joined(self.low, other.low),
            high=_joined(self.high, other.high),
            shortest=max(self.shortest, other.shortest),
            longest=_least(self.longest, other.longest),
            patterns=_joined(self.patterns, other.patterns),
            likes=_joined(self.likes, other.likes),
            case=other.case or self.case,
            json=other.json or self.json,
            keys=_joined(self.keys, other.keys),
            inside=tuple(inside.items()),
            pool=_joined(self.pool, other.pool),
        )

    @property
    def impossible(self) -> bool:
        """Whether no value can satisfy this, as far as can be told without knowing its type."""
        if self.null:
            return False
        if self.longest is not None and self.longest < self.shortest:
            return True
        return self.choices is not None and not set(self.choices) - self.excluded

    @property
    def options(self) -> tuple[str, ...]:
        """The choices that are not excluded."""
        return tuple(c for c in self.choices or () if c not in self.excluded)


ANY = Limits()


def merged(left: Mapping[str, Limits], right: Mapping[str, Limits]) -> dict[str, Limits] | None:
    """The limits of both for every column; None where a column is left without a value."""
    both = dict(left)
    for column, limits in right.items():
        both[column] = both.get(column, ANY) & limits
        if both[column].impossible:
            return None
    return both


def _joined(left: tuple[T, ...], right: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(left + right))


def _least(left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return right if left is None else left
    return min(left, right)

"""Choices that look random and depend on nothing but the seed and the place they are made for."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    T = TypeVar("T")

_MASK = (1 << 64) - 1


class Draw:
    """A stream of choices for one place, named by the seed and any names and numbers.

    The same place gives the same choices on every machine and in every version of Python, and
    places do not influence each other: that is what keeps one table's values when another table is
    added. The stream is SplitMix64 started from a BLAKE2 digest of the place.

    >>> Draw(1, "orders", "total", 7).below(1000) == Draw(1, "orders", "total", 7).below(1000)
    True
    """

    __slots__ = ("_state",)

    def __init__(self, *place: str | int) -> None:
        # No name in PostgreSQL holds a zero byte, so the joint is unambiguous.
        text = "\0".join(map(str, place))
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self._state = int.from_bytes(digest, "big")

    def word(self) -> int:
        """The next 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, bound: int) -> int:
        """A number in `[0, bound)`; 0 where the bound leaves no room."""
        if bound <= 1:
            return 0
        if bound >> 32 == 0:
            return (self.word() >> 32) * bound >> 32
        number = 0
        for _ in range(bound.bit_length() // 64 + 2):
            number = number << 64 | self.word()
        return number % bound

    def between(self, low: int, high: int) -> int:
        """A number in `[low, high]`."""
        return low + self.below(high - low + 1)

    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def chance(self, one_in: int) -> bool:
        """True once in so many times."""
        return self.below(one_in) == 0

    def bytes(self, count: int) -> bytes:
        """So many bytes."""
        return b"".join(self.word().to_bytes(8, "big") for _ in range((count + 7) // 8))[:count]

    def text(self, alphabet: str, count: int) -> str:
        """So many characters of an alphabet."""
        return "".join(alphabet[self.below(len(alphabet))] for _ in range(count))

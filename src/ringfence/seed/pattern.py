"""Text that a pattern matches: PostgreSQL's regular expressions, and LIKE.

A pattern is parsed into pieces that know how short their text can be; text is then made piece by
piece within a range of lengths. Look-around and word boundaries are taken as met: whoever needs to
be sure asks the server, which is the only judge of its own dialect.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ringfence.seed.draw import Draw

MANY = 1 << 16
"""What an open end counts as: longer than any text made here."""

_PRINTABLE = (
    string.ascii_lowercase
    + string.digits
    + string.ascii_uppercase
    + "-_. "
    + "!#%&'()*+,/:;<=>?@[]^`{|}~\"$\\"
)
_WORD = string.ascii_lowercase + string.digits + string.ascii_uppercase + "_"
_CLASSES = {
    "alpha": string.ascii_lowercase + string.ascii_uppercase,
    "digit": string.digits,
    "alnum": string.ascii_lowercase + string.digits + string.ascii_uppercase,
    "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase,
    "space": " ",
    "blank": " ",
    "punct": "-_.,:;!?",
    "print": _PRINTABLE,
    "graph": _PRINTABLE.replace(" ", ""),
    "xdigit": string.digits + "abcdef" + "ABCDEF",
    "cntrl": "\t",
    "word": _WORD,
}
_SHORTHAND = {"d": _CLASSES["digit"], "s": " ", "w": _WORD}
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "f": "\f",
    "v": "\v",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "B": "\\",
}
_WIDTHLESS = set("AZmMyY")


class NotAPattern(ValueError):
    """The text is no pattern, or one that is not understood."""


@dataclass(slots=True)
class Piece:
    """A part of a pattern.

    `kind` is `set` (one character of `alphabet`), `all` (the parts in a row), `one` (one of the
    parts), `repeat` (the only part, `low` to `high` times), `group` (the only part, remembered
    under `number`) or `again` (what group `number` matched).
    """

    kind: str
    parts: list[Piece] = field(default_factory=list)
    alphabet: str = ""
    low: int = 0
    high: int = 0
    number: int = 0

    def shortest(self) -> int:
        """The length of the shortest text that matches."""
        if self.kind == "set":
            return 1
        lengths = [part.shortest() for part in self.parts]
        if self.kind == "one":
            return min(lengths)
        return sum(lengths) * (self.low if self.kind == "repeat" else 1)

    def longest(self) -> int:
        """The length of the longest text that matches, at most `MANY`."""
        if self.kind in ("set", "again"):
            return 1 if self.kind == "set" else MANY
        lengths = [part.longest() for part in self.parts]
        if self.kind == "one":
            return max(lengths)
        return min(MANY, sum(lengths) * (self.high if self.kind == "repeat" else 1))

    def make(self, draw: Draw, low: int, high: int, groups: dict[int, str]) -> str:
        """Text that matches, between `low` and `high` characters long where that can be."""
        if self.kind == "set":
            return draw.choice(self.alphabet) if self.alphabet else ""
        if self.kind == "again":
            return groups.get(self.number, "")
        if self.kind == "group":
            groups[self.number] = self.parts[0].make(draw, low, high, groups)
            return groups[self.number]
        if self.kind == "one":
            fitting = [p for p in self.parts if p.shortest() <= high and p.longest() >= low]
            short = [p for p in self.parts if p.shortest() <= high]
            return draw.choice(fitting or short or self.parts).make(draw, low, high, groups)
        if self.kind == "repeat":
            return self._repeat(draw, low, high, groups)
        return _row(self.parts, draw, low, high, groups)

    def _repeat(self, draw: Draw, low: int, high: int, groups: dict[int, str]) -> str:
        part = self.parts[0]
        size, most = part.shortest(), part.longest()
        fewest = max(self.low, -(-low // most) if most else 0)
        room = self.high if not size else min(self.high, high // size)
        # An open end is left close to where it starts: nobody's name has sixty letters.
        limit = max(fewest, min(room, fewest + (8 if self.high >= MANY else 24)))
        count = draw.between(min(fewest, limit), limit)
        if self.high >= MANY and count == 0 and room > 0 and not draw.chance(4):
            count = min(limit, 1 + draw.below(6))
        return _row([part] * count, draw, low, high, groups)


def _row(parts: list[Piece], draw: Draw, low: int, high: int, groups: dict[int, str]) -> str:
    """The parts one after the other, the room they leave shared out from the first to the last."""
    shortest = [part.shortest() for part in parts]
    longest = [part.longest() for part in parts]
    short_rest, long_rest = sum(shortest), sum(longest)
    text: list[str] = []
    length = 0
    for part, short, long in zip(parts, shortest, longest, strict=True):
        short_rest -= short
        long_rest -= long
        made = part.make(
            draw, low - length - long_rest, max(high - length - short_rest, short), groups
        )
        text.append(made)
        length += len(made)
    return "".join(text)


def matching(pattern: str, draw: Draw, low: int = 0, high: int = MANY) -> str:
    """Text that PostgreSQL's `~` finds a match of `pattern` in.

    Its length is between `low` and `high` characters where the pattern permits. Raises
    `NotAPattern` for one that cannot be read.
    """
    piece = _Parser(pattern).whole()
    text = piece.make(draw, low, min(high, MANY), {})
    if len(text) < low and not pattern.rstrip().endswith(("$", r"\Z")):
        text += draw.text(string.ascii_lowercase, low - len(text))
    return text


_FEW = 64
"""More texts than that are no list."""


def words(pattern: str) -> tuple[str, ...]:
    """All texts that a pattern matches, where it is as good as a list: ^(a|b)$; else none.

    >>> words("^(new|paid|re?sent)$"), words("^[a-z]$"), words("new|paid")
    (('new', 'paid', 'rsent', 'resent'), (), ())
    """
    if not (pattern.startswith("^") and pattern.endswith("$")) or pattern.endswith("\\$"):
        return ()
    try:
        piece = _Parser(pattern).whole()
    except NotAPattern:
        return ()
    if piece.kind == "one" or re.search(r"\\[A-Za-z]|\(\?[=!<]|\[\^|[$^].*[$^]..", pattern[1:-1]):
        # An anchor that holds for one alternative only, or what matches more than is made of it.
        return ()
    return tuple(dict.fromkeys(_every(piece) or ()))


def _every(piece: Piece) -> list[str] | None:
    """All texts of a piece; None where they are too many."""
    if piece.kind == "set":
        return [piece.alphabet] if len(piece.alphabet) == 1 else None
    if piece.kind == "again" or piece.high > _FEW:
        return None
    if piece.kind == "one":
        found: list[str] = []
        for part in piece.parts:
            more = _every(part)
            if more is None:
                return None
            found += more
        return found if len(found) <= _FEW else None
    times = range(piece.low, piece.high + 1) if piece.kind == "repeat" else (1,)
    every: list[str] = []
    for count in times:
        made = [""]
        for part in piece.parts * count:
            more = _every(part)
            if more is None or len(made) * len(more) > _FEW:
                return None
            made = [text + end for text in made for end in more]
        every += made
    return every if len(every) <= _FEW else None


def joined(patterns: Sequence[str], draw: Draw, high: int = MANY) -> str:
    """Text with a match of each of the patterns in it: one at its beginning, one at its end.

    Raises `NotAPattern` as `matching` does.
    """
    ordered = sorted(patterns, key=lambda p: (not p.startswith("^"), p.endswith("$")))
    each = [p for p in ordered if not (p.startswith("^") and p.endswith("$"))]
    filler = draw.text(string.ascii_lowercase, draw.below(4))
    made = [matching(p, draw) for p in each]
    return "".join([*made[:1], filler, *made[1:]])[: None if high >= MANY else high]


def like(pattern: str, draw: Draw, low: int = 0, high: int = MANY) -> str:
    """Text that `LIKE pattern` accepts, between `low` and `high` characters long where it can."""
    parts: list[Piece] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            parts.append(Piece("set", alphabet=next(characters, "\\")))
        elif character == "_":
            parts.append(Piece("set", alphabet=_CLASSES["alnum"]))
        elif character == "%":
            any_one = Piece("set", alphabet=_CLASSES["lower"] + string.digits)
            parts.append(Piece("repeat", [any_one], low=0, high=MANY))
        else:
            parts.append(Piece("set", alphabet=character))
    return Piece("all", parts).make(draw, low, min(high, MANY), {})


class _Parser:
    """Reads PostgreSQL's advanced regular expressions, by descent."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.groups = 0
        if text.startswith("***="):
            raise NotAPattern(text)
        if text.startswith("***:"):
            self.at = 4
        if text[self.at : self.at + 2] == "(?" and text[self.at + 2 : self.at + 3].isalpha():
            end = text.find(")", self.at)
            if "x" in text[self.at : end] or "q" in text[self.at : end] or end < 0:
                raise NotAPattern(text)
            self.at = end + 1

    def whole(self) -> Piece:
        piece = self.alternatives()
        if self.at < len(self.text):
            raise NotAPattern(self.text)
        return piece

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        if self.at >= len(self.text):
            raise NotAPattern(self.text)
        self.at += 1
        return self.text[self.at - 1]

    def took(self, literal: str) -> bool:
        if self.text.startswith(literal, self.at):
            self.at += len(literal)
            return True
        return False

    def alternatives(self) -> Piece:
        choices = [self.sequence()]
        while self.took("|"):
            choices.append(self.sequence())
        return choices[0] if len(choices) == 1 else Piece("one", choices)

    def sequence(self) -> Piece:
        parts: list[Piece] = []
        while self.peek() not in ("", "|", ")"):
            part = self.atom()
            if part is not None:
                parts.append(self.quantified(part))
        return Piece("all", parts)

    def quantified(self, part: Piece) -> Piece:
        low, high = 1, 1
        if self.took("*"):
            low, high = 0, MANY
        elif self.took("+"):
            low, high = 1, MANY
        elif self.took("?"):
            low, high = 0, 1
        elif self.peek() == "{" and self.text[self.at + 1 : self.at + 2].isdigit():
            end = self.text.find("}", self.at)
            bounds = self.text[self.at + 1 : end].split(",")
            if end < 0 or len(bounds) > 2 or not all(b.isdigit() or not b for b in bounds):
                raise NotAPattern(self.text)
            low = int(bounds[0])
            high = int(bounds[-1]) if bounds[-1] else MANY
            self.at = end + 1
        else:
            return part
        self.took("?")
        return Piece("repeat", [part], low=low, high=high)

    def atom(self) -> Piece | None:
        """The next piece; None for one that matches without any text."""
        character = self.take()
        if character in "^$":
            return None
        if character == "(":
            return self.group()
        if character == "[":
            if self.took("[:<:]]") or self.took("[:>:]]"):
                return None
            return Piece("set", alphabet=self.bracket())
        if character == ".":
            return Piece("set", alphabet=_CLASSES["lower"] + string.digits)
        if character == "\\":
            return self.escape()
        if character in "*+?":
            raise NotAPattern(self.text)
        return Piece("set", alphabet=character)

    def group(self) -> Piece | None:
        for sign in ("?=", "?!", "?<=", "?<!"):
            if self.took(sign):
                self.alternatives()
                self.close()
                return None
        if self.took("?:"):
            inner = self.alternatives()
            self.close()
            return inner
        if self.peek() == "?":
            raise NotAPattern(self.text)
        self.groups += 1
        number = self.groups
        inner = self.alternatives()
        self.close()
        return Piece("group", [inner], number=number)

    def close(self) -> None:
        if self.take() != ")":
            raise NotAPattern(self.text)

    def escape(self) -> Piece | None:
        character = self.take()
        if character in _WIDTHLESS:
            return None
        if character.lower() in _SHORTHAND:
            alphabet = _SHORTHAND[character.lower()]
            return Piece("set", alphabet=_without(alphabet) if character.isupper() else alphabet)
        if character.isdigit() and character != "0":
            while self.peek().isdigit() and int(character + self.peek()) <= self.groups:
                character += self.take()
            return Piece("again", number=int(character))
        return Piece("set", alphabet=self.character(character))

    def character(self, character: str) -> str:
        """The single character that stands behind a backslash."""
        digits = {"x": 255, "u": 4, "U": 8}.get(character)
        if digits:
            code = ""
            while len(code) < digits and self.peek() and self.peek() in string.hexdigits:
                code += self.take()
            return _chr(code, 16, self.text)
        if character == "0":
            return _chr("0", 8, self.text)
        if character == "c":
            return chr(ord(self.take()) & 31)
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character.isalnum():
            raise NotAPattern(self.text)
        return character

    def bracket(self) -> str:
        """The characters of a bracket expression, the usual ones of them first."""
        negated = self.took("^")
        members: list[str] = []
        first = True
        while first or self.peek() != "]":
            first = False
            if self.took("[:"):
                name = self.named(":]")
                if name not in _CLASSES:
                    raise NotAPattern(self.text)
                members += _CLASSES[name]
                continue
            start = self.endpoint()
            if len(start) != 1:
                members += start
            elif self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                end = self.endpoint()
                if len(end) != 1 or ord(end) < ord(start):
                    raise NotAPattern(self.text)
                stop = min(ord(end), ord(start) + 255)
                members += [chr(code) for code in range(ord(start), stop + 1)]
            else:
                members.append(start)
        self.at += 1
        if negated:
            return _without("".join(members))
        if not members:
            raise NotAPattern(self.text)
        return _usual(members)

    def endpoint(self) -> str:
        """One character of a bracket expression, or the several of a shorthand."""
        if self.took("[."):
            return self.named(".]")
        if self.took("[="):
            return self.named("=]")
        character = self.take()
        if character != "\\":
            return character
        character = self.take()
        if character.lower() in _SHORTHAND:
            if character.isupper():
                return _without(_SHORTHAND[character.lower()])
            return _SHORTHAND[character]
        return self.character(character)

    def named(self, end: str) -> str:
        stop = self.text.find(end, self.at)
        if stop < 0:
            raise NotAPattern(self.text)
        name = self.text[self.at : stop]
        self.at = stop + 2
        return name


def _chr(code: str, base: int, pattern: str) -> str:
    try:
        character = chr(int(code, base))
    except (ValueError, OverflowError):
        raise NotAPattern(pattern) from None
    # PostgreSQL has no text with a zero byte or half a pair in it.
    if character == "\0" or "\ud800" <= character <= "\udfff":
        raise NotAPattern(pattern)
    return character


def _without(members: str) -> str:
    left = "".join(c for c in _PRINTABLE if c not in members)
    # Small letters and digits read best; the rest only where nothing else is left.
    usual = "".join(c for c in left if c.islower() or c.isdigit())
    return usual or left or "\u00e9"


def _usual(members: list[str]) -> str:
    """Without what only completes a range: text reads better from letters and digits."""
    seen = "".join(dict.fromkeys(members))
    plain = "".join(c for c in seen if c.isalnum() and c.isascii())
    lower = "".join(c for c in plain if not c.isupper())
    return lower if len(lower) >= 10 else plain or seen

"""Access privileges: what aclitems say, measured against what holds by default."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ringfence.kinds import Kind

PUBLIC = "public"
"""The grantee that stands for everybody: no role can have this name."""

OWNER = "none"
"""The grantee that stands for the object's owner, whoever that is: no role can have this name."""

_ITEM = re.compile(r'(?P<to>"(?:[^"]|"")*"|[^=]*)=(?P<privileges>[a-zA-Z*]*)/(?P<by>.*)', re.DOTALL)

WORDS = {
    "r": "SELECT",
    "a": "INSERT",
    "w": "UPDATE",
    "d": "DELETE",
    "D": "TRUNCATE",
    "x": "REFERENCES",
    "t": "TRIGGER",
    "m": "MAINTAIN",
    "X": "EXECUTE",
    "U": "USAGE",
    "C": "CREATE",
    "c": "CONNECT",
    "T": "TEMPORARY",
    "s": "SET",
    "A": "ALTER SYSTEM",
}


def parse(items: Sequence[object], kind: Kind, owner: str) -> Mapping[str, tuple[str, str]]:
    """Grantee → (privileges, those with grant option), for each that differs from the default."""
    held: dict[str, tuple[set[str], set[str]]] = {OWNER: (set(), set()), PUBLIC: (set(), set())}
    for item in items:
        match = _ITEM.fullmatch(str(item))
        assert match is not None, item
        to = match["to"]
        to = to[1:-1].replace('""', '"') if to.startswith('"') else to
        grantee = PUBLIC if not to else OWNER if to == owner else to
        privileges, options = held.setdefault(grantee, (set(), set()))
        letters = match["privileges"]
        for i, letter in enumerate(letters):
            if letter != "*":
                privileges.add(letter)
                if letters[i + 1 : i + 2] == "*":
                    options.add(letter)
    found: dict[str, tuple[str, str]] = {}
    for grantee, (privileges, options) in held.items():
        if grantee == OWNER:
            options = set()  # an owner may always grant what it owns
        usual = set(
            kind.privileges if grantee == OWNER else kind.public if grantee == PUBLIC else ""
        )
        # MAINTAIN came with 17: an older server's owner lacks it by nature.
        if grantee == OWNER and privileges == usual - {"m"}:
            continue
        if privileges != usual or options:
            found[grantee] = ("".join(sorted(privileges)), "".join(sorted(options)))
    return found


def words(letters: str) -> list[str]:
    """`ar` → [`INSERT`, `SELECT`], in a fixed order."""
    return [WORDS[letter] for letter in WORDS if letter in letters]

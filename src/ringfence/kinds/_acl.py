"""Access privileges: what aclitems say, measured against what holds by default."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ringfence.model import Ref, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ringfence.kinds import Context, Kind
    from ringfence.model import Fact, Value

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


_MAINTAIN = 170000  # the version that brought this privilege

Letters = tuple[set[str], set[str]]
"""The privileges somebody has, and those of them with grant option."""

DEFAULTS = {
    "TABLE": "TABLES",
    "SEQUENCE": "SEQUENCES",
    "ROUTINE": "FUNCTIONS",
    "FUNCTION": "FUNCTIONS",
    "TYPE": "TYPES",
    "DOMAIN": "TYPES",
    "SCHEMA": "SCHEMAS",
}
"""What stands in GRANT … ON → what stands in ALTER DEFAULT PRIVILEGES GRANT … ON."""


@dataclass(slots=True)
class Held:
    """What one grantee has: from the owner, and from each other grantor."""

    own: Letters = field(default_factory=lambda: (set(), set()))
    via: dict[str, Letters] = field(default_factory=dict)

    def attrs(self) -> Mapping[str, Value]:
        """What the fact says that tells of it."""
        privileges, options = map(_text, self.own)
        attrs: dict[str, Value] = {"privileges": privileges}
        if options:
            attrs["options"] = options
        if self.via:
            attrs["via"] = tuple((by, *map(_text, self.via[by])) for by in sorted(self.via))
        return attrs


def _text(letters: set[str]) -> str:
    return "".join(sorted(letters))


def parse(items: Sequence[object], kind: Kind, owner: str) -> Mapping[str, Held]:
    """Grantee → what it has, for each that differs from the default."""
    found: dict[str, Held] = {OWNER: Held(), PUBLIC: Held()}
    for item in items:
        match = _ITEM.fullmatch(str(item))
        assert match is not None, item
        to, by = _role(match["to"]), _role(match["by"])
        grantee = PUBLIC if not to else OWNER if to == owner else to
        held = found.setdefault(grantee, Held())
        privileges, options = held.own if by == owner else held.via.setdefault(by, (set(), set()))
        letters = match["privileges"]
        for i, letter in enumerate(letters):
            if letter != "*":
                privileges.add(letter)
                if letters[i + 1 : i + 2] == "*":
                    options.add(letter)
    return {grantee: held for grantee, held in found.items() if not is_usual(grantee, held, kind)}


def _role(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def is_usual(grantee: str, held: Held, kind: Kind) -> bool:
    """Whether it is what the grantee has where nobody said anything."""
    privileges, options = held.own
    default = usual(kind, grantee, _MAINTAIN)
    # An older server's owner lacks it by nature.
    same = privileges == default or (grantee == OWNER and privileges == default - {"m"})
    return same and not options and not held.via


def usual(kind: Kind, grantee: str, version: int) -> set[str]:
    """The letters that somebody has where nobody said anything, on a server of that version."""
    letters = kind.privileges if grantee == OWNER else kind.public if grantee == PUBLIC else ""
    return set(letters) - ({"m"} if version < _MAINTAIN else set())


def initial(ref: Ref, kind: Kind, context: Context) -> Mapping[str, Letters]:
    """Grantee → what it has as soon as the object is made: default privileges may be in force."""
    return given(ref, kind, context.standing, _makers(ref, context), context.server_version)


def given(
    ref: Ref, kind: Kind, standing: Iterable[Fact], makers: Collection[str], version: int
) -> Mapping[str, Letters]:
    """Grantee → what it has of an object that one of some roles makes under default privileges."""
    found: dict[str, Letters] = {
        grantee: (usual(kind, grantee, version), set()) for grantee in (OWNER, PUBLIC)
    }
    what = DEFAULTS.get(kind.grantable) if kind.privileges else None
    if what is None:
        return found
    letters = {word: letter for letter, word in WORDS.items()}
    for fact in standing:
        schema, maker, on, grantee = fact.ref.name
        if (
            on != what
            or maker not in makers
            or (schema and (schema != ref.name[0] or kind.grantable == "SCHEMA"))
        ):
            continue
        privileges = {letters[w] for w in fact.list("privileges")}
        options = {letters[w] for w in fact.list("options")}
        if schema and grantee in found:
            privileges |= found[grantee][0]
            options |= found[grantee][1]
        found[grantee] = (privileges, options)
    return found


def _makers(ref: Ref, context: Context) -> tuple[str, ...]:
    """Whose default privileges hold: the executor's, but where a column becomes an identity.

    The sequence of that is from the first its table's owner's.
    """
    fact = context.new.facts[ref]
    if ref.kind == "identity_sequence" and fact.parent is not None:
        table = context.new.facts[fact.parent].parent
        if table is not None and table not in context.creates:
            owner = Ref("owner", (table.kind, *table.name))
            said = context.new.facts.get(owner) or context.old.facts.get(owner)
            if said is not None and said.text("owner") != context.executor:
                return (said.text("owner"),)
    return ("", context.executor)


def words(letters: str) -> list[str]:
    """`ar` → [`INSERT`, `SELECT`], in a fixed order."""
    return [WORDS[letter] for letter in WORDS if letter in letters]


def called(grantee: str) -> str:
    """Whom it is to, in words."""
    return {PUBLIC: "PUBLIC", OWNER: "the owner"}.get(grantee) or quoted(grantee)

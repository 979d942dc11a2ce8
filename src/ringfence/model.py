"""What a database holds, as data: objects' names, facts about them, and what they need."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")


def quoted(name: str) -> str:
    """A name as it reads in messages: bare where lower case and simple, else in double quotes.

    >>> quoted("accounts"), quoted('we"ird')
    ('accounts', '"we""ird"')
    """
    return name if _PLAIN.match(name) else '"' + name.replace('"', '""') + '"'


class Ref(NamedTuple):
    """An object's kind and name, outermost part first; never an OID.

    A routine's last part is its argument types in parentheses. `str` and `parse` are inverse.

    >>> str(Ref("policy", ("messaging", "accounts", "by tenant")))
    'policy:messaging.accounts."by tenant"'
    >>> str(Ref("function", ("messaging", "is_open", "(uuid)")))
    'function:messaging.is_open(uuid)'
    """

    kind: str
    name: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind}:{self.path}"

    @property
    def path(self) -> str:
        """The name alone, as PostgreSQL would let one write it."""
        out = ""
        for part in self.name:
            if _is_signature(part):
                out += part
            else:
                out += ("." if out else "") + quoted(part)
        return out

    @classmethod
    def parse(cls, text: str) -> Ref:
        """The inverse of `str`. Raises `ValueError` on anything else."""
        kind, colon, rest = text.partition(":")
        if not colon or not kind:
            raise ValueError(f"not a reference: {text!r}")
        parts: list[str] = []
        at = 0
        while at < len(rest):
            if rest[at] == "(":
                end = _signature_end(rest, at)
                parts.append(rest[at:end])
            else:
                if parts:
                    if rest[at] != ".":
                        raise ValueError(f"not a reference: {text!r}")
                    at += 1
                match = _PART.match(rest, at)
                if match is None:
                    raise ValueError(f"not a reference: {text!r}")
                end = match.end()
                raw = match.group()
                parts.append(raw[1:-1].replace('""', '"') if raw.startswith('"') else raw)
            at = end
        return cls(kind, tuple(parts))


_PART = re.compile(r'"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*')
_SIGNATURE_TOKEN = re.compile(r'"(?:[^"]|"")*"|.', re.DOTALL)


def _signature_end(text: str, at: int) -> int:
    """Where the parenthesis opened at `at` closes; quoted names inside may hold any character."""
    depth = 0
    for match in _SIGNATURE_TOKEN.finditer(text, at):
        token = match.group()
        depth += (token == "(") - (token == ")")
        if depth == 0:
            return match.end()
    raise ValueError(f"parenthesis not closed: {text!r}")


def _is_signature(part: str) -> bool:
    if not part.startswith("("):
        return False
    try:
        return _signature_end(part, 0) == len(part)
    except ValueError:
        return False


Value = str | int | bool | None | tuple["Value", ...]
"""What an attribute may be: plain, hashable, and the same in JSON but for tuples."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a catalog says of one object: that it exists, and its attributes.

    What can change on its own is a fact of its own (a column, a default, a comment, a grant), below
    its `parent`. An attribute that is None is left out of `attrs`.
    """

    ref: Ref
    attrs: Mapping[str, Value]
    parent: Ref | None = None

    @property
    def digest(self) -> str:
        """Of the kind and attributes, not of the name: the same for a renamed object."""
        text = repr((self.ref.kind, sorted(self.attrs.items())))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def __getitem__(self, name: str) -> Value:
        """An attribute, None where it has none of that name."""
        return self.attrs.get(name)

    def text(self, name: str) -> str:
        """An attribute that is a string; empty where it is not set."""
        value = self.attrs.get(name)
        return value if isinstance(value, str) else "" if value is None else str(value)

    def list(self, name: str) -> tuple[str, ...]:
        """An attribute that is a list of strings; empty where it is not set."""
        value = self.attrs.get(name)
        return tuple(str(v) for v in value) if isinstance(value, tuple) else ()


@dataclass(frozen=True, slots=True)
class Unmodeled:
    """Something in a database that ringfence does not model: an object, or one attribute of it."""

    what: str
    name: str
    reason: str

    @property
    def code(self) -> str:
        """What `--allow` takes: `UNMODELED:subscription:orders`."""
        return f"UNMODELED:{self.what}:{self.name}"

    def __str__(self) -> str:
        return f"{self.what} {self.name}: {self.reason}"


class Lazily(Mapping["Ref", frozenset["Ref"]]):
    """A mapping that is made when somebody first looks into it: many never do."""

    def __init__(self, make: Callable[[], Mapping[Ref, frozenset[Ref]]]) -> None:
        self._make: Callable[[], Mapping[Ref, frozenset[Ref]]] | None = make

    @cached_property
    def _made(self) -> Mapping[Ref, frozenset[Ref]]:
        assert self._make is not None
        made, self._make = self._make(), None
        return made

    def __getitem__(self, ref: Ref) -> frozenset[Ref]:
        return self._made[ref]

    def __iter__(self) -> Iterator[Ref]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


@dataclass(frozen=True)
class Catalog:
    """Everything ringfence knows of one database.

    `uses` says for each object what it needs to exist, from pg_depend. Where the catalog came from
    is not part of it: two databases that hold the same have equal catalogs and fingerprints.
    """

    facts: Mapping[Ref, Fact]
    uses: Mapping[Ref, frozenset[Ref]]
    server_version: int
    unmodeled: tuple[Unmodeled, ...] = ()

    @cached_property
    def used_by(self) -> Mapping[Ref, tuple[Ref, ...]]:
        """The inverse of `uses`, sorted."""
        found: dict[Ref, list[Ref]] = {}
        for ref, needed in self.uses.items():
            for other in needed:
                found.setdefault(other, []).append(ref)
        return {ref: tuple(sorted(users)) for ref, users in found.items()}

    @cached_property
    def children(self) -> Mapping[Ref, tuple[Fact, ...]]:
        """The facts right below each object, in the catalog's own order (columns by position)."""
        found: dict[Ref, list[Fact]] = {}
        for fact in self.facts.values():
            if fact.parent is not None:
                found.setdefault(fact.parent, []).append(fact)
        return {ref: tuple(below) for ref, below in found.items()}

    def below(self, ref: Ref, kind: str) -> tuple[Fact, ...]:
        """The facts of one kind right below an object."""
        return tuple(f for f in self.children.get(ref, ()) if f.ref.kind == kind)

    @cached_property
    def fingerprint(self) -> str:
        """The same for the same facts, whatever the server they were read from."""
        texts: dict[int, str] = {}  # many facts share their attributes
        lines: list[str] = []
        for ref, fact in self.facts.items():
            text = texts.get(id(fact.attrs))
            if text is None:
                text = texts[id(fact.attrs)] = repr(sorted(fact.attrs.items()))
            lines.append("\0".join((ref.kind, *ref.name, "", text)))
        lines.sort()
        whole = "\0\0\0".join(lines)
        return hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()

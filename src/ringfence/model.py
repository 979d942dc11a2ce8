"""The names of database objects: the only identity ringfence has for them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")


def quoted(name: str) -> str:
    """A name as it reads in messages: bare where lower case and simple, else in double quotes.

    >>> quoted("accounts"), quoted('we"ird')
    ('accounts', '"we""ird"')
    """
    return name if _PLAIN.match(name) else '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, order=True)
class Ref:
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

"""OPTIONS (…) of foreign data: what differs is added, set or dropped by name.

The value of an option that is a secret by its name is never read: in the catalog and in what is
planned `HIDDEN` stands for it, and whoever applies the plan sets it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.kinds._sql import ident, literal

SECRET = re.compile(
    "passw|passphrase|secret|token|credential|(private|api|access)_?key", re.IGNORECASE
)
"""What the name of an option that is a secret has in it; the queries have the same."""

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HIDDEN = "********"
"""What stands for a secret; the queries write the same."""


def pairs(options: Sequence[str]) -> Mapping[str, str]:
    """`name=value` as the catalogs have it: no name has a `=` in it."""
    return {name: value for name, _, value in (o.partition("=") for o in options)}


def clause(options: Sequence[str]) -> str:
    """` OPTIONS (a 'b', …)`, empty for none."""
    if not options:
        return ""
    texts = (f"{ident(n)} {literal(v).lstrip()}" for n, v in pairs(options).items())
    return f" OPTIONS ({', '.join(texts)})"


def changes(before: Sequence[str], after: Sequence[str]) -> str:
    """`OPTIONS (ADD a 'b', SET c 'd', DROP e)`."""
    old, new = pairs(before), pairs(after)
    texts = [f"DROP {ident(n)}" for n in old if n not in new]
    for name, value in new.items():
        if old.get(name) != value:
            word = "SET" if name in old else "ADD"
            texts.append(f"{word} {ident(name)} {literal(value).lstrip()}")
    return f"OPTIONS ({', '.join(texts)})"


def reminder(prefix: str, before: Sequence[str], after: Sequence[str]) -> str:
    """The comment of a step that leaves secrets to be set; empty where there are none to set."""
    old = pairs(before)
    hidden = [n for n, v in pairs(after).items() if v == HIDDEN and n not in old]
    if not hidden:
        return ""
    texts = ", ".join(f"SET {ident(n)} '…'" for n in hidden)
    return f"its secrets are not known here: afterwards, {prefix} OPTIONS ({texts})"

"""A rule's page: what it says, and the SQL in it, which is the rule's tests."""

from __future__ import annotations

import re
from dataclasses import dataclass

THEN = "-- then"
"""The line of an example between what was there before and the migration."""


@dataclass(frozen=True, slots=True)
class Example:
    """SQL that a rule says something of (`caught`), or passes over. `before` is what was there."""

    caught: bool
    sql: str
    before: str = ""


def examples(page: str) -> tuple[Example, ...]:
    """The indented blocks below `Caught` and `Passes`."""
    found = []
    section = ""
    block: list[str] = []
    for line in [*page.split("\n"), ""]:
        if line.startswith("    "):
            block.append(line[4:])
            continue
        if block and section in ("Caught", "Passes"):
            before, then, sql = "\n".join(block).partition(f"{THEN}\n")
            found.append(Example(section == "Caught", sql if then else before, before * bool(then)))
        block = []
        heading = re.match(r"(Why it matters|Caught|Passes|When to ignore)\b", line)
        if heading:
            section = heading[1]
    return tuple(found)

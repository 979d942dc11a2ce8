"""Deparsed expressions in the form that one more round through the server gives them.

`x IN ('a', 'b')` over a varchar column is first stored as `(ARRAY['a'::character varying, …])::text[]`;
the same text given back to the server is stored as `ARRAY[('a'::character varying)::text, …]`, and
stays so. Comparing the one with the other would report a difference that is none: both are led to
the second form here.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|ARRAY\[|[][(),]|::|[^][(),'\":]+|:")
_ARRAY_TYPE = re.compile(r'::((?:"(?:[^"]|"")*"|[\w. ])+(?:\([0-9, ]*\))?)\[\]')


def expression(text: str) -> str:
    """The canonical form of one deparsed expression or definition."""
    start = 0
    while True:
        start = text.find("(ARRAY[", start)
        if start < 0:
            return text
        inside = _elements(text, start + len("(ARRAY["))
        if inside is not None:
            elements, end = inside  # `end` is behind the closing bracket
            cast = _ARRAY_TYPE.match(text, end + 1) if text[end : end + 1] == ")" else None
            if cast is not None:
                kind = cast[1]
                pushed = ", ".join(f"({e})::{kind}" for e in elements)
                text = f"{text[:start]}ARRAY[{pushed}]{text[cast.end() :]}"
        start += 1


def elements(text: str) -> list[str]:
    """What stands between the commas of a list, but for those within parentheses and quotes."""
    found = _elements(f"{text}]", 0)
    return [text] if found is None else found[0]


def _elements(text: str, at: int) -> tuple[list[str], int] | None:
    """The top-level elements of the array whose `[` is before `at`, and where it ends."""
    depth = 0
    begin = at
    elements: list[str] = []
    for token in _TOKEN.finditer(text, at):
        what = token.group()
        if what in ("(", "[", "ARRAY["):
            depth += 1
        elif what in (")", "]"):
            if depth == 0:
                if what == ")":
                    return None
                elements.append(text[begin : token.start()].strip())
                return elements, token.end()
            depth -= 1
        elif what == "," and depth == 0:
            elements.append(text[begin : token.start()].strip())
            begin = token.end()
    return None

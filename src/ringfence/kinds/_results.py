"""Whether a routine that was defined anew gives what it gave, as far as its text tells."""

from __future__ import annotations

import re
from typing import NamedTuple

from ringfence.errors import BadProject
from ringfence.script import Script

# As pg_get_functiondef writes it: what it takes and returns, its language, its traits in one line,
# its settings a line each, its body.
_TEXT = re.compile(
    r".*?\n LANGUAGE (?P<language>[^\n]*)\n(?P<traits> (?!SET )[^\n]*\n)?(?P<rest>.*)", re.DOTALL
)
_QUOTED = re.compile(
    r"(?P<settings>(?: SET [^\n]*\n)*)AS (?P<quote>\$\w*\$)(?P<body>.*)(?P=quote)\s*", re.DOTALL
)
_STEADINESS = (" VOLATILE", " STABLE", " IMMUTABLE")


def gives_the_same(old: str, new: str) -> bool:
    """Whether both definitions have the same results: at most blanks and comments differ, or what it costs."""
    before, after = _read(old), _read(new)
    return before.what == after.what and before.steady <= after.steady


class _Results(NamedTuple):
    what: tuple[object, ...]
    steady: int
    """How little it may vary: 2 where it is IMMUTABLE, 0 where it is VOLATILE."""


def _read(definition: str) -> _Results:
    said = _TEXT.fullmatch(definition)
    if said is None:
        return _Results((definition,), 0)
    traits = said["traits"] or ""
    steady = max((n for n, word in enumerate(_STEADINESS) if word in traits), default=0)
    strict = " STRICT" in traits
    return _Results((said["language"], strict, *_body(said["language"], said["rest"])), steady)


def _body(language: str, rest: str) -> tuple[object, ...]:
    """Its settings and its body; of a language that the scanner reads, the body's words."""
    quoted = _QUOTED.fullmatch(rest)
    if quoted is None or language not in ("sql", "plpgsql") or _STDIN.search(quoted["body"]):
        return (rest,)
    try:
        words = tuple(token.text for token in Script("", quoted["body"]).code())
    except BadProject:  # a body that nobody looked into yet
        return (rest,)
    return quoted["settings"], words


_STDIN = re.compile("stdin", re.IGNORECASE)
"""Below COPY … FROM STDIN, what a script holds is not SQL."""

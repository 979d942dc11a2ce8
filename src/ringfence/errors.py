"""The errors ringfence raises, each with the exit status it ends a command with.

    Error
    ├── Misuse 2        asked wrongly: an option, a configuration key, no project here
    ├── BadProject 2    the project's files do not add up
    ├── Refused 1       we could, and will not: an edited file, a moved database
    ├── ServerError 3   PostgreSQL said no
    ├── Busy 75         somebody else holds what we need; trying again later may work
    └── Bug 70          ringfence is wrong

A message says what happened, to what and where; a hint says what to type next. Exactly one place,
`ringfence.cli.main`, turns an error into text and a status.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a file: 1-based `line` and `column` (in characters), and the line's own text.

    `path` is relative to the project where there is one. `text` is empty when it must not be shown
    or is not known; `column` 0 means "somewhere on this line".
    """

    path: str
    line: int = 1
    column: int = 0
    text: str = ""

    def __str__(self) -> str:
        return (
            f"{self.path}:{self.line}:{self.column}" if self.column else f"{self.path}:{self.line}"
        )


class Error(Exception):
    """Something went wrong."""

    status = 70

    def __init__(
        self,
        message: str = "",
        *,
        hint: str = "",
        span: Span | None = None,
        detail: str = "",
        title: str = "",
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.hint = hint
        self.span = span
        self.detail = detail
        self.title = title
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class Misuse(Error):
    """The command was asked wrongly."""

    status = 2


class BadProject(Error):
    """The project's files do not add up."""

    status = 2


class Refused(Error):
    """ringfence will not do this."""

    status = 1


class ServerError(Error):
    """PostgreSQL said no.

    `sqlstate` is the five-character code, empty where the server never answered; the psycopg
    exception is `__cause__`.
    """

    status = 3

    def __init__(
        self,
        message: str = "",
        *,
        sqlstate: str = "",
        hint: str = "",
        span: Span | None = None,
        detail: str = "",
        title: str = "",
    ) -> None:
        super().__init__(message, hint=hint, span=span, detail=detail, title=title)
        self.sqlstate = sqlstate


class Busy(Error):
    """Somebody else holds what we need; try again later."""

    status = 75


class Bug(Error):
    """ringfence has a bug."""

    status = 70


INTERRUPTED = 130
"""The status of a command stopped by Ctrl-C, as a shell reports it (128 + SIGINT)."""


def described(error: Error, paint: Callable[[str, str], str] = lambda text, _: text) -> str:
    """An error as lines for people: what, where with a caret, detail, hint.

    `paint(text, role)` gives the parts their colours; roles are error, place, caret, label, hint.
    """
    message = f"{error.title}: {error.message}" if error.title else error.message
    lines = [paint("error:", "error") + f" {_calm(message)}"]
    if error.span is not None:
        lines.append(f"  {_calm(str(error.span))}")
        lines += _source(error.span, paint)
    if error.detail:
        lines.append(paint("detail:", "label") + f" {_calm(error.detail)}".replace("\n", "\n  "))
    if error.hint:
        lines.append(paint("hint:", "hint") + f" {_calm(error.hint)}")
    return "\n".join(lines)


_LONGEST = 120  # characters of a source line; of a longer one, the part around the caret is shown


def _source(span: Span, paint: Callable[[str, str], str]) -> list[str]:
    if not span.text:
        return []
    text, at = _calm(span.text.replace("\t", " ")), max(span.column - 1, 0)
    if len(text) > _LONGEST:
        start = max(0, min(at - _LONGEST // 2, len(text) - _LONGEST))
        cut = text[start : start + _LONGEST]
        text = "…" * bool(start) + cut + "…" * (start + _LONGEST < len(text))
        at += bool(start) - start
    number = str(span.line)
    lines = [paint(f"  {number} | ", "place") + text]
    if span.column:
        pad = " " * (len(number) + 2)
        lines.append(paint(f"{pad} | ", "place") + " " * _cells(text[:at]) + paint("^", "caret"))
    return lines


def _cells(text: str) -> int:
    """How many columns a terminal needs for a text."""
    import unicodedata

    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _calm(text: str) -> str:
    """Text that cannot move a terminal's cursor or change its colours: files are not trusted."""
    return re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\ufffd", text)

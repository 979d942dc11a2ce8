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

from dataclasses import dataclass


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

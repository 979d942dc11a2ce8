"""A file cannot be read as text.

Why it matters: nothing of it was looked at, and PostgreSQL refuses it, or reads other letters than
somebody wrote.

Passes, whatever stands in the file beside it:

    SELECT 1;

When to ignore: never: save it as UTF-8, or name another file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._files import Unread


@rule("L006", Severity.ERROR)
def not_text(unread: Unread) -> Iterator[Problem]:
    """Files that are no UTF-8, or that may not be read."""
    yield Problem(unread.message, help=unread.hint)

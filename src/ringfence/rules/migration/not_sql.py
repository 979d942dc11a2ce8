"""A migration is not SQL that PostgreSQL's parser takes.

Why it matters: it fails when it is run, perhaps behind statements that were done.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY);

When to ignore: never. Where style is looked at too, this is `style/PRS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Migration


@rule("M000", Severity.ERROR)
def not_sql(migration: Migration) -> Iterator[Problem]:
    """Say what the parser said."""
    if migration.error is not None:
        message, at = migration.error
        yield Problem(f"PostgreSQL's parser refuses this: {message}", at=at)

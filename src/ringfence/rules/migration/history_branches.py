"""Two revisions follow the same one.

Why it matters: each was written and tested without the other, and a database may have either first.
What is right in one order may fail, or come out otherwise, in the other one.

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ADD COLUMN a int;

When to ignore: where both orders were tried. Once a merge has both, this is information; before, `ringfence
rebase` puts one behind the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Migration


@rule("M056", Severity.WARNING)
def history_branches(migration: Migration) -> Iterator[Problem]:
    """A revision beside others with the same parent."""
    if migration.beside and not migration.undo:
        yield Problem(
            f"this revision and {', '.join(migration.beside)} follow the same one",
            at=0,
            severity=Severity.INFO if migration.merged else None,
            help="put one behind the other: ringfence rebase",
        )

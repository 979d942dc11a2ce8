"""What a comment says to ringfence is heeded by nobody.

Why it matters: a misspelled line looks as if it did what it says. The file runs in one transaction, the
column stays empty, what was to come after the deploy comes before it.

Caught:

    -- ringfence: transacton: none
    CREATE INDEX CONCURRENTLY t_a ON app.t (a);

    -- ringfence: hazard:
    DROP TABLE app.t;

    /* ringfence: transaction: none */
    VACUUM app.t;

Where nobody runs the file as more than what it says to psql:

    -- ringfence: backfill key=id
    UPDATE app.t SET a = 1 WHERE id = 1;

Passes:

    -- ringfence: transaction: one
    -- ringfence: hazard: DATA_LOSS:app.t
    DROP TABLE app.t;

When to ignore: never: mend the line, or leave it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Migration


@rule("L005", Severity.ERROR, anywhere=True)
def not_heeded(migration: Migration) -> Iterator[Problem]:
    """Misspelled words and values, and what stands where nobody reads it."""
    from ringfence.rules._directives import faults

    for error in faults(migration):
        at = -1
        if error.span is not None:
            lines = migration.raw.split(b"\n")[: error.span.line]
            column = lines[-1].decode()[: error.span.column - 1].encode()
            at = sum(len(line) + 1 for line in lines[:-1]) + len(column)
        yield Problem(error.message, at=at, help=error.hint)

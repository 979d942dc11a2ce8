"""A migration that runs in one transaction begins or ends one itself.

Why it matters: ringfence runs each migration and its entry in the history in one transaction. One
that commits on its own would be half done, and nobody would know which half: it is refused. One that begins a transaction and does not end it comes
to nothing.

Caught:

    -- ringfence: transaction: one
    BEGIN;
    CREATE TABLE app.t (id bigint PRIMARY KEY);
    COMMIT;

    BEGIN;
    CREATE TABLE app.t (id bigint PRIMARY KEY);

Passes, and is how to have several transactions in one file:

    -- ringfence: transaction: none
    BEGIN;
    CREATE TABLE app.t (id bigint PRIMARY KEY);
    COMMIT;
    CREATE INDEX CONCURRENTLY t_id ON app.t (id);

When to ignore: never; say `-- ringfence: transaction: none` at the top of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Migration


@rule("M053", Severity.ERROR)
def transaction_in_migration(migration: Migration) -> Iterator[Problem]:
    """BEGIN, COMMIT and ROLLBACK in a file that is one transaction; a BEGIN that nothing ends."""
    if migration.transactional:
        for statement in migration.statements:
            if statement.kind == "transaction_stmt" and statement.tree.kind in _CONTROLS:
                yield Problem(
                    "a migration neither begins nor ends a transaction: ringfence does",
                    at=statement.at,
                    help="leave it out, or begin the file with the line:"
                    " -- ringfence: transaction: none",
                )
        return
    for block in migration.blocks:
        if not block.ended:
            yield Problem(
                "this stands in a transaction that nothing ends: all of it is undone",
                at=migration.statements[block.numbers[0] - 1].at,
                help="write the COMMIT",
            )


_CONTROLS = (
    pb.TRANS_STMT_BEGIN, pb.TRANS_STMT_START, pb.TRANS_STMT_COMMIT, pb.TRANS_STMT_ROLLBACK,
    pb.TRANS_STMT_PREPARE,
)  # fmt: skip

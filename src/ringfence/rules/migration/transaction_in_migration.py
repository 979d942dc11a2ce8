"""A migration begins or ends a transaction itself.

Why it matters: ringfence runs each migration and its entry in the history in one transaction. One
that commits on its own would be half done, and nobody would know which half: it is refused.

Passes, and is how to run statements outside of a transaction:

    CREATE TABLE app.t (id bigint PRIMARY KEY);

When to ignore: never; say `-- ringfence: transaction: none` at the top of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M053", Severity.ERROR, on=("transaction",))
def transaction_in_migration(action: Action) -> Iterator[Problem]:
    """BEGIN, COMMIT and ROLLBACK in a file that ringfence runs."""
    if action.migration.managed and action.node.kind in (
        pb.TRANS_STMT_BEGIN, pb.TRANS_STMT_START, pb.TRANS_STMT_COMMIT, pb.TRANS_STMT_ROLLBACK,
    ):  # fmt: skip
        yield Problem(
            "a migration neither begins nor ends a transaction: ringfence does",
            help="leave it out; for statements one by one: -- ringfence: transaction: none",
        )

"""A table is emptied.

Why it matters: TRUNCATE removes every row at once, asks no policy and fires no DELETE trigger, and
nobody can read meanwhile. With CASCADE it empties every table that refers to this one as well.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    TRUNCATE app.t;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    DELETE FROM app.t WHERE id = 7;

When to ignore: on tables whose rows can be made again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M027", Severity.WARNING, on=("truncate",), measured_as=("DATA_LOSS",))
def truncate(action: Action) -> Iterator[Problem]:
    """TRUNCATE of a table that was there before."""
    if action.new:
        return
    cascade = action.node.behavior == pb.DROP_CASCADE
    rest = " and every table that refers to it" if cascade else ""
    yield Problem(
        f"every row of {action.table}{rest} is removed",
        action.ref,
        help="name the tables instead of CASCADE"
        if cascade
        else "delete in batches what has to go",
        severity=Severity.ERROR if cascade else None,
    )

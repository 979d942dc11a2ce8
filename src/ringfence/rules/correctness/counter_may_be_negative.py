"""A counter may fall below zero.

Why it matters: a decrement too many is stored, shown as -1, and hides the bug that made it.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, unread_count int NOT NULL DEFAULT 0);

Passes:

    CREATE TABLE app.t (
        id int PRIMARY KEY,
        unread_count int NOT NULL DEFAULT 0 CHECK (unread_count >= 0),
        balance int NOT NULL DEFAULT 0
    );

When to ignore: where a number below zero means something.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.kinds._sql import ident
from ringfence.rules import Problem, _mend, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C005", Severity.WARNING)
def counter_may_be_negative(schema: Schema) -> Iterator[Problem]:
    """Integer columns named like counters that no CHECK bounds."""
    for table in schema.tables.values():
        for column, fact in table.columns.items():
            counts = re.search(r"(^|_)(counts?|counter|total|quantity|attempts|retries)$", column)
            if (
                counts
                and fact.text("type") in ("smallint", "integer", "bigint")
                and not table.checked(column)
            ):
                yield Problem(
                    f"{column} of {table.path} counts, and may be negative",
                    fact.ref,
                    fix=_mend.check(table, column, f"{ident(column)} >= 0"),
                )

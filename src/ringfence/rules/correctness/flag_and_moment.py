"""A flag repeats what a moment says already.

Why it matters: `is_open` stays true when `open_expires_at` has passed; readers who ask the one and
readers who ask the other disagree.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, is_trial boolean NOT NULL, trial_expires_at timestamptz);

Passes:

    CREATE TABLE app.t (id int PRIMARY KEY, trial_expires_at timestamptz);

When to ignore: where something keeps the two in step at every moment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C012", Severity.INFO)
def flag_and_moment(schema: Schema) -> Iterator[Problem]:
    """A boolean beside a moment of the same name that ends it."""
    for table in schema.tables.values():
        for column, fact in table.columns.items():
            if fact.text("type") != "boolean":
                continue
            stem = re.sub(r"^is_|_open$|_active$", "", column)
            for other in (
                f"{stem}_expires_at",
                f"{stem}_ends_at",
                f"{stem}_until",
                f"{stem}_expired_at",
            ):
                if other in table.columns:
                    yield Problem(
                        f"{column} of {table.path} repeats what {other} says",
                        fact.ref,
                        help=f"ask {other} > now() where it is read",
                    )

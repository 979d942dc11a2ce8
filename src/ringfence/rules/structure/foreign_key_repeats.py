"""Two foreign keys say the same.

Why it matters: every write looks the row up twice, and their ON DELETE may disagree.

Caught:

    CREATE TABLE app.p (id int PRIMARY KEY);
    CREATE TABLE app.t (id int PRIMARY KEY, p_id int REFERENCES app.p, FOREIGN KEY (p_id) REFERENCES app.p);

Passes:

    CREATE TABLE app.p (id int PRIMARY KEY);
    CREATE TABLE app.t (id int PRIMARY KEY, p_id int REFERENCES app.p, q_id int REFERENCES app.p);

When to ignore: never.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.model import quoted
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("P005", Severity.WARNING)
def foreign_key_repeats(schema: Schema) -> Iterator[Problem]:
    """Foreign keys of one table with the same columns and target."""
    for table in schema.tables.values():
        for first, second in combinations(table.foreign, 2):
            if first.target == second.target and set(first.columns) == set(second.columns):
                yield Problem(
                    f"{second.ref.name[-1]} of {table.path} repeats {first.ref.name[-1]}",
                    second.ref,
                    fix=f"ALTER TABLE {table.path} DROP CONSTRAINT {quoted(second.ref.name[-1])};",
                )

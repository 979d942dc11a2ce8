"""A table is to be partitioned by a column that its keys leave out.

Why it matters: a unique key of a partitioned table must hold the column it is partitioned by. The
plan in the comment fails on the day the table is large enough to need it.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, created_at date NOT NULL);
    COMMENT ON TABLE app.t IS 'later: PARTITION BY RANGE (created_at)';

Passes:

    CREATE TABLE app.t (id int, created_at date NOT NULL, PRIMARY KEY (id, created_at));
    COMMENT ON TABLE app.t IS 'later: PARTITION BY RANGE (created_at)';

When to ignore: never: change the keys now, or the plan.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C014", Severity.ERROR)
def partition_plan_impossible(schema: Schema) -> Iterator[Problem]:
    """Comments that speak of PARTITION BY, against the primary key and unique constraints."""
    for table in schema.tables.values():
        for fact in schema.catalog.below(table.ref, "comment"):
            plan = re.search(r"PARTITION\s+BY\s+\w+\s*\(\s*(\w+)", fact.text("text"), re.IGNORECASE)
            keys = [table.primary, *(columns for _, columns in table.uniques)]
            wrong = [key for key in keys if key and plan and plan[1] not in key]
            if plan and wrong:
                yield Problem(
                    f"{table.path} cannot be partitioned by {plan[1]}: its key ({', '.join(wrong[0])}) leaves it out",
                    table.ref,
                )

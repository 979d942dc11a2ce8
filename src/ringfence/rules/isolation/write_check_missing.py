"""A policy lets rows be written that it does not let be read.

Why it matters: an INSERT policy without WITH CHECK, or an UPDATE whose WITH CHECK says less than its
USING, lets one tenant write rows into another's name.

Caught:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes FOR UPDATE USING (owner = current_user) WITH CHECK (true);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

Passes:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes FOR ALL USING (owner = current_user);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

When to ignore: where a row may be handed to somebody else on purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import always_true, columns_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T006", Severity.ERROR)
def write_check_missing(schema: Schema) -> Iterator[Problem]:
    """INSERT without WITH CHECK; WITH CHECK that does not look at what USING looks at."""
    for table in schema.tables.values():
        for policy in table.policies:
            if policy.restrictive:
                continue
            name = policy.ref.name[-1]
            if policy.command == "INSERT" and policy.check is None:
                yield Problem(
                    f"policy {name} on {table.path} lets any row be inserted: it has no WITH CHECK",
                    policy.ref,
                )
            elif (
                policy.using is not None
                and policy.check is not None
                and not always_true(policy.using)
            ):
                read, written = columns_of(policy.using), columns_of(policy.check)
                if read & set(table.columns) and not read & written:
                    yield Problem(
                        f"WITH CHECK of policy {name} on {table.path} does not look at"
                        f" {', '.join(sorted(read & set(table.columns)))}, which USING does",
                        policy.ref,
                        help="leave WITH CHECK out: USING then holds for written rows too",
                    )

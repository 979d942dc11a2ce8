"""A partition or child table can be read past its parent's policies.

Why it matters: policies of a partitioned table hold for queries that name it. Whoever may name a
partition reads every tenant's rows in it.

Caught:

    CREATE TABLE app.log (at date NOT NULL, owner text) PARTITION BY RANGE (at);
    CREATE TABLE app.log_1 PARTITION OF app.log DEFAULT;
    CREATE POLICY mine ON app.log USING (owner = current_user);
    ALTER TABLE app.log ENABLE ROW LEVEL SECURITY;
    GRANT SELECT ON app.log, app.log_1 TO app_user;

Passes:

    CREATE TABLE app.log (at date NOT NULL, owner text) PARTITION BY RANGE (at);
    CREATE TABLE app.log_1 PARTITION OF app.log DEFAULT;
    CREATE POLICY mine ON app.log USING (owner = current_user);
    ALTER TABLE app.log ENABLE ROW LEVEL SECURITY;
    GRANT SELECT ON app.log TO app_user;

When to ignore: never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T027", Severity.ERROR)
def child_open(schema: Schema) -> Iterator[Problem]:
    """Children without row-level security, of parents with it, that a runtime role was granted."""
    for table in schema.tables.values():
        above = [table.partition_of] if table.partition_of else list(table.parents)
        guarded = any(ref in schema.tables and schema.tables[ref].row_security for ref in above)
        who = schema.may(table.ref, "rawd")
        if guarded and not table.row_security and who:
            yield Problem(
                f"{', '.join(who)} may use {table.path} past the policies of {above[0].path}",
                table.ref,
                help="revoke it: the parent's grants are enough to use the parent",
            )

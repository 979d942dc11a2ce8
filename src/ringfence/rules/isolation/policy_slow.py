"""A policy computes for every row what is the same for all, or cannot use an index.

Why it matters: the condition is part of every query on the table. A function that is not wrapped in
a SELECT is called for each row; a column that no index leads with means reading the whole table.

Caught:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text NOT NULL);
    CREATE POLICY mine ON app.notes USING (owner = current_setting('app.user', true));
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

Passes:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text NOT NULL);
    CREATE INDEX notes_owner ON app.notes (owner);
    CREATE POLICY mine ON app.notes USING (owner = (SELECT current_setting('app.user', true)));
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

When to ignore: on tables that stay small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T011", Severity.INFO)
def policy_slow(schema: Schema) -> Iterator[Problem]:
    """Calls outside of a SELECT, and compared columns without an index that they lead."""
    for table in schema.tables.values():
        leading = {index.columns[0] for index in table.indexes if index.columns}
        for policy in table.policies:
            name = policy.ref.name[-1]
            called = next(_bare(policy.using), "") or next(_bare(policy.check), "")
            if called:
                yield Problem(
                    f"policy {name} on {table.path} calls {called} for every row",
                    policy.ref,
                    help="wrap it: (SELECT current_setting(…)) is computed once for a query",
                )
            for column in sorted(schema.compared(policy) - leading):
                yield Problem(
                    f"no index of {table.path} begins with {column}, by which policy {name} chooses rows",
                    table.column_ref(column),
                    severity=Severity.WARNING,
                )


def _bare(node: Any) -> Iterator[str]:
    """The functions that say who is asking, outside of every SELECT in an expression."""
    for descriptor, value in node.ListFields() if node is not None else ():
        if descriptor.message_type is None or descriptor.name == "sub_link":
            continue
        for each in value if descriptor.is_repeated else (value,):
            if descriptor.name == "func_call":
                called = listed(each.funcname)
                if called.name == "current_setting" or called.schema == "auth":
                    yield called.name
            yield from _bare(each)

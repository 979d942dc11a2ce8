"""Row-level security is on and no policy lets anybody see a row.

Why it matters: without a permissive policy the table is empty for everybody but its owner, and
INSERT fails; restrictive policies only take away.

Caught:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
    GRANT SELECT ON app.notes TO app_user;

Passes:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.notes USING (owner = current_user);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
    GRANT SELECT ON app.notes TO app_user;

Passes, for nobody but the owner was to see it:

    CREATE TABLE app.keys (id uuid PRIMARY KEY, secret text);
    ALTER TABLE app.keys ENABLE ROW LEVEL SECURITY;

When to ignore: where a privilege is left from before, and nobody uses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T004", Severity.WARNING)
def no_permissive_policy(schema: Schema) -> Iterator[Problem]:
    """Tables with row-level security and no permissive policy that somebody was to use."""
    for table in schema.tables.values():
        if not table.row_security or not all(policy.restrictive for policy in table.policies):
            continue
        if table.forced or schema.grants(table.ref):
            yield Problem(
                f"row-level security of {table.path} is on and no policy lets anybody see a row",
                table.ref,
            )

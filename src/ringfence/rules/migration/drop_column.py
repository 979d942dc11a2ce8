"""A column is dropped.

Why it matters: its data is gone, and whatever still names it fails from that moment on: the release
of the application that is running now, views of others, reports.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    ALTER TABLE app.t DROP COLUMN a;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    ALTER TABLE app.t ALTER COLUMN a DROP DEFAULT, ALTER COLUMN a DROP NOT NULL;

Another takes its place before anybody can miss it:

    ALTER TABLE app.t ADD COLUMN a_new bigint;
    -- then
    BEGIN;
    ALTER TABLE app.t DROP COLUMN a;
    ALTER TABLE app.t RENAME COLUMN a_new TO a;
    COMMIT;

When to ignore: when no release in use names the column any more, and its data is kept elsewhere or
not wanted. The way back of a migration may drop what its way forth added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import USERS, Problem, rule
from ringfence.rules._actions import taken_over

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M025", Severity.WARNING, on=("drop_column",), measured_as=USERS)
def drop_column(action: Action) -> Iterator[Problem]:
    """DROP COLUMN on the way forth."""
    if action.new or action.migration.undo:
        return
    column = action.node.name
    if taken_over(action, column):
        return
    if action.relation.whole and column not in action.relation.columns and action.node.missing_ok:
        return
    yield Problem(
        f"{column} of {action.table} and what is in it are gone; what still names it fails",
        action.ref,
        help="first release an application that does not name it, then drop it",
    )

"""A required column loses its default.

Why it matters: INSERTs of the release that is running leave the column out, and fail from that
moment on.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int NOT NULL DEFAULT 0);
    -- then
    ALTER TABLE app.t ALTER COLUMN a DROP DEFAULT;

To be NULL is as good as none:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int NOT NULL DEFAULT 0);
    -- then
    ALTER TABLE app.t ALTER COLUMN a SET DEFAULT NULL;

An identity gives values too:

    CREATE TABLE app.t (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY);
    -- then
    ALTER TABLE app.t ALTER COLUMN id DROP IDENTITY;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int DEFAULT 0);
    -- then
    ALTER TABLE app.t ALTER COLUMN a DROP DEFAULT;

Without a default before, nothing is lost:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int NOT NULL);
    -- then
    ALTER TABLE app.t ALTER COLUMN a DROP DEFAULT;

When to ignore: when every writer in use gives the column a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import USERS, Problem, rule
from ringfence.rules._parse import is_null

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M031", Severity.WARNING, on=("column_default", "drop_identity"), measured_as=USERS)
def drop_default_of_required(action: Action) -> Iterator[Problem]:
    """DROP DEFAULT, or SET DEFAULT NULL, of a column that is NOT NULL."""
    column = action.relation.columns.get(action.node.name)
    if action.new or action.migration.undo or column is None:
        return
    if (
        action.verb == "column_default"
        and action.node.HasField("def")
        and not is_null(getattr(action.node, "def"))
    ):
        return
    if column.not_null and (column.default or column.type is None):
        yield Problem(
            f"{action.node.name} of {action.table} is required and loses its default: INSERTs without it fail",
            action.ref,
        )

"""A new label of an enum is used in the transaction that adds it.

Why it matters: PostgreSQL refuses it (55P04) when the migration runs: the label may be used once the
transaction that added it has ended.

Caught:

    CREATE TYPE app.mood AS ENUM ('sad', 'happy');
    CREATE TABLE app.t (id bigint PRIMARY KEY, mood app.mood);
    -- then
    BEGIN;
    ALTER TYPE app.mood ADD VALUE 'calm';
    UPDATE app.t SET mood = 'calm' WHERE id = 1;
    COMMIT;

Passes:

    CREATE TYPE app.mood AS ENUM ('sad', 'happy');
    CREATE TABLE app.t (id bigint PRIMARY KEY, mood app.mood);
    -- then
    BEGIN;
    ALTER TYPE app.mood ADD VALUE 'calm';
    COMMIT;
    UPDATE app.t SET mood = 'calm' WHERE id = 1;

When to ignore: where the text only happens to be the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Migration


@rule("M032", Severity.ERROR)
def enum_value_used(migration: Migration) -> Iterator[Problem]:
    """A string that equals a label which the same transaction added."""
    for block in migration.together():
        added: dict[str, str] = {}
        for action in block:
            if action.verb == "alter_enum" and not action.node.old_val:
                if action.state.enums.get(action.name) != migration.shown:
                    added[action.node.new_val] = action.name.path
            elif action.verb not in ("create_function", "comment", "create_enum"):
                for each in nodes(action.statement.tree, "a_const"):
                    label = each.sval.sval if each.HasField("sval") else ""
                    if label in added:
                        yield Problem(
                            f"label {label} of {added[label]} is used in the transaction that adds it",
                            at=action.statement.at,
                            help="use it in the next migration",
                        )
                        break

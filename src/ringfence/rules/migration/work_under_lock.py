"""Long work is done while an earlier statement's lock is held.

Why it matters: a lock is held until its transaction ends. ALTER TABLE takes a moment, but what comes
behind it in the same transaction keeps everybody from the table for as long as it takes.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    BEGIN;
    ALTER TABLE app.t ADD COLUMN b int;
    UPDATE app.t SET b = a;
    COMMIT;

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    BEGIN;
    LOCK TABLE app.t IN SHARE MODE;
    CREATE TABLE app.kept AS SELECT * FROM app.t;
    COMMIT;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    BEGIN;
    ALTER TABLE app.t ADD COLUMN b int;
    ALTER TABLE app.t ALTER COLUMN b SET DEFAULT 0;
    COMMIT;

When to ignore: on tables that stay small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules.migration._rows import works

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action, Migration


@rule("M050", Severity.WARNING, measurable=True)
def work_under_lock(migration: Migration) -> Iterator[Problem]:
    """Work on rows behind an ALTER of a table in use, in one transaction."""
    for block in migration.together():
        held: Action | None = None
        for action in block:
            if held is not None and works(action):
                yield Problem(
                    f"this runs while {_who(held)} {held.table}, which a statement above has locked",
                    held.ref,
                    action.statement.at,
                    help="move it to a migration of its own",
                )
                break
            if _locks(action) and not action.new:
                held = held or action


def _who(held: Action) -> str:
    reads = held.verb == "lock_table" and held.node.mode < _ACCESS_EXCLUSIVE
    return "nobody can write to" if reads else "nobody can use"


def _locks(action: Action) -> bool:
    if action.verb == "lock_table":
        return bool(action.node.mode >= _SHARE)
    return action.verb in _LOCKING


_ACCESS_EXCLUSIVE = 8
_SHARE = 5  # the weakest lock that stops writers
_LOCKING = frozenset(
    {
        "add_column", "drop_column", "alter_type", "set_not_null", "drop_not_null", "column_default",
        "add_constraint", "drop_constraint", "enable_row_security", "disable_row_security",
        "force_row_security", "create_policy", "drop_policy", "truncate", "rename",
    }
)  # fmt: skip

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

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    CREATE MATERIALIZED VIEW app.mv AS SELECT a FROM app.t;
    -- then
    BEGIN;
    DROP MATERIALIZED VIEW app.mv;
    CREATE MATERIALIZED VIEW app.mv AS SELECT id, a FROM app.t;
    COMMIT;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    BEGIN;
    ALTER TABLE app.t ADD COLUMN b int;
    ALTER TABLE app.t ALTER COLUMN b SET DEFAULT 0;
    COMMIT;

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    CREATE MATERIALIZED VIEW app.mv AS SELECT a FROM app.t;
    -- then
    CREATE MATERIALIZED VIEW app.mv_new AS SELECT id, a FROM app.t;
    BEGIN;
    DROP MATERIALIZED VIEW app.mv;
    ALTER MATERIALIZED VIEW app.mv_new RENAME TO mv;
    COMMIT;

When to ignore: on tables that stay small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import pb
from ringfence.rules.migration._rows import works

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.rules._migration import Action, Migration


@rule("M050", Severity.WARNING, measurable=True)
def work_under_lock(migration: Migration) -> Iterator[Problem]:
    """Work on rows behind an ALTER of a table in use, in one transaction."""
    for block in migration.together():
        held: Action | None = None
        for place, action in enumerate(block):
            if held is not None and (works(action) or _fills(action, held)):
                yield Problem(
                    f"this runs while {_who(held)} {held.table}, which a statement above has locked",
                    held.name.ref("materialized_view") if _dropped(held) == _VIEW else held.ref,
                    action.statement.at,
                    help="move it to a migration of its own",
                )
                break
            again = _dropped(action) and _again(migration, action, block[place + 1 :])
            if again or (_locks(action) and not action.new):
                held = held or action


def _dropped(action: Action) -> int:
    """What kind of relation that has rows is dropped; 0 for anything else."""
    if action.verb == "drop_table":
        return int(pb.OBJECT_TABLE)
    return _VIEW if action.verb == "drop" and action.node.remove_type == _VIEW else 0


def _again(migration: Migration, dropped: Action, behind: Sequence[Action]) -> bool:
    """Whether what is dropped was there before the file, and is made again behind it.

    Who uses it waits for that. Where it is gone for good, whoever waits fails in the end.
    """
    every = migration.actions
    before = every[: next(n for n, each in enumerate(every) if each is dropped)]
    return not any(_makes(each, dropped) for each in before) and any(
        _makes(each, dropped) for each in behind
    )


def _makes(action: Action, dropped: Action) -> bool:
    return action.verb in ("create_table", "create_table_as") and action.name == dropped.name


def _fills(action: Action, held: Action) -> bool:
    """Whether what was dropped and made again is given its rows."""
    return action.verb == "refresh" and bool(_dropped(held)) and action.name == held.name


def _who(held: Action) -> str:
    reads = held.verb == "lock_table" and held.node.mode < _ACCESS_EXCLUSIVE
    return "nobody can write to" if reads else "nobody can use"


def _locks(action: Action) -> bool:
    if action.verb == "lock_table":
        return bool(action.node.mode >= _SHARE)
    return action.verb in _LOCKING


_VIEW = int(pb.OBJECT_MATVIEW)
_ACCESS_EXCLUSIVE = 8
_SHARE = 5  # the weakest lock that stops writers
_LOCKING = frozenset(
    {
        "add_column", "drop_column", "alter_type", "set_not_null", "drop_not_null", "column_default",
        "add_constraint", "drop_constraint", "enable_row_security", "disable_row_security",
        "force_row_security", "create_policy", "drop_policy", "truncate", "rename",
    }
)  # fmt: skip

"""A whole table is written in one statement.

Why it matters: every row is locked until the transaction ends, the table doubles in size, and
replicas fall behind by as much as is written. In batches none of this happens.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int, b int);
    -- then
    UPDATE app.t SET b = a WHERE b IS NULL;

Within WITH, or by a MERGE:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int, b int);
    CREATE TABLE app.s (id bigint PRIMARY KEY, a int);
    -- then
    WITH done AS (UPDATE app.t SET b = a RETURNING id) SELECT count(*) FROM done;
    MERGE INTO app.t USING app.s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = s.a;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int, b int);
    -- then
    UPDATE app.t SET b = a WHERE id BETWEEN 1 AND 1000;

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int, b int);
    -- then
    DELETE FROM app.t WHERE id IN (1, 2, 3);

A batch by its keys:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int, b int);
    -- then
    WITH batch AS (SELECT id FROM app.t WHERE b IS NULL LIMIT 1000)
    UPDATE app.t SET b = a FROM batch WHERE t.id = batch.id;

When to ignore: on a table that stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules.migration._rows import pinned, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule(
    "M052",
    Severity.WARNING,
    on=("update", "delete", "merge", "insert"),
    measurable=True,
    measured_as=("BACKFILL",),
)
def unbatched_write(action: Action) -> Iterator[Problem]:
    """UPDATE, DELETE, MERGE or INSERT … ON CONFLICT that no condition limits to some rows."""
    done = " and ".join(written(action))
    if done and not action.new and not action.migration.batched and not pinned(action):
        yield Problem(
            f"rows of {action.table} are {done} all at once",
            action.ref,
            help="do it in batches: WHERE id BETWEEN … AND …, each in a transaction of its own",
        )

"""What a function does wrong as a script for psql, on a database that has the schema and no rows.

The script makes the rows itself, the fewest with which it shows what it says it shows: it was tried.
What takes two sessions says which of them types what, and when.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from ringfence.behaviour.rows import at
from ringfence.isolation import repro
from ringfence.step import remark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ringfence.behaviour.functions import Met, Stage
    from ringfence.isolation.surface import Routine

_QUIET = "SET LOCAL session_replication_role = replica;"
_AWAKE = "SET LOCAL session_replication_role = origin;"


def alone(
    staged: Stage, routine: Routine, call: str, sqlstate: str, *, before: Sequence[str] = ()
) -> str:
    """A script for what one session sees, after `before`; empty where none shows it.

    In a transaction in which the rows may be taken away.
    """
    rows = staged.rows
    tables = [t for t in rows.shape.tables.values() if t.takes_rows]
    empty = [_QUIET, *(f"DELETE FROM {at(table)};" for table in tables)]
    for inserts in repro.rows_for(staged.fixture, [call], routine.body):
        made = [_QUIET, *inserts, _AWAKE, *(f"{line};" for line in (*staged.named, *before))]
        said = [line.rstrip(";") for line in (*empty, *made)]
        out = rows.attempt(call, before=said)
        if out.sqlstate == sqlstate:
            ends = [remark(f"{sqlstate}: {out.message}")] if sqlstate else []
            return "\n".join(["BEGIN;", *made, f"{call};", *ends, "ROLLBACK;"])
    return ""


def at_once(staged: Stage, meet: Callable[[Stage], Met | None], body: str, found: Met) -> str:
    """A script for two sessions, of functions with that `body`; empty where none shows it.

    `meet` lets the two calls meet on a stage.
    """
    calls = [found.first, found.second, *staged.setup]
    for inserts in repro.rows_for(staged.fixture, calls, body):
        try:
            met = meet(replace(staged, given=tuple(inserts)))
        except psycopg.Error:
            staged.rows.conn.execute("ROLLBACK")
            continue
        if met is not None and met.kind == found.kind:
            return "\n".join(_schedule(staged, inserts, met))
    return ""


def _schedule(staged: Stage, inserts: Sequence[str], met: Met) -> list[str]:
    named = [f"{line};" for line in staged.named]
    setup = [f"{line};" for line in staged.setup]
    ready = [*named, *setup] if setup else []
    if met.kind == "race":
        ends = [remark(met.error)]
    else:
        ends = ["COMMIT;", "-- what is left, and neither order leaves:"]
        ends += [remark(f"  {line}") for line in met.left]
        ends += ["-- where one call comes after the other:"] if met.serial else []
        ends += [remark(f"  {line}") for line in met.serial]
    return [
        "-- session 1",
        "BEGIN;",
        _QUIET,
        *inserts,
        _AWAKE,
        *ready,
        "COMMIT;",
        "BEGIN;",
        *named,
        f"{met.first};",
        "-- session 2: it is through, or waits for session 1",
        "BEGIN;",
        *named,
        f"{met.second};",
        "-- session 1",
        "COMMIT;",
        "-- session 2",
        *ends,
    ]

"""A statement over many rows as a loop of small transactions that any client can run.

What ringfence runs says `-- ringfence: backfill …`; to psql that is a comment, and the statement below
it one over the whole table. So a file that is no revision gets a DO block, which commits each batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence import backfill
from ringfence.errors import BadProject
from ringfence.model import quoted
from ringfence.script import Script

if TYPE_CHECKING:
    from ringfence.backfill import Job

BATCH = 1000
"""Rows of a batch."""


def job(sql: str, key: str) -> Job | None:
    """A statement taken apart as a backfill by a key; None where it is none that goes row by row."""
    try:
        return backfill.read(Script("", f"-- ringfence: backfill key={key} batch=200ms\n{sql}"))
    except BadProject:
        return None


def loop(sql: str, key: str) -> str:
    """The statement in batches by a key's columns. Rows behind the last one of now are not its own."""
    work = job(sql, key)
    assert work is not None  # who moves it has looked
    variables = {
        what: ", ".join(f"batches.{what}_{n}" for n in range(1, len(work.key) + 1))
        for what in ("first", "upto", "last")
    }
    first, upto, last = (f"({names})" for names in variables.values())
    columns, table = work.columns, f"{work.table} AS {work.alias}"
    backwards = ", ".join(f"{work.alias}.{quoted(c)} DESC" for c in work.key)
    names = ", ".join(map(quoted, work.key))
    down = ", ".join(f"{quoted(c)} DESC" for c in work.key)
    batch = work.over(f"({columns}) >= {first} AND ({columns}) <= {upto}")
    declared = [
        f"    {what}_{number} {work.table}.{quoted(column)}%TYPE;"
        for what in variables
        for number, column in enumerate(work.key, 1)
    ]
    lines = [
        "#variable_conflict use_column",
        "<<batches>>\nDECLARE",
        *declared,
        f"BEGIN\n    SELECT {columns} INTO {variables['last']} FROM {table}",  # noqa: S608 - quoted
        f"    ORDER BY {backwards} LIMIT 1;",
        f"    SELECT {columns} INTO {variables['first']} FROM {table}",  # noqa: S608 - quoted
        f"    ORDER BY {columns} LIMIT 1;",
        f"    WHILE {first} <= {last} LOOP",
        f"        SELECT {names} INTO {variables['upto']} FROM (",  # noqa: S608 - quoted
        f"            SELECT {columns} FROM {table}",  # noqa: S608 - quoted
        f"            WHERE ({columns}) >= {first} AND ({columns}) <= {last}",
        f"            ORDER BY {columns} LIMIT {BATCH}",
        f"        ) AS batch ORDER BY {down} LIMIT 1;",
        f"{batch}\n;" if "--" in batch.rpartition("\n")[2] else f"{batch};",
        "        COMMIT;",
        f"        SELECT {columns} INTO {variables['first']} FROM {table}",  # noqa: S608 - quoted
        f"        WHERE ({columns}) > {upto} ORDER BY {columns} LIMIT 1;",
        "    END LOOP;",
        "END",
    ]
    body = "\n".join(lines)
    tag = "batches"
    while f"${tag}$" in body:
        tag += "_"
    return f"DO ${tag}$\n{body}\n${tag}$"

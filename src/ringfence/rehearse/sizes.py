"""How long a statement would take on a database as large as the real one: an estimate, said as one.

The rates are this machine's: a table of a known size is scanned, rewritten and indexed once. What
the estimate leaves out, a cold cache, a slower disk, others at work, makes it longer.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import psycopg

from ringfence.finding import Coverage
from ringfence.model import Ref, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from ringfence.pg.observe import Observed


@dataclass(frozen=True, slots=True)
class Size:
    """A table's rows (an estimate of the server's; -1 where it has none) and bytes."""

    rows: int
    heap: int
    indexes: int
    index_count: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Bytes of heap a second: read, written anew, put into an index."""

    scan: float
    rewrite: float
    build: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What a statement would cost at that size: seconds of work, more bytes on disk while it runs.

    The bytes are those of the new files, which stand beside the old ones until the end, and of what
    a sort of that size spills.
    """

    seconds: float
    disk: int


def sizes(connection: Connection[tuple[object, ...]]) -> dict[str, Size]:
    """How large every table is, by name, in one query."""
    text = (files("ringfence.rehearse") / "sizes.sql").read_text(encoding="utf-8")
    return {
        f"{quoted(str(schema))}.{quoted(str(name))}": Size(
            *(int(str(v)) for v in (rows, heap, indexes, count))
        )
        for schema, name, rows, heap, indexes, count in connection.execute(text).fetchall()
    }


def inject(connection: Connection[tuple[object, ...]], known: Mapping[str, Size]) -> Coverage:
    """Tell a shadow of ours how large its tables really are, as far as its planner asks the catalog.

    From PostgreSQL 18 on by `pg_restore_relation_stats`, before it in `pg_class`, which a superuser
    may write. The planner still looks at a table's file for its size, so that what is estimated from
    these numbers is how many rows a page holds; durations are reckoned from the sizes themselves.
    """
    title = "row estimates and sizes of the real tables, set on the shadow"
    new = connection.info.server_version >= 180000
    rows = [
        (schema, name, size.rows, size.heap // _PAGE)
        for (schema, name), size in ((_split(path), size) for path, size in known.items())
        if size.rows >= 0
    ]
    text = (files("ringfence.rehearse") / f"inject{'.pg18' * new}.sql").read_text(encoding="utf-8")
    try:
        with connection.transaction():
            connection.execute("SELECT set_config('ringfence.rows', %s, true)", [json.dumps(rows)])
            done = connection.execute(text).fetchone()
    except psycopg.Error as error:
        said = error.diag.message_primary or "it may not be written"
        return Coverage("estimates", title, skipped=f"{said}: used for durations alone")
    return Coverage("estimates", title, int(str(done[0])) if done else 0, "table")


def _split(path: str) -> tuple[str, ...]:
    return Ref.parse(f"table:{path}").name


_PAGE = 8192
_IN_MEMORY = 64 << 20  # maintenance_work_mem as PostgreSQL has it: a larger sort is spilled
_ROWS = 100_000
_FILL = "INSERT INTO ringfence_rates SELECT g, repeat('x', 80) FROM generate_series(1, %s) AS g"


def rates(connection: Connection[tuple[object, ...]]) -> Rates:
    """Measure this machine, on a table in a database of ours. Takes about half a second."""
    connection.execute("CREATE TABLE ringfence_rates (a integer, b text)")
    try:
        connection.execute(_FILL, [_ROWS])
        row = connection.execute("SELECT pg_relation_size('ringfence_rates')").fetchone()
        assert row is not None
        size = int(str(row[0]))
        scan = _timed(connection, "ALTER TABLE ringfence_rates ADD CHECK (a > 0)")
        rewrite = _timed(connection, "ALTER TABLE ringfence_rates ALTER a TYPE bigint")
        build = _timed(connection, "CREATE INDEX ON ringfence_rates (a)")
    finally:
        connection.execute("DROP TABLE ringfence_rates")
    return Rates(size / scan, size / rewrite, size / build)


def _timed(connection: Connection[tuple[object, ...]], statement: str) -> float:
    began = time.monotonic()
    connection.execute(statement)
    return max(1e-6, time.monotonic() - began)


def expected(observed: Observed, known: Mapping[str, Size], rate: Rates) -> Expected:
    """What the work that was seen would cost."""
    seconds, disk = 0.0, 0
    for table in observed.rewritten:
        if size := known.get(table):
            seconds += size.heap / rate.rewrite + size.index_count * size.heap / rate.build
            disk += size.heap + size.indexes
    for table in observed.scanned:
        if table not in observed.rewritten and (size := known.get(table)):
            seconds += size.heap / rate.scan
    for index in observed.built:
        table = observed.built_on.get(index, "")
        if table not in observed.rewritten and (size := known.get(table)):
            seconds += size.heap / rate.build
            one = size.indexes // max(1, size.index_count) or size.heap // 4
            disk += one + (one if one > _IN_MEMORY else 0)
    return Expected(seconds, disk)

"""How long a statement would take on a database as large as the real one: an estimate, said as one.

The rates are this machine's: a table of a known size is scanned, rewritten and indexed once. What
the estimate leaves out, a cold cache, a slower disk, others at work, makes it longer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from ringfence.model import quoted

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
    """What a statement would cost at that size: seconds of work, bytes on disk while it runs."""

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
            disk += size.indexes // max(1, size.index_count)
    return Expected(seconds, disk)

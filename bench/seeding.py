"""What `ringfence seed --profile load` costs, against COPY by hand of the same rows, ready-made."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.lab import RINGFENCE, Lab, bench
from ringfence import project, seed
from ringfence.pg.connect import connect, named
from ringfence.seed.bulk import put_aside, put_back
from ringfence.seed.multiply import Multiplier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from ringfence.seed import Plan
    from ringfence.seed.shape import Table

TABLE = "messaging.whatsapp_messages"
ROWS = 250_000
"""For each of the two tenants."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long our load took and that by hand, plain and with indexes put aside; and the values."""

    ours: float
    hand: float
    bulk: float
    bulk_hand: float
    values: float


_seen: dict[str, Seconds] = {}


def measured(lab: Lab) -> Seconds:
    """Load, empty, load by hand, then the same with indexes put aside; once for all benches."""
    if str(lab.project) not in _seen:
        _seen[str(lab.project)] = _measure(lab)
    return _seen[str(lab.project)]


def _measure(lab: Lab) -> Seconds:
    with database(lab) as conn:
        settings = seed.Settings(rows={TABLE: ROWS, "messaging.whatsapp_conversations": ROWS // 20})
        found = project.need(lab.project)
        seconds: dict[str, float] = {}
        rebuilt: dict[str, float] = {}

        def listen(table: str, done: int, total: int, took: float) -> None:
            if done == total:
                (rebuilt if table.startswith(f"{TABLE} ") else seconds)[table] = took

        def load(*, bulk: bool) -> float:
            conn.execute("TRUNCATE core_tenants.tenants CASCADE")
            conn.execute("CHECKPOINT")
            rebuilt.clear()
            seed.seed(
                conn, rows=100, profile="load", tenancy=found.config.tenancy, settings=settings,
                bulk=bulk, progress=listen,
            )  # fmt: skip
            return seconds[TABLE] + sum(rebuilt.values())

        def by_hand(ready: bytes) -> float:
            began = time.perf_counter()
            copying = f"COPY {TABLE} FROM STDIN (FORMAT binary)"
            with conn.cursor() as cursor, cursor.copy(copying) as copy:
                for first in range(0, len(ready), 1 << 18):
                    copy.write(ready[first : first + (1 << 18)])
            return time.perf_counter() - began

        # In turns, the better of two each: a busy minute hits one run of one of them.
        ours, hand = [], []
        for _ in range(2):
            ours.append(load(bulk=False))
            reading = f"COPY {TABLE} TO STDOUT (FORMAT binary)"
            with conn.cursor() as cursor, cursor.copy(reading) as copy:
                ready = b"".join(map(bytes, copy))
            conn.execute(f"TRUNCATE {TABLE} CASCADE")
            conn.execute("CHECKPOINT")
            hand.append(by_hand(ready))
        plan, table = _plan(conn, lab, settings)
        bulk, bulk_hand = [], []
        for _ in range(2):
            bulk.append(load(bulk=True))
            conn.execute(f"TRUNCATE {TABLE} CASCADE")
            conn.execute("CHECKPOINT")
            began = time.perf_counter()
            with conn.transaction():
                aside = put_aside(conn, [table])
                by_hand(ready)
                put_back(conn, aside, lambda *_: None)
            bulk_hand.append(time.perf_counter() - began)
        values = _values(conn, plan, table)
        return Seconds(min(ours), min(hand), min(bulk), min(bulk_hand), values)


@bench("seconds to load 500,000 messages ÷ by hand, COPY of ready-made bytes", limit=1.25, unit="×")
def load_by_copy(lab: Lab) -> float:
    """All indexes and constraints in place."""
    return measured(lab).ours / measured(lab).hand


@bench("the same with `--bulk` ÷ the same by hand", limit=1.25, unit="×")
def load_in_bulk(lab: Lab) -> float:
    """Secondary indexes and foreign keys dropped and made anew."""
    return measured(lab).bulk / measured(lab).bulk_hand


@bench("seconds to think up those values ÷ to load them", limit=0.5, unit="×")
def values(lab: Lab) -> float:
    """The server is what the load waits for."""
    return measured(lab).values / measured(lab).ours


@bench("peak memory of a load of 500,000 rows ÷ of 50,000", limit=1.1, unit="×")
def memory(lab: Lab) -> float:
    """Nothing is kept of rows that are written."""
    return _peak(lab, 250_000) / _peak(lab, 25_000)


def _peak(lab: Lab, rows: int) -> float:
    """The most memory, in kilobytes, that a process holds which loads so many rows a tenant."""
    lab.run([*RINGFENCE, "db", "destroy", "--yes"])
    lab.run([*RINGFENCE, "migrate"])
    script = (
        "import resource, sys\nfrom ringfence.cli.main import main\n"
        "main(sys.argv[1:])\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    config = lab.project / "pyproject.toml"
    before = config.read_text(encoding="utf-8")
    config.write_text(
        f'{before}\n[tool.ringfence.seed.rows]\n"{TABLE}" = {rows}\n', encoding="utf-8"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, "seed", "--profile", "load", "--rows", "100"],
            cwd=lab.project, env=lab.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
    finally:
        config.write_text(before, encoding="utf-8")
    return float(done.stdout)


@contextmanager
def database(lab: Lab) -> Iterator[Connection[Any]]:
    """The lab's own database at the head, without a row."""
    lab.run([*RINGFENCE, "db", "destroy", "--yes"])
    lab.run([*RINGFENCE, "migrate"])
    url = subprocess.run(
        [*RINGFENCE, "db", "url"], cwd=lab.project, env=lab.environment, capture_output=True,
        text=True, check=True,
    ).stdout.strip()  # fmt: skip
    with connect(named(url, "the bench")) as conn:
        yield conn


def _plan(conn: Connection[Any], lab: Lab, settings: seed.Settings) -> tuple[Plan, Table]:
    tenancy = project.need(lab.project).config.tenancy
    shape, who, _ = seed.survey(conn, tenancy, ("ringfence",))
    plan = seed.plan(conn, shape, who, seed.wishes_of(settings, rows=100, profile="load"))
    return plan, shape.named(TABLE)[0]


def _values(conn: Connection[Any], plan: Plan, table: Table) -> float:
    """How long it takes to make the bytes and throw them away."""
    multiplier = Multiplier(conn, plan)
    for group in plan.groups:
        for each in group.tables:
            multiplier.prepare(each)
    began = time.perf_counter()
    for tenant, crop in multiplier.crops[table.oid].items():
        for generation in range(1, -(-crop.total // len(crop.rows))):
            multiplier.rows(table, tenant, generation)
    return time.perf_counter() - began

"""Functions called where nothing may be written, called again, and called at the same time.

Two sessions call at once without any sleeping: the first holds its transaction open, the second is
waited for until it waits for the first, or is through. What is left must be what one of the two
orders leaves.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING, Any

import psycopg

from ringfence.behaviour.rows import TIMEOUT, at
from ringfence.isolation import calls
from ringfence.isolation import surface as surfaces
from ringfence.isolation.estate import Estate, Fixture
from ringfence.isolation.estate import Row as Lying
from ringfence.kinds._sql import ident, literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from ringfence.behaviour.rows import Rows
    from ringfence.isolation.surface import Routine
    from ringfence.model import Ref

    State = Counter[tuple[str, tuple[str, ...]]]

CALLS = 20
"""How many calls of one function are tried."""
PAIRS = 12
"""How many pairs of calls are tried at once, of two functions or of one."""

_READS = re.compile(r"^(is|has|can|get|find|count|list|show|should|was)_", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a routine: `wrong` says what it does, `unknown` why nothing was seen."""

    ref: Ref
    kind: str
    wrong: str = ""
    unknown: str = ""
    call: str = ""


@dataclass(frozen=True)
class Stage:
    """A shadow with rows, and what can be called on it. No transaction is open."""

    rows: Rows
    fixture: Fixture
    routines: tuple[Routine, ...]

    @property
    def prelude(self) -> str:
        """What a session says first."""
        setting = self.rows.model.setting
        said = f"SET LOCAL statement_timeout = '{TIMEOUT}'; SET LOCAL timezone = 'UTC'"
        if setting and self.rows.tenants:
            tenant = literal(self.rows.model.named(self.rows.tenants[0])).strip()
            said += f"; SELECT set_config({literal(setting).strip()}, {tenant}, true)"
        return said


def stage(rows: Rows, exclude: Sequence[str]) -> Stage:
    """The routines that touch rows, over the rows there are."""
    estate = Estate(rows.shape, rows.model, every=not rows.model.tenanted)
    surface = surfaces.read(rows.conn, [], exclude)
    tenants = rows.tenants if len(rows.tenants) > 1 else ("1", "2")
    mine: dict[str, dict[int, list[Lying]]] = {tenants[0]: {}, tenants[1]: {}}
    for oid, found in rows.rows.items():
        for number, row in enumerate(found):
            owner = row.owner if row.owner in mine else tenants[number % 2]
            if estate.every or oid in estate.tables:
                lying = Lying(oid, row.leaf, row.ctid, row.values)
                mine[owner].setdefault(oid, []).append(lying)
    fixture = Fixture(rows.conn, estate, surface, tenants[0], tenants[1], mine)
    touching = calls.touching(surface, fixture)
    return Stage(rows, fixture, tuple(r for r in surface.routines if r.oid in touching))


def look(staged: Stage) -> Iterator[Seen]:
    """Each routine on its own: where nothing may be written, and twice."""
    rows = staged.rows
    rows.conn.execute(f"SAVEPOINT ringfence_functions; {staged.prelude}")
    for routine in staged.routines:
        yield from _alone(staged, routine)
    rows.conn.execute("ROLLBACK TO SAVEPOINT ringfence_functions")


def _mine(staged: Stage, routine: Routine) -> list[str]:
    """Calls with values of one tenant's rows."""
    found = (calls.statement(routine, c.mine) for c in calls.plans(staged.fixture, routine))
    return list(dict.fromkeys(found))[:CALLS]


def _called(staged: Stage, routine: Routine) -> list[calls.Call]:
    return list(calls.plans(staged.fixture, routine))[:CALLS]


def _alone(staged: Stage, routine: Routine) -> Iterator[Seen]:
    rows, ref = staged.rows, routine.ref
    said = _mine(staged, routine)
    outs = [rows.attempt(call) for call in said]
    done = [call for call, out in zip(said, outs, strict=True) if not out.sqlstate]
    label = {"i": "IMMUTABLE", "s": "STABLE"}.get(routine.volatility, "")
    for call, out in zip(said, outs, strict=True):
        if label and out.sqlstate == "0A000" and "non-volatile" in out.message:
            yield Seen(ref, "volatility", f"it is {label} and writes: {out.message}", call=call)
            return
    if not done:
        why = outs[0].message if outs else "there is nothing to call it with"
        yield Seen(ref, "call", unknown=f"no call of {len(said)} went through: {why}")
        return
    if routine.volatility == "i":
        yield Seen(
            ref,
            "volatility",
            "it is IMMUTABLE and reads tables: its answers are kept",
            call=done[0],
        )
    writes = []
    for call in done:
        out = rows.attempt(call, before=["SET LOCAL transaction_read_only = on"])
        if out.sqlstate == "25006":
            writes.append(call)
    if writes and _READS.match(routine.name):
        yield Seen(ref, "reader-writes", "by its name it only asks, and it writes", call=writes[0])
    for call in writes:
        out = rows.attempt(call, then=call)
        if out.sqlstate.startswith("23"):
            said_ = f"called again with the same it fails: {out.message}"
            yield Seen(ref, "not-twice", said_, call=call)
            break
    else:
        yield Seen(ref, "call")


def race(staged: Stage, other: Connection[Any], third: Connection[Any]) -> Iterator[Seen]:
    """Pairs of calls at the same time. Commits, and puts the rows back; `other` and `third` are
    connections to the same shadow."""
    conn = staged.rows.conn
    conn.execute("COMMIT")
    writers = [r for r in staged.routines if r.volatility == "v"]
    if not writers:
        return
    with _kept(staged):
        for number, one in enumerate(writers):
            for two in writers[number:]:
                yield from _pairs(staged, other, third, one, two)


def _pairs(
    staged: Stage, other: Connection[Any], third: Connection[Any], one: Routine, two: Routine
) -> Iterator[Seen]:
    said = calls.statement
    if one is two:
        # Those that make the most rows first: what makes rows makes them under keys.
        most = sorted(_called(staged, one), key=lambda c: -_makes(staged, said(one, c.mine)))
        pairs = [
            (said(one, call.mine), said(one, near.mine))
            for call in most[:PAIRS]
            for near in (call, *calls.neighbours(staged.fixture, one, call))
        ]
    else:
        pairs = [
            (said(one, a.mine), said(two, b.mine))
            for a in _called(staged, one)
            for b in _called(staged, two)
            if a.row and a.row == b.row
        ]
        pairs = [pair for a, b in pairs for pair in ((a, b), (b, a))]
    tried = 0
    for first, second in dict.fromkeys(pairs):
        if tried == PAIRS:
            return
        lines = (_serial(staged, first, second), _serial(staged, second, first))
        if any(line is None for line in lines):
            continue  # what fails one after the other says nothing about at once
        tried += 1
        state, error = _at_once(staged, other, third, first, second)
        if error:
            ref = two.ref if one is two else one.ref
            yield Seen(
                ref, "race", f"of two calls at once one fails: {error}", call=f"{first};\n{second}"
            )
            return
        if state is not None and state not in lines:
            ref = one.ref if one.ref.path <= two.ref.path else two.ref
            other_one = two if ref is one.ref else one
            name = "itself" if one is two else other_one.ref.path
            wrong = f"called at once with {name} it leaves what neither order leaves"
            yield Seen(ref, "lost-update", wrong, call=f"{first};\n{second}")
            return


def _makes(staged: Stage, call: str) -> int:
    """How many rows there are more after a call; -1 where it fails."""
    conn = staged.rows.conn
    count = " + ".join(f"(SELECT count(*) FROM {at(t)})" for t in _tables(staged))
    made = -1
    with suppress(psycopg.Error), conn.transaction(force_rollback=True):
        conn.execute(staged.prelude)
        before = conn.execute(f"SELECT {count}").fetchone()
        conn.execute(call.encode(), prepare=False)
        after = conn.execute(f"SELECT {count}").fetchone()
        made = int(str(after[0])) - int(str(before[0])) if before and after else 0
    return made


@contextmanager
def _kept(staged: Stage) -> Iterator[None]:
    """Copies of all tables, to put the rows back from."""
    conn = staged.rows.conn
    conn.execute("CREATE SCHEMA ringfence_kept")
    for number, table in enumerate(_tables(staged)):
        conn.execute(f"CREATE TABLE ringfence_kept.t{number} AS TABLE {at(table)}")
    try:
        yield
    finally:
        _restore(staged)
        conn.execute("DROP SCHEMA ringfence_kept CASCADE")


def _tables(staged: Stage) -> list[Any]:
    return [
        t
        for t in staged.rows.shape.tables.values()
        if t.takes_rows and any(not c.generated for c in t.columns)
    ]


def _restore(staged: Stage) -> None:
    lines = ["BEGIN", "SET LOCAL session_replication_role = replica"]
    tables = _tables(staged)
    lines += [f"DELETE FROM {at(table)}" for table in tables]
    for number, table in enumerate(tables):
        names = ", ".join(ident(c.name) for c in table.columns if not c.generated)
        lines.append(
            f"INSERT INTO {at(table)} ({names}) OVERRIDING SYSTEM VALUE"
            f" SELECT {names} FROM ringfence_kept.t{number}"
        )
    staged.rows.conn.execute("; ".join([*lines, "COMMIT"]))


def _serial(staged: Stage, first: str, second: str) -> State | None:
    """What two calls leave, one after the other; None where one fails."""
    conn = staged.rows.conn
    _restore(staged)
    for call in (first, second):
        try:
            with conn.transaction():
                conn.execute(staged.prelude)
                conn.execute(call.encode(), prepare=False)
        except psycopg.Error:
            return None
    return _state(staged)


def _at_once(
    staged: Stage, other: Connection[Any], third: Connection[Any], first: str, second: str
) -> tuple[State | None, str]:
    """What two calls leave that overlap, and the error of the second one."""
    conn = staged.rows.conn
    _restore(staged)
    errors: list[str] = []

    def call() -> None:
        try:
            with other.transaction():
                other.execute(staged.prelude)
                other.execute(second.encode(), prepare=False)
        except psycopg.Error as error:
            errors.append(f"{error.diag.message_primary or error} [{error.sqlstate}]")

    conn.execute(f"BEGIN; {staged.prelude}")
    try:
        conn.execute(first.encode(), prepare=False)
        thread = Thread(target=call)
        thread.start()
        while thread.is_alive() and not _waits(third, other.info.backend_pid):
            thread.join(0.002)
        conn.execute("COMMIT")
        thread.join()
    except psycopg.Error:
        with suppress(psycopg.Error):
            conn.execute("ROLLBACK")
        return None, ""
    if errors:
        # Deadlocks and serialization failures say themselves that one is to try again.
        known = errors[0].endswith(("[40001]", "[40P01]", "[57014]"))
        return None, "" if known else errors[0]
    return _state(staged), ""


def _waits(third: Connection[Any], pid: int) -> bool:
    found = third.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [pid]).fetchone()
    return bool(found and found[0])


def _state(staged: Stage) -> State:
    """The rows there are, but for what is another one every time."""
    state: State = Counter()
    known = {
        value
        for found in staged.rows.rows.values()
        for row in found
        for value in row.values.values()
        if value
    }
    now = datetime.now(UTC)
    for table in _tables(staged):
        counted = {c.name for c in table.columns if c.sequence is not None}
        for (row,) in staged.rows.conn.execute(f"SELECT to_jsonb(rf0) FROM {at(table)} AS rf0"):
            masked = tuple(
                f"{name}={'#' if name in counted else _masked(value, known, now)}"
                for name, value in sorted(row.items())
            )
            state[table.path, masked] += 1
    return state


_UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def _masked(value: object, known: set[str], now: datetime) -> str:
    if isinstance(value, str):
        if _UUID.match(value) and value not in known:
            return "a new one"
        if _MOMENT.match(value):
            with suppress(ValueError):
                moment = datetime.fromisoformat(value)
                moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                return "to come" if moment > now else "past"
    return repr(value)

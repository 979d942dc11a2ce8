"""Functions called where nothing may be written, called again, and called at the same time.

Two sessions call at once without any sleeping: the first holds its transaction open, the second is
waited for until it waits for the first, or is through. What is left must be what one of the two
orders leaves.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING, Any

import psycopg

from ringfence.behaviour import scripts
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
REFUSALS = 4
"""How many pairs are tried at once of which, one after the other, the second call is refused."""

READ_ONLY = "SET LOCAL transaction_read_only = on"

_READS = re.compile(r"^(is|has|can|get|find|count|list|show|should|was)_", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a routine: `wrong` says what it does, `unknown` why nothing was seen.

    `script` shows it to whoever runs it with psql on a database that has the schema and no rows."""

    ref: Ref
    kind: str
    wrong: str = ""
    unknown: str = ""
    script: str = ""


@dataclass(frozen=True)
class Stage:
    """A shadow with rows, and what can be called on it. No transaction is open."""

    rows: Rows
    fixture: Fixture
    routines: tuple[Routine, ...]
    given: tuple[str, ...] | None = None
    """INSERTs of the rows there are, where they are not all."""
    setup: tuple[str, ...] = ()
    """What is done to the rows first."""

    @property
    def prelude(self) -> str:
        """What a session says first."""
        limit = f"SET LOCAL statement_timeout = '{TIMEOUT}'; SET LOCAL timezone = 'UTC'"
        return "; ".join([limit, *self.named])

    @property
    def named(self) -> list[str]:
        """How a session names its tenant, if it does."""
        setting = self.rows.model.setting
        if not setting or not self.rows.tenants:
            return []
        tenant = literal(self.rows.model.named(self.rows.tenants[0])).strip()
        return [f"SELECT set_config({literal(setting).strip()}, {tenant}, true)"]


def stage(rows: Rows, exclude: Sequence[str]) -> Stage:
    """The routines that touch rows, over the rows there are."""
    estate = Estate(rows.shape, rows.model, every=not rows.model.tenanted)
    surface = surfaces.read(rows.conn, [], exclude)
    tenants = rows.tenants if len(rows.tenants) > 1 else ("1", "2")
    mine: dict[str, dict[int, list[Lying]]] = {tenants[0]: {}, tenants[1]: {}}
    nobody: dict[int, list[Lying]] = {}
    for oid, found in rows.rows.items():
        for number, row in enumerate(found):
            owner = row.owner if row.owner in mine else tenants[number % 2]
            lying = Lying(oid, row.leaf, row.ctid, row.values)
            if estate.every or oid in estate.tables:
                mine[owner].setdefault(oid, []).append(lying)
            else:
                nobody.setdefault(oid, []).append(lying)
    fixture = Fixture(rows.conn, estate, surface, tenants[0], tenants[1], mine, nobody)
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
            yield Seen(
                ref,
                "volatility",
                f"it is {label} and writes: {out.message}",
                script=scripts.alone(staged, routine, call, out.sqlstate),
            )
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
            script=scripts.alone(staged, routine, done[0], ""),
        )
    writes = []
    for call in done:
        out = rows.attempt(call, before=[READ_ONLY])
        if out.sqlstate == "25006":
            writes.append(call)
    if writes and _READS.match(routine.name):
        said_ = "by its name it only asks, and it writes"
        yield Seen(
            ref,
            "reader-writes",
            said_,
            script=scripts.alone(staged, routine, writes[0], "25006", before=(READ_ONLY,)),
        )
    for call in writes:
        out = rows.attempt(call, then=call)
        if out.sqlstate.startswith("23"):
            said_ = f"called again with the same it fails: {out.message}"
            script = scripts.alone(staged, routine, call, out.sqlstate, before=(call,))
            yield Seen(ref, "not-twice", said_, script=script)
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
    _restore(staged)
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
    tried = refusals = 0
    pairs = list(dict.fromkeys(pairs))
    found: Met | None = None
    for first, second in pairs:
        if tried == PAIRS:
            break
        found = tell_apart(staged, other, third, first, second, spared=refusals == REFUSALS)
        if found is not None and found.kind:
            break
        if found is not None:
            tried += not found.refused
            refusals = min(refusals + found.refused, REFUSALS)
    if (found is None or not found.kind) and one is two:
        for setup, first, second in _limits(staged, one, pairs):
            near = replace(staged, setup=setup)
            found = tell_apart(near, other, third, first, second)
            if found is not None and found.kind:
                staged = near
                break
    if found is None or not found.kind:
        return
    calls_ = (found.first, found.second)
    script = scripts.at_once(
        staged,
        lambda some: tell_apart(some, other, third, *calls_),
        f"{one.body}\n{two.body}",
        found,
    )
    if found.kind == "race":
        ref = two.ref if one is two else one.ref
        yield Seen(ref, "race", f"of two calls at once one fails: {found.error}", script=script)
        return
    ref = one.ref if one.ref.path <= two.ref.path else two.ref
    other_one = two if ref is one.ref else one
    name = "itself" if one is two else other_one.ref.path
    wrong = f"called at once with {name} it leaves what neither order leaves"
    if found.refused:
        wrong = f"called at once with {name} it does twice what it does once, one after the other"
    yield Seen(ref, "lost-update", wrong, script=script)


@dataclass(frozen=True, slots=True)
class Met:
    """What came of two calls at once: `kind` is empty where it was nothing that is wrong.

    `refused`: one after the other, the second one fails. `left` and `serial` are the rows that only
    the two at once leave, and that only the two one after the other do.
    """

    first: str
    second: str
    kind: str = ""
    error: str = ""
    refused: bool = False
    left: tuple[str, ...] = ()
    serial: tuple[str, ...] = ()


def tell_apart(
    staged: Stage,
    other: Connection[Any],
    third: Connection[Any],
    first: str,
    second: str,
    *,
    spared: bool = False,
) -> Met | None:
    """Whether two calls at once do what neither order does; None where that says nothing, or where the
    second is refused and that is `spared`."""
    one, two = _serial(staged, first, second), _serial(staged, second, first)
    if one is None or two is None:
        return None  # what fails by itself says nothing about at once
    lines = (one, two)
    refused = any(failed for _, failed in lines)
    if refused and spared:
        return None
    state, error = _at_once(staged, other, third, first, second)
    if error:
        return Met(first, second, "" if refused else "race", error, refused)
    if state is None or state in [line for line, _ in lines]:
        return Met(first, second, refused=refused)
    serial = one[0]
    return Met(
        first,
        second,
        "lost-update",
        refused=all(failed for _, failed in lines),
        left=_shown(state - serial),
        serial=_shown(serial - state),
    )


def _shown(state: State) -> tuple[str, ...]:
    return tuple(f"{path}: {', '.join(values)}" for path, values in state)[:3]


def _limits(
    staged: Stage, routine: Routine, pairs: Sequence[tuple[str, str]]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Rows changed so that one call goes through and a second does not: a limit brought near, a stock
    run down, or as many calls before as go through."""
    if not re.search(r"[<>]", routine.body):
        return
    columns = [
        (table, column.name)
        for table in _tables(staged)
        if re.search(rf"\b{re.escape(table.name)}\b", routine.body)
        for column in table.columns
        if column.sql in ("integer", "bigint", "smallint") or column.sql.startswith("numeric")
        if not column.generated
        and column.sequence is None
        and not any(column.name in k.columns for k in table.keys)
        and not any(column.name in r.columns for r in table.references)
        and re.search(rf"(?<![\w$]){re.escape(column.name)}(?![\w$])", routine.body)
    ][:4]
    _restore(staged)
    for first, second in pairs[:6]:
        said = [int(n) for n in re.findall(r"'(\d{1,6})'::", first)]
        values = list(dict.fromkeys([*range(9), *said, *(n + 1 for n in said)]))[:16]
        setups: list[tuple[str, ...]] = [
            (f"UPDATE {at(table)} SET {ident(name)} = {value}",)
            for table, name in columns
            for value in values
        ]
        setups += [(first,) * times for times in range(1, 13)]
        near = next((s for s in setups if _once(staged, s, first, second)), None)
        if near is not None:
            yield near, first, second


def _once(staged: Stage, setup: Sequence[str], first: str, second: str) -> bool:
    """Whether the first of two calls goes through after `setup`, and the second does not, or makes
    nothing where the first has."""
    conn = staged.rows.conn
    count = f"SELECT {' + '.join(f'(SELECT count(*) FROM {at(t)})' for t in _tables(staged))}"
    with suppress(psycopg.Error), conn.transaction(force_rollback=True):
        conn.execute("; ".join([staged.prelude, *setup]))
        counts = [conn.execute(count).fetchone()]
        conn.execute(first.encode(), prepare=False)
        counts.append(conn.execute(count).fetchone())
        try:
            with conn.transaction():
                conn.execute(second.encode(), prepare=False)
        except psycopg.Error as error:
            return (error.sqlstate or "").startswith(("P0", "23514"))
        counts.append(conn.execute(count).fetchone())
        before, between, after = (int(str(row[0])) if row else 0 for row in counts)
        return before < between == after
    return False


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
    lines += [line.rstrip(";") for line in staged.given or ()]
    for number, table in enumerate(tables if staged.given is None else ()):
        names = ", ".join(ident(c.name) for c in table.columns if not c.generated)
        lines.append(
            f"INSERT INTO {at(table)} ({names}) OVERRIDING SYSTEM VALUE"
            f" SELECT {names} FROM ringfence_kept.t{number}"
        )
    if staged.setup:
        lines += ["SET LOCAL session_replication_role = origin", staged.prelude, *staged.setup]
    staged.rows.conn.execute("; ".join([*lines, "COMMIT"]))


def _serial(staged: Stage, first: str, second: str) -> tuple[State, bool] | None:
    """What two calls leave, one after the other, and whether the second fails; None where the first
    does."""
    conn = staged.rows.conn
    _restore(staged)
    failed = False
    for number, call in enumerate((first, second)):
        try:
            with conn.transaction():
                conn.execute(staged.prelude)
                conn.execute(call.encode(), prepare=False)
        except psycopg.Error:
            if number == 0:
                return None
            failed = True
    return _state(staged), failed


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
        known = errors[0].endswith(("[40001]", "[40P01]", "[57014]", "[55P03]"))
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

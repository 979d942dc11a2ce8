"""What a running statement waits for, seen from a second connection while it waits.

The second connection is opened only when a statement takes long, and closed with the run. Where
there is none to be had, nothing is seen, and nothing else changes.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import psycopg

from ringfence.errors import Error
from ringfence.pg.connect import connect
from ringfence.pg.runner import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ringfence.pg.connect import Target

AFTER = 0.25
"""Seconds that a statement may run before anybody looks."""

EVERY = 0.5

_SIGHT = """
SELECT b.pid, b.usename, b.application_name,
    date_trunc('milliseconds', clock_timestamp() - coalesce(b.xact_start, b.backend_start))::text,
    b.state, b.query, coalesce(b.backend_type, 'client backend')
FROM unnest(pg_blocking_pids(%(pid)s)) AS blocking (pid)
JOIN pg_stat_activity AS b USING (pid)
UNION ALL
SELECT 0, p.owner, '', date_trunc('milliseconds', clock_timestamp() - p.prepared)::text, 'prepared',
    format('ROLLBACK PREPARED %%L ends it', p.gid), 'prepared transaction'
FROM pg_locks AS mine JOIN pg_locks AS held ON held.pid IS NULL AND held.granted
    AND ((held.locktype, held.database, held.relation)
            = (mine.locktype, mine.database, mine.relation)
        OR held.transactionid = mine.transactionid OR held.virtualxid = mine.virtualxid)
JOIN pg_locks AS own ON own.pid IS NULL AND own.locktype = 'transactionid'
    AND own.virtualtransaction = held.virtualtransaction
JOIN pg_prepared_xacts AS p ON own.transactionid = p.transaction
WHERE mine.pid = %(pid)s AND NOT mine.granted
LIMIT 5
"""

_PROGRESS = """
SELECT phase, blocks_done, blocks_total, tuples_done, tuples_total, lockers_done, lockers_total,
    current_locker_pid
FROM pg_stat_progress_create_index WHERE pid = %(pid)s
"""


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session in whose way another one's statement stands."""

    pid: int
    user: str
    application: str
    age: str
    state: str
    query: str
    kind: str = "client backend"

    @property
    def shown(self) -> str:
        """Who it is, since when, and what it does, on a line."""
        if self.kind == "prepared transaction":  # it has no session any more
            return f"a prepared transaction of {self.user}, since {self.age}: {self.query}"
        who = f"pid {self.pid}, user {self.user}, {self.application or 'unnamed'}"
        if self.kind == "autovacuum worker":
            why = "to prevent wraparound: let it end" if "wraparound" in self.query else ""
            who = f"autovacuum (pid {self.pid}) {why}".strip()
        state = f"{self.state} in a transaction" if self.state.startswith("idle") else self.state
        since = f" since {self.age}" if self.age else ""
        return f"{who}, {state or 'at work'}{since}: {self.query}"

    @property
    def document(self) -> dict[str, object]:
        """The same for the history."""
        return {"pid": self.pid, "user": self.user, "application": self.application,
                "age": self.age, "state": self.state, "query": self.query}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of a statement: who is in its way, and how far an index has come."""

    blockers: tuple[Blocker, ...] = ()
    phase: str = ""
    done: int = 0
    total: int = 0

    @property
    def shown(self) -> str:
        """Both in words."""
        parts = []
        if self.phase:
            share = f" {100 * self.done // self.total} %" if self.total else ""
            parts.append(f"{self.phase}{share}")
        parts += [f"waits for {b.shown}" for b in self.blockers]
        return "; ".join(parts)


def lockers(connection: psycopg.Connection[tuple[object, ...]], names: Sequence[str]) -> str:
    """Who holds locks on relations of these names, a line each; empty when nobody does."""
    rows = connection.execute(_LOCKERS, [list(names)]).fetchall()
    return "\n".join(f"{row[0]} is locked ({row[1]}) by {_blocker(row[2:]).shown}" for row in rows)


_LOCKERS = """
SELECT DISTINCT ON (coalesce(a.xact_start, p.prepared), l.pid) c.oid::regclass::text, l.mode, coalesce(l.pid, 0),
    coalesce(a.usename, p.owner), a.application_name, date_trunc('second', clock_timestamp()
    - coalesce(a.xact_start, p.prepared))::text, coalesce(a.state, ''),
    coalesce(a.query, format('ROLLBACK PREPARED %%L ends it', p.gid)),
    -- Who may not see a session is told neither its type nor since when it is.
    CASE WHEN p.gid IS NOT NULL THEN 'prepared transaction' ELSE coalesce(a.backend_type, 'client backend') END
FROM pg_locks AS l JOIN pg_class AS c ON l.relation = c.oid
LEFT JOIN pg_stat_activity AS a ON l.pid = a.pid
LEFT JOIN pg_locks AS own ON l.pid IS NULL AND own.pid IS NULL
    AND own.locktype = 'transactionid' AND own.virtualtransaction = l.virtualtransaction
LEFT JOIN pg_prepared_xacts AS p ON own.transactionid = p.transaction
WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid() AND c.relname = ANY (%s)
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (a.pid IS NOT NULL OR p.gid IS NOT NULL)
ORDER BY coalesce(a.xact_start, p.prepared), l.pid, l.mode LIMIT 3
"""


def _blocker(row: Sequence[object]) -> Blocker:
    pid, user, application, age, state, query, kind = row
    return Blocker(
        int(str(pid)), str(user or ""), str(application or ""), str(age or ""), str(state or ""),
        brief(str(query or "")), str(kind),
    )  # fmt: skip


class Watcher:
    """Looks at one session's statements from a thread. `saw` is called there, with what is new."""

    def __init__(self, target: Target, pid: int, saw: Callable[[Sight], None]) -> None:
        self._target, self._pid, self._saw = target, pid, saw
        self._changed = threading.Condition()
        self._since: float | None = None
        self._ended = False
        self._thread: threading.Thread | None = None
        self._seen: dict[int, Blocker] = {}
        self._last: float | None = None
        self._began = 0.0
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def __enter__(self) -> Self:
        """A statement begins."""
        with self._changed:
            self._seen, self._last = {}, None
            self._since = self._began = time.monotonic()
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="ringfence-watch", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._since = None

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        """Everybody who was seen in the last statement's way."""
        return tuple(self._seen.values())

    @property
    def waited(self) -> float:
        """For how long, in seconds, somebody was seen in the last statement's way."""
        return self._last - self._began if self._last is not None else 0.0

    def close(self) -> None:
        """End the thread and its connection."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _look(self) -> None:
        try:
            self._loop()
        finally:
            if self._connection is not None:
                self._connection.close()

    def _loop(self) -> None:
        # Nobody wakes it for a statement that is over before anybody looks: most are.
        pause = AFTER
        while True:
            with self._changed:
                if not self._ended:
                    self._changed.wait(pause)
                if self._ended:
                    return
                since = self._since
            pause = AFTER if since is None else since + AFTER - time.monotonic()
            if pause > 0:
                continue
            pause = EVERY
            sight = self._sight()
            with self._changed:
                if self._since != since:
                    continue
                new = [b for b in sight.blockers if b.pid not in self._seen]
                self._seen |= {b.pid: b for b in sight.blockers}
                self._last = time.monotonic() if sight.blockers else self._last
            if new or sight.phase:
                self._saw(sight)

    def _sight(self) -> Sight:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect(self._target, pinned=True)
            asked = {"pid": self._pid}
            rows = self._connection.execute(_SIGHT, asked).fetchall()
            progress = self._connection.execute(_PROGRESS, asked).fetchone()
        except (Error, psycopg.Error):
            return Sight()  # nobody can look: the statement goes on all the same
        blockers = tuple(map(_blocker, rows))
        if progress is None:
            return Sight(blockers)
        phase, *counts = progress
        done, total = next(
            ((int(str(counts[i])), int(str(counts[i + 1]))) for i in (0, 2, 4) if counts[i + 1]),
            (0, 0),
        )
        return Sight(blockers, str(phase), done, total)

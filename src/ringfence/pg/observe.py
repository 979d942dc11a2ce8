"""What a statement does while it runs: the locks it takes, what it rewrites, builds and scans.

Nothing is concluded from a statement's text. One session runs it; a second one reads pg_locks before
the transaction ends; relfilenodes, scan counters, WAL positions and the server's own DEBUG1 messages
tell the rest. A statement that cannot run in a transaction is parked: another session holds an old
snapshot and weak locks, so that it stops where it would wait for older transactions, with its locks
in hand.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import sql

from ringfence.model import quoted
from ringfence.pg.connect import connect, server_error

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from psycopg import Connection
    from psycopg.errors import Diagnostic

    from ringfence.errors import Error
    from ringfence.pg.connect import Target
    from ringfence.script import Script, Statement

MODES = (
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
"""Table-level locks, weakest first, as LOCK TABLE spells them."""

_STOPS_WRITERS = frozenset(MODES[4:])
_ALONE = {"25001", "2D000"}
"""What is said to a statement that wants no transaction around it: it must not be in one, or ends it."""
_QUERY = "observe_relations.sql"
_SAMPLE = 0.002  # seconds between two looks at a statement that runs by itself


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation as pg_class has it. `kind` is its relkind, `indexed` whose index it is."""

    oid: int
    schema: str
    name: str
    kind: str
    file: int
    indexed: int | None

    @property
    def path(self) -> str:
        """Its name as messages have it."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


@dataclass(frozen=True, slots=True, order=True)
class Lock:
    """A lock on a relation that was there before: its mode as LOCK TABLE spells it.

    `index`: the one of that table which is locked such that no query of the table can be planned.
    """

    relation: str
    mode: str
    index: str = ""

    @property
    def stops_readers(self) -> bool:
        """Whether SELECT has to wait for it."""
        return self.mode == MODES[-1] or bool(self.index)

    @property
    def stops_writers(self) -> bool:
        """Whether INSERT, UPDATE and DELETE have to wait for it."""
        return self.mode in _STOPS_WRITERS


@dataclass(frozen=True, slots=True)
class Observed:
    """What one statement did.

    `locks` are those it took on relations that were there before it (of each the strongest; ACCESS
    SHARE is left out), `held` those that its transaction had taken before. `rewritten` are tables
    and materialized views whose rows were written anew, `built` indexes that were built, by name
    (`built_on` says on which table; `index_of` is the same of locked ones);
    `views` are locked relations that nobody writes to: materialized views, and others;
    `scanned` rows read in sequential scans, by table (0 of one that is empty). `proven` says that a scan was left out because
    a constraint proves what it would show. `changed` counts rows written, by table,
    `replaced` those updated or deleted and how many there were. `wal` is bytes, `temporary` those of the files that sorts and the like were spilled to.
    `unmet` is what it did to no row, as of which relation: `DELETE of item`.
    `waits` says that it waits for older transactions, whatever they do. `alone` says that it cannot
    run in a transaction block.
    """

    locks: tuple[Lock, ...] = ()
    held: tuple[Lock, ...] = ()
    rewritten: tuple[str, ...] = ()
    built: tuple[str, ...] = ()
    built_on: Mapping[str, str] = field(default_factory=dict)
    index_of: Mapping[str, str] = field(default_factory=dict)
    views: frozenset[str] = frozenset()
    emptied: tuple[str, ...] = ()
    scanned: Mapping[str, int] = field(default_factory=dict)
    proven: bool = False
    changed: Mapping[str, int] = field(default_factory=dict)
    replaced: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    unmet: str = ""
    wal: int = 0
    temporary: int = 0
    waits: bool = False
    alone: bool = False
    seconds: float = 0.0
    error: Error | None = None

    @property
    def works(self) -> bool:
        """Whether it did something that takes the longer the more rows there are."""
        return bool(self.rewritten or self.built or self.scanned)


def _wants_one(statement: Statement) -> bool:
    """Whether a statement is refused where no transaction is around it."""
    words = statement.words
    if words[:1] == ("DECLARE",):
        return "HOLD" not in words or "WITHOUT" in words
    return words[:1] in {("LOCK",), ("SAVEPOINT",), ("RELEASE",)}


@cache
def _relations() -> str:
    return (files("ringfence.pg") / _QUERY).read_text(encoding="utf-8")


@dataclass
class Observer:
    """Runs statements on a database of ours and looks at them. A context manager.

    What is `new` to the observed transaction, because it made it, has no readers yet: its locks are
    not told. Begin a transaction with `begin`, end it with `commit` or `rollback`; a statement that
    is observed outside of one gets one of its own, or none where it must have none.
    """

    target: Target
    limit: str = "10min"
    _first: frozenset[int] | None = field(init=False, default=None)
    _runner: Connection[tuple[object, ...]] = field(init=False)
    _eye: Connection[tuple[object, ...]] = field(init=False)
    _known: Mapping[int, Relation] = field(init=False, default_factory=dict)
    _inside: bool = field(init=False, default=False)
    _said: list[str] = field(init=False, default_factory=list)
    _status: str = field(init=False, default="")
    _now: Mapping[int, Relation] | None = field(init=False, default=None)
    """What is there, as long as nothing has been run that may have changed it."""

    def __enter__(self) -> Self:
        self._runner = connect(self.target)
        self._eye = connect(self.target)
        self._runner.add_notice_handler(self._hear)
        with suppress(psycopg.Error):  # only a superuser may say in which language
            self._runner.execute("SET lc_messages = 'C'; SET log_temp_files = 0")
        self._runner.execute(sql.SQL("SET statement_timeout = {}").format(sql.Literal(self.limit)))
        return self

    def __exit__(self, *error: object) -> None:
        self._runner.close()
        self._eye.close()

    def _hear(self, said: Diagnostic) -> None:
        self._said.append(said.message_primary or "")

    # Transactions

    @property
    def connection(self) -> Connection[tuple[object, ...]]:
        """The session that statements run in; whoever asks for it may change what is there."""
        self._now = None
        return self._runner

    def known(self) -> Mapping[int, Relation]:
        """The relations there are now, by oid, as the running transaction sees them."""
        if self._now is None:
            rows = self._runner.execute(_relations()).fetchall()
            found = (Relation(*row) for row in rows)  # type: ignore[arg-type]
            self._now = {relation.oid: relation for relation in found}
        return self._now

    def mark(self) -> None:
        """Take what is there now for what was there before, but for what the file itself has made."""
        there = self.known()
        if self._first is not None:
            there = {oid: relation for oid, relation in there.items() if oid in self._first}
        self._known = there

    def open(self) -> None:
        """A file begins: what it makes has no readers, however its statements are committed."""
        self._first = frozenset(self.known())

    def begin(self) -> None:
        """Begin a transaction; every relation there is was there before."""
        self.mark()
        self._runner.execute("BEGIN")
        self._inside = True

    def commit(self) -> None:
        """End the transaction, deferred constraints first."""
        self._runner.execute("COMMIT")
        self._inside = False

    def rollback(self) -> None:
        """Undo the transaction."""
        self._now = None
        self._runner.execute("ROLLBACK")
        self._inside = False

    # Statements

    def observe(self, text: Script, statement: Statement, *, keep: bool = True) -> Observed:
        """Run one statement and look. Its error is in the result, and the transaction is over then.

        Outside a transaction it runs in one of its own, rolled back where `keep` is false; where
        PostgreSQL will not have that, alone, and is kept.
        """
        if self._inside:
            found = self._in_transaction(text, statement)
            if found.error is not None:
                self.rollback()
            return found
        if keep and _wants_one(statement):  # else it is looked at as in a transaction
            self.mark()
            error, seconds = self._run(text, statement)
            return Observed(seconds=seconds, error=error)
        if statement.lets_others_work or statement.words[:1] == ("VACUUM",):
            return self._alone(text, statement)
        self.begin()
        found = self._in_transaction(text, statement)
        if found.error is None and keep:
            self.commit()
            return found
        self.rollback()
        cause = found.error.__cause__ if found.error else None
        if isinstance(cause, psycopg.Error) and cause.sqlstate in _ALONE:
            return self._alone(text, statement)
        return found

    def _in_transaction(self, text: Script, statement: Statement) -> Observed:
        before = self.known()
        counted = self._counters()
        held = self._locks(self._known)
        start = self._position()
        error, seconds = self._run(text, statement)
        wal = self._position() - start
        taken = self._locks(self._known)
        if error is not None:
            return Observed(locks=_beyond(taken, held), held=held, seconds=seconds, error=error)
        said, self._said = self._said, []
        after = self.known()
        now = self._counters()
        scanned, changed = _difference(counted, now, before, self._known)
        replaced = self._replaced(counted, now, after)
        return self._told(
            statement,
            said,
            before,
            after,
            _beyond(taken, held),
            held,
            scanned,
            changed,
            wal,
            seconds,
            replaced=replaced,
        )

    def _replaced(
        self,
        before: Counter[tuple[int, str]],
        now: Counter[tuple[int, str]],
        there: Mapping[int, Relation],
    ) -> Mapping[str, tuple[int, int]]:
        """Rows updated or deleted of tables that others use, and how many these had."""
        found = {}
        for (oid, what), count in now.items():
            since = count - before[oid, what]
            if what == "replaced" and since and oid in there and oid in self._known:
                relation = there[oid]
                row = self._runner.execute(
                    sql.SQL("SELECT count(*) FROM ONLY {}").format(
                        sql.Identifier(relation.schema, relation.name)
                    )
                ).fetchone()
                gone = now[oid, "deleted"] - before[oid, "deleted"]
                new = now[oid, "inserted"] - before[oid, "inserted"]
                had = int(str(row[0])) + gone - new if row else 0
                found[relation.path] = (since, had)
        return found

    def _told(
        self,
        statement: Statement,
        said: list[str],
        before: Mapping[int, Relation],
        after: Mapping[int, Relation],
        locks: tuple[Lock, ...],
        held: tuple[Lock, ...],
        scanned: Mapping[str, int],
        changed: Mapping[str, int],
        wal: int,
        seconds: float,
        *,
        replaced: Mapping[str, tuple[int, int]] | None = None,
        waits: bool = False,
        alone: bool = False,
    ) -> Observed:
        old = {o: r for o, r in before.items() if o in self._known}
        files_before = {r.file for r in before.values()}
        moved = [r for o, r in old.items() if o in after and after[o].file != r.file]
        empties = statement.words[:1] == ("TRUNCATE",)
        heaps = sorted(r.path for r in moved if r.kind in "rm")
        # The indexes of what was emptied are built, over nothing.
        scanned = {t: n for t, n in scanned.items() if n or t not in heaps}
        built = {r.path for r in moved if r.kind == "i" and not empties}
        built |= {
            r.path
            for o, r in after.items()
            if o not in before
            and r.kind == "i"
            and r.indexed in old
            and r.file not in files_before  # its file was taken over: nothing was built
        }
        return Observed(
            locks=locks,
            held=held,
            rewritten=() if empties else tuple(heaps),
            built=tuple(sorted(built)),
            built_on={
                r.path: after[r.indexed].path
                for r in after.values()
                if r.path in built and r.indexed is not None and r.indexed in after
            },
            index_of={
                r.path: self._known[r.indexed].path
                for r in self._known.values()
                if r.indexed is not None
                and r.indexed in self._known
                and any(lock.relation == r.path for lock in locks)
            },
            views=frozenset(r.path for r in self._known.values() if r.kind in "mv"),
            emptied=tuple(heaps) if empties else (),
            scanned=scanned,
            replaced=replaced or {},
            proven=any(_PROVEN.search(line) for line in said),
            changed=changed,
            unmet=_unmet(self._status, statement.text) if self._status in _NONE else "",
            wal=max(0, wal),
            temporary=sum(int(m[1]) for line in said if (m := _SPILLED.match(line))),
            waits=waits,
            alone=alone,
            seconds=seconds,
        )

    def _run(self, text: Script, statement: Statement) -> tuple[Error | None, float]:
        self._said.clear()
        self._now, self._status = None, ""
        connection = self._runner
        connection.execute("SET client_min_messages = debug1")
        began = time.monotonic()
        try:
            if statement.data is None:
                self._status = connection.execute(statement.text).statusmessage or ""
            else:
                with connection.cursor().copy(statement.text) as copy:
                    copy.write(statement.data)
        except psycopg.Error as error:
            found: Error = server_error(error, script=text, statement=statement)
            found.__cause__ = error
            return found, time.monotonic() - began
        seconds = time.monotonic() - began
        said = list(self._said)
        connection.execute("RESET client_min_messages")
        self._said = said
        return None, seconds

    # Alone

    def _alone(self, text: Script, statement: Statement) -> Observed:
        """Run a statement outside any transaction, stopped once where it waits for older ones."""
        self.mark()
        before = self.known()
        # What a block does nothing else tells: it is worth waiting for.
        late = statement.words[:1] in {("DO",), ("CALL",)}
        counted = self._counters(shared=True, late=late)
        start = self._position()
        result: list[tuple[Error | None, float]] = []
        with connect(self.target) as first, connect(self.target) as second:
            # Some wait for whoever uses the partitioned table first and for its partition's users
            # later: an older transaction for each, so that both can be seen.
            vacuum = statement.words[:1] == ("VACUUM",)
            _hold(first, (r for r in before.values() if r.kind == "p"), MODES[0])
            _hold(second, (r for r in before.values() if r.kind == "r"), MODES[3 if vacuum else 2])
            older = [first, second]
            thread = threading.Thread(
                target=lambda: result.append(self._run(text, statement)), daemon=True
            )
            thread.start()
            taken: set[Lock] = set()
            waits = False
            while thread.is_alive():
                stopped = self._stopped()
                taken.update(self._locks(self._known))
                if stopped and older:
                    waits = waits or stopped == "virtualxid"
                    older.pop(0).execute("COMMIT")
                thread.join(_SAMPLE)
        error, seconds = result[0]
        locks = _strongest(taken)
        if error is not None:
            with suppress(psycopg.Error):
                self._runner.execute("ROLLBACK")
            return Observed(locks=locks, seconds=seconds, error=error, alone=True)
        said, self._said = self._said, []
        wal = self._position() - start
        after = self.known()
        now = self._counters(shared=True, late=late)
        scanned, changed = _difference(counted, now, before, self._known)
        found = self._told(
            statement,
            said,
            before,
            after,
            locks,
            (),
            scanned,
            changed,
            wal,
            seconds,
            waits=waits,
            alone=True,
        )
        if self._runner.info.server_version >= _TOLD_AT_ONCE:
            return found
        # Its counters come later; what it wrote it has read.
        read = {*found.built_on.values(), *found.rewritten}
        return replace(
            found, scanned={**dict.fromkeys(sorted(read), 0), **self._sizes(read), **scanned}
        )

    def _sizes(self, tables: Collection[str]) -> Mapping[str, int]:
        """How many rows there are in tables, by their paths."""
        found = {}
        for relation in self.known().values():
            if relation.path in tables:
                row = self._runner.execute(
                    sql.SQL("SELECT count(*) FROM ONLY {}").format(
                        sql.Identifier(relation.schema, relation.name)
                    )
                ).fetchone()
                found[relation.path] = int(str(row[0])) if row else 0
        return found

    def _stopped(self) -> str:
        """What the statement waits for, if it waits for somebody."""
        row = self._eye.execute(
            "SELECT locktype FROM pg_locks WHERE pid = %s AND NOT granted LIMIT 1",
            [self._runner.info.backend_pid],
        ).fetchone()
        return str(row[0]) if row else ""

    # Evidence

    def _locks(self, known: Mapping[int, Relation]) -> tuple[Lock, ...]:
        rows = self._eye.execute(
            "SELECT relation::bigint, mode FROM pg_locks WHERE pid = %s AND locktype = 'relation'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [self._runner.info.backend_pid],
        ).fetchall()
        return _strongest(
            Lock(known[int(str(oid))].path, _spelled(str(mode)))
            for oid, mode in rows
            if int(str(oid)) in known
        )

    def _counters(self, *, shared: bool = False, late: bool = False) -> Counter[tuple[int, str]]:
        """Rows read by scans and rows written, by table; of this transaction, or of everybody.

        `late`: also where a server has to be waited for.
        """
        at_once = self._runner.info.server_version >= _TOLD_AT_ONCE
        if shared and at_once:
            self._runner.execute("SELECT pg_stat_force_next_flush()")
        elif late:
            for _ in (
                "told",
                "written down",
            ):  # a session, and the collector, each do so twice a second
                self._runner.execute("SELECT pg_sleep(0.6)")
        view = "pg_stat_user_tables" if shared else "pg_stat_xact_user_tables"
        rows = self._runner.execute(
            "SELECT relid::bigint, seq_scan, seq_tup_read, n_tup_ins + n_tup_upd + n_tup_del,"  # noqa: S608
            " n_tup_upd + n_tup_del, n_tup_ins, n_tup_del FROM " + view
        ).fetchall()
        found: Counter[tuple[int, str]] = Counter()
        for oid, *counts in rows:
            for what, count in zip(_COUNTED, counts, strict=True):
                found[int(str(oid)), what] = int(str(count or 0))
        return found

    def _position(self) -> int:
        row = self._eye.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
        ).fetchone()
        assert row is not None
        return int(str(row[0]))


_COUNTED = ("begun", "read", "written", "replaced", "inserted", "deleted")

# Statistics of other transactions are written a while after them; before 15 nobody can be asked to.
_TOLD_AT_ONCE = 150000

_NONE = {"UPDATE 0", "DELETE 0", "MERGE 0", "INSERT 0 0"}
"""What the server says of a statement that changed no row."""

_SPILLED = re.compile(r"temporary file: .* size (\d+)")
_PROVEN = re.compile(r"sufficient to prove|is implied by existing constraints|implied by existing")


def _unmet(status: str, text: str) -> str:
    """What an INSERT, UPDATE, DELETE or MERGE did to no row, and of which relation."""
    import postgast

    try:
        tree: Any = postgast.parse(text)  # the messages that protobuf makes have no types
        node = tree.stmts[0].stmt
        named = getattr(node, node.WhichOneof("node")).relation
    except (postgast.PgQueryError, AttributeError):
        return status.split()[0]  # it is newer syntax than the parser's, or EXECUTE
    path = ".".join(quoted(part) for part in (named.schemaname, named.relname) if part)
    return f"{status.split()[0]} of {path}"


def _hold(older: Connection[tuple[object, ...]], relations: Iterable[Relation], mode: str) -> None:
    """An older transaction: a snapshot, and locks that stop no reader and no writer."""
    older.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    tables = [sql.Identifier(r.schema, r.name) for r in relations]
    if tables:
        older.execute(
            sql.SQL("LOCK TABLE ONLY {} IN {} MODE").format(
                sql.SQL(", ONLY ").join(tables), sql.SQL(mode)
            )
        )
    older.execute("SELECT txid_current()")


def _spelled(mode: str) -> str:
    """`AccessExclusiveLock` as LOCK TABLE spells it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()


def _strongest(locks: Iterable[Lock]) -> tuple[Lock, ...]:
    """Of each relation the strongest lock, ACCESS SHARE left out, sorted."""
    found: dict[str, str] = {}
    for lock in locks:
        rank = MODES.index(lock.mode)
        if rank and rank > MODES.index(found.get(lock.relation, MODES[0])):
            found[lock.relation] = lock.mode
    return tuple(sorted(Lock(relation, mode) for relation, mode in found.items()))


def _beyond(taken: Iterable[Lock], held: Collection[Lock]) -> tuple[Lock, ...]:
    """The locks that are new, or stronger than before."""
    return tuple(lock for lock in taken if lock not in held)


def _difference(
    before: Counter[tuple[int, str]],
    after: Counter[tuple[int, str]],
    there: Mapping[int, Relation],
    known: Collection[int],
) -> tuple[dict[str, int], dict[str, int]]:
    """Rows read and rows written since, by table; written are those that others `known` may use.

    Of a table without rows none can be read: that it was looked through counts as reading it.
    """
    read: dict[str, int] = {}
    written: dict[str, int] = {}
    for (oid, what), count in after.items():
        since = count - before[oid, what]
        if since <= 0 or oid not in there:
            continue
        path = there[oid].path
        if what == "written" and oid in known:
            written[path] = since
        elif what == "read":
            read[path] = since
        elif what == "begun" and oid in known:
            read.setdefault(path, 0)
    return read, written

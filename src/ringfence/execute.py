"""Run a revision's file against a busy database: whole in a transaction, or statement by statement.

A statement queues for its lock only for as long as `lock_timeout` says, for while it queues everybody
else queues behind it; then the file (or, one by one, the statement) is tried again after a pause,
until `lock_deadline`. What keeps nobody from working has all the time it needs.
"""

from __future__ import annotations

import random
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Literal

import psycopg
from psycopg import sql

from ringfence.errors import BadProject, Busy, Error, Refused, ServerError
from ringfence.finding import counted
from ringfence.pg import effect, ledger, runner
from ringfence.pg.connect import PATH, PATIENCE, PINS, server_error
from ringfence.pg.rights import name_owner
from ringfence.pg.watch import AFTER, Sight, Watcher, lockers
from ringfence.script import checksum, redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from ringfence.config import Migrate
    from ringfence.pg.connect import Target
    from ringfence.revisions import Direction, Revision
    from ringfence.script import Script, Statement

    Connection = psycopg.Connection[tuple[object, ...]]


IDLE = psycopg.pq.TransactionStatus.IDLE


@dataclass(frozen=True, slots=True)
class Progress:
    """Something that happened during a run, for whoever shows it.

    `what`: waiting (for another runner, `text` says which), planned (`total` revisions), started,
    statement (`number` of `total` is about to run), blocked (it waits, `text` says for whom, or how
    far it is), retry (a lock was not to be had, `text` says what comes), batch (`number` of about
    `total` rows of a backfill are done, after `seconds`), finished (after `seconds`), failed (`text`
    says what is left of the revision), notice (`text`).
    """

    what: Literal[
        "waiting", "planned", "started", "statement", "blocked", "retry", "batch", "finished",
        "failed", "notice",
    ]  # fmt: skip
    revision: Revision | None = None
    direction: Direction = "up"
    number: int = 0
    total: int = 0
    seconds: float = 0.0
    text: str = ""


class Paused(Busy):
    """Somebody wants it to stand still: there is no use in trying again."""


@dataclass
class Waits:
    """Which locks a revision waited for: how often it was tried again, how long, and for whom."""

    retries: int = 0
    seconds: float = 0.0
    blockers: dict[int, Mapping[str, object]] = field(default_factory=dict)

    @property
    def document(self) -> Mapping[str, object] | None:
        """The same for the history; None where it never waited."""
        if not self.retries and not self.blockers:
            return None
        return {
            "retries": self.retries,
            "seconds": round(self.seconds, 3),
            "blockers": list(self.blockers.values()),
        }


@dataclass
class Queue:
    """How long the statements of one transaction have queued for locks, in seconds.

    What the first of them locked stays locked while the next one queues: so the time is for all of
    them together. Each has a quarter of it in any case.
    """

    limit: float
    """No limit where it is 0."""
    _spent: float = 0.0
    _told: float = 0.0

    def stood(self, took: float, *, seen: bool) -> None:
        """A statement took so long; `seen` whether somebody was seen in its way."""
        # What is over before anybody looks may have been waiting, all of it.
        if seen or _NOTHING < took < AFTER:
            self._spent += took

    def left(self) -> int:
        """The milliseconds that the next one may queue; 0 where that is what it was."""
        if not self.limit or self._spent - self._told < _NOTHING:
            return 0
        self._told = self._spent
        return max(1, round(1000 * max(self.limit / 4, self.limit - self._spent)))


_NOTHING = 0.02
"""Seconds that are not worth a word to the server."""


@dataclass(frozen=True, slots=True)
class Single:
    """A statement that is committed by itself, after the settings of its file, with its row of history.

    `begun` is the row of a run that was not there to see its end.
    """

    text: Script
    statement: Statement
    session: Sequence[Statement]
    row: ledger.Event
    begun: ledger.Event | None


@dataclass
class Executor:
    """Runs files over one connection. `left` says what remains of the one that runs now."""

    connection: Connection
    config: Migrate
    target: Target
    listen: Callable[[Progress], None]
    waits: Waits = field(default_factory=Waits)
    left: str = ""
    begun: set[str] = field(default_factory=set)
    """The revisions of which something has run, or was begun, and that are not at their end."""
    notices_death: bool = False
    """Whether the server ends what a client asked for that is gone."""
    _watcher: Watcher | None = None
    _ahead: bool = False
    """Whether the transaction of the file that comes is open already."""
    _locked: bool = False
    """Whether a file may have left an advisory lock of its own."""
    _now: tuple[Revision, Direction, int, int] | None = None

    @property
    def schema(self) -> str:
        """The schema of the history."""
        return self.config.schema

    def begin(self) -> None:
        """A revision begins: nothing of it was waited for."""
        self.waits = Waits()
        self.left = "nothing of it is left"
        if self._locked:
            runner.unlock_others(self.connection, self.schema)
            self._locked = False

    def close(self) -> None:
        """Let go what looks at the statements."""
        if self._watcher is not None:
            self._watcher.close()

    def commit_and_open(self, following: Script) -> None:
        """Commit, and open the transaction of the file that comes, in one round trip."""
        if self._locked:
            self.connection.execute("COMMIT")  # first its locks are let go
            return
        limits = self.settings(following.directives, "SET LOCAL")
        self.connection.execute(sql.SQL("COMMIT; BEGIN; ") + limits)
        self._ahead = True

    # A file in one transaction

    def in_transaction(self, revision: Revision, direction: Direction, text: Script) -> None:
        """Run all of a file in the open transaction, anew as long as a lock is not to be had."""
        ran = ledger.Ran({}, {})
        if revision.id in self.begun:
            ran = ledger.ran(self.connection, self.schema, revision.id, direction)
        if ran.finished:
            raise Refused(
                f"{counted(len(ran.finished), 'statement')} of revision {revision.id} have run one"
                " by one, and the file now runs in a transaction",
                hint="put this line back at its top: -- ringfence: transaction: none",
            )
        self.patiently(
            lambda: self._whole(revision, direction, text),
            lambda: text.directives,
            "all of the file",
        )

    def _whole(self, revision: Revision, direction: Direction, text: Script) -> None:
        connection = self.connection
        self._locked |= "advisory" in text.text.lower()
        if not (self._ahead and self._in_transaction):
            open_(connection, self.settings(text.directives, "SET LOCAL"))
        self._ahead = False
        queue = self._queue(text)
        for number, statement in enumerate(text.statements, 1):
            self._say(revision, direction, number, text)
            if shorter := queue.left():
                connection.execute(f"SET LOCAL lock_timeout = '{shorter}ms'")
            began = time.monotonic()
            if statement.takes_long and "statement-timeout" not in text.directives:
                row = connection.execute("SHOW statement_timeout").fetchone()
                connection.execute("SET LOCAL statement_timeout = 0")
                self.execute(text, statement)
                if row is not None:
                    connection.execute(
                        "SELECT set_config('statement_timeout', %s, TRUE)", [str(row[0])]
                    )
            else:
                self.execute(text, statement)
            if not self._in_transaction:
                raise BadProject(
                    "this statement ended the transaction that the revision runs in",
                    span=text.span(statement.start),
                    hint="leave transactions to ringfence; it opens one for each revision",
                )
            queue.stood(time.monotonic() - began, seen=self._seen_waiting)
        # A deferred constraint that fails should point to this file, not to the COMMIT; a role or
        # setting that the file changed must not reach the next one.
        try:
            self.end("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.Error as error:
            raise _deferred(error, text) from error

    def _queue(self, text: Script) -> Queue:
        own = "lock_timeout" in text.text.lower()  # it says itself how long
        said = text.directives.get("lock-timeout", self.config.lock_timeout)
        return Queue(0.0 if own else seconds(said))

    @property
    def _seen_waiting(self) -> bool:
        return self._watcher is not None and bool(self._watcher.blockers)

    def end(self, first: str = "") -> None:
        """Undo what a file has set for the session, after `first`; what it made there is told."""
        lost = forget(self.connection, first)
        if lost:
            more = f" and {len(lost) - 3} more" * (len(lost) > 3)
            self._tell("notice", f"temporary, and gone at its end: {', '.join(lost[:3])}{more}")

    def patiently(
        self,
        attempt: Callable[[], None],
        directives: Callable[[], Mapping[str, str]],
        what: str,
    ) -> None:
        """Do something until it gets its locks, or raise the `Busy` of the last try at the deadline.

        What an attempt had begun is rolled back before the next one. `directives` may name another
        deadline.
        """
        began, pause = time.monotonic(), 0.2
        for tries in range(1, 1_000_000):
            tried = time.monotonic()
            try:
                attempt()
            except Busy as error:
                if self.connection.closed or isinstance(error, Paused):
                    raise
                limit = seconds(directives().get("lock-deadline", self.config.lock_deadline))
                if self._in_transaction:
                    self.connection.rollback()
                # Jitter: two runs that met once must not meet again at every try.
                rest = pause * random.uniform(0.5, 1.0)  # noqa: S311
                self.waits.seconds += time.monotonic() - tried
                if time.monotonic() + rest - began >= limit:
                    if tries > 1:
                        more = f"tried {tries} times in {time.monotonic() - began:.0f} s"
                        error.detail = "\n".join(filter(None, (error.detail, more)))
                    raise
                self.waits.retries += 1
                why = (
                    error.message
                    if isinstance(error.__cause__, psycopg.errors.DeadlockDetected)
                    else ""
                )
                why = why or error.detail.partition("\n")[0] or error.message
                self._tell("retry", f"{why}; trying {what} again")
                time.sleep(rest)
                self.waits.seconds += rest
                pause = min(10.0, pause * 2)
            else:
                return

    # A file statement by statement

    def one_by_one(
        self, revision: Revision, direction: Direction, text: Script, running: ledger.Event
    ) -> None:
        """Run a file's statements, each committed with its row; those that have run are left out."""
        connection = self.connection
        self._locked |= "advisory" in text.text.lower()
        ran = ledger.ran(connection, self.schema, revision.id, direction)
        if ran.finished:
            self.left = STAYS
        refuse_other(revision, text, ran.finished)
        session: list[Statement] = []
        block: list[ledger.Event] = []
        for number, statement in enumerate(text.statements, 1):
            if statement.sets_session:
                session.append(statement)
                self.execute(text, statement)
                continue
            if number in ran.finished:
                continue
            self._say(revision, direction, number, text)
            self.left = f"statement {number} of {len(text.statements)}: run it again to go on"
            row = replace(
                running,
                event="statement",
                statement=number,
                checksum=checksum(statement.text.encode()),
                sql=redacted(statement.text),
            )
            if self._in_transaction:
                # A transaction of the file's own: its rows are committed with it or not at all.
                block.append(row)
                if statement.words[:1] in (("COMMIT",), ("END",)):
                    reset(connection)
                    for waiting in block:
                        ledger.record(connection, self.schema, waiting)
                self.execute(text, statement)
            elif statement.controls_transaction:
                block = [row]
                connection.execute(self.settings(text.directives, "SET"))
                self._session(text, session)
                self.execute(text, statement)
            else:
                try:
                    self.one(Single(text, statement, session, row, ran.begun.get(number)))
                except ServerError as error:
                    if ran.finished and error.sqlstate in _GONE:
                        error.hint = _made_before(revision, ran.finished)
                    raise
        if self._in_transaction:
            raise BadProject(
                f"{text.path} begins a transaction and does not end it", hint="write the COMMIT"
            )
        self.end()

    def one(self, it: Single) -> None:
        """Run one statement that is committed by itself, and record it."""
        # Of one that was begun it was found out before that no transaction can hold it.
        if it.statement.outside or it.begun is not None:
            self._alone(it)
        else:
            self._with_its_row(it)

    def _session(self, text: Script, session: Sequence[Statement]) -> None:
        # What the file set for its session is set again: the rows are written without it, and an
        # earlier attempt may have been another session's.
        for setting in session:
            self.execute(text, setting)

    def _with_its_row(self, it: Single) -> None:
        """A statement that may run in a transaction: it and its row are committed together."""
        text, statement = it.text, it.statement

        def attempt() -> None:
            connection = self.connection
            limits = self.settings(text.directives, "SET LOCAL", patient=statement.takes_long)
            connection.execute(sql.SQL("BEGIN; ") + limits)
            try:
                self._session(text, it.session)
                began = time.monotonic()
                self.execute(text, statement)
                took = time.monotonic() - began
                try:
                    reset(connection, first="SET CONSTRAINTS ALL IMMEDIATE")
                except psycopg.Error as error:
                    raise _deferred(error, text, statement) from error
                done = replace(it.row, seconds=took, waits=self.waits.document)
                ledger.record(connection, self.schema, done)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(psycopg.Error):
                    connection.rollback()
                raise

        try:
            self.patiently(attempt, lambda: text.directives, "the statement")
        except Error as error:
            cause = error.__cause__
            state = cause.sqlstate if isinstance(cause, psycopg.Error) else None
            if state not in ("25001", "2D000"):
                raise
            # A procedure that commits, or what a newer server wants outside a transaction.
            self._alone(it)

    def _alone(self, it: Single) -> None:
        """A statement that no transaction can hold: what it found is recorded before it begins."""
        connection, text, statement, row = self.connection, it.text, it.statement, it.row
        connection.execute(self.settings(text.directives, "SET"))
        self._session(text, it.session)
        if it.begun is not None and self._settled(text, statement, it.begun):
            if it.begun.checksum != row.checksum:
                raise _edited(row, text, statement)
            self._tell("notice", f"statement {row.statement} is in effect already")
            reset(connection)
            ledger.record(connection, self.schema, replace(row, reason="found in effect"))
            return
        probe = effect.probe(statement.text)
        found = probe.look(connection) if probe else None
        reset(connection)
        ledger.record(connection, self.schema, replace(row, event="begun", found=found))
        began = time.monotonic()

        def attempt() -> None:
            connection.execute(
                self.settings(
                    text.directives, "SET", patient=statement.takes_long,
                    unhurried=statement.lets_others_work,
                )
            )  # fmt: skip
            self._session(text, it.session)
            try:
                self.execute(text, statement)
            except Error as error:
                if probe is not None and not connection.closed:
                    left = self._cleared(text, statement, probe, found or {})
                    error.detail = "\n".join(filter(None, (error.detail, left)))
                raise

        self.patiently(attempt, lambda: text.directives, "the statement")
        took = time.monotonic() - began
        reset(connection)
        ledger.record(
            connection,
            self.schema,
            replace(row, seconds=took, waits=self.waits.document),
        )

    def _settled(self, text: Script, statement: Statement, begun: ledger.Event) -> bool:
        """Whether a statement that an earlier run began is in effect; its leavings are cleared.

        An index that was left invalid is dropped however long that takes: nobody waits for it.
        """
        probe = effect.probe(begun.sql or "")
        found = begun.found
        if probe is None or found is None:
            return False
        hurried = isinstance(probe, effect.Detach)
        limits = self.settings(
            text.directives if hurried else {}, "SET", patient=True, unhurried=not hurried
        )
        settled = False

        def attempt() -> None:
            nonlocal settled
            self.connection.execute(limits)
            try:
                with self._watch():
                    settled = probe.settle(self.connection, found)
            except psycopg.Error as error:
                raise self.explained(error, text, statement) from error
            finally:
                self._note()

        self.patiently(attempt, lambda: text.directives, "what was left of the statement")
        return settled

    def _cleared(
        self, text: Script, statement: Statement, probe: effect.Probe, found: effect.Found
    ) -> str:
        """Clear away what a failed statement left, unless somebody is in the way; what is left then."""
        before = broken(self.connection, statement)
        with suppress(psycopg.Error):
            self.connection.execute(self.settings(text.directives, "SET"))
            probe.settle(self.connection, found)
        with suppress(psycopg.Error):
            left = broken(self.connection, statement)
            if left:
                return f"{', '.join(left)} is left invalid: the next run drops it"
            if before:
                return f"{', '.join(before)} was left invalid and has been dropped"
        return ""

    # One statement

    def execute(self, text: Script, statement: Statement) -> int:
        """Run one statement of a file; how many rows it was about."""
        connection = self.connection
        try:
            with self.watched():
                if statement.data is None:
                    # No parameters: the text goes as it stands, and a % or : in it means itself.
                    return connection.execute(statement.text).rowcount
                with connection.cursor() as cursor:
                    with cursor.copy(statement.text) as copy:
                        copy.write(statement.data)
                    return cursor.rowcount
        except psycopg.Error as error:
            raise self.explained(error, text, statement) from error

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look, while a statement runs, who is in its way."""
        try:
            with self._watch():
                yield
        finally:
            self._note()

    def _watch(self) -> Watcher:
        if self._watcher is None:

            def saw(sight: Sight) -> None:
                self._tell("blocked", sight.shown)

            pid = self.connection.info.backend_pid
            self._watcher = Watcher(self.target, pid, saw)
        return self._watcher

    def _note(self) -> None:
        """Keep who was seen in the way."""
        if self._watcher is not None:
            for blocker in self._watcher.blockers:
                self.waits.blockers.setdefault(blocker.pid, blocker.document)
            self.waits.seconds += self._watcher.waited

    def explained(self, error: psycopg.Error, text: Script, statement: Statement) -> Error:
        """A statement's error; of one that waited too long for a lock, with who holds it."""
        connection = self.connection
        found = server_error(error, script=text, statement=statement, role=connection.info.user)
        if connection.closed:
            return found
        place = error.diag.statement_position
        if place and connection.info.parameter_status("server_encoding") == "SQL_ASCII":
            # It counts bytes: it knows of no characters.
            before = statement.text.encode()[: int(place) - 1].decode(errors="ignore")
            found.span = text.span(statement.start + len(before))
        if isinstance(found, Busy) and error.sqlstate == "55P03" and not found.detail:
            with suppress(psycopg.Error):
                connection.rollback()
                connection.execute(PATH)
                found.detail = lockers(connection, _names(statement))
            self.blame(found)
        if error.sqlstate == "42501":
            with suppress(psycopg.Error):
                connection.rollback()
                connection.execute(PATH)
                name_owner(connection, found, statement.text)
        return found

    def blame(self, found: Busy) -> None:
        """Have it say who was seen in the last statement's way, where it names nobody."""
        if not found.detail and self._watcher is not None:
            found.detail = "\n".join(f"waited for {b.shown}" for b in self._watcher.blockers)

    # Small things

    def settings(
        self,
        directives: Mapping[str, str],
        verb: str,
        *,
        patient: bool = False,
        unhurried: bool = False,
    ) -> sql.SQL:
        """The statements that set what a file's statements run under.

        A `patient` statement may take as long as it takes; an `unhurried` one waits as long as it
        takes, too: CREATE INDEX CONCURRENTLY waits for every older transaction, keeps nobody from
        working meanwhile, and given up leaves a broken index.
        """
        wanted = {"lock_timeout": "0" if unhurried else self.config.lock_timeout}
        if patient:
            wanted["statement_timeout"] = "0"
        for key in ("lock-timeout", "statement-timeout"):
            if key in directives:
                wanted[key.replace("-", "_")] = directives[key]
        # A role may have limits that are meant for people who forget to commit.
        wanted["idle_in_transaction_session_timeout"] = "0"
        if self.connection.info.server_version >= 170000:
            wanted["transaction_timeout"] = "0"
        if self.notices_death:
            wanted["client_connection_check_interval"] = _LOOKING
        return _settings(tuple(wanted.items()), verb)

    def _say(self, revision: Revision, direction: Direction, number: int, text: Script) -> None:
        self._now = (revision, direction, number, len(text.statements))
        self.listen(Progress("statement", *self._now))

    def _tell(self, what: Literal["blocked", "retry", "notice"], text: str) -> None:
        now = self._now
        self.listen(Progress(what, *now, text=text) if now else Progress(what, text=text))

    @property
    def _in_transaction(self) -> bool:
        return self.connection.info.transaction_status != IDLE


def open_(connection: Connection, limits: sql.SQL) -> None:
    """Begin the transaction that is due, with what it runs under, in one round trip."""
    if connection.autocommit or connection.info.transaction_status != IDLE:
        connection.execute(limits)
        return
    said = connection.pgconn.exec_(b"BEGIN; " + limits.as_bytes(None))
    if said.status != psycopg.pq.ExecStatus.COMMAND_OK:
        connection.rollback()
        connection.execute(limits)  # says what is wrong


@cache
def _settings(wanted: tuple[tuple[str, str], ...], verb: str) -> sql.SQL:
    # A file finds what it names where the database or the role says; ours is PATH.
    path = sql.SQL("{} search_path TO DEFAULT; ").format(sql.SQL(verb))
    return sql.SQL((path + settings(dict(wanted), verb)).as_string(None))


def settings(wanted: Mapping[str, str], verb: str) -> sql.Composed:
    """`SET` (or `SET LOCAL`) of each of these."""
    return sql.SQL("; ").join(
        sql.SQL("{} {} = {}").format(sql.SQL(verb), sql.Identifier(key), sql.Literal(value))
        for key, value in wanted.items()
    )


_LOOKING = "2s"
LOOKS = f"SET client_connection_check_interval = '{_LOOKING}'"
"""Else what a killed runner had begun goes on to its end, and keeps its locks meanwhile."""

RESET = ("RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL")
FORGET = ("DISCARD TEMP", "DEALLOCATE ALL", "CLOSE ALL", "UNLISTEN *")


_TEMPORARY = """
SELECT relname::text FROM pg_catalog.pg_class
WHERE relnamespace = pg_catalog.pg_my_temp_schema() AND relkind IN ('r', 'p', 'v', 'S')
UNION ALL
SELECT proname::text || '()' FROM pg_catalog.pg_proc
WHERE pronamespace = pg_catalog.pg_my_temp_schema()
ORDER BY 1
"""
_IN_ORDER = (*RESET, *PINS, PATH, PATIENCE)


def reset(connection: Connection, *, first: str = "") -> None:
    """Undo what a file may have set for the session: its role, its search_path and the rest.

    `first` runs before it, in the same round trip.
    """
    # RESET ALL brings back what the database or the role says.
    connection.execute("; ".join((first, *_IN_ORDER) if first else _IN_ORDER))


def forget(connection: Connection, first: str = "") -> list[str]:
    """The same, and what it made for the session; the names of what was temporary."""
    # Looking for what is temporary costs more than all of the rest: few files make anything.
    whether = "SELECT pg_catalog.pg_my_temp_schema()"
    said = connection.execute("; ".join((first or "SELECT", whether, *_IN_ORDER, *FORGET[1:])))
    said.nextset()
    row = said.fetchone()
    if row is None or row[0] == 0:
        return []
    names = connection.execute(_TEMPORARY).fetchall()
    connection.execute(FORGET[0])
    return [str(name) for (name,) in names]


_GONE = ("42704", "42P01", "42703", "42883", "3F000")
"""undefined_object, undefined_table, undefined_column, undefined_function, invalid_schema_name"""


def _made_before(revision: Revision, finished: Collection[int]) -> str:
    """What to do where somebody has undone what the statements before have made."""
    one = len(finished) == 1
    which = (
        f"statement {min(finished)}" if one else f"statements {min(finished)} to {max(finished)}"
    )
    return (
        f"{which} of the file {'has' if one else 'have'} run before; if what"
        f" {'it' if one else 'they'} made was dropped since, have the revision begin anew:"
        f' ringfence repair {revision.id} --reason "…"'
    )


def refuse_other(revision: Revision, text: Script, before: Mapping[int, str]) -> None:
    """Raise `Refused` when the statements that have run are not those of the file any more."""
    for number, mark in sorted(before.items()):
        if number > len(text.statements):
            raise Refused(
                f"statement {number} of revision {revision.id} has run and is no longer in"
                f" {text.path}",
                hint=_RESTORE,
            )
        statement = text.statements[number - 1]
        if checksum(statement.text.encode()) != mark:
            row = ledger.Event("statement", revision.id, "up", 1, number)
            raise _edited(row, text, statement)


STAYS = "what it had committed stays: run it again to go on"
_RESTORE = "restore it; change what it made in a statement after the last"


def _edited(row: ledger.Event, text: Script, statement: Statement) -> Refused:
    return Refused(
        f"statement {row.statement} of revision {row.revision} has run and was edited since",
        span=text.span(statement.start),
        hint=_RESTORE,
    )


def _deferred(error: psycopg.Error, text: Script, statement: Statement | None = None) -> Error:
    """What a constraint that was checked only at the end of a file says, and where that began."""
    table = error.diag.table_name or ""
    about = [s for s in text.statements if table and table in s.text] or list(text.statements)
    last = statement or (about[-1] if about else None)
    found = server_error(error, script=text, statement=last)
    late = f"the constraint is deferred: it was checked at the end of the {'statement' if statement else 'file'}"
    found.detail = f"{found.detail}\n{late}".strip()
    return found


def broken(connection: Connection, statement: Statement) -> list[str]:
    """The indexes that a statement names, or whose table it names, and that are not valid."""
    rows = connection.execute(
        "SELECT indexrelid::regclass::text FROM pg_index AS i JOIN pg_class AS c"
        " ON i.indexrelid = c.oid JOIN pg_class AS t ON i.indrelid = t.oid"
        " WHERE NOT i.indisvalid AND (c.relname = ANY (%(names)s)"
        " OR t.relname = ANY (%(names)s) AND c.relname ~ '_cc(new|old)[0-9]*$') ORDER BY 1",
        {"names": _names(statement)},
    ).fetchall()
    return [f"index {name}" for (name,) in rows]


def _names(statement: Statement) -> list[str]:
    """Everything in a statement that may be the name of an object."""
    found = re.findall(r'"((?:[^"]|"")+)"|([^\W\d][\w$]*)', statement.text)
    return sorted({quoted_.replace('""', '"') or plain.lower() for quoted_, plain in found})


_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(duration: str) -> float:
    """A duration in PostgreSQL's notation (`500ms`, `2min`; `0`) as seconds."""
    number = "".join(c for c in duration if c.isdigit())
    return int(number) * _UNITS.get(duration.removeprefix(number).strip(), 1.0)

"""What a revision in Python sends to the server: limited, watched, and gone on with where it broke off.

Such a revision runs in one transaction, but for what stands in an `autocommit_block`. What is
committed on its way is kept in the history statement by statement, as that of a file is which runs
without a transaction. The next run sends none of it a second time: a statement that the revision
repeats word for word, and that has run, is passed over.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psycopg

from ringfence.errors import BadProject, Error, Refused
from ringfence.execute import IDLE, STAYS, Single, open_, reset
from ringfence.pg import ledger
from ringfence.script import Script, checksum, redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ringfence.execute import Executor
    from ringfence.script import Statement

_ANSWERS = ("SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "FETCH", "EXECUTE", "COPY")
_ROWS = ("INSERT", "UPDATE", "DELETE", "MERGE")
_SETS = ("SET", "RESET")


@dataclass
class Sent:
    """One revision's statements. `running` is the row that says that it has started."""

    executor: Executor
    running: ledger.Event
    shown: str
    stuck: bool = False
    """Whether a statement outside the transaction has had its tries: there is no use in more."""
    committed: bool = False
    _ran: ledger.Ran = field(default_factory=lambda: ledger.Ran({}, {}))
    _earlier: dict[str, deque[int]] = field(default_factory=dict)
    _number: int = 0
    _waiting: list[tuple[str, str, int]] = field(default_factory=list)
    _outside: bool = False
    _settings: list[Statement] = field(default_factory=list)
    _began: bool = False
    _looking: AbstractContextManager[None] | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """One attempt at all of it, with `before` and `after` called around each statement."""
        self._waiting, self._settings = [], []
        if self.committed or self.running.revision in self.executor.begun:
            self._recall()
        try:
            yield
            self._refuse_others()
        finally:
            self._end()

    def _recall(self) -> None:
        """Read what has run of it."""
        row, executor = self.running, self.executor
        self._ran = ledger.ran(executor.connection, executor.schema, row.revision, row.direction)
        found: dict[str, deque[int]] = defaultdict(deque)
        for number, mark in sorted(self._ran.finished.items()):
            found[mark].append(number)
        self._earlier = dict(found)
        self._number = max((*self._ran.finished, *self._ran.begun, self._number))

    @contextmanager
    def outside(self, leave: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
        """What surrounds an `autocommit_block`: what comes before it is committed with its rows."""
        executor = self.executor
        connection = executor.connection
        wrote = connection.execute("SELECT pg_catalog.pg_current_xact_id_if_assigned()").fetchone()
        self._end()
        reset(connection)
        if wrote != (None,):
            for text, mark, rows in self._waiting:
                self._record(text, mark, rows)
        self._waiting = []
        with leave():
            self._outside = True
            try:
                yield
            finally:
                self._outside = False
                self._end()
                with suppress(psycopg.Error):
                    reset(connection)
        open_(connection, executor.settings({}, "SET LOCAL"))

    # Around each statement

    def before(
        self, _: object, __: object, statement: str, parameters: Any, context: Any, many: bool
    ) -> tuple[str, Any]:
        """SQLAlchemy's `before_cursor_execute`: what is to be sent."""
        self._end()
        # psycopg doubles the % of a statement that might have parameters.
        text = statement if context.no_parameters and not parameters else _plain(statement)
        if not self._outside and _ENDS.search(text):
            self._refuse_ends(text)
        mark = _mark(text, parameters)
        numbers = self._earlier.get(mark)
        if numbers:
            rows = (self._ran.found.get(numbers.popleft()) or {}).get("rows")
            if not numbers:
                del self._earlier[mark]
            return _nothing(rows), [()] if many else ()
        if self._earlier and self._works(text):
            self._refuse_others()
        if self._outside and self._apart(text, mark, parameters):
            return _nothing(None), ()
        self._looking = self.executor.watched()
        self._looking.__enter__()
        return statement, parameters

    def after(
        self, _: object, cursor: Any, statement: str, parameters: Any, context: Any, __: bool
    ) -> None:
        """SQLAlchemy's `after_cursor_execute`: it ran."""
        self._stop_looking()
        if cursor.description is not None or statement.startswith(_NOTHING):
            if self._began:
                self._began = False
                self.executor.connection.execute("COMMIT")
            return
        text = statement if context.no_parameters and not parameters else _plain(statement)
        mark = _mark(text, parameters)
        if not self._outside:
            if not text.lstrip()[:5].upper().startswith(_SETS):
                self._waiting.append((text, mark, cursor.rowcount))
        elif self._began:
            reset(self.executor.connection)
            self._record(text, mark, cursor.rowcount)
            self._began = False
            self.executor.connection.execute("COMMIT")

    def _refuse_ends(self, text: str) -> None:
        """Raise `BadProject` where a statement would end the transaction that the revision runs in."""
        statements: tuple[Statement, ...] = ()
        with suppress(Error):  # what cannot be divided the server is to judge
            statements = Script(self.shown, text).statements
        for statement in statements:
            if statement.controls_transaction:
                raise BadProject(
                    f"{statement.verb} in a revision that runs in a transaction",
                    hint="leave it out; what is to be committed on the way goes into"
                    " op.get_context().autocommit_block()",
                )

    def _works(self, text: str) -> bool:
        """Whether a statement does something that would be kept."""
        with suppress(Error):
            words = [s.words[:1] for s in Script(self.shown, text).statements]
            return any(w and w[0] not in (*_ANSWERS, *_SETS) for w in words)
        return True

    def _apart(self, text: str, mark: str, parameters: Any) -> bool:
        """Run a statement outside the revision's transaction; False where SQLAlchemy is to send it.

        What gives rows back, or has parameters, it sends itself: in a transaction with its row.
        """
        executor, connection = self.executor, self.executor.connection
        if connection.info.transaction_status != IDLE:
            return False  # one of its own
        script = Script(self.shown, text)
        statements: tuple[Statement, ...] = ()
        with suppress(Error):
            statements = script.statements
        single = statements[0] if len(statements) == 1 else None
        connection.execute(executor.settings({}, "SET"))
        for setting in self._settings:
            connection.execute(setting.text)
        if single is not None and single.sets_session:
            self._settings.append(single)
            return False
        if single is not None and single.controls_transaction:
            return False
        first = single.words[:1] if single is not None else ()
        if single is None or parameters or first[0] in (*_ANSWERS, *_ROWS):
            connection.execute("BEGIN")
            self._began = True
            return False
        begun = next((e for e in self._ran.begun.values() if e.checksum == mark), None)
        self._number = begun.statement or 0 if begun else self._number + 1
        row = self._row(text, mark, self._number)
        try:
            executor.one(Single(script, single, self._settings, row, begun))
        except Error as error:
            error.span = None  # where it stands in the revision is told by the traceback
            self.stuck = True
            raise
        self._said()
        return True

    def _record(self, text: str, mark: str, rows: int) -> None:
        self._number += 1
        row = self._row(text, mark, self._number)
        found = {"rows": rows} if rows >= 0 else None
        ledger.record(self.executor.connection, self.executor.schema, replace(row, found=found))
        self._said()

    def _row(self, text: str, mark: str, number: int) -> ledger.Event:
        return replace(
            self.running, event="statement", statement=number, checksum=mark, sql=redacted(text)
        )

    def _said(self) -> None:
        self.committed = True
        self.executor.left = STAYS

    def _end(self) -> None:
        """What the last statement began and did not end: it failed, and somebody caught that."""
        self._stop_looking()
        if self._began:
            self._began = False
            with suppress(psycopg.Error):
                self.executor.connection.rollback()

    def _stop_looking(self) -> None:
        if self._looking is not None:
            self._looking.__exit__(None, None, None)
            self._looking = None

    def _refuse_others(self) -> None:
        """Raise `Refused` where something has run that an edited revision does not say any more.

        One that was not edited may look for itself what is there.
        """
        left = sorted(number for numbers in self._earlier.values() for number in numbers)
        if not left or ledger.began_as(
            self.executor.connection, self.executor.schema, self.running, left[0]
        ):
            self._earlier = {}
            return
        identifier = self.running.revision
        raise Refused(
            f"statement {left[0]} of revision {identifier} has run and was edited since",
            hint="restore it; or take back by hand what has run, and say so:"
            f' ringfence repair {identifier} --reason "…"',
        )


_ENDS = re.compile(r"\b(?:BEGIN|COMMIT|END|ROLLBACK|ABORT|START|PREPARE)\b", re.IGNORECASE)
_NOTHING = "SELECT FROM pg_catalog.generate_series(1, "


def _nothing(rows: Any) -> str:
    """A statement in place of one that has run: it is about as many rows."""
    return f"{_NOTHING}{int(rows or 0)})"


def _plain(statement: str) -> str:
    return statement.replace("%%", "%")


def _mark(text: str, parameters: Any) -> str:
    return checksum(f"{text}\0{parameters!r}".encode() if parameters else text.encode())

"""Queries that are answered while the answers before them are looked at.

Threads send the queries and wait for their answers within libpq, where Python's own lock is not held:
the server and Python work at the same time. Where there is much to read, a second connection takes
half of it, in the same snapshot; where none can be had, the first reads it all.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from sys import intern
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.types.string import TextLoader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from psycopg import Connection
    from psycopg.pq.abc import PGconn, PGresult

_TEXTS = 1009
"""The OID of text[]."""
Texts = tuple["str | Texts | None", ...]
_ODD = re.compile(r'["{\\]|NULL|null')
"""What is in an array that is not as simple as that: something quoted, another array, nothing."""


class Query(NamedTuple):
    """What to ask: the connection takes those of low rank first, a second one those of high."""

    rank: int
    name: str
    text: str


class Reader:
    """The answers to queries in whatever order they come.

    A context manager: at its end no query runs, also after an error or an interrupt. The connection
    is in the transaction in which to read. What is asked first runs while somebody still thinks of
    what else to `ask`; `help` brings a second connection to the same snapshot.
    """

    def __init__(self, connection: Connection[tuple[object, ...]]) -> None:
        self._connection = connection
        self._count = 0
        self._waiting: list[Query] = []
        self._complete = False
        self._changed = Condition()
        self._answers: SimpleQueue[tuple[str, PGresult | BaseException]] = SimpleQueue()
        self._helper: Connection[tuple[object, ...]] | None = None
        self._threads: list[Thread] = []

    def help(self, snapshot: str, settings: str) -> None:
        """Have a second connection, with these settings, in a snapshot that the first has exported."""
        self._start(self._help, snapshot, settings)

    def ask(self, queries: Sequence[Query], *, more: bool = False) -> None:
        """Have these answered; with `more`, others are asked later."""
        with self._changed:
            begun = self._count > 0
            self._count += len(queries)
            self._waiting.extend(queries)
            self._waiting.sort()
            self._complete = not more
            self._changed.notify_all()
        if not begun:
            self._start(self._ask, self._connection.pgconn, partial(self._take, 0))

    def _take(self, at: int) -> Query:
        """The first, or the last, query that waits. Raises `IndexError` when none will any more."""
        with self._changed:
            while not (self._waiting or self._complete):
                self._changed.wait()
            return self._waiting.pop(at)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = Thread(target=target, args=arguments, name="reader", daemon=True)
        self._threads.append(thread)
        thread.start()

    def __enter__(self) -> Self:
        _Turns.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._waiting.clear()
            self._complete = True
            self._changed.notify_all()
        for connection in (self._connection, self._helper) if error is not None else ():
            if connection is not None:
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=5)
        for thread in self._threads:
            thread.join()
        _Turns.end()

    def __iter__(self) -> Iterator[tuple[str, PGresult]]:
        given = 0
        while given < self._count:
            name, answer = self._answers.get()
            given += 1
            if isinstance(answer, BaseException):
                raise answer
            if answer.status != ExecStatus.TUPLES_OK:
                raise error_from_result(answer)
            yield name, answer

    def _ask(self, connection: PGconn, take: Callable[[], Query]) -> None:
        with suppress(IndexError):  # none is left
            while True:
                _, name, text = take()
                try:
                    answer: PGresult | BaseException = connection.exec_params(text.encode(), None)
                except psycopg.Error as error:
                    answer = error
                self._answers.put((name, answer))

    def _help(self, snapshot: str, settings: str) -> None:
        info = self._connection.info
        # Whatever keeps it from helping (no more connections, a pooler that leads elsewhere): the
        # first connection reads what this one does not.
        with suppress(psycopg.Error):
            helper = psycopg.connect(
                info.dsn, password=info.password, autocommit=True, prepare_threshold=None
            )
            self._helper = helper
            with helper:
                helper.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                helper.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))
                helper.execute(settings)
                self._ask(helper.pgconn, partial(self._take, -1))


class _Turns:
    """How long who makes objects of answers may keep those waiting who have answers, or none to ask:
    while one of them does, a server has nothing to do."""

    _LONGEST = 0.0005
    _lock = Lock()
    _readers = 0
    _usual = 0.0

    @classmethod
    def begin(cls) -> None:
        with cls._lock:
            if not cls._readers:
                cls._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(cls._usual, cls._LONGEST))
            cls._readers += 1

    @classmethod
    def end(cls) -> None:
        with cls._lock:
            cls._readers -= 1
            if not cls._readers:
                sys.setswitchinterval(cls._usual)


class Rows:
    """Makes rows of answers. An array of texts stays text: most are names, and soon dealt with."""

    def __init__(self, connection: Connection[tuple[object, ...]]) -> None:
        cursor = connection.cursor()
        cursor.adapters.register_loader(_TEXTS, TextLoader)
        self._cursor = cursor
        self._array = Transformer(connection).get_loader(_TEXTS, psycopg.pq.Format.TEXT)

    def of(self, answer: PGresult) -> list[tuple[Any, ...]]:
        """The rows of an answer."""
        return self.later(answer)()

    def later(self, answer: PGresult) -> Callable[[], list[tuple[Any, ...]]]:
        """What gives the rows of an answer, also when the connection is closed."""
        transformer = Transformer(self._cursor)
        transformer.set_pgresult(answer)
        return partial(transformer.load_rows, 0, answer.ntuples, tuple)

    def array(self, text: str) -> list[Any]:
        """The texts of an array, nested where it is."""
        if len(text) > 2 and not _ODD.search(text, 1, len(text) - 1):
            return text[1:-1].split(",")
        found: list[Any] = self._array.load(text.encode())
        return found

    def value(self, text: str) -> Texts:
        """The same, to be kept."""
        if len(text) > 2 and not _ODD.search(text, 1, len(text) - 1):
            return tuple(text[1:-1].split(","))
        return _kept(self.array(text))

    def name(self, text: str) -> tuple[str, ...]:
        """The texts of an array without nulls."""
        if '"' in text:
            return tuple(self.array(text))
        return tuple(map(intern, text[1:-1].split(",")))


def _kept(texts: list[Any]) -> Texts:
    return tuple(_kept(text) if isinstance(text, list) else text for text in texts)


def columns(answer: PGresult) -> tuple[list[str], set[int]]:
    """The names of an answer's columns, and which of them are arrays of texts."""
    names: list[str] = []
    arrays: set[int] = set()
    for i in range(answer.nfields):
        named = answer.fname(i)
        assert named is not None
        names.append(named.decode())
        if answer.ftype(i) == _TEXTS:
            arrays.add(i)
    return names, arrays

"""Queries that are answered while the answers before them are looked at.

Threads send the queries and wait for their answers within libpq, where Python's own lock is not held:
the server and Python work at the same time. Where there is much to read, a second connection takes
half of it, in the same snapshot; where none can be had, the first reads it all.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from sys import intern
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

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

    Query = tuple[str, str]

_TEXTS = 1009
"""The OID of text[]."""


class Reader:
    """The answers to queries, each a name and a text, in whatever order they come.

    A context manager: at its end no query runs, also after an error or an interrupt. The connection
    is in the transaction in which to read. What `help` brings, a second one to the same snapshot,
    comes while somebody still thinks of what to `ask`: it begins with the last query.
    """

    def __init__(self, connection: Connection[tuple[object, ...]]) -> None:
        self._connection = connection
        self._count = 0
        self._waiting: deque[Query] = deque()
        self._asked = Event()
        self._answers: SimpleQueue[tuple[str, PGresult | BaseException]] = SimpleQueue()
        self._helper: Connection[tuple[object, ...]] | None = None
        self._threads: list[Thread] = []

    def help(self, snapshot: str, settings: str) -> None:
        """Have a second connection, with these settings, in a snapshot that the first has exported."""
        self._start(self._help, snapshot, settings)

    def ask(self, queries: Sequence[Query]) -> None:
        """Begin to ask."""
        self._count = len(queries)
        self._waiting.extend(queries)
        self._asked.set()
        self._start(self._ask, self._connection.pgconn, self._waiting.popleft)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = Thread(target=target, args=arguments, name="reader", daemon=True)
        self._threads.append(thread)
        thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._waiting.clear()
        self._asked.set()
        for connection in (self._connection, self._helper) if error is not None else ():
            if connection is not None:
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=5)
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[tuple[str, PGresult]]:
        for _ in range(self._count):
            name, answer = self._answers.get()
            if isinstance(answer, BaseException):
                raise answer
            if answer.status != ExecStatus.TUPLES_OK:
                raise error_from_result(answer)
            yield name, answer

    def _ask(self, connection: PGconn, take: Callable[[], Query]) -> None:
        with suppress(IndexError):  # none is left
            while True:
                name, text = take()
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
                self._asked.wait()
                self._ask(helper.pgconn, self._waiting.pop)


class Rows:
    """Makes rows of answers. An array of texts stays text: most are names, and soon dealt with."""

    def __init__(self, connection: Connection[tuple[object, ...]]) -> None:
        cursor = connection.cursor()
        cursor.adapters.register_loader(_TEXTS, TextLoader)
        self._cursor = cursor
        self._array = Transformer(connection).get_loader(_TEXTS, psycopg.pq.Format.TEXT)

    def of(self, answer: PGresult) -> list[tuple[Any, ...]]:
        """The rows of an answer."""
        transformer = Transformer(self._cursor)
        transformer.set_pgresult(answer)
        return transformer.load_rows(0, answer.ntuples, tuple)

    def array(self, text: str) -> list[Any]:
        """The texts of an array, nested where it is."""
        found: list[Any] = self._array.load(text.encode())
        return found

    def name(self, text: str) -> tuple[str, ...]:
        """The texts of an array without nulls."""
        if '"' in text:
            return tuple(self.array(text))
        return tuple(map(intern, text[1:-1].split(",")))


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

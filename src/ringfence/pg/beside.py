"""Work with sessions of its own beside the main thread's, that ends when the main thread has to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from logging import CRITICAL, getLogger
from os import dup
from select import select
from socket import MSG_PEEK, SHUT_RDWR, SHUT_WR, socket
from time import sleep
from typing import TYPE_CHECKING, TypeVar

import psycopg

from ringfence.pg.connect import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Self

    from psycopg import Connection

_T = TypeVar("_T")


class Beside:
    """Threads for functions that open connections; use it as a context manager.

    At the end of the block they are waited for. When the block ends with an error, Ctrl-C too, what
    has not begun never does, and what runs is cut off: its connections are closed under it, but for
    those that clean up afterwards (`pinned` ones).
    """

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="ringfence-beside")
        self._opened: list[Connection[tuple[object, ...]]] = []

    def __enter__(self) -> Self:
        return self

    def submit(self, work: Callable[[_T], None], about: _T) -> Future[None]:
        """Have `work` done."""
        context = copy_context()
        context.run(opened.set, self._opened)
        return self._pool.submit(context.run, work, about)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._pool.shutdown()
            return
        with _hushed():
            self._pool.shutdown(wait=False, cancel_futures=True)
            for connection in tuple(self._opened):
                _cut(connection)
            self._pool.shutdown()


@contextmanager
def _hushed() -> Iterator[None]:
    """What psycopg would say of sessions that end under its transactions: it is we who end them."""
    logger = getLogger("psycopg")
    was = logger.level
    logger.setLevel(CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(was)


def _cut(connection: Connection[tuple[object, ...]]) -> None:
    """End a session that another thread works with: what it does now is cancelled, what comes fails.

    Closing it here would free memory that the other thread reads; its socket can be shut down. First
    so that nothing more can be asked: a query that is sent behind the cancel would run to its end.
    """
    with suppress(OSError, psycopg.Error), socket(fileno=dup(connection.fileno())) as wire:
        wire.shutdown(SHUT_WR)
        for _ in range(_CANCELS):
            with suppress(psycopg.Error):
                connection.cancel()
            if _over(wire):
                break
        wire.shutdown(SHUT_RDWR)


_CANCELS = 50
"""How often a session is told: it does not hear what comes before it has read its query."""


def _over(wire: socket) -> bool:
    """Whether the server has ended the session, which it does once it has nothing to do."""
    readable, _, _ = select([wire], [], [], 0.1)
    if not readable:
        return False
    if wire.recv(1, MSG_PEEK) == b"":
        return True
    sleep(0.01)  # the other thread has not read yet what the server says
    return False

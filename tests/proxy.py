"""What stands between a runner and the server, counts what the server answers, and cuts the line."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

if TYPE_CHECKING:
    from collections.abc import Callable

_CANCEL = 80877102
_CLIENT, _SERVER = "client", "server"


class Cut(Exception):
    """Close this line, both ends of it, without handing on what came."""


class Proxy:
    """A socket that leads to a server's database. `dsn` is the way through it.

    `answered` is called with the number of an answer (ReadyForQuery) that the server has finished
    and the client has not yet got; `asked` with the text of a simple query that the server has not
    yet got. Either may raise `Cut`.
    """

    def __init__(
        self,
        dsn: str,
        *,
        answered: Callable[[int], None] = lambda _: None,
        asked: Callable[[str], None] = lambda _: None,
    ) -> None:
        known = conninfo_to_dict(dsn)
        self._host, self._port = str(known["host"]), int(str(known.get("port") or 5432))
        self._answered, self._asked = answered, asked
        self._folder = tempfile.mkdtemp(prefix="rf-proxy-", dir="/tmp")
        self.dsn = make_conninfo(dsn, host=self._folder, port=5432)
        self.answers = 0
        self._counting = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self._folder}/.s.PGSQL.5432")
        self._listener.listen(32)
        self._lines: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in list(self._threads):
            thread.join(timeout=10)
        shutil.rmtree(self._folder)

    def cut(self) -> None:
        """Close every line there is."""
        for line in list(self._lines):
            _close(line)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = self._upstream()
            except OSError:
                return
            self._lines += [client, server]
            for way, (source, sink) in {
                _CLIENT: (client, server),
                _SERVER: (server, client),
            }.items():
                thread = threading.Thread(target=self._carry, args=(way, source, sink), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _upstream(self) -> socket.socket:
        if self._host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(os.fspath(Path(self._host, f".s.PGSQL.{self._port}")))
            return server
        return socket.create_connection((self._host, self._port))

    def _carry(self, way: str, source: socket.socket, sink: socket.socket) -> None:
        try:
            if way == _CLIENT:
                length = _read(source, 4)
                body = _read(source, struct.unpack("!I", length)[0] - 4)
                sink.sendall(length + body)
                if struct.unpack("!I", body[:4])[0] == _CANCEL:
                    return
            while True:
                head = _read(source, 5)
                body = _read(source, struct.unpack("!I", head[1:])[0] - 4)
                if way == _CLIENT and head[:1] == b"Q":
                    self._asked(body.rstrip(b"\0").decode())
                if way == _SERVER and head[:1] == b"Z":
                    with self._counting:
                        self.answers += 1
                        number = self.answers
                    self._answered(number)
                sink.sendall(head + body)
        except (OSError, EOFError, Cut):
            _close(source)
            _close(sink)


def _read(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = line.recv(size - len(found))
        if not part:
            raise EOFError
        found += part
    return found


def _close(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()

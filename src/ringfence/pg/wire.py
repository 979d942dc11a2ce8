"""As much of PostgreSQL's protocol as takes a few milliseconds.

Importing psycopg costs more than starting the embedded server does, and all that is to be asked of
a server that has just come up is whether a database is there.
"""

from __future__ import annotations

import os

# Not `socket`, which builds its tables of constants and imports selectors for as long again as the
# whole conversation takes.
from _socket import AF_UNIX, socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PROTOCOL = 3 << 16
_PATIENCE = 60.0
_NOT_AUTHORIZED = "28000"


def ask(path: Path, user: str, dbname: str, sql: str = "") -> str:
    """Connect to the socket at `path` without a password, and run `sql` where there is some.

    Gives the SQLSTATE of what failed, or "" when nothing did; 28000 when a password is asked for.
    Raises `OSError` when nobody answers.
    """
    wire = socket(AF_UNIX)
    try:
        wire.settimeout(_PATIENCE)
        wire.connect(os.fspath(path))
        asked = b"".join(v.encode() + b"\0" for v in ("user", user, "database", dbname)) + b"\0"
        wire.sendall(_message(b"", _PROTOCOL.to_bytes(4, "big") + asked))
        while True:
            kind, body = _answer(wire)
            if kind == b"E":
                return _sqlstate(body)
            if kind == b"R" and any(body[:4]):
                return _NOT_AUTHORIZED
            if kind == b"Z":
                if not sql:
                    wire.sendall(_message(b"X", b""))
                    return ""
                wire.sendall(_message(b"Q", sql.encode() + b"\0"))
                sql = ""
    finally:
        wire.close()


def _answer(wire: socket) -> tuple[bytes, bytes]:
    """The next message: its kind, one byte, and what is in it."""
    head = _read(wire, 5)
    return head[:1], _read(wire, int.from_bytes(head[1:], "big") - 4)


def _read(wire: socket, length: int) -> bytes:
    got = b""
    while len(got) < length:
        more = wire.recv(length - len(got))
        if not more:
            raise ConnectionAbortedError("the server hung up")
        got += more
    return got


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def _sqlstate(body: bytes) -> str:
    """The field C of an ErrorResponse."""
    return next((f[1:].decode() for f in body.split(b"\0") if f[:1] == b"C"), "XX000")

"""How the server reads and writes values while it is asked: the same for everybody."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from psycopg import Connection

STEADY = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "lc_monetary": "C",
    "xmloption": "content",
    # Compiling the catalog's and our own long statements takes longer than running them.
    "jit": "off",
}
"""The settings by which values are read and written."""


@contextmanager
def steady(conn: Connection[Any], **more: str) -> Iterator[None]:
    """A transaction in which values are read and written by these settings, and `more` of them.

    Without it a seed would give other bytes to a user who lives in another time zone. Inside a
    transaction of the caller's the settings are put back.
    """
    wanted = STEADY | more
    with conn.transaction():
        names = "SELECT name, current_setting(name) FROM unnest(%s::TEXT[]) AS n (name)"
        before = conn.execute(names, (list(wanted),)).fetchall()
        _set(conn, wanted.items())
        yield
        _set(conn, before)


def _set(conn: Connection[Any], settings: Iterable[tuple[str, str]]) -> None:
    for name, value in settings:
        conn.execute("SELECT set_config(%s, %s, true)", (name, value))

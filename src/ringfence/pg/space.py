"""How much room what a file does will take, and how much there is, where that can be known.

Whatever writes a table or an index anew has the old one beside the new one until it is committed. SQL
does not say how much is free: it is looked at where the server's files are on this machine, else the
configuration may say it.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.script import Script, Statement

    Connection = psycopg.Connection[tuple[object, ...]]

_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_NAME = rf"(?P<name>{_IDENTIFIER}(?:\s*\.\s*{_IDENTIFIER})?)"
_BUILDS = re.compile(
    rf"CREATE\s+(?:UNIQUE\s+)?INDEX\b.*?\bON\s+(?:ONLY\s+)?{_NAME}"
    rf"\s*(?:USING\s+(?P<method>\w+)\s*)?\((?P<columns>[^()]*)\)",
    re.IGNORECASE | re.DOTALL,
)
_REWRITES = (
    re.compile(rf"VACUUM\s+(?:FULL|\([^)]*\bFULL\b[^)]*\))\s+(?:VERBOSE\s+|ANALYZE\s+)*{_NAME}", re.IGNORECASE),
    re.compile(rf"CLUSTER\s+(?:\([^)]*\)\s*|VERBOSE\s+)?{_NAME}", re.IGNORECASE),
    re.compile(rf"REINDEX\s+(?:\([^)]*\)\s*)?(?:TABLE|INDEX)\s+(?:CONCURRENTLY\s+)?{_NAME}", re.IGNORECASE),
    re.compile(
        rf"REFRESH\s+MATERIALIZED\s+VIEW\s+(?:CONCURRENTLY\s+)?{_NAME}(?!.*\bNO\s+DATA\b)", re.IGNORECASE | re.DOTALL
    ),
    re.compile(
        rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{_NAME}\s+SET\s+"
        r"(?:LOGGED|UNLOGGED|TABLESPACE|ACCESS\s+METHOD)\b",
        re.IGNORECASE,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Need:
    """What one statement of a file writes, in bytes, about the object of this name."""

    what: str
    name: str
    size: int
    adds: bool
    """Whether it stays beside what is there; else it takes the place of that in the end."""


def needs(connection: Connection, texts: Iterable[Script]) -> tuple[Need, ...]:
    """What the statements of these files write that are known to build or to rewrite.

    What does not exist yet is not among them, nor what nobody has looked at the statistics of.
    """
    found: list[Need] = []
    for text in texts:
        for statement in text.statements:
            found += _of(connection, statement)
    return tuple(found)


def any_of(texts: Iterable[Script]) -> bool:
    """Whether a statement of these files may need room, as far as its text tells."""
    return any(
        s.words[:1] and s.words[0] in _FIRST and ("INDEX" in s.words[:3] or s.words[0] != "CREATE")
        for text in texts
        for s in text.statements
    )


_FIRST = {"CREATE", "VACUUM", "CLUSTER", "REINDEX", "REFRESH", "ALTER"}


def _of(connection: Connection, statement: Statement) -> Iterator[Need]:
    if built := _BUILDS.match(statement.text):
        size = _index(connection, built["name"], built["columns"])
        if size:
            yield Need(f"an index on {built['name']}", built["name"], size, adds=True)
        return
    for pattern in _REWRITES:
        if match := pattern.match(statement.text):
            row = connection.execute(
                "SELECT pg_total_relation_size(to_regclass(%s))", [match["name"]]
            ).fetchone()
            if row is not None and isinstance(row[0], int) and row[0]:
                yield Need(f"{match['name']} anew", match["name"], row[0], adds=False)
            return


_INDEX = """
SELECT c.reltuples::float8, sum(s.avg_width)::float8, count(s.attname)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_stats AS s
    ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname::text = ANY (%s)
WHERE c.oid = to_regclass(%s)
GROUP BY c.reltuples
"""


def _index(connection: Connection, table: str, columns: str) -> int:
    """About how large an index of plain columns becomes; 0 where that cannot be told."""
    names = []
    for part in columns.split(","):
        match = re.match(rf"\s*({_IDENTIFIER})", part)
        if match is not None:
            plain = match[1]
            quoted = plain.startswith('"')
            names.append(plain[1:-1].replace('""', '"') if quoted else plain.lower())
    row = connection.execute(_INDEX, [names, table]).fetchone()
    if row is None or not row[2] or row[2] != len(names):
        return 0
    rows, width = float(str(row[0])), float(str(row[1]))
    # A line pointer, a header, and what is left free in a page.
    return max(0, int(rows * (width + 12) / 0.9))


def free(connection: Connection) -> tuple[int, str] | None:
    """The bytes that are free where the server keeps its data, and where; None where nobody knows."""
    row = None
    with suppress(psycopg.Error):
        row = connection.execute(
            "SELECT current_setting('data_directory'),"
            " extract(epoch FROM pg_postmaster_start_time())::bigint"
        ).fetchone()
    if row is None or not (folder := Path(str(row[0]))).is_dir():
        return None
    # Another server's folder may have the same name here.
    started = _started(folder)
    if started is None and not connection.info.host.startswith("/"):
        return None
    if started is not None and abs(started - int(str(row[1]))) > 2:
        return None
    with suppress(OSError):
        told = os.statvfs(folder)
        return told.f_bavail * told.f_frsize, str(folder)
    return None


def _started(folder: Path) -> int | None:
    """When the server began whose folder this is; None where that may not be read."""
    with suppress(OSError, ValueError, IndexError):
        lines = (folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return int(lines[2])
    return None


_UNITS = {"MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


def size(text: str) -> int:
    """`500GB` as bytes."""
    return int(text[:-2]) * _UNITS[text[-2:].upper()]


def shown(bytes_: int) -> str:
    """Bytes as people read them: `12 GB`."""
    for unit, each in reversed(_UNITS.items()):
        if bytes_ >= 10 * each or (unit == "MB"):
            return f"{max(1, round(bytes_ / each))} {unit}"
    raise AssertionError

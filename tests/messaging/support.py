"""What the tests of the messaging schema do again and again: run its files, read and compare catalogs."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import psycopg
from psycopg import sql

from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Mapping

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
"""A connection whose rows are tuples of whatever the query says."""

Facts: TypeAlias = "Mapping[tuple[str, str], str]"
"""A catalog as (what, name) → fact; see catalog.sql."""

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
VERSIONS = ROOT / "migrations" / "versions"

_STATEMENT = re.compile(r"^(?:CREATE|ALTER|COMMENT ON)\b", re.MULTILINE)
_TOKEN = re.compile(r"--[^\n]*|'(?:[^']|'')*'|(?P<tag>\$\w*\$).*?(?P=tag)|(?P<end>;)", re.DOTALL)


class Server(Protocol):
    """A PostgreSQL server to test on."""

    def dsn(self, dbname: str = ..., *, user: str = ...) -> str:
        """How a superuser connects to one of its databases."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A revision's SQL, as text."""

    up: str
    down: str
    verify: str

    @classmethod
    def read(cls, stem: str) -> Migration:
        """The files of one revision; without a .verify.sql, nothing to verify."""
        verify = VERSIONS / f"{stem}.verify.sql"
        return cls(
            up=(VERSIONS / f"{stem}.up.sql").read_text(),
            down=(VERSIONS / f"{stem}.down.sql").read_text(),
            verify=verify.read_text() if verify.exists() else "",
        )

    def renamed(self, suffix: str) -> Migration:
        """The same for roles of another name, which no other test has anything to do with."""

        def rename(text: str) -> str:
            return re.sub(r"\b(app_user|app_owner)\b", rf"\1_{suffix}", text)

        return Migration(rename(self.up), rename(self.down), rename(self.verify))


@dataclass(frozen=True, slots=True)
class Own:
    """Both revisions for roles that nobody else knows."""

    core: Migration
    messaging: Migration
    user: str
    owner: str

    @property
    def up(self) -> tuple[str, str]:
        """What brings an empty database to 0002."""
        return self.core.up, self.messaging.up

    @property
    def down(self) -> tuple[str, str]:
        """What undoes `up`."""
        return self.messaging.down, self.core.down


def owned(core: Migration, messaging: Migration, suffix: str) -> Own:
    """The revisions with `suffix` at the end of their roles' names."""
    return Own(
        core.renamed(suffix),
        messaging.renamed(suffix),
        f"app_user_{suffix}",
        f"app_owner_{suffix}",
    )


def run(dsn: str, *scripts: str, user: str = "") -> None:
    """Run each script in a transaction of its own, or as it says: as `user` where one is named."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        if user:
            connection.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(user)))
        for script in scripts:
            if script.startswith("-- ringfence: transaction: none"):
                for statement in Script("", script).statements:
                    connection.execute(statement.text.encode())
                continue
            with connection.transaction():
                connection.execute(script.encode())


def read(dsn: str) -> Facts:
    """Everything a database holds, as catalog.sql tells it."""
    with psycopg.connect(dsn) as connection:
        return catalog(connection)


def catalog(connection: Connection) -> Facts:
    """The same as this connection's transaction sees it."""
    connection.execute("SET LOCAL search_path = ''")
    rows = connection.execute((HERE / "catalog.sql").read_bytes()).fetchall()
    facts = {(what, name): fact for what, name, fact in rows}
    assert len(facts) == len(rows), "two facts of one name: the second hides the first"
    return facts


def violations(connection: Connection, script: str) -> list[tuple[object, ...]]:
    """Every row that a .verify.sql returns."""
    cursor = connection.execute(script.encode())
    rows = cursor.fetchall()
    while cursor.nextset():
        rows += cursor.fetchall()
    return rows


def load(dsn: str, folder: Path) -> None:
    """Run every file below `folder`, each as soon as what it builds on is there."""
    waiting = deque(sorted(folder.rglob("*.sql")))
    postponed = 0
    with psycopg.connect(dsn, autocommit=True) as connection:
        while waiting:
            path = waiting.popleft()
            try:
                with connection.transaction():
                    connection.execute(path.read_bytes())
                postponed = 0
            except (
                psycopg.errors.UndefinedObject,
                psycopg.errors.UndefinedTable,
                psycopg.errors.UndefinedFunction,
                psycopg.errors.InvalidSchemaName,
            ) as error:
                waiting.append(path)
                postponed += 1
                if postponed == len(waiting):
                    raise AssertionError(f"{path.relative_to(ROOT)} builds on nothing") from error


def differences(left: Facts, right: Facts) -> list[str]:
    """What one catalog says and the other does not, a line each; "-" is on the left alone."""
    return [
        f"{sign} {what} {name}: {side[what, name]}"
        for what, name in sorted(left.keys() | right.keys())
        if left.get((what, name)) != right.get((what, name))
        for sign, side in (("-", left), ("+", right))
        if (what, name) in side
    ]


def statements(document: str) -> list[str]:
    """The SQL statements in a text that is mostly not SQL, in order.

    One begins where a line begins with CREATE, ALTER or COMMENT ON, and ends at the first semicolon
    outside comments, quotes and dollar quotes.
    """
    found: list[str] = []
    at = 0
    while start := _STATEMENT.search(document, at):
        for token in _TOKEN.finditer(document, start.start()):
            if token["end"]:
                found.append(document[start.start() : token.end()])
                at = token.end()
                break
        else:
            raise AssertionError(f"statement without an end: {document[start.start() :][:60]!r}")
    return found

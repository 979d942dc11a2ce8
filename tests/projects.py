"""Projects that tests make: a few revisions in a directory, a database, and the command run in it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ringfence.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent

_PAGE = '''"""{title}."""

from ringfence.history import sqlfile

revision = {id!r}
down_revision = {after!r}
branch_labels = {labels!r}
depends_on = {depends_on!r}
{more}
upgrade, downgrade = sqlfile(__file__)
'''


@dataclass(frozen=True, slots=True)
class Result:
    """What a command wrote, and its exit status."""

    status: int
    out: str
    err: str


class Project:
    """A project in a directory, and the database that its commands are given."""

    def __init__(self, root: Path, dsn: str = "", *, config: str = "") -> None:
        self.root = root
        self.dsn = dsn
        self.versions = root / "migrations" / "versions"
        self.versions.mkdir(parents=True)
        (root / "migrations" / "env.py").write_text((ROOT / "migrations" / "env.py").read_text())
        (root / "pyproject.toml").write_text(
            f'[tool.ringfence]\n{config}\n[tool.alembic]\nscript_location = "%(here)s/migrations"\n',
            encoding="utf-8",
        )
        self._last: str | None = None

    # Files

    def revision(
        self,
        id: str,  # noqa: A002 - as in the file
        up: str | bytes,
        down: str = "",
        *,
        after: str | tuple[str, ...] | None = "",
        title: str = "",
        verify: str | None = None,
        labels: tuple[str, ...] | None = None,
        depends_on: str | tuple[str, ...] | None = None,
        opt_in: bool = False,
    ) -> Path:
        """Add a revision, after the last one where `after` does not say otherwise; its `.up.sql`."""
        after = self._last if after == "" else after
        page = _PAGE.format(
            id=id,
            after=after,
            title=title or f"revision {id}",
            labels=labels,
            depends_on=depends_on,
            more="opt_in = True\n" if opt_in else "",
        )
        (self.versions / f"{id}.py").write_text(page, encoding="utf-8")
        path = self.versions / f"{id}.up.sql"
        path.write_bytes(up.encode() if isinstance(up, str) else up)
        (self.versions / f"{id}.down.sql").write_text(down, encoding="utf-8")
        if verify is not None:
            (self.versions / f"{id}.verify.sql").write_text(verify, encoding="utf-8")
        self._last = id
        return path

    def python(self, id: str, body: str) -> Path:  # noqa: A002
        """Add a revision in Python after the last one; `body` has upgrade and downgrade."""
        path = self.versions / f"{id}.py"
        path.write_text(
            f'"""in python."""\n\nfrom alembic import op\n\nrevision = {id!r}\n'
            f"down_revision = {self._last!r}\nbranch_labels = None\ndepends_on = None\n\n\n{body}",
            encoding="utf-8",
        )
        self._last = id
        return path

    def say(self, config: str) -> None:
        """Write this at the head of `[tool.ringfence]`'s tables."""
        path = self.root / "pyproject.toml"
        path.write_text(f"{config}\n{path.read_text()}", encoding="utf-8")

    # Commands

    def run(
        self,
        *argv: str,
        dsn: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: io.StringIO | None = None,
    ) -> Result:
        """Run a command in the project and in this process; its `--dsn` is the project's database."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in "12")
        before = Path.cwd()
        os.chdir(self.root)
        try:
            with (
                mock.patch.dict(os.environ, env or {}),
                mock.patch.object(sys, "stdin", stdin or io.StringIO()),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
            ):
                status = main(self.argv(*argv, dsn=dsn))
        finally:
            os.chdir(before)
        texts = []
        for stream in (out, err):
            stream.flush()
            texts.append(stream.buffer.getvalue().decode())
        return Result(status, *texts)

    def argv(self, *argv: str, dsn: str | None = None) -> list[str]:
        """The arguments, with the DSN behind the command's name."""
        dsn = self.dsn if dsn is None else dsn
        return [*argv, "--dsn", dsn] if dsn else list(argv)

    def spawn(self, *argv: str, **options: Any) -> subprocess.Popen[str]:
        """Start the real command in the project."""
        command = [str(BIN / "ringfence"), *self.argv(*argv)]
        given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(command, cwd=self.root, text=True, **given)

    def command(self, *argv: str, **options: Any) -> Result:
        """Run the real command in the project, to its end."""
        process = self.spawn(*argv, **options)
        out, err = process.communicate(timeout=60)
        return Result(process.returncode, out or "", err or "")

    def alembic(self, *argv: str) -> Result:
        """Run plain Alembic in the project."""
        dsn = ["-x", f"dsn={self.dsn}"] if self.dsn else []
        done = subprocess.run(
            [str(BIN / "alembic"), *dsn, *argv],
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    # The database

    @property
    def database(self) -> str:
        """The database as messages call it."""
        return shown(self.dsn)

    def query(self, query: str, *values: object, dsn: str | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with psycopg.connect(dsn or self.dsn, autocommit=True) as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def tables(self) -> list[str]:
        """The tables outside the system's schemas, sorted."""
        rows = self.query(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)' ORDER BY 1"
        )
        return [row[0] for row in rows]

    def history(self, *columns: str) -> list[tuple[Any, ...]]:
        """These columns of the history, oldest first."""
        wanted = ", ".join(columns or ("event", "revision", "direction", "attempt", "statement"))
        rows = self.query(f"SELECT id, {wanted} FROM ringfence.history ORDER BY id")
        return [row[1:] for row in rows]


def shown(dsn: str) -> str:
    """A database as messages call it."""
    parts = conninfo_to_dict(dsn)
    host = str(parts["host"])
    if host.startswith("/"):
        return f"{parts['user']}@{parts['dbname']} at {host}:{parts['port']}"
    return f"{parts['user']}@{host}:{parts['port']}/{parts['dbname']}"


def timeless(text: str) -> str:
    """A text with its times and durations as TIME and SPAN."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "TIME", text)
    return re.sub(r"\b\d+(\.\d+)? (ms|s|min \d+ s)\b", "SPAN", text)


def lines(*parts: str) -> str:
    """These lines as a command writes them."""
    return "".join(f"{part}\n" for part in parts)


def without(rows: Iterable[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    """These objects without the keys that differ from run to run."""
    return [{k: v for k, v in row.items() if k not in keys} for row in rows]

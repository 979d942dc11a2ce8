"""What writers feel while revisions are applied: by ringfence, and naively by plain Alembic.

Writers insert and update on the messaging schema as fast as they can; each remembers the longest time
a transaction of its own took, and how many failed. Meanwhile twelve typical revisions are applied.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from bench.lab import ALEMBIC, RINGFENCE, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.lab import Lab

WRITERS = 3
HEADER = "-- ringfence: transaction: none\n"

TWELVE: Sequence[tuple[str, str]] = (
    ("ALTER TABLE load.events ADD COLUMN note TEXT;", ""),
    (
        "CREATE INDEX events_at ON load.events (at);",
        f"{HEADER}CREATE INDEX CONCURRENTLY events_at ON load.events (at);",
    ),
    (
        "ALTER TABLE load.events ADD CONSTRAINT events_size CHECK (size >= 0);",
        "ALTER TABLE load.events ADD CONSTRAINT events_size CHECK (size >= 0) NOT VALID;",
    ),
    ("SELECT 1;", "ALTER TABLE load.events VALIDATE CONSTRAINT events_size;"),
    (
        "UPDATE load.events SET note = 'old' WHERE note IS NULL;",
        (
            "-- ringfence: backfill key=id batch=100ms\n"
            "UPDATE load.events SET note = 'old' WHERE note IS NULL;"
        ),
    ),
    (
        "ALTER TABLE load.events ALTER size SET NOT NULL;",
        "ALTER TABLE load.events ADD CONSTRAINT size_there CHECK (size IS NOT NULL) NOT VALID;",
    ),
    (
        (
            "ALTER TABLE load.events ADD CONSTRAINT events_account FOREIGN KEY (account)"
            " REFERENCES load.accounts (id);"
        ),
        (
            "ALTER TABLE load.events ADD CONSTRAINT events_account FOREIGN KEY (account)"
            " REFERENCES load.accounts (id) NOT VALID;"
        ),
    ),
    (
        "SELECT 1;",
        (
            "ALTER TABLE load.events VALIDATE CONSTRAINT size_there;\n"
            "ALTER TABLE load.events VALIDATE CONSTRAINT events_account;"
        ),
    ),
    (
        "ALTER TABLE load.events ADD CONSTRAINT events_token UNIQUE (token);",
        f"{HEADER}CREATE UNIQUE INDEX CONCURRENTLY events_token ON load.events (token);",
    ),
    (
        "SELECT 1;",
        "ALTER TABLE load.events ADD CONSTRAINT events_token UNIQUE USING INDEX events_token;",
    ),
    (
        "CREATE INDEX events_account_at ON load.events (account, at);",
        f"{HEADER}CREATE INDEX CONCURRENTLY events_account_at ON load.events (account, at);",
    ),
    ("ALTER TABLE load.events DROP COLUMN note;", ""),
)
"""Twelve revisions: as one writes them without thinking, and (where that differs) online."""

_SCHEMA = """
CREATE SCHEMA load;
CREATE TABLE load.accounts (id INT PRIMARY KEY);
INSERT INTO load.accounts SELECT generate_series(1, 100);
CREATE TABLE load.events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account INT NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(), size INT, token UUID DEFAULT gen_random_uuid()
);
INSERT INTO load.events (account, size) SELECT 1 + i % 100, i FROM generate_series(1, 400000) AS i;
"""


@dataclass
class Felt:
    """What the writers felt: the longest transaction, failed ones, and how many there were."""

    longest: float = 0.0
    failed: int = 0
    done: int = 0
    seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, took: float, *, failed: bool) -> None:
        """One transaction more."""
        with self.lock:
            self.longest = max(self.longest, took)
            self.failed += failed
            self.done += 1


def under_load(lab: Lab, way: str) -> Felt:
    """Apply the twelve revisions while writers write; `way` is ringfence or alembic."""
    dsn = _database(lab, f"load_{way}")
    folder = _project(lab, way)
    felt, stop = Felt(), threading.Event()
    writers = [threading.Thread(target=_write, args=(dsn, felt, stop)) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    began = time.perf_counter()
    command = (
        [*RINGFENCE, "migrate", "--dsn", dsn]
        if way == "ringfence"
        else [*ALEMBIC, "upgrade", "head"]
    )
    done = subprocess.run(
        command, cwd=folder, env={**lab.environment, "LOAD_DSN": dsn}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    felt.seconds = time.perf_counter() - began
    stop.set()
    for writer in writers:
        writer.join()
    if done.returncode:
        sys.exit(f"error: {way} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return felt


def _write(dsn: str, felt: Felt, stop: threading.Event) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        number = 0
        while not stop.is_set():
            number += 1
            began, failed = time.perf_counter(), False
            try:
                connection.execute(
                    "INSERT INTO load.events (account, size) VALUES (%s, 1)", [1 + number % 100]
                )
                connection.execute(
                    "UPDATE load.events SET size = size + 1 WHERE id = %s", [1 + number % 1000]
                )
            except psycopg.Error:
                failed = True
            felt.add(time.perf_counter() - began, failed=failed)
            time.sleep(0.002)


def empty(lab: Lab, name: str) -> str:
    """A database without anything in it: the way to it."""
    lab.run([*RINGFENCE, "db", "start"])
    url = subprocess.run(
        [*RINGFENCE, "db", "url"], cwd=lab.project, env=lab.environment, capture_output=True,
        text=True, check=True,
    ).stdout.strip()  # fmt: skip
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name}")
        admin.execute(f"CREATE DATABASE {name}")
    return psycopg.conninfo.make_conninfo(url, dbname=name)


def _database(lab: Lab, name: str) -> str:
    dsn = empty(lab, name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_SCHEMA)
        connection.execute("ANALYZE")
    return dsn


_PAGE = """\
from ringfence.history import sqlfile

revision = {id!r}
down_revision = {after!r}
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
"""
_PLAIN = """\
from alembic import op

revision = {id!r}
down_revision = {after!r}


def upgrade():
    op.execute({sql!r})


def downgrade():
    pass
"""
_ENV = """\
import os

from alembic import context
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool
import psycopg

engine = create_engine(
    "postgresql+psycopg://", creator=lambda: psycopg.connect(os.environ["LOAD_DSN"]), poolclass=NullPool
)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""


def project(folder: Path, way: str, texts: Sequence[str]) -> Path:
    """A project of these revisions: ringfence's, or plain Alembic's with the same SQL in Python."""
    ours = way == "ringfence"
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    env = (ROOT / "migrations" / "env.py").read_text(encoding="utf-8") if ours else _ENV
    (versions.parent / "env.py").write_text(env, encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        '[tool.ringfence]\n[tool.alembic]\nscript_location = "%(here)s/migrations"\n',
        encoding="utf-8",
    )
    after = None
    for number, text in enumerate(texts, 1):
        name = f"{number:04d}"
        page = _PAGE if ours else _PLAIN
        (versions / f"{name}.py").write_text(
            page.format(id=name, after=after, sql=text), encoding="utf-8"
        )
        if ours:
            (versions / f"{name}.up.sql").write_text(text, encoding="utf-8")
        after = name
    return folder


def _project(lab: Lab, way: str) -> Path:
    folder = lab.project.parent / f"load-{way}-{os.getpid()}"
    texts = [online or naive for naive, online in TWELVE]
    if way == "alembic":
        texts = [naive for naive, _ in TWELVE]
    return project(folder, way, texts)

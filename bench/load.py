"""What writers feel while revisions are applied: by ringfence, and naively by plain Alembic.

pgbench writes messages into the messaging schema; its log has every transaction's time. Meanwhile twelve
typical revisions of the largest table are applied.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from bench.lab import ALEMBIC, RINGFENCE, ROOT
from ringfence.pg import binaries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.lab import Lab

WRITERS = 3
HEADER = "-- ringfence: transaction: none\n"
TABLE = "messaging.whatsapp_messages"

TWELVE: Sequence[tuple[str, str]] = (
    (f"ALTER TABLE {TABLE} ADD COLUMN note TEXT;", ""),
    (
        f"CREATE INDEX load_sent ON {TABLE} (sent_at);",
        f"{HEADER}CREATE INDEX CONCURRENTLY load_sent ON {TABLE} (sent_at);",
    ),
    (
        f"ALTER TABLE {TABLE} ADD CONSTRAINT load_wa CHECK (wa_message_id <> '');",
        f"ALTER TABLE {TABLE} ADD CONSTRAINT load_wa CHECK (wa_message_id <> '') NOT VALID;",
    ),
    ("SELECT 1;", f"ALTER TABLE {TABLE} VALIDATE CONSTRAINT load_wa;"),
    (
        f"UPDATE {TABLE} SET note = 'old' WHERE note IS NULL;",  # noqa: S608 - ours
        (
            "-- ringfence: backfill key=id batch=100ms\n"
            f"UPDATE {TABLE} SET note = 'old' WHERE note IS NULL;"
        ),
    ),
    (
        f"ALTER TABLE {TABLE} ALTER sent_at SET NOT NULL;",
        f"ALTER TABLE {TABLE} ADD CONSTRAINT load_sent CHECK (sent_at IS NOT NULL) NOT VALID;",
    ),
    (
        (
            f"ALTER TABLE {TABLE} ADD CONSTRAINT load_conversation FOREIGN KEY (conversation_id)"
            " REFERENCES messaging.whatsapp_conversations (id);"
        ),
        (
            f"ALTER TABLE {TABLE} ADD CONSTRAINT load_conversation FOREIGN KEY (conversation_id)"
            " REFERENCES messaging.whatsapp_conversations (id) NOT VALID;"
        ),
    ),
    (
        "SELECT 1;",
        (
            f"ALTER TABLE {TABLE} VALIDATE CONSTRAINT load_sent;\n"
            f"ALTER TABLE {TABLE} VALIDATE CONSTRAINT load_conversation;"
        ),
    ),
    (
        f"ALTER TABLE {TABLE} ADD CONSTRAINT load_unique UNIQUE (wa_message_id);",
        f"{HEADER}CREATE UNIQUE INDEX CONCURRENTLY load_unique ON {TABLE} (wa_message_id);",
    ),
    (
        "SELECT 1;",
        f"ALTER TABLE {TABLE} ADD CONSTRAINT load_unique UNIQUE USING INDEX load_unique;",
    ),
    (
        f"CREATE INDEX load_status ON {TABLE} (status, created_at);",
        f"{HEADER}CREATE INDEX CONCURRENTLY load_status ON {TABLE} (status, created_at);",
    ),
    (f"ALTER TABLE {TABLE} DROP COLUMN note;", ""),
)
"""Twelve revisions: as one writes them without thinking, and (where that differs) online."""

_ROWS = """
DO $$
DECLARE
    t UUID;
    a UUID;
BEGIN
    INSERT INTO core_tenants.tenants (name, slug) VALUES ('bench', 'bench') RETURNING id INTO t;
    INSERT INTO messaging.whatsapp_accounts
        (tenant_id, waba_id, phone_number_id, phone_number, display_name)
    VALUES (t, 'waba', '1', '+525500000000', 'bench') RETURNING id INTO a;
    INSERT INTO messaging.whatsapp_conversations (tenant_id, account_id, contact_wa_id)
    SELECT t, a, '+52551111' || i FROM generate_series(1000, 1099) AS i;
    INSERT INTO messaging.whatsapp_messages (
        tenant_id, conversation_id, wa_message_id, direction, message_type, content, sent_at
    )
    SELECT t, c.id, 'wamid.' || c.id || i, 'inbound', 'text', '{"body": "hola"}', clock_timestamp()
    FROM messaging.whatsapp_conversations AS c, generate_series(1, 2000) AS i;
END;
$$
"""

_WRITES = """
\\set n random(0, 99)
BEGIN;
INSERT INTO messaging.whatsapp_messages (
    tenant_id, conversation_id, wa_message_id, direction, message_type, content, sent_at
)
SELECT tenant_id, id, gen_random_uuid()::TEXT, 'outbound', 'text', '{"body": "hola"}', now()
FROM messaging.whatsapp_conversations ORDER BY contact_wa_id OFFSET :n LIMIT 1;
UPDATE messaging.whatsapp_messages SET status = 'read' WHERE id = (
    SELECT id FROM messaging.whatsapp_messages ORDER BY id LIMIT 1 OFFSET :n
);
END;
\\sleep 3 ms
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
    writer = threading.Thread(target=_write, args=(dsn, folder, felt, stop))
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
    writer.join()
    if done.returncode:
        sys.exit(f"error: {way} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return felt


def _write(dsn: str, folder: Path, felt: Felt, stop: threading.Event) -> None:
    """Have pgbench write, a few seconds at a time: it tells what it saw only when it ends."""
    (folder / "writes.sql").write_text(_WRITES, encoding="utf-8")
    while not stop.is_set():
        command = [
            _pgbench(), "-n", "-c", str(WRITERS), "-T", "3", "-f", "writes.sql", "-l",
            "--log-prefix=told", dsn,
        ]  # fmt: skip
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            felt.add(0.0, failed=True)
            sys.stderr.write(done.stderr)
        for log in folder.glob("told.*"):
            for line in log.read_text(encoding="ascii").splitlines():
                took = line.split()[2]
                failed = not took.isdigit()
                felt.add(0.0 if failed else int(took) / 1e6, failed=failed)
            log.unlink()


def _pgbench() -> str:
    found = binaries.find_binaries().bin / "pgbench"
    path = found if found.is_file() else shutil.which("pgbench")
    if path is None:
        sys.exit("error: there is no pgbench here")
    return str(path)


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
    lab.run([*RINGFENCE, "migrate", "--dsn", dsn])
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_ROWS)
        connection.execute("VACUUM ANALYZE")
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
        '[tool.ringfence.migrate]\nschema = "bench"\n[tool.alembic]\nscript_location = "%(here)s/migrations"\n',
        encoding="utf-8",
    )
    after = None
    for number, text in enumerate(texts, 1):
        name = f"b{number:04d}"
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

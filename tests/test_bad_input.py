"""What can be wrong, each with the whole of what a person is told, and nothing left behind."""

from __future__ import annotations

import os
import socket
import socketserver
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from messaging.support import read
from projects import Project, lines, shown, timeless
from ringfence.cli.main import main
from ringfence.pg import embedded
from ringfence.pg.connect import named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OURS = ["ringfence.alembic_version", "ringfence.backfills", "ringfence.history"]


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A project without revisions, and an empty database."""
    return Project(tmp_path / "project", database)


@pytest.fixture
def nowhere(tmp_path: Path) -> Project:
    """A project of one revision, and no database."""
    project = Project(tmp_path / "project")
    project.revision("0001", "CREATE TABLE t ();")
    return project


# No project


def test_no_project_here(tmp_path: Path, nowhere: Project) -> None:
    nowhere.root = tmp_path
    for command in ("migrate", "status", "history", "verify"):
        done = nowhere.command(command)
        assert (done.status, done.out) == (2, "")
        assert done.err == lines(
            f"error: no ringfence project here: {tmp_path}",
            "detail: no pyproject.toml with a [tool.ringfence] table in this directory or above it",
            "hint: cd into a project, or name one with ringfence -C DIR …",
        )


def test_no_such_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(tmp_path / "x"), "status"]) == 2
    assert capsys.readouterr().err == f"error: no such directory: {tmp_path}/x\n"


def test_a_wrong_key(nowhere: Project) -> None:
    nowhere.say("[tool.ringfence.migrate]\nlock_timeot = '5s'")
    done = nowhere.run("status")
    assert (done.status, done.out) == (2, "")
    assert done.err == lines(
        "error: unknown key lock_timeot in [tool.ringfence.migrate]",
        f"  {nowhere.root}/pyproject.toml:2:1",
        "  2 | lock_timeot = '5s'",
        "    | ^",
        "hint: did you mean lock_timeout?",
    )


# No server


def test_no_server_at_the_port(nowhere: Project) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        done = nowhere.run("migrate", dsn=f"postgresql://joe:hunter2@127.0.0.1:{port}/shop")
    assert (done.status, done.out) == (3, "")
    assert done.err == lines(
        f"error: cannot connect to joe@127.0.0.1:{port}/shop: Connection refused",
        "hint: is the server running, and is --dsn right?",
    )


def test_no_server_at_any_of_several_hosts(nowhere: Project) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        done = nowhere.run(
            "status", dsn=f"host=127.0.0.1,127.0.0.1 port={port} user=joe dbname=shop"
        )
    assert done.status == 3
    assert done.err == lines(
        f"error: cannot connect to joe@127.0.0.1,127.0.0.1:{port}/shop: Connection refused",
        "hint: is the server running, and is --dsn right?",
    )


def test_no_socket(nowhere: Project, tmp_path: Path) -> None:
    done = nowhere.run("migrate", dsn=f"host={tmp_path} port=5433 user=joe dbname=shop")
    assert (done.status, done.out) == (3, "")
    assert done.err == lines(
        f"error: cannot connect to joe@shop at {tmp_path}:5433: connection to server on socket"
        f' "{tmp_path}/.s.PGSQL.5433" failed: No such file or directory',
        "hint: is the server running, and is --dsn right?",
    )


def test_no_such_database(project: Project) -> None:
    dsn = make_conninfo(project.dsn, dbname="not there")
    done = project.run("status", dsn=dsn)
    assert (done.status, done.out) == (3, "")
    assert done.err == lines(
        f'error: cannot connect to {shown(dsn)}: database "not there" does not exist',
        "hint: create it first: CREATE DATABASE …",
    )


def test_no_such_host(nowhere: Project) -> None:
    done = nowhere.run("status", dsn="postgresql://joe:hunter2@no.such.host.invalid:5432/shop")
    assert done.status == 3
    first, hint = done.err.splitlines()
    assert first.startswith("error: cannot connect to joe@no.such.host.invalid:5432/shop: ")
    assert hint == "hint: is the server running, and is --dsn right?"
    assert "hunter2" not in done.err


# A server of our own making


class Answering(socketserver.BaseRequestHandler):
    """Says what its server has to say to anybody who connects."""

    def handle(self) -> None:
        (length,) = struct.unpack("!i", self.request.recv(4))
        (code,) = struct.unpack("!i", self.request.recv(length - 4)[:4])
        if code != 196608:  # it asks for encryption first
            self.request.sendall(b"N")
            self.request.recv(4096)
        self.request.sendall(self.server.answer)  # type: ignore[attr-defined]
        self.request.recv(4096)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def fatal(code: str, text: str) -> bytes:
    fields = (f"SFATAL\0VFATAL\0C{code}\0M{text}\0\0").encode()
    return message(b"E", fields)


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The DSN of a server that gives everybody this answer."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        server.answer = answer  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"postgresql://joe:hunter2@127.0.0.1:{server.server_address[1]}/shop"
        server.shutdown()


def test_a_server_that_is_too_old(nowhere: Project) -> None:
    answer = (
        message(b"R", struct.pack("!i", 0))
        + message(b"S", b"server_version\x0013.4\0")
        + message(b"S", b"client_encoding\0UTF8\0")
        + message(b"K", struct.pack("!ii", 1, 1))
        + message(b"Z", b"I")
    )
    with answering(answer) as dsn:
        done = nowhere.run("migrate", dsn=dsn)
    target = dsn.replace(":hunter2", "").removeprefix("postgresql://")
    assert (done.status, done.out) == (3, "")
    assert done.err == lines(
        f"error: {target} runs PostgreSQL 13.4, which is too old",
        "hint: ringfence needs PostgreSQL 14 or newer",
    )


@pytest.mark.parametrize(
    ("code", "said", "status", "hint"),
    [
        (
            "28P01",
            'password authentication failed for user "joe"',
            3,
            "check user and password in --dsn; PGPASSWORD or ~/.pgpass may hold it",
        ),
        (
            "28000",
            'no pg_hba.conf entry for host "127.0.0.1", user "joe", database "shop", no encryption',
            3,
            "the server's pg_hba.conf must let this host, user and database in",
        ),
        ("53300", "sorry, too many clients already", 75, "try again in a while"),
        ("57P03", "the database system is starting up", 75, "try again in a while"),
    ],
)
def test_a_server_that_lets_nobody_in(
    nowhere: Project, code: str, said: str, status: int, hint: str
) -> None:
    with answering(fatal(code, said)) as dsn:
        done = nowhere.run("migrate", dsn=dsn)
    target = dsn.replace(":hunter2", "").removeprefix("postgresql://")
    assert (done.status, done.out) == (status, "")
    assert done.err == lines(f"error: cannot connect to {target}: {said}", f"hint: {hint}")


def test_no_password_given(nowhere: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", os.devnull)
    with answering(message(b"R", struct.pack("!i", 3))) as dsn:
        done = nowhere.run("migrate", dsn=dsn.replace(":hunter2", ""))
    assert done.status == 3
    assert done.err.endswith(
        lines(
            ": fe_sendauth: no password supplied",
            "hint: check user and password in --dsn; PGPASSWORD or ~/.pgpass may hold it",
        )
    )


# Connection strings that cannot be read. None is repeated.

CANNOT_READ = lines(
    "error: --dsn is not a connection string",
    "hint: write postgresql://user:password@host:5432/database (with %40 for an @ in the"
    " password), or host=… dbname=… user=…",
)
BARE = lines(
    "error: the password in --dsn holds a bare @ or /",
    "hint: write @ as %40 and / as %2F in a connection URL",
)
WITHIN = lines(
    "error: a value in --dsn holds another setting",
    "hint: write blanks between settings: host=… dbname=… user=…",
)


@pytest.mark.parametrize(
    ("dsn", "err"),
    [
        ("postgresql://joe:hunter2%zz@h/db", CANNOT_READ),
        ("host=h pasword=hunter2", CANNOT_READ),
        ("hunter2", CANNOT_READ),
        ("password='hunter2", CANNOT_READ),
        ("postgresql://joe:hun@ter2@h/db", BARE),
        ("postgresql://joe:hun/ter2@h/db", BARE),
        ("postgresql://joe:12/ter2@h/db", BARE),
        ("postgresql+psycopg://joe:hun@ter2@h/db", BARE),
        ("host=h,password=hunter2", WITHIN),
        ("host=h;dbname=d;password=hunter2 user=u", WITHIN),
        (
            "postgresql://joe:hunter2@h:port/db",
            lines("error: the port in --dsn is not a number", "hint: write host:5432"),
        ),
    ],
)
def test_a_connection_string_is_not_repeated(nowhere: Project, dsn: str, err: str) -> None:
    done = nowhere.run("status", dsn=dsn)
    assert (done.status, done.out, done.err) == (2, "", err)


def test_an_empty_connection_string_does_not_lead_elsewhere(nowhere: Project) -> None:
    assert main(["-C", str(nowhere.root), "migrate", "--dsn", ""]) == 2
    done = nowhere.run("migrate", dsn=" ")
    assert (done.status, done.out) == (2, "")
    assert done.err == lines(
        "error: --dsn is empty", "hint: is the variable set that it comes from?"
    )
    nowhere.dsn = " "
    assert "error: -x dsn is empty\n" in nowhere.alembic("current").out


def test_the_source_of_a_connection_string_is_named(nowhere: Project) -> None:
    done = nowhere.run("status", env={"RINGFENCE_DSN": "hunter2"})
    assert done.err == CANNOT_READ.replace("--dsn", "RINGFENCE_DSN")
    nowhere.say("[tool.ringfence]\ndsn = 'hunter2'")
    text = (nowhere.root / "pyproject.toml").read_text()
    (nowhere.root / "pyproject.toml").write_text(text.replace("\n[tool.ringfence]\n", "\n", 1))
    done = nowhere.run("status")
    assert done.err == CANNOT_READ.replace("--dsn", "[tool.ringfence] dsn")


@pytest.mark.parametrize(
    ("dsn", "env", "label"),
    [
        ("postgresql://u@h:1/d", {}, "u@h:1/d"),
        ("host=/a/b port=5944 user=u dbname=d", {}, "u@d at /a/b:5944"),
        ("host=/a/b dbname=d", {}, "d at /a/b"),
        ("service=prod", {}, "service prod"),
        ("service=prod user=u dbname=d", {}, "u@d of service prod"),
        ("", {"PGHOSTADDR": "10.0.0.1", "PGDATABASE": "d"}, "10.0.0.1/d"),
        ("", {"PGSERVICE": "prod"}, "service prod"),
        ("", {}, "the default database"),
    ],
)
def test_a_label_says_which_server(
    monkeypatch: pytest.MonkeyPatch, dsn: str, env: dict[str, str], label: str
) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert named(dsn, "--dsn").shown == label


# What is wrong with the files


def refused(project: Project, *argv: str) -> str:
    """The whole of what migrate says and a status of 2, with the database as it was."""
    done = project.run("migrate", *argv)
    assert (done.status, done.out) == (2, "")
    assert project.tables() == []
    return done.err


def test_a_revision_without_its_sql(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a ();")
    project.revision("0002", "CREATE TABLE b ();").unlink()
    assert refused(project) == lines(
        "error: revision 0002 has no SQL: migrations/versions/0002.up.sql does not exist",
        "hint: write it, or restore it: git checkout -- migrations/versions/0002.up.sql; where it is"
        " applied: ringfence repair 0002 --restore",
    )


def test_a_revision_that_cannot_be_undone(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a ();", "DROP TABLE a;")
    project.revision("0002", "CREATE TABLE b ();", "DROP TABLE b;")
    project.run("migrate")
    (project.versions / "0001.down.sql").unlink()
    done = project.run("migrate", "--to", "base", "--yes")
    assert (done.status, done.out) == (2, "")
    assert done.err == lines(
        "error: revision 0001 cannot be undone: migrations/versions/0001.down.sql does not exist",
        "hint: write it, or go forward with a new revision",
    )
    assert project.tables() == ["a", "b", *OURS]


def test_two_heads(project: Project) -> None:
    project.revision("0001", "SELECT;")
    project.revision("0002", "SELECT;", after="0001", title="left")
    project.revision("0003", "SELECT;", after="0001", title="right")
    assert refused(project) == lines(
        "error: migrations/versions has 2 heads: 0002 (left) and 0003 (right)",
        "detail: two branches each added a revision, and none says which comes first",
        "hint: put one after the other: ringfence rebase; or keep both: alembic merge -m 'merge' 0002"
        " 0003",
    )


def test_one_id_twice(project: Project) -> None:
    project.revision("0001", "SELECT;")
    project.revision("0002", "SELECT;")
    page = project.versions / "0002.py"
    page.write_text(page.read_text().replace("revision = '0002'", "revision = '0001'"))
    assert refused(project) == lines(
        "error: revision 0001 is defined twice: migrations/versions/0001.py and"
        " migrations/versions/0002.py",
        "hint: give one of them another id: ringfence rebase does it for the one that is applied"
        " nowhere",
    )


def test_a_parent_that_is_missing(project: Project) -> None:
    project.revision("0002", "SELECT;", after="0001")
    assert refused(project) == lines(
        "error: revision 0002 follows 0001, which does not exist",
        "  migrations/versions/0002.py:1",
        "hint: restore the file of 0001, or correct down_revision",
    )


def test_a_circle(project: Project) -> None:
    project.revision("0001", "SELECT;", after="0001")
    assert refused(project) == lines(
        "error: the revisions follow each other in a circle: 0001 → 0001",
        "hint: one of them must follow another, or nothing: correct its down_revision",
    )


def test_python_that_is_none(project: Project) -> None:
    project.revision("0001", "SELECT;")
    (project.versions / "0001.py").write_text("revision = '0001'\ndef upgrade(:\n")
    assert refused(project) == lines(
        "error: migrations/versions/0001.py is not valid Python: invalid syntax",
        "  migrations/versions/0001.py:2:13",
        "  2 | def upgrade(:",
        "    |             ^",
    )


def test_python_that_fails_when_it_is_read(project: Project) -> None:
    project.python("0001", "import no_such_module\n")
    assert refused(project) == lines(
        "error: ModuleNotFoundError: No module named 'no_such_module'",
        "  migrations/versions/0001.py:11:1",
        "  11 | import no_such_module",
        "     | ^",
    )


def test_there_is_no_env(project: Project) -> None:
    project.revision("0001", "SELECT 1;")
    (project.root / "migrations" / "env.py").unlink()
    done = project.run("migrate")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "error: there is no migrations/env.py, which Alembic runs\n"
        "hint: ringfence init writes one in a new folder; one of another project does as well\n"
    )


def test_sql_that_is_not_utf8(project: Project) -> None:
    project.revision("0001", "SELECT 'año';".encode("latin1"))
    assert refused(project) == lines(
        "error: migrations/versions/0001.up.sql is not UTF-8: byte 0xf1",
        "  migrations/versions/0001.up.sql:1:10",
        "hint: save it as UTF-8, for instance: iconv -f ISO-8859-1 -t UTF-8"
        " migrations/versions/0001.up.sql > new.sql",
    )


@pytest.mark.parametrize(
    ("text", "error", "place", "hint"),
    [
        pytest.param(
            "CREATE TABLE a ();\nSELECT 'ñ', 'abc;\n",
            "unterminated quoted string",
            ("2:13", "2 | SELECT 'ñ', 'abc;", 12),
            "close it: the rest of the file is read as part of it",
            id="a quote that is not closed",
        ),
        pytest.param(
            "CREATE TABLE a ();\n\\restrict x\n",
            "psql's own commands cannot be used here",
            ("2:1", "2 | \\restrict x", 0),
            "write it as SQL: ringfence sends the file to the server itself",
            id="a command of psql's",
        ),
        pytest.param(
            "CREATE TABLE a ();\n  COMMIT;\nCREATE TABLE b ();",
            "COMMIT in a file that runs in a transaction",
            ("2:3", "2 |   COMMIT;", 2),
            "leave it out, or run the file statement by statement: its first line is then"
            " -- ringfence: transaction: none",
            id="COMMIT",
        ),
        pytest.param(
            "CREATE TABLE a ();\nCREATE UNIQUE INDEX CONCURRENTLY i ON a (id);",
            "CREATE INDEX CONCURRENTLY cannot run in a transaction, and this file runs in one",
            ("2:1", "2 | CREATE UNIQUE INDEX CONCURRENTLY i ON a (id);", 0),
            "its first line must be: -- ringfence: transaction: none",
            id="CONCURRENTLY",
        ),
        pytest.param(
            "START TRANSACTION; CREATE TABLE a ();",
            "START TRANSACTION in a file that runs in a transaction",
            ("1:1", "1 | START TRANSACTION; CREATE TABLE a ();", 0),
            "leave it out, or run the file statement by statement: its first line is then"
            " -- ringfence: transaction: none",
            id="START TRANSACTION",
        ),
        pytest.param(
            "CREATE TABLE a ();\nCOPY a TO STDOUT;",
            "a revision can send this COPY nothing and take nothing from it",
            ("2:1", "2 | COPY a TO STDOUT;", 0),
            "write the data below COPY … FROM STDIN;, and \\. on a line after them",
            id="COPY TO STDOUT",
        ),
        pytest.param(
            "DISCARD ALL;",
            "DISCARD ALL would let go the lock that keeps other runs away",
            ("1:1", "1 | DISCARD ALL;", 0),
            "leave it out: every revision begins with a session as new",
            id="DISCARD ALL",
        ),
        pytest.param(
            "-- ringfence: transacton: none\nSELECT 1;",
            "unknown directive transacton",
            ("1:1", "1 | -- ringfence: transacton: none", 0),
            "did you mean transaction?",
            id="a directive that there is not",
        ),
    ],
)
def test_sql_that_cannot_be_run_is_refused_before_anything_runs(
    project: Project, text: str, error: str, place: tuple[str, str, int], hint: str
) -> None:
    project.revision("0001", "CREATE TABLE first ();")
    project.revision("0002", text)
    done = project.run("migrate")
    at, source, column = place
    assert (done.status, done.out) == (2, "")
    assert done.err == lines(
        f"error: {error}",
        f"  migrations/versions/0002.up.sql:{at}",
        f"  {source}",
        "    | " + " " * column + "^",
        f"hint: {hint}",
    )
    assert project.tables() == []
    dry = project.run("migrate", "--dry-run")
    assert (dry.status, dry.out, dry.err) == (2, "", done.err)


# What PostgreSQL says no to


def failed(project: Project, *argv: str, status: int = 3) -> str:
    """What migrate says behind the line on which it fails at 0002, of which nothing is left."""
    project.revision("0003", "CREATE TABLE never ();")
    done = project.run("migrate", *argv)
    assert (done.status, done.out) == (status, "")
    title = done.err.partition("✗ up   0002 ")[2].partition("  ")[0]
    before, _, said = done.err.partition(f"  ✗ up   0002 {title}  nothing of it is left\n")
    assert timeless(before) == lines(
        f"3 revisions to run on {project.database}", "  ✓ up   0001 (revision 0001)  SPAN"
    )
    assert project.tables() == ["first", *OURS]
    assert project.query("TABLE ringfence.alembic_version") == [("0001",)]
    assert [row[:2] for row in project.history()][1:] == [
        ("finished", "0001"), ("started", "0002"), ("failed", "0002"),
    ]  # fmt: skip
    return said


@pytest.fixture
def first(project: Project) -> Project:
    """A project whose first revision is in order."""
    project.revision("0001", "CREATE TABLE first (id INT PRIMARY KEY);")
    return project


@pytest.mark.parametrize(
    ("raw", "at", "source", "column"),
    [
        pytest.param(
            b"CREATE TABLE a ();\nSELECT nope, 1;\n", "2:8", "SELECT nope, 1;", 7, id="plain"
        ),
        pytest.param(
            "CREATE TABLE \"año\" (); SELECT '日本', nope;".encode(),
            "1:37",
            "CREATE TABLE \"año\" (); SELECT '日本', nope;",
            38,
            id="not ASCII",
        ),
        pytest.param(
            b"CREATE TABLE a ();\n\tSELECT\tnope;\n", "2:9", " SELECT nope;", 8, id="tabs"
        ),
        pytest.param(
            b"CREATE TABLE a ();\r\nSELECT 1,\r\n  nope;\r\n", "3:3", "  nope;", 2, id="CRLF"
        ),
        pytest.param(b"\xef\xbb\xbfSELECT nope;", "1:8", "SELECT nope;", 7, id="byte order mark"),
        pytest.param(
            b"-- ringfence: lock-timeout: 1s\n/* a\n */ SELECT nope;",
            "3:12",
            " */ SELECT nope;",
            11,
            id="comments",
        ),
    ],
)
def test_an_error_in_the_middle(
    first: Project, raw: bytes, at: str, source: str, column: int
) -> None:
    first.revision("0002", raw)
    assert failed(first) == lines(
        'error: column "nope" does not exist',
        f"  migrations/versions/0002.up.sql:{at}",
        f"  {at.partition(':')[0]} | {source}",
        "    | " + " " * column + "^",
    )
    (row,) = first.query(
        "SELECT error ->> 'message', error ->> 'sqlstate', error ->> 'at', checksum IS NOT NULL,"
        " duration IS NOT NULL FROM ringfence.history WHERE event = 'failed'"
    )
    assert row == (
        'column "nope" does not exist', "42703", f"migrations/versions/0002.up.sql:{at}", True, True,
    )  # fmt: skip


def test_the_real_command_says_the_same(first: Project) -> None:
    first.revision("0002", "CREATE TABLE a ();\nSELECT nope;")
    done = first.command("migrate")
    assert (done.status, done.out) == (3, "")
    assert timeless(done.err) == lines(
        f"2 revisions to run on {first.database}",
        "  ✓ up   0001 (revision 0001)  SPAN",
        "  ✗ up   0002 (revision 0002)  nothing of it is left",
        'error: column "nope" does not exist',
        "  migrations/versions/0002.up.sql:2:8",
        "  2 | SELECT nope;",
        "    |        ^",
    )


def test_detail_and_hint_are_kept(first: Project) -> None:
    first.revision(
        "0002",
        "CREATE TABLE t (id INT REFERENCES first);\nINSERT INTO t VALUES (7);\nDROP TABLE first;",
    )
    assert failed(first) == lines(
        'error: insert or update on table "t" violates foreign key constraint "t_id_fkey"',
        "  migrations/versions/0002.up.sql:2:1",
        "  2 | INSERT INTO t VALUES (7);",
        "    | ^",
        'detail: Key (id)=(7) is not present in table "first".',
    )
    path = first.versions / "0002.up.sql"
    path.write_text("CREATE TABLE t (id INT REFERENCES first);\nDROP TABLE first;")
    done = first.run("migrate")
    assert done.err.endswith(
        lines(
            "error: cannot drop table first because other objects depend on it",
            "  migrations/versions/0002.up.sql:2:1",
            "  2 | DROP TABLE first;",
            "    | ^",
            "detail: constraint t_id_fkey on table t depends on table first",
            "hint: Use DROP ... CASCADE to drop the dependent objects too.",
        )
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "DO $$\nBEGIN\n    RAISE EXCEPTION 'no %', 'way' USING HINT = 'stop';\nEND;\n$$;",
            [
                "error: no way",
                "  migrations/versions/0002.up.sql:3:5",
                "  3 |     RAISE EXCEPTION 'no %', 'way' USING HINT = 'stop';",
                "    |     ^",
                "detail: PL/pgSQL function inline_code_block line 3 at RAISE",
                "hint: stop",
            ],
            id="RAISE",
        ),
        pytest.param(
            "SELECT 'año';\n  DO $x$\nBEGIN\n    PERFORM 1;\n    UPDATE first SET nope = 1;\nEND $x$;",
            [
                'error: column "nope" of relation "first" does not exist',
                "  migrations/versions/0002.up.sql:5:22",
                "  5 |     UPDATE first SET nope = 1;",
                "    |                      ^",
                "detail: PL/pgSQL function inline_code_block line 4 at SQL statement",
            ],
            id="a statement inside",
        ),
        pytest.param(
            "DO 'BEGIN\n  EXECUTE ''SELECT nope'';\nEND';",
            [
                'error: column "nope" does not exist',
                "  migrations/versions/0002.up.sql:2:20",
                "  2 |   EXECUTE ''SELECT nope'';",
                "    |                    ^",
                "detail: PL/pgSQL function inline_code_block line 2 at EXECUTE",
            ],
            id="EXECUTE",
        ),
        pytest.param(
            "CREATE FUNCTION f() RETURNS VOID LANGUAGE plpgsql AS $$\nBEGIN\n"
            "    RAISE EXCEPTION 'deep';\nEND $$;\n"
            "DO $$\nBEGIN\n    PERFORM f();\nEND $$;",
            [
                "error: deep",
                "  migrations/versions/0002.up.sql:7:5",
                "  7 |     PERFORM f();",
                "    |     ^",
                "detail: PL/pgSQL function f() line 3 at RAISE",
                '  SQL statement "SELECT f()"',
                "  PL/pgSQL function inline_code_block line 3 at PERFORM",
            ],
            id="in a function that it calls",
        ),
        pytest.param(
            "CREATE FUNCTION f() RETURNS INT LANGUAGE plpgsql AS $$\nBEGIN\n  RETRUN 1;\nEND $$;",
            [
                'error: syntax error at or near "RETRUN"',
                "  migrations/versions/0002.up.sql:3:3",
                "  3 |   RETRUN 1;",
                "    |   ^",
            ],
            id="a function's own syntax",
        ),
        pytest.param(
            "COPY first FROM STDIN;\n1\n2\nx\n\\.\n",
            [
                'error: invalid input syntax for type integer: "x"',
                "  migrations/versions/0002.up.sql:4:1",
                "  4 | x",
                "    | ^",
                'detail: COPY first, line 3, column id: "x"',
            ],
            id="a line of data",
        ),
    ],
)
def test_an_error_inside_is_found(first: Project, text: str, expected: list[str]) -> None:
    first.revision("0002", text)
    assert failed(first) == lines(*expected)


def test_a_deferred_constraint_points_to_its_file(first: Project) -> None:
    first.revision(
        "0002",
        "CREATE TABLE t (id INT REFERENCES first DEFERRABLE INITIALLY DEFERRED);\n"
        "INSERT INTO t VALUES (1);\nSELECT 1;\n",
    )
    assert failed(first) == lines(
        'error: insert or update on table "t" violates foreign key constraint "t_id_fkey"',
        "  migrations/versions/0002.up.sql:2:1",
        "  2 | INSERT INTO t VALUES (1);",
        "    | ^",
        'detail: Key (id)=(1) is not present in table "first".',
        "  the constraint is deferred: it was checked at the end of the file",
    )


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        (
            "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$; CALL p();",
            "invalid transaction termination",
            "put this line at the top of the file: -- ringfence: transaction: none",
        ),
        (
            (
                "CREATE TABLE t (id INT REFERENCES first DEFERRABLE INITIALLY DEFERRED);\n"
                "INSERT INTO t VALUES (1); ALTER TABLE t ADD x INT;"
            ),
            'cannot ALTER TABLE "t" because it has pending trigger events',
            "write SET CONSTRAINTS ALL IMMEDIATE; before it",
        ),
        (
            "-- ringfence: statement-timeout: 1ms\nSELECT pg_sleep(5);",
            "canceling statement due to statement timeout",
            (
                "statement_timeout stopped it; at the top of the file,"
                " -- ringfence: statement-timeout: 30min gives it longer, 0 no limit"
            ),
        ),
    ],
)
def test_hints_say_what_to_type(first: Project, text: str, error: str, hint: str) -> None:
    first.revision("0002", text)
    said = failed(first).splitlines()
    assert (said[0], said[-1]) == (f"error: {error}", f"hint: {hint}")


def test_python_that_fails_is_an_error_like_another(first: Project) -> None:
    first.python(
        "0002",
        "def upgrade():\n    op.execute('CREATE TABLE half ()')\n    op.execute('SELECT nope')\n",
    )
    assert failed(first) == lines(
        'error: column "nope" does not exist',
        "  migrations/versions/0002.py:13:5",
        "  13 |     op.execute('SELECT nope')",
        "     |     ^",
    )
    path = first.versions / "0002.py"
    path.write_text(path.read_text().replace("op.execute('SELECT nope')", "1 / 0"))
    done = first.run("migrate")
    assert done.status == 2
    assert done.err.endswith(
        lines(
            "error: ZeroDivisionError: division by zero",
            "  migrations/versions/0002.py:13:5",
            "  13 |     1 / 0",
            "     |     ^",
        )
    )


def test_a_python_revision_that_cannot_be_undone(project: Project) -> None:
    project.python("0001", "def upgrade():\n    pass\n")
    assert project.run("migrate").status == 0
    done = project.run("migrate", "--to", "base", "--yes")
    assert (done.status, done.out) == (2, "")
    assert done.err == lines(
        "error: revision 0001 cannot be undone: migrations/versions/0001.py has no downgrade",
        "hint: write it, or go forward with a new revision",
    )


# What was done already


def test_an_applied_revision_that_was_edited(first: Project) -> None:
    path = first.revision("0002", "CREATE TABLE b ();")
    first.run("migrate")
    before = read(first.dsn)
    path.write_text("CREATE TABLE b (id INT);")
    first.revision("0003", "CREATE TABLE c ();")
    done = first.run("migrate")
    assert (done.status, done.out) == (1, "")
    error, detail, *difference, hint = timeless(done.err).splitlines()
    assert difference == [
        "  --- as applied", "  +++ as it is", "  @@ -1 +1 @@",
        "  -CREATE TABLE b ();", "  +CREATE TABLE b (id INT);",
    ]  # fmt: skip
    assert error == (
        "error: revision 0002 (revision 0002) was applied and has been edited since:"
        " migrations/versions/0002.up.sql"
    )
    assert detail.startswith("detail: applied TIME by postgres with checksum ")
    assert hint == (
        "hint: restore it (git checkout -- migrations/versions/0002.up.sql) and put the change in"
        ' a new revision; or accept it: ringfence repair 0002 --reason "…"'
    )
    assert read(first.dsn) == before


@pytest.mark.parametrize("command", ["migrate", "alembic"])
def test_a_database_that_stands_at_an_unknown_revision(first: Project, command: str) -> None:
    first.revision("0002", "SELECT;")
    first.run("migrate")
    for path in first.versions.glob("0002.*"):
        path.unlink()
    if command == "migrate":
        done = first.run("migrate")
        assert (done.status, done.out) == (1, "")
        prefix = ""
    else:
        done = first.alembic("upgrade", "head")
        assert (done.status, done.err) == (255, "")
        prefix = "FAILED: "
    said = timeless(done.err or done.out.rstrip("\n") + "\n")
    assert said == prefix + lines(
        "error: the database stands at revision 0002, which is not in migrations/versions",
        "detail: 0002 (revision 0002) was applied TIME by postgres from " + socket.gethostname(),
        "  the database is ahead of this checkout, or the file was removed",
        "hint: get the code that has it; ringfence history --format json holds its SQL",
    )


# Permissions


@pytest.fixture
def role(server, project: Project) -> Iterator[Callable[[str], str]]:  # type: ignore[no-untyped-def]
    """Makes the project's database that of a role with these attributes, which may do nothing."""
    name = f"nobody_{os.getpid()}"
    admin = project.dsn

    def make(attributes: str = "") -> str:
        project.query(f"CREATE ROLE {name} LOGIN {attributes}", dsn=admin)
        project.dsn = make_conninfo(admin, user=name)
        return name

    yield make
    project.query(f"DROP OWNED BY {name}", dsn=admin)
    project.query(f"DROP ROLE {name}", dsn=admin)


def test_no_right_to_create_the_history(project: Project, role: Callable[..., str]) -> None:
    project.revision("0001", "CREATE TABLE a ();")
    name = role()
    done = project.run("migrate")
    database = project.query("SELECT current_database()")[0][0]
    assert (done.status, done.out) == (3, "")
    assert done.err == lines(
        f"error: the history cannot be made: permission denied for database {database}",
        f"hint: have its owner say: GRANT CREATE ON DATABASE {database} TO {name};",
    )


def test_no_right_to_what_a_revision_does(project: Project, role: Callable[..., str]) -> None:
    admin = project.dsn
    project.revision("0001", "CREATE TABLE a ();")
    project.run("migrate")
    project.revision("0002", "SELECT 1;\nALTER TABLE a ADD x INT;")
    name = role()
    done = project.run("status")
    assert (done.status, done.out) == (3, "")
    assert done.err == lines(
        "error: permission denied for schema ringfence",
        f"hint: to look on: GRANT USAGE ON SCHEMA ringfence TO {name};"
        f" GRANT SELECT ON ALL TABLES IN SCHEMA ringfence TO {name};",
    )
    project.query(f"GRANT USAGE ON SCHEMA ringfence TO {name}", dsn=admin)
    project.query(f"GRANT ALL ON ALL TABLES IN SCHEMA ringfence TO {name}", dsn=admin)
    done = project.run("migrate")
    assert done.err.endswith(
        lines(
            "error: must be owner of table a",
            "  migrations/versions/0002.up.sql:2:1",
            "  2 | ALTER TABLE a ADD x INT;",
            "    | ^",
            "detail: table public.a belongs to role postgres",
            f"hint: connect as postgres, or have it say: GRANT postgres TO {name};",
        )
    )


def test_who_may_look_at_the_history_and_not_add_to_it(
    project: Project, role: Callable[..., str]
) -> None:
    admin = project.dsn
    project.revision("0001", "CREATE TABLE a ();", "DROP TABLE a;")
    project.run("migrate")
    name = role()
    project.query(
        f"ALTER TABLE a OWNER TO {name}; GRANT USAGE ON SCHEMA ringfence TO {name};"
        f" GRANT SELECT ON ALL TABLES IN SCHEMA ringfence TO {name}",
        dsn=admin,
    )
    assert project.run("status").status == 0
    done = project.run("migrate", "--to", "-1", "--yes")
    asked = (
        f"GRANT USAGE ON SCHEMA ringfence TO {name};"
        f" GRANT SELECT, INSERT ON ringfence.history TO {name};"
        f" GRANT SELECT, INSERT, UPDATE, DELETE ON ringfence.alembic_version, ringfence.backfills"
        f" TO {name};"
    )
    assert (done.status, done.out) == (3, "")
    assert done.err.endswith(
        lines("error: permission denied for table history", f"hint: to migrate: {asked}")
    )
    project.query(asked, dsn=admin)
    done = project.run("migrate", "--to", "-1", "--yes")
    assert (done.status, done.out) == (0, "now at base\n"), done.err


@pytest.mark.parametrize(
    "statement",
    [
        "TABLE a",
        'SELECT "x y" FROM "s-1"."a""b"',
        'SELECT 1 FROM "s-1"."a""b" FOR UPDATE',
        'INSERT INTO "s-1"."a""b" VALUES (1)',
        'INSERT INTO "s-1"."a""b" VALUES (1) RETURNING *',
        'INSERT INTO "s-1"."a""b" VALUES (1) ON CONFLICT ("x y") DO UPDATE SET "x y" = 2',
        'INSERT INTO "s-1".c SELECT "x y" FROM "s-1"."a""b"',
        'UPDATE ONLY "s-1"."a""b" SET "x y" = 3 WHERE "x y" = 1',
        'DELETE FROM "s-1"."a""b" WHERE "x y" = 1',
        'TRUNCATE "s-1"."a""b"',
        'CREATE TABLE "s-1".d (x INT REFERENCES "s-1"."a""b")',
        'ALTER TABLE "s-1".c ADD FOREIGN KEY (x) REFERENCES "s-1"."a""b" ON DELETE CASCADE',
        "SELECT nextval('s-1.\"q\"'::text)",
        'DO $$ BEGIN PERFORM "s-1".f(1); END $$',
    ],
)  # fmt: skip
def test_what_a_hint_grants_is_enough_and_no_more(
    project: Project, role: Callable[..., str], statement: str
) -> None:
    admin = project.dsn
    project.revision("0001", "SELECT;")
    project.run("migrate")
    project.revision("0002", f"{statement};")
    name = role()
    project.query(
        'CREATE SCHEMA "s-1"; CREATE TABLE a (); CREATE TABLE "s-1"."a""b" ("x y" INT PRIMARY KEY);'
        ' CREATE TABLE "s-1".c (x INT); CREATE SEQUENCE "s-1".q; CREATE FUNCTION "s-1".f(INT)'
        " RETURNS INT LANGUAGE sql AS 'SELECT $1';"
        ' REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA "s-1" FROM PUBLIC;'
        f' ALTER TABLE "s-1".c OWNER TO {name};'
        f" GRANT USAGE ON SCHEMA ringfence TO {name};"
        f" GRANT ALL ON ALL TABLES IN SCHEMA ringfence TO {name}",
        dsn=admin,
    )
    granted = []
    for _ in range(4):
        done = project.run("migrate")
        if done.status == 0:
            break
        assert "error: permission denied for " in done.err
        (hint,) = (line for line in done.err.splitlines() if line.startswith("hint: "))
        asked = hint.removeprefix("hint: have its owner say: ")
        assert asked != hint
        granted.append(asked.removesuffix(f" TO {name};"))
        project.query(asked, dsn=admin)
    assert done.status == 0, (done.err, granted)
    rights = {word for g in granted for word in g.partition(" ON ")[0].split()[1:]}
    assert len(granted) == len(set(granted))
    for word in ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "CREATE"):
        assert (f"{word}," in rights or word in rights) <= (word in statement)


def test_who_may_not_hand_out_a_role_is_told_who_may(
    project: Project, role: Callable[..., str]
) -> None:
    admin, name = project.dsn, role()
    owner = f"{name} owner"
    project.query(
        f'CREATE ROLE "{owner}"; CREATE SCHEMA s AUTHORIZATION {name};'
        f" GRANT CREATE ON DATABASE {project.query('SELECT current_database()', dsn=admin)[0][0]}"
        f" TO {name}",
        dsn=admin,
    )
    try:
        path = project.revision("0001", f'GRANT "{owner}" TO {name};')
        for statement, asked in (
            (f'GRANT "{owner}" TO {name};', f'GRANT "{owner}" TO {name} WITH ADMIN OPTION;'),
            (f'CREATE SCHEMA t AUTHORIZATION "{owner}";', f'GRANT "{owner}" TO {name};'),
            (f'SET LOCAL ROLE "{owner}";', f'GRANT "{owner}" TO {name};'),
            ("CREATE ROLE never_made;", f"ALTER ROLE {name} CREATEROLE;"),
        ):
            path.write_text(statement)
            done = project.run("migrate")
            assert done.status == 3
            assert done.err.endswith(f"hint: have a superuser say: {asked}\n"), done.err
    finally:
        project.query(f'DROP ROLE "{owner}"', dsn=admin)


def test_a_session_that_may_only_read(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a ();")
    dsn = make_conninfo(project.dsn, options="-c default_transaction_read_only=on")
    done = project.run("migrate", dsn=dsn)
    assert (done.status, done.out) == (1, "")
    assert done.err == lines(
        f"error: {project.database} is read-only for this role (default_transaction_read_only)",
        "hint: connect with a role that may write",
    )
    assert project.tables() == []
    assert project.run("status", dsn=dsn).status == 1


def test_a_standby(tmp_path: Path) -> None:
    home = tmp_path / "home"
    server = embedded.start(home)
    embedded.stop(home)
    owner = server.data.stat()
    (server.data / "standby.signal").touch()
    os.chown(server.data / "standby.signal", owner.st_uid, owner.st_gid)
    try:
        project = Project(tmp_path / "project", embedded.start(home).dsn())
        project.revision("0001", "CREATE TABLE a ();")
        done = project.run("migrate")
        assert (done.status, done.out) == (1, "")
        assert done.err == lines(
            f"error: {project.database} is a standby: it cannot be migrated",
            "hint: name the primary",
        )
        assert project.run("status").out.startswith(f"database  {project.database}\nat        base")
    finally:
        embedded.stop(home, immediate=True)


def test_a_database_that_alembic_has_migrated_before(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a ();")
    project.revision("0002", "CREATE TABLE b ();")
    project.query(
        "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES"
        " ('0001'); CREATE TABLE a ();"
    )
    done = project.run("migrate")
    assert (done.status, done.out) == (1, "")
    assert done.err == lines(
        "error: public.alembic_version says that this database stands at 0001",
        "detail: it was migrated by Alembic without ringfence",
        'hint: say [tool.ringfence.migrate] schema = "public", or alembic stamp 0001 and drop'
        " public.alembic_version",
    )
    assert project.tables() == ["a", "alembic_version"]
    project.query("UPDATE alembic_version SET version_num = 'of something else'")
    assert project.run("migrate", "--dry-run").status == 0
    project.query("UPDATE alembic_version SET version_num = '0001'")
    text = (project.root / "pyproject.toml").read_text()
    (project.root / "pyproject.toml").write_text(
        text.replace("[tool.ringfence]", '[tool.ringfence]\nmigrate.schema = "public"')
    )
    assert project.run("migrate").out == "now at 0002\n"
    assert project.tables() == ["a", "alembic_version", "b", "backfills", "history"]


def test_a_history_of_another_make(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a ();")
    project.query("CREATE SCHEMA ringfence; CREATE TABLE ringfence.history (x INT)")
    done = project.run("migrate")
    assert (done.status, done.out) == (1, "")
    assert done.err == lines(
        "error: ringfence.history is not a history that ringfence made",
        "hint: name another schema: [tool.ringfence.migrate] schema",
    )


def test_a_history_of_a_newer_ringfence(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a ();")
    project.run("migrate")
    project.revision("0002", "CREATE TABLE b ();")
    project.query("COMMENT ON TABLE ringfence.history IS 'ringfence history, version 99'")
    done = project.run("migrate")
    assert (done.status, done.out) == (1, "")
    assert done.err == lines(
        "error: the history in schema ringfence is of version 99, this ringfence knows 2",
        "hint: upgrade ringfence: pip install --upgrade ringfence",
    )


# Secrets


def test_a_password_in_sql_is_masked_wherever_it_would_show(first: Project) -> None:
    name = f"secret_{os.getpid()}"
    first.revision("0002", f"SELECT 1;\nCREATE ROLE {name} LOGIN PASSWORD 'hunter2' oops;")
    said = failed(first)
    assert said == lines(
        'error: unrecognized role option "oops"',
        "  migrations/versions/0002.up.sql:2:"
        + str(len(f"CREATE ROLE {name} LOGIN PASSWORD 'hunter2' ") + 1),
        f"  2 | CREATE ROLE {name} LOGIN PASSWORD ********* oops;",
        "    | " + " " * len(f"CREATE ROLE {name} LOGIN PASSWORD 'hunter2' ") + "^",
    )
    (first.versions / "0002.up.sql").write_text(f'CREATE ROLE {name} PASSWORD "hunter2";')
    done = first.run("migrate")
    assert 'error: syntax error at or near ""*******""\n' in done.err
    (first.versions / "0002.up.sql").write_text(
        f"CREATE ROLE {name} LOGIN PASSWORD 'hunter2';\nDO $$ BEGIN EXECUTE"
        " 'SELECT ''postgresql://u:hunter2@h/db'', nope'; END $$;"
    )
    done = first.run("migrate")
    assert 'error: column "nope" does not exist\n' in done.err
    everything = done.err + first.run("history", "--all", "--format", "json").out
    everything += str(first.query("SELECT h::text FROM ringfence.history AS h"))
    assert "hunter2" not in everything


def test_a_password_in_python_is_masked_wherever_it_would_show(project: Project) -> None:
    project.python(
        "0001",
        "def upgrade():\n    op.execute(\"CREATE ROLE x PASSWORD 'hunter2' hunter2\")\n\n\n"
        "def downgrade():\n    op.execute('ALTER ROLE x PASSWORD \\'hunter2\\'')\n",
    )
    done = project.run("migrate")
    assert done.err.endswith(
        lines(
            'error: unrecognized role option "*******"',
            "  migrations/versions/0001.py:12:5",
            '  12 |     op.execute("CREATE ROLE x PASSWORD ********* hunter2")',
            "     |     ^",
        )
    ), done.err
    path = project.versions / "0001.py"
    path.write_text(path.read_text().replace("CREATE ROLE", "SELECT 1 -- CREATE ROLE"))
    assert project.run("migrate").out == "now at 0001\n"
    (kept,) = [row[0] for row in project.history("sql") if row[0]]
    assert 'op.execute("SELECT 1 -- CREATE ROLE x PASSWORD ********* hunter2")' in kept
    assert "op.execute('ALTER ROLE x PASSWORD ***********')" in kept


@pytest.mark.parametrize(
    ("encoding", "text", "said"),
    [
        (
            "SQL_ASCII",
            "CREATE TABLE \"größe\" (x INT, y INT);\nINSERT INTO \"größe\" VALUES (1, 2, 3);",
            ['  2 | INSERT INTO "größe" VALUES (1, 2, 3);', "    |                                   ^"],
        ),
        (
            "LATIN1",
            "CREATE TABLE a (); -- 日本",
            ["hint: write what the database's encoding can hold, in comments too"],
        ),
    ],
)  # fmt: skip
def test_a_database_of_another_encoding(
    project: Project, tmp_path: Path, encoding: str, text: str, said: list[str]
) -> None:
    name = f"odd_{encoding}_{os.getpid()}".lower()
    with psycopg.connect(project.dsn, autocommit=True) as admin:
        admin.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'".encode()
        )
        try:
            odd = Project(tmp_path / "odd", make_conninfo(project.dsn, dbname=name))
            odd.revision("0001", text)
            done = odd.run("migrate")
            assert done.status == 3
            assert "\n".join(said) in done.err
            assert odd.run("history").status == 0
        finally:
            admin.execute(f"DROP DATABASE {name}".encode())

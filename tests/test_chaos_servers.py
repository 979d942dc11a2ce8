"""Faults of whole servers: one that restarts, a full disk, a standby, a pooler in between."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from faults import stages
from projects import Project
from ringfence.errors import Refused
from ringfence.pg import binaries
from ringfence.pg.connect import connect, named
from ringfence.pg.runner import refuse_pooler
from zygote import Zygote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 120.0
NONE = "-- ringfence: transaction: none\n"


class Server:
    """A PostgreSQL of this test's own, on a socket in its own directory."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self._bin = binaries.find_binaries().bin
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Create its data."""
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(
                f"unix_socket_directories = '{self.folder}'\nlisten_addresses = ''\nfsync = off\n"
                "shared_buffers = '16MB'\nmax_connections = 20\nwal_level = replica\n"
                "min_wal_size = '32MB'\nmax_wal_size = '32MB'\nautovacuum = off\n"
            )

    def run(self, program: str, *arguments: object) -> None:
        """Run a program of PostgreSQL's, as somebody whom it lets run it."""
        subprocess.run(
            [*self._as(), str(self._bin / program), *map(str, arguments)],
            check=True,
            capture_output=True,
            cwd=self.folder,
        )

    def _as(self) -> list[str]:
        if os.geteuid():
            return []
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, 65534, 65534, follow_symlinks=False)
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [*self._as(), str(self._bin / "postgres"), "-D", str(self.data)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=log, cwd=self.folder
            )
        wait_until(self.answers)

    def answers(self) -> bool:
        """Whether one can connect."""
        try:
            psycopg.connect(self.dsn).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT fast, SIGQUIT as a crash would."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=PATIENCE)
            self._process = None

    @property
    def dsn(self) -> str:
        """The way to its database."""
        return make_conninfo(host=os.fspath(self.folder), user="postgres", dbname="postgres")


def wait_until(true: Callable[[], object]) -> None:
    """Look until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def short(name: str) -> Path:
    """A directory whose path is short enough for a socket, and that any user may enter."""
    folder = Path("/tmp", f"rf-{name}-{os.getpid()}")
    folder.mkdir()
    folder.chmod(0o755)
    return folder


@pytest.fixture
def own() -> Iterator[Server]:
    """A server of this test's own, running."""
    server = Server(short("own"))
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """Where runners come from."""
    mother = Zygote()
    yield mother
    mother.close()


def waits_for_a_lock(project: Project) -> bool:
    """Whether a runner waits for a lock."""
    query = (
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'ringfence'"
        " AND wait_event_type = 'Lock'"
    )
    return bool(project.query(query))


@stages("F3")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_the_server_restarts_in_the_middle(
    own: Server, zygote: Zygote, tmp_path: Path, number: signal.Signals
) -> None:
    project = Project(tmp_path / "p", own.dsn)
    project.revision("0001", "CREATE TABLE t (id INT);")
    project.run("migrate")
    project.revision("0002", f"{NONE}CREATE TABLE u ();\nCREATE INDEX CONCURRENTLY i ON t (id);")
    project.revision("0003", "CREATE TABLE v ();")
    holder = psycopg.connect(own.dsn, application_name="somebody")
    holder.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
    run = zygote.start(project, "migrate")
    wait_until(lambda: waits_for_a_lock(project))
    own.stop(number)
    holder.close()
    own.start()
    end = run.end()
    assert (end.status, end.out) == (0, "now at 0003\n"), end.err
    assert "going on over a new connection" in end.err
    assert project.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") == [
        (True,)
    ]
    numbers = [row[4] for row in project.history() if row[0] == "statement"]
    assert numbers == [1, 2]


@stages("F11")
def test_the_disk_is_full(own: Server, tmp_path: Path) -> None:
    small = own.folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=777", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        space = small / "space"
        space.mkdir()
        shutil.chown(space, 65534, 65534)
        project = Project(tmp_path / "p", own.dsn)
        project.query(f"CREATE TABLESPACE small LOCATION '{space}'")
        project.revision("0001", "CREATE TABLE t (x TEXT);")
        project.run("migrate")
        path = project.revision(
            "0002",
            "CREATE TABLE big (x TEXT) TABLESPACE small;\n"
            "INSERT INTO big SELECT repeat(md5(i::text), 30) FROM generate_series(1, 20000) AS i;",
        )
        done = project.run("migrate")
        assert done.status == 3
        assert "No space left on device" in done.err
        assert (
            done.err.endswith(
                "hint: the server's disk is full: nothing was changed; free some space and run it"
                " again\n"
            )
            or "Check free disk space" in done.err
        )
        assert "big" not in project.tables()
        assert project.history("event", "error ->> 'sqlstate'")[-1] == ("failed", "53100")
        path.write_text(path.read_text().replace("20000", "20"))
        assert project.run("migrate").out == "now at 0002\n"
        project.query("DROP TABLE big")
        project.query("DROP TABLESPACE small")
    finally:
        own.stop()
        subprocess.run(["umount", "-l", str(small)], check=True)


@stages("F21")
def test_a_standby_is_refused_before_anything_is_tried(own: Server, tmp_path: Path) -> None:
    project = Project(tmp_path / "p", own.dsn)
    project.revision("0001", "CREATE TABLE t (id INT);")
    project.run("migrate")
    own.stop()
    (own.data / "standby.signal").touch()
    own.start()
    project.revision("0002", "CREATE TABLE u ();")
    done = project.run("migrate")
    assert done.status == 1
    assert "is a standby: it cannot be migrated\nhint: name the primary\n" in done.err
    assert project.run("status").status == 1
    assert project.tables() == [
        "ringfence.alembic_version", "ringfence.backfills", "ringfence.history", "t",
    ]  # fmt: skip


# A pooler


POOLER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@pytest.fixture(params=["transaction", "session", "statement"])
def pooled(own: Server, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """The mode of a pgbouncer before the server, and the way through it."""
    if POOLER is None:
        pytest.skip("pgbouncer is not installed: apt-get install pgbouncer")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = own.folder / "bouncer.ini"
    (own.folder / "users").write_text('"postgres" ""\n')
    file.write_text(
        f"[databases]\npostgres = host={own.folder} port=5432 user=postgres\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"auth_file = {own.folder}/users\npool_mode = {request.param}\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    process = subprocess.Popen(
        [*own._as(), POOLER, "-q", str(file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=own.folder,
    )
    dsn = make_conninfo(host="127.0.0.1", port=port, user="postgres", dbname="postgres")

    def answers() -> bool:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            return False
        return True

    try:
        wait_until(answers)
        yield request.param, dsn
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


@stages("F20")
def test_a_pooler_is_found_out(pooled: tuple[str, str], own: Server, tmp_path: Path) -> None:
    mode, dsn = pooled
    project = Project(tmp_path / "p", dsn)
    project.revision("0001", "CREATE TABLE t ();")
    done = project.run("migrate")
    if mode == "session":
        assert (done.status, done.out) == (0, "now at 0001\n"), done.err
        return
    if mode == "statement":
        assert done.status == 3
        assert "transaction blocks not allowed in statement pooling mode" in done.err
        project.dsn = own.dsn
        assert project.tables() == []
        return
    assert done.status == 1
    assert done.err.endswith(
        "error: a pooler in transaction mode stands before the server: each transaction would have"
        " another session, and the lock that keeps other runs away would be lost\n"
        "hint: name the server itself (--dsn with its own port), or a pool in session mode\n"
    )
    project.dsn = own.dsn
    assert project.tables() == []
    # Also where other clients have left sessions in the pool.
    for _ in range(3):
        with connect(named(dsn, "test")) as connection, pytest.raises(Refused):
            refuse_pooler(connection)

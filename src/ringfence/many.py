"""The same revisions on many databases: a run of its own for each, and one answer about all.

Each database has its own history and its own lock: what happens on one is nothing to the others, and
whoever runs it again goes on where each of them stands. A run is a process, which is told its database
in its environment: connection strings are in no list of processes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ringfence.errors import Misuse, Span
from ringfence.finding import counted
from ringfence.pg.connect import Target, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

OnError = Literal["stop", "continue"]

_WORSE = (0, 75, 1, 2, 3, 70)
"""Exit statuses, each worse than those before it; what is none of them is a signal, and the worst."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one database. `status` is None where its turn never came.

    `document` is what its run says as JSON, `error` the last error that it told of.
    """

    target: str
    status: int | None = None
    document: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def shown(self) -> str:
        """What came of it, in a few words."""
        if self.status is None:
            return "not begun"
        if self.status:
            return f"failed ({self.status}): {self.error or 'no more is known'}"
        moved = len(self.document.get("revisions", ()))
        return counted(moved, "revision") if moved else "nothing to do"


def read(path: Path, shown: str) -> tuple[Target, ...]:
    """The databases that a file lists, a connection string a line; `#` begins a comment.

    Raises `Misuse` that names the line, and does not repeat it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise Misuse(f"cannot read {shown}: {reason}") from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        try:
            found.append(named(said, f"line {number} of {shown}"))
        except Misuse as error:
            error.span = Span(shown, number)
            raise
    if not found:
        raise Misuse(
            f"{shown} names no database", hint="write a connection string a line: service=…"
        )
    return tuple(found)


def refuse_twice(targets: Iterable[Target]) -> None:
    """Raise `Misuse` where a database is named twice, or not at all."""
    seen: dict[str, Target] = {}
    for target in targets:
        if not target.conninfo:
            raise Misuse(
                f"{target.source} is empty", hint="is the variable set that it comes from?"
            )
        if (before := seen.setdefault(target.conninfo, target)) is not target:
            raise Misuse(
                f"{target.shown} is named twice: by {before.source} and by {target.source}",
                hint="name each database once",
            )


def worst(outcomes: Iterable[Outcome]) -> int:
    """The exit status that says the most of what went wrong."""

    def rank(status: int) -> tuple[int, int]:
        known = status in _WORSE
        return (_WORSE.index(status) if known else len(_WORSE)), status

    return max((o.status for o in outcomes if o.status is not None), key=rank, default=0)


def migrate(
    targets: Sequence[Target],
    arguments: Sequence[str],
    *,
    folder: Path,
    jobs: int = 1,
    on_error: OnError = "stop",
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Outcome, ...]:
    """Run `ringfence migrate` with these arguments on each database, up to `jobs` at a time.

    `tell` hears the lines of each run, with the database before them. After a failure no other one
    is begun where `on_error` says `stop`; what runs comes to its end. Who interrupts it interrupts
    those that run, and is raised again when they have ended.
    """
    refuse_twice(targets)
    runs = _Runs(arguments, folder, on_error, tell)
    _AT_WORK.append(runs)
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        waiting = [pool.submit(runs.one, target) for target in targets]
        try:
            return tuple(future.result() for future in waiting)
        except BaseException:
            runs.interrupt()
            raise
        finally:
            _AT_WORK.remove(runs)


@dataclass
class _Runs:
    arguments: Sequence[str]
    folder: Path
    on_error: OnError
    tell: Callable[[str], None]
    _stopped: bool = False
    _running: set[subprocess.Popen[str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def one(self, target: Target) -> Outcome:
        """Run it on one database, unless a failure has stopped all."""
        with self._lock:
            if self._stopped:
                return Outcome(target.shown)
            run = subprocess.Popen(
                [sys.executable, "-m", "ringfence", "migrate", *self.arguments, "--format", "json"],
                cwd=self.folder,
                # The project's folder must not stand before what is installed.
                env={**os.environ, "RINGFENCE_DSN": target.conninfo, "PYTHONSAFEPATH": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # Ctrl-C is for us, who hand it on once
            )
            self._running.add(run)
        said, answer = "", ""
        with run:
            assert run.stdout is not None
            assert run.stderr is not None
            for line in run.stderr:
                text = line.rstrip("\n")
                if text.startswith("error: "):
                    said = text.removeprefix("error: ")
                self.tell(f"{target.shown}: {text}")
            answer = run.stdout.read()  # it is written at the end, all of it
            status = run.wait()
        with self._lock:
            self._running.discard(run)
            self._stopped |= bool(status) and self.on_error == "stop"
        document: dict[str, Any] = {}
        with suppress(ValueError):
            document = json.loads(answer)
        return Outcome(target.shown, status if status >= 0 else 128 - status, document, said)

    def interrupt(self, number: int = signal.SIGTERM) -> None:
        """Begin no other one, and end those that run.

        Not by SIGINT: who is begun in the background of a script does not heed that.
        """
        with self._lock:
            self._stopped = True
            for run in self._running:
                with suppress(ProcessLookupError):
                    run.send_signal(number)


_AT_WORK: list[_Runs] = []


def kill_all() -> None:
    """End whatever runs at once: for who does not wait, and leaves nobody to wait."""
    for runs in _AT_WORK:
        runs.interrupt(signal.SIGKILL)

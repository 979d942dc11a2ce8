"""Real runner processes that start at once: a process that has everything imported, and forks.

Run as a program it takes orders, one JSON document a line, and answers each with a line.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from projects import Result

if TYPE_CHECKING:
    from projects import Project


class Zygote:
    """The process that forks runners for one test worker."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.fspath(Path(__file__).parent)},
        )

    def ask(self, **order: Any) -> Any:
        """Give an order and wait for the answer."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    def start(
        self, project: Project, *argv: str, dsn: str | None = None, program: str = "ringfence"
    ) -> Run:
        """Start ringfence, or alembic, in a project, as a process of its own."""
        folder = project.root.parent / f"run-{len(list(project.root.parent.iterdir()))}"
        folder.mkdir()
        given = project.argv(*argv, dsn=dsn)
        if program == "alembic":
            given = ["-x", f"dsn={dsn or project.dsn}", *argv]
        pid = self.ask(
            program=program, argv=given, cwd=os.fspath(project.root), folder=os.fspath(folder)
        )
        return Run(self, int(pid), folder)

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        assert self._process.stdout is not None
        self._process.stdout.close()


@dataclass(frozen=True, slots=True)
class Run:
    """A runner at work."""

    zygote: Zygote
    pid: int
    folder: Path

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    @property
    def said(self) -> str:
        """What it has written to standard error so far."""
        file = self.folder / "err"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def end(self) -> Result:
        """Wait for its end; a runner that a signal ended has its number, negative, as status."""
        status = self.zygote.ask(wait=self.pid)
        out, err = ((self.folder / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return Result(int(status), out, err)


def _serve() -> None:
    import alembic.command
    import alembic.config  # noqa: F401
    import postgast  # noqa: F401
    import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401

    import ringfence.cli.main
    import ringfence.cli.migrate
    import ringfence.history.accept
    import ringfence.history.drive  # noqa: F401

    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                _run(order)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _run(order: dict[str, Any]) -> None:
    from ringfence.cli.main import run

    status = 70
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        for number, name in ((1, "out"), (2, "err")):
            file = os.open(Path(order["folder"], name), os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(file, number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(order["cwd"])
        sys.argv = [order["program"], *order["argv"]]
        if order["program"] == "alembic":
            from alembic.config import main

            main()
            status = 0
        else:
            run()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()

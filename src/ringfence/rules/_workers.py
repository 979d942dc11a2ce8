"""Several processes that ask sqlfluff at once.

Each is a fresh interpreter that reads jobs as lines of JSON and answers in kind: unlike a pool of
forks it needs nothing of the calling program, and this process never imports sqlfluff at all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from queue import SimpleQueue
from typing import TYPE_CHECKING

from ringfence.errors import Bug, Misuse
from ringfence.rules._sqlfluff import Job, Note, Settings, check

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST = 8  # processes; each holds sqlfluff and a grammar, some 100 MB
# -P: the working directory may hold a json.py of its own.
_COMMAND = [sys.executable, "-P", "-c", "from ringfence.rules._workers import serve; serve()"]


def checked(jobs: Sequence[Job]) -> Iterator[tuple[int, list[Note]]]:
    """The number of each job with what `check` says to it, in the order they are done."""
    allowed = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    processes = min(len(allowed), _MOST, len(jobs))
    idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
    workers = [
        subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for this process, which then ends them
        )
        for _ in range(processes)
    ]
    for worker in workers:
        idle.put(worker)

    def ask(job: Job) -> list[Note]:
        worker = idle.get()
        try:
            return _answer(worker, job)
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(len(workers))
    try:
        waiting = {threads.submit(ask, job): index for index, job in enumerate(jobs)}
        for done in as_completed(waiting):
            yield waiting[done], done.result()
    finally:
        for worker in workers:
            worker.kill()
        threads.shutdown(cancel_futures=True)
        for worker in workers:
            worker.communicate()


def _answer(worker: subprocess.Popen[str], job: Job) -> list[Note]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(json.dumps(asdict(job)) + "\n")
        worker.stdin.flush()
        answer = json.loads(worker.stdout.readline())
    except (OSError, ValueError) as error:
        raise Bug(f"the process that linted {job.shown} ended early") from error
    if "misuse" in answer:
        raise Misuse(**answer["misuse"])
    return [Note(**note) for note in answer["notes"]]


def serve() -> None:
    """Answer jobs on standard input until it closes; the other side of `checked`."""
    for line in sys.stdin:
        asked = json.loads(line)
        said = asked["settings"]
        settings = Settings(tuple(said["files"]), said["digest"])
        job = Job(asked["text"], asked["shown"], settings)
        answer: dict[str, object]
        try:
            answer = {"notes": [asdict(note) for note in check(job)]}
        except Misuse as error:
            answer = {"misuse": {"message": error.message, "detail": error.detail}}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

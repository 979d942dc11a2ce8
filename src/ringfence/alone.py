"""One process at a time writes revisions: what it has read of them must hold until it has written."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ringfence.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.project import Project


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """Hold the project's migrations until the end. Raises `Busy` where another process does.

    The lock goes with the process, however it ends, and leaves no file behind.
    """
    import fcntl

    held = os.open(project.migrations, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise Busy(
                    f"another ringfence is at work on the revisions in"
                    f" {project.shown(project.migrations)}",
                    hint="run it again when that is done",
                ) from None
            # A file system without locks: alone is who says so.
        yield
    finally:
        os.close(held)

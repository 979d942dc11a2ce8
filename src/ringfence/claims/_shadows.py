"""Shadows for claims that try things: one is loaded with the live schema, the others are its copies."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING

from ringfence.pg.connect import connect
from ringfence.pg.shadow import cut_off

if TYPE_CHECKING:
    from ringfence.pg.connect import Target
    from ringfence.pg.shadow import Host
    from ringfence.project import Project
    from ringfence.sources import Shop


class Shadows:
    """Databases with the live schema, each somebody's own: copies of one that is loaded once."""

    def __init__(self, project: Project, target: Target) -> None:
        self._project, self._target = project, target
        self._lock = Lock()
        self._stack = ExitStack()
        self._first: tuple[Host, Target] | None = None

    def copy(self, stack: ExitStack) -> Target:
        """One more, dropped when `stack` is closed. Raises what loading the schema raises."""
        with self._lock:
            if self._first is None:
                made, first = loaded(self._project, self._target, self._stack)
                self._first = made.host, first
        host, first = self._first
        return stack.enter_context(host.database(first))

    def close(self) -> None:
        """Drop the one that they are copies of."""
        self._stack.close()


def loaded(project: Project, target: Target, stack: ExitStack) -> tuple[Shop, Target]:
    """A shadow where one may do everything, with the schema of `target`; and who made it."""
    from ringfence.sources import Source, shop

    made = stack.enter_context(shop(project, [], None, near=target))
    made.command()
    copy = made.copy(Source("live", "database", target=target))
    with connect(copy) as connection:
        cut_off(connection)
    return made, copy

"""What must hold after every fault, whatever it was.

What the history records, replayed on an empty database, gives the catalog that is there; no index of
ours is invalid; no lock is left.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import psycopg

from engine import catalog
from ringfence.change import diff
from ringfence.pg.runner import LOCK_CLASS
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from projects import Project
    from ringfence.model import Catalog


class Invariant:
    """Looks at a project's database; what it replays goes to one that `make` has made."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make
        self._replayed: dict[tuple[str, ...], Catalog] = {}

    def __call__(self, project: Project) -> None:
        """Assert that it holds."""
        texts = tuple(_recorded(project))
        if texts not in self._replayed:
            empty = self._make()
            with psycopg.connect(empty, autocommit=True) as connection:
                for script in (Script("history", text) for text in texts):
                    whole = script.transactional and len(script.statements) > 1
                    with connection.transaction() if whole else nullcontext():
                        for statement in script.statements:
                            connection.execute(statement.text)
            self._replayed[texts] = catalog(empty)
        ours = catalog(project.dsn)
        left = [
            f"{c.verb} {c.ref}"
            for c in diff(ours, self._replayed[texts])
            if not c.ref.path.startswith("ringfence")
        ]
        assert left == []
        assert project.query("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid") == []
        assert (
            project.query(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND database ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())",
                LOCK_CLASS,
            )
            == []
        )


def _recorded(project: Project) -> Iterator[str]:
    """The SQL that the history says has taken effect, in its order."""
    single: set[tuple[str, str]] = set()
    for event, revision, direction, text in project.history(
        "event", "revision", "direction", "sql"
    ):
        if event == "statement":
            single.add((revision, direction))
            yield text
        elif event == "finished":
            if (revision, direction) not in single:
                yield text
            single.discard((revision, direction))

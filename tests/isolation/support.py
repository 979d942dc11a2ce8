"""What the tests of isolation share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ringfence.isolation import again
from ringfence.isolation.causes import Sorter, deletes, try_fixes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from ringfence.isolation import Cell, Ground
    from ringfence.isolation.causes import Cause
    from ringfence.isolation.judge import State

APP = "ringfence_test_app"
HARMLESS = tuple(
    f"isolation/{kind}" for kind in ("unguessable-keys", "counted-keys", "explain-tells")
)
ROLES = ("ringfence_test_owner", "ringfence_test_app", "ringfence_test_clerk")


def roles(admin: Connection[Any]) -> None:
    """The roles of the sound schema; other workers may be making them in this moment."""
    for role in ROLES:
        admin.execute(
            f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object"
            " OR unique_violation THEN NULL; END $$"
        )


@dataclass(frozen=True)
class Sound:
    """A schema without fault, ready to be broken."""

    ground: Ground

    def with_(self, change: str) -> tuple[Sequence[Cell], list[Cause]]:
        """What is found when the schema is changed so; the change is undone."""
        conn = self.ground.conn
        conn.execute("SAVEPOINT test")
        try:
            conn.execute(change.encode())
            now, cells = again(self.ground)
            causes = Sorter(now, cells, deletes(now)).sort()
            return cells, causes
        finally:
            conn.execute("ROLLBACK TO SAVEPOINT test; RELEASE SAVEPOINT test")

    @staticmethod
    def said(causes: Sequence[Cause]) -> list[str]:
        """Causes as their code and what they are about, but for what is no hole."""
        return [
            f"{c.code.removeprefix('isolation/')} {c.ref}" for c in causes if c.code not in HARMLESS
        ]

    def mended(self, change: str, given: list[Cause] | None = None) -> list[Cause]:
        """The same, with the fixes tried, or those of `given`."""
        conn = self.ground.conn
        conn.execute("SAVEPOINT test")
        try:
            conn.execute(change.encode())
            now, cells = again(self.ground)
            causes = given or Sorter(now, cells, deletes(now)).sort()
            try_fixes(now, causes, cells)
            return causes
        finally:
            conn.execute("ROLLBACK TO SAVEPOINT test; RELEASE SAVEPOINT test")


def count(cells: Sequence[Cell], state: State) -> int:
    """How many cells are in a state."""
    return sum(cell.state is state for cell in cells)

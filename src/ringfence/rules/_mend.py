"""SQL that mends what is wrong with a table in use: so that others work on meanwhile.

What has to stand in transactions of its own is parted by a line that says so, as the safe forms of
`rehearse` are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds._sql import ident, qualified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ringfence.rules._schema import Table

THEN = "-- then, in another transaction:"
_LONGEST = 63  # bytes of a name


def index(table: Table, columns: Sequence[str]) -> str:
    """An index, built while others write; "" for what is partitioned, where that takes many steps."""
    if table.fact["partition_key"]:
        return ""
    names = ", ".join(map(ident, columns))
    return f"CREATE INDEX CONCURRENTLY ON {qualified(table.ref.name)} ({names});"


def check(table: Table, column: str, expression: str) -> str:
    """A check of a column: for new rows at once, then for those that are there."""
    return "\n".join(_checked(table, column, expression)[:3])


def not_null(table: Table, column: str) -> str:
    """NOT NULL, proved by a check that is validated before."""
    what = f"ALTER TABLE {qualified(table.ref.name)}"
    *added, name = _checked(table, column, f"{ident(column)} IS NOT NULL")
    return "\n".join(
        [
            *added,
            THEN,
            f"{what} ALTER COLUMN {ident(column)} SET NOT NULL;",
            f"{what} DROP CONSTRAINT {name};",
        ]
    )


def _checked(table: Table, column: str, expression: str) -> tuple[str, str, str, str]:
    """The lines that add a check and validate it; its name."""
    name = f"{table.ref.name[-1]}_{column}_is"
    if len(name.encode()) > _LONGEST:
        name = f"{column}_is"[-_LONGEST:]
    what = f"ALTER TABLE {qualified(table.ref.name)}"
    return (
        f"{what} ADD CONSTRAINT {ident(name)} CHECK ({expression}) NOT VALID;",
        THEN,
        f"{what} VALIDATE CONSTRAINT {ident(name)};",
        ident(name),
    )

"""What tenant A tries in order to get at tenant B's rows: a statement, and its control.

A probe carries the same statement aimed at A's own twin of the row, its control: where that does not
work either, nothing has been shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringfence.kinds._sql import literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ringfence.isolation.estate import Row
    from ringfence.isolation.surface import Column
    from ringfence.seed.shape import Reference

PEEK = (
    "CREATE FUNCTION pg_temp.ringfence_peek(said text) RETURNS boolean LANGUAGE plpgsql COST 0.0001"
    " AS $$ BEGIN RAISE NOTICE '%', said; RETURN true; END $$"
)

FETCH = (
    "CREATE FUNCTION pg_temp.ringfence_fetch(opened refcursor) RETURNS SETOF text LANGUAGE plpgsql"
    " AS $$ DECLARE one record; BEGIN LOOP FETCH opened INTO one; EXIT WHEN NOT FOUND;"
    " RETURN NEXT one::text; END LOOP; END $$"
)
HELPERS = {"ringfence_peek": PEEK, "ringfence_fetch": FETCH}
"""What statements use that nobody's schema has, by its name."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One way to get at rows. `keyed`: the statement can hit no row but B's.

    `cause` is what a leak of it is put down to, where that needs no looking into; `by` the trigger
    that lets it happen.
    `setup` and `control_setup` prepare the two statements as who may everything, `before` as the
    role. `edge` is the foreign key that the statement bends. `others`: how many rows are not B's,
    where a statement that hits more has hit B's.
    """

    verb: str
    name: str
    statement: str
    control: str = ""
    setup: tuple[str, ...] = ()
    control_setup: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    control_before: tuple[str, ...] = ()
    keyed: bool = False
    edge: Reference | None = None
    copied: str | None = None
    control_copied: str | None = None
    others: int = -1
    cause: str = ""
    by: str = ""


def gone(row: Row) -> tuple[str, ...]:
    """Take a row away, so that it can be made again as somebody else."""
    return (
        "SET LOCAL session_replication_role = replica",
        f"DELETE FROM ONLY {row.leaf} WHERE ctid = {literal(row.ctid)}",
        "SET LOCAL session_replication_role = origin",
    )


def values_of(columns: Sequence[Column], row: Mapping[str, str | None]) -> str:
    return ", ".join(literal(row.get(c.name)) for c in columns)


def line_of(columns: Sequence[Column], row: Mapping[str, str | None]) -> str:
    out = []
    for column in columns:
        value = row.get(column.name)
        if value is None:
            out.append(r"\N")
        else:
            value = value.replace("\\", "\\\\").replace("\t", "\\t")
            out.append(value.replace("\n", "\\n").replace("\r", "\\r"))
    return "\t".join(out) + "\n"

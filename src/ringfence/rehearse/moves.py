"""A safe form's statements, and how they are written down for a person to read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from ringfence.rehearse.loop import loop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.step import Transactional


@dataclass(frozen=True, slots=True)
class Move:
    """A statement of a safe form.

    `key`: it is run in batches, by these columns, in a file of its own. `together`: it and those
    beside it that are so are one transaction, whatever the file is that they come from.
    """

    sql: str
    transactional: Transactional = "yes"
    key: str = ""
    together: bool = False


def written(moves: Sequence[Move], *, loose: bool = False) -> str:
    """The moves as SQL, a line where a transaction has to end; `loose`: as psql runs it."""
    return "\n".join(_lines(moves, loose=loose))


def _lines(moves: Sequence[Move], *, loose: bool) -> Iterator[str]:
    last: Move | None = None
    for move in moves:
        if move.key and loose:
            yield "-- outside a transaction, for it commits each batch:"
            yield from takewhile(lambda line: line.startswith("--"), move.sql.split("\n"))
            yield f"{loop(move.sql.rstrip(), move.key)};"
            last = move
            continue
        if move.key:
            yield "-- in a file of its own, in batches:"
            yield f"-- ringfence: backfill key={move.key} batch=200ms"
        elif move.transactional == "no":
            if last is None or last.transactional != "no":
                yield "-- in a file of its own, outside a transaction:"
        elif last is not None and (last.key or last.transactional != "yes"):
            yield "-- then, in another transaction:"
        yield f"{move.sql.rstrip()};"
        last = move

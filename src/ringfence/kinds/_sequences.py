"""Where a sequence stands, while what it may give changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Do, loses_data
from ringfence.kinds._sql import literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Ref


def stay_within(ref: Ref, name: str, old: tuple[str, str], new: tuple[str, str]) -> Iterator[Do]:
    """Move a sequence to the nearest end of its new range, where it stands outside.

    `ref` is what it is, or the column that it is of, `name` its qualified name as SQL, the others are its least and greatest value. PostgreSQL
    refuses a range that a sequence stands outside of.
    """
    (low, high), (least, most) = map(int, old), map(int, new)
    if low >= least and high <= most:
        return
    # Between the changes it may not leave its old range either: to where both meet.
    floor, ceiling = max(low, least), min(high, most)
    if floor > ceiling:
        return
    yield Do(
        f"SELECT pg_catalog.setval({literal(name)}, greatest({floor}, least({ceiling}, last_value)),"
        f" is_called AND last_value BETWEEN {floor} AND {ceiling})\nFROM {name}",
        loses_data(
            ref,
            f"the position of {ref.path} is lost where it is not from {floor} to {ceiling}",
        ),
    )

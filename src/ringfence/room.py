"""Whether there is room for what is about to be built or written anew, before any of it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.errors import Refused
from ringfence.hazards import DISK, allowed
from ringfence.pg import space
from ringfence.pg.connect import PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import psycopg

    from ringfence.config import Migrate
    from ringfence.script import Script

_LITTLE = 100 << 20
"""What nobody has to be told of."""


def refuse(
    connection: psycopg.Connection[tuple[object, ...]],
    config: Migrate,
    texts: Sequence[Script],
    allow: Collection[str],
    tell: Callable[[str], None],
) -> None:
    """Raise `Refused` where the disk would be full; `tell` hears of how much is needed.

    Indexes stay, and add up; of what is written anew, the largest counts. The connection is in
    autocommit mode.
    """
    if not space.any_of(texts):
        return
    connection.execute("SET search_path TO DEFAULT")
    try:
        needs = space.needs(connection, texts)
    finally:
        connection.execute(PATH)
    needs = tuple(n for n in needs if not allowed(f"{DISK}:{n.name}", allow))
    if not needs:
        return
    anew = max((n.size for n in needs if not n.adds), default=0)
    wanted = anew + sum(n.size for n in needs if n.adds)
    known = space.free(connection)
    where = ""
    if known is not None:
        there, where = known[0], f" in {known[1]}"
    elif config.free_space:
        there = space.size(config.free_space)
    else:
        if wanted >= _LITTLE:
            tell(f"needs about {space.shown(wanted)} of disk; how much is free is not known")
        return
    if wanted > there:
        raise Refused(
            f"this needs about {space.shown(wanted)} of disk, and {space.shown(there)} are free{where}",
            detail="\n".join(f"{n.what}: {space.shown(n.size)}" for n in needs),
            hint="make room; to run it all the same: "
            + " ".join(dict.fromkeys(f"--allow '{DISK}:{n.name}'" for n in needs)),
        )
    if wanted >= _LITTLE:
        tell(f"needs about {space.shown(wanted)} of disk; {space.shown(there)} are free{where}")

"""Which statement of a file something came of that was found when all of it had run.

The file is run once more, on a copy of the database as it was before it, and behind each statement
it is looked again. That takes a while: it is done where something was found.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence import rows
from ringfence.pg.connect import connect
from ringfence.rehearse import compat, effects
from ringfence.rehearse.twin import plainly

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Sequence

    from psycopg import Connection

    from ringfence.finding import Finding
    from ringfence.pg.connect import Target
    from ringfence.rehearse.files import File

    Session = Connection[tuple[object, ...]]

Fact = str | effects.Lost
"""A finding by its fingerprint, or what is lost."""

_EACH = 60
"""Statements of a file behind all of which it is looked."""


def culprits(
    target: Target,
    file: File,
    found: Sequence[Finding],
    lost: Collection[effects.Lost],
    before: compat.World,
    hidden: Sequence[str],
    told: Collection[Hashable] = (),
) -> dict[Fact, int]:
    """For findings (by fingerprint) and losses the number of the statement that they came of.

    Runs the file on `target`, a database of ours that stands where it begins. What is not found
    again there is left out.
    """
    wanted = {f.fingerprint for f in found}
    known = _known(before, found)
    deeper = any(f.evidence.get("sqlstate") is None for f in found)
    with connect(target) as connection:
        held = rows.held(connection, hidden) if lost else {}

        def there() -> set[Fact]:
            """What can be seen by now."""
            trial = compat.tried(connection, known)
            now = {effects.broken(file, each).fingerprint for each in trial.broken}
            if deeper:
                after = compat.world(connection, hidden, before=before)
                no = {each.key for each in trial.broken}
                others = effects.changed(file, before, after, no, set(told))
                now |= {f.fingerprint for f in others}
                now |= {f.fingerprint for f in effects.unlogged(file, before, after, set(told))}
            gone: set[Fact] = {*(now & wanted)}
            if lost:
                since = rows.held(connection, hidden, held)
                gone |= {effects.what(loss) for loss in rows.lost(held, since)} & set(lost)
            return gone

        refs = [*(f.ref for f in found if f.ref), *(each.ref for each in lost)]
        names = {part for ref in refs for part in ref.name if part}
        return _blamed(connection, file, names, there)


def _blamed(
    connection: Session, file: File, names: Collection[str], there: Callable[[], set[Fact]]
) -> dict[Fact, int]:
    blamed: dict[Fact, int] = {}
    seen: set[Fact] = set()
    numbers = _suspects(file, names)

    def look(number: int) -> None:
        nonlocal seen
        if number in numbers:
            now = there()
            blamed.update(dict.fromkeys(now - seen, number))
            seen = now

    plainly(connection, file.up, look)
    return blamed


def _suspects(file: File, names: Collection[str]) -> set[int]:
    """The statements behind which to look: those that something may have come of, and those before."""
    statements = file.up.statements
    numbers = [n for block in file.up.blocks for n in block.numbers]
    if len(numbers) <= _EACH:
        return set(numbers)
    word = re.compile("|".join(rf"(?<![\w$]){re.escape(n)}(?![\w$])" for n in names), re.IGNORECASE)
    suspects = [
        place
        for place, n in enumerate(numbers)
        if word.search(statements[n - 1].text) or _ANYTHING.intersection(statements[n - 1].words)
    ]
    return {numbers[at] for place in suspects for at in (place - 1, place) if at >= 0}


_ANYTHING = {"DO", "CALL", "CASCADE", "SELECT", "SCHEMA", "TYPE", "OWNED"}
"""Words of statements that may do something to what they do not name."""


def _known(before: compat.World, found: Sequence[Finding]) -> compat.World:
    """Of what was known before only what something was found of."""
    refs = {f.ref for f in found}
    return replace(
        before,
        relations=tuple(each for each in before.relations if each.ref in refs),
        routines=tuple(each for each in before.routines if each.ref in refs),
    )

"""What a change makes for itself and takes away again: those who knew the schema before never knew it.

A change that is divided into files says so at the top of each, and one of them rehearsed alone goes
by it. Who makes the files reads it off the catalogs between them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.model import Ref, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from ringfence.model import Catalog
    from ringfence.rehearse.promises import Promises
    from ringfence.script import Script

DIRECTIVE = "interim"


def said(text: Script) -> frozenset[Ref]:
    """The columns that a file says are its change's own."""
    return frozenset(map(Ref.parse, text.said(DIRECTIVE)))


def lines(stages: Sequence[Catalog]) -> Iterator[tuple[str, ...]]:
    """For each file of a change what it says: the columns that are there before it, and neither
    before the first file nor behind the last."""
    lasting = stages[0].facts.keys() | stages[-1].facts.keys()
    for stage in stages[:-1]:
        own = sorted(r for r in stage.facts if r.kind == "column" and r not in lasting)
        yield tuple(f"-- ringfence: {DIRECTIVE}: {ref}" for ref in own)


def without(promises: Promises, columns: Collection[Ref]) -> Promises:
    """What writers can rely on, but for keys in which such columns are."""
    own: dict[tuple[str, ...], list[str]] = {}
    for ref in columns:
        own.setdefault(ref.name[:-1], []).append(re.escape(quoted(ref.name[-1])))
    words = {
        table: re.compile(rf"(?<![\w$])({'|'.join(its)})(?![\w$])") for table, its in own.items()
    }
    return replace(
        promises,
        keys=frozenset(
            key
            for key in promises.keys
            if (word := words.get((key.schema, key.name))) is None
            or not any(map(word.search, (*key.elements, key.only)))
        ),
    )

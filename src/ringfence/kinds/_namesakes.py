"""What takes the place of another of its name, as a routine does with other arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import kind_of
from ringfence.kinds._acl import OWNER, PUBLIC, usual, words
from ringfence.kinds._sql import ident
from ringfence.model import Ref
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from ringfence.kinds import Context
    from ringfence.model import Catalog, Fact


def lost_by_name(new: Fact, context: Context) -> tuple[Hazard, ...]:
    """What others of its name let somebody do, that go and whose place it takes, and it does not."""
    gone = {
        ref
        for ref in context.drops - context.new.facts.keys()
        if ref.kind == new.ref.kind and ref.name[:2] == new.ref.name[:2]
    }
    lost: dict[str, set[str]] = {}
    for ref in gone:
        grants = (fact.ref.name[-1] for fact in context.old.below(ref, "grant"))
        for grantee in {PUBLIC, *grants} - {OWNER}:
            had = _allowed(ref, grantee, context.old)
            has = _allowed(new.ref, grantee, context.new) | _allowed(new.ref, PUBLIC, context.new)
            lost.setdefault(grantee, set()).update(had - has)
    instead = ", ".join(sorted(ref.path for ref in gone))
    return tuple(
        Hazard(
            HazardCode.LOST_PRIVILEGE,
            new.ref,
            f"{'PUBLIC' if to == PUBLIC else ident(to)} may not {', '.join(words(''.join(letters)))}"
            f" on {new.ref.path}, which takes the place of {instead}",
        )
        for to, letters in sorted(lost.items())
        if letters
    )


def _allowed(ref: Ref, grantee: str, catalog: Catalog) -> set[str]:
    fact = catalog.facts.get(Ref("grant", (ref.kind, *ref.name, grantee)))
    if fact is not None:
        return set(fact.text("privileges"))
    return usual(kind_of(ref), grantee, catalog.server_version)

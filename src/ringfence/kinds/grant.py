"""What one role may do with one object, where that is not what it may by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, kind_of, pair
from ringfence.kinds._acl import OWNER, PUBLIC, words
from ringfence.kinds._sql import ident
from ringfence.model import Fact, Ref
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change


class Grant(Kind):
    """A grant. Its name is the object's kind and name, then the grantee."""

    name = "grant"
    skip = frozenset({"extract"})
    attributes = {"privileges": Attribute("regrant"), "options": Attribute("regrant")}

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        assert new.parent is not None
        before = _default(new)
        yield from _move(
            new, before, (set(new.text("privileges")), set(new.text("options"))), context.new
        )

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        yield from _move(
            old, (set(old.text("privileges")), set(old.text("options"))), _default(old), context.old
        )

    def regrant(self, change: Change, context: Context) -> Iterator[Do]:
        """From one set of privileges to the other, and nothing else."""
        old, new = pair(change)
        yield from _move(
            new,
            (set(old.text("privileges")), set(old.text("options"))),
            (set(new.text("privileges")), set(new.text("options"))),
            context.new,
        )


def _default(fact: Fact) -> tuple[set[str], set[str]]:
    assert fact.parent is not None
    kind = kind_of(fact.parent)
    grantee = fact.ref.name[-1]
    usual = kind.privileges if grantee == OWNER else kind.public if grantee == PUBLIC else ""
    return set(usual), set()


def _move(
    fact: Fact,
    before: tuple[set[str], set[str]],
    after: tuple[set[str], set[str]],
    catalog: object,
) -> Iterator[Do]:
    from ringfence.model import Catalog

    assert isinstance(catalog, Catalog)
    assert fact.parent is not None
    grantee = fact.ref.name[-1]
    to = "PUBLIC" if grantee == PUBLIC else ident(grantee)
    if grantee == OWNER:
        owner = catalog.facts.get(Ref("owner", (fact.parent.kind, *fact.parent.name)))
        to = ident(owner.text("owner")) if owner else "CURRENT_USER"
    kind = kind_of(fact.parent)
    lost = before[0] - after[0]
    unoptioned = (before[1] - after[1]) - lost
    if lost:
        hazard = Hazard(
            HazardCode.LOST_PRIVILEGE,
            fact.parent,
            f"{to} may no longer {', '.join(words(''.join(lost)))} on {fact.parent.path}",
        )
        yield Do(_statement("REVOKE", fact.parent, kind, lost, "FROM", to), (hazard,))
    if unoptioned:
        yield Do(_statement("REVOKE GRANT OPTION FOR", fact.parent, kind, unoptioned, "FROM", to))
    plain = (after[0] - before[0]) - after[1]
    if plain:
        yield Do(_statement("GRANT", fact.parent, kind, plain, "TO", to))
    optioned = after[1] - before[1]
    if optioned:
        yield Do(_statement("GRANT", fact.parent, kind, optioned, "TO", to) + " WITH GRANT OPTION")


def _statement(verb: str, on: Ref, kind: Kind, letters: set[str], word: str, to: str) -> str:
    named = words("".join(letters))
    if on.kind == "column":
        name = ident(on.name[-1])
        shown = ", ".join(f"{w} ({name})" for w in named)
        target = kind.sql_name(Ref("table", on.name[:-1]))
    else:
        every = len(letters) > 1 and letters >= set(kind.privileges) - {"m"}
        shown = "ALL" if every else ", ".join(named)
        target = kind.sql_name(on)
    return f"{verb} {shown} ON {kind.grantable} {target} {word} {to}"


KIND = Grant()

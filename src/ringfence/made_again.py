"""What a plan drops and makes again: whose it is, and who may do what with it, then is another question.

A view over a column that gets another type belongs to whoever runs the plan from then on, where no file
says whose it is; and has the grants that the plan knows, and those that default privileges of that role
give. What was granted by hand is gone. So the file of a revision says, beside what it was planned on,
`-- ringfence: planned-on: 18 owner:view.shop.totals open` and a line for each grant that it knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import kind_of
from ringfence.kinds._acl import OWNER, Held, called, given, is_usual
from ringfence.kinds._words import of
from ringfence.model import Fact, Ref, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ringfence.model import Catalog
    from ringfence.revisions import Revision
    from ringfence.script import Statement

KINDS = frozenset({"owner", "grant"})
"""The kinds of the lines that say so."""

_OPEN, _NAMED = "open", "named"


def lines(before: Catalog, after: Catalog, again: Iterable[Ref]) -> Iterator[tuple[Ref, str]]:
    """For what is made again, whether a file names its owner, and each grant that is known of it."""
    for ref in again:
        if ref in after.facts:
            owner = _owner(ref)
            yield owner, _NAMED if owner in after.facts else _OPEN
            for grant in _grants(before, ref):
                yield grant.ref, _mark(grant)


def _owner(ref: Ref) -> Ref:
    return Ref("owner", (ref.kind, *ref.name))


def _grants(catalog: Catalog, root: Ref) -> Iterator[Fact]:
    """The grants on an object and on its columns; what its owner may do is the owner's."""
    for fact in catalog.children.get(root, ()):
        if fact.ref.kind != "grant":
            yield from _grants(catalog, fact.ref)
        elif fact.ref.name[-1] != OWNER:
            yield fact


def lost(
    found: Catalog,
    said: Mapping[Ref, str],
    role: str,
    before: Sequence[Revision],
) -> Iterator[tuple[Ref, str, str]]:
    """What of an object that is made again would not be as it is now: which, how, and a hint of its own.

    `found` is the database, `said` the lines of the revision, `role` who runs it. Of what the pending
    ones `before` it grant on the object nothing is known, and nothing is said of its grants.
    """
    for owner, whose in said.items():
        ref = Ref(owner.name[0], owner.name[1:])
        if owner.kind != "owner" or not {ref, owner} <= found.facts.keys():
            continue  # to come; or gone, which is told
        now = found.facts[owner].text("owner")
        what = " ".join(of(owner))
        if whose == _OPEN and now != role:
            simple = quoted(now) == now
            how = f" (options='-c role={now}' in the connection string)" if simple else ""
            hint = f"migrate as {quoted(now)}{how}, or say in ddl/ whose {what} is, and plan anew"
            yield (
                ref,
                f"{what} belongs to {quoted(now)}, and made again it is {quoted(role)}'s",
                hint,
            )
        if any(_grants_on(ref, s) for r in before for s in r.script("up").statements):
            continue
        for grant in _differing(found, said, ref, role):
            on = " ".join(of(grant._replace(name=grant.name[:-1])))
            it = "it" if on == what else what
            text = (
                f"what {called(grant.name[-1])} may do with {on} was changed by hand, and {it} is"
            )
            yield ref, f"{text} made again as planned", ""


def _differing(found: Catalog, said: Mapping[Ref, str], ref: Ref, role: str) -> Iterator[Ref]:
    """The grants that are others once an object is made again: what is granted to an owner is not."""
    kind = kind_of(ref)
    standing = [f for f in found.facts.values() if f.ref.kind == "default_acl"]
    then: dict[Ref, str] = {}
    for grantee, letters in given(ref, kind, standing, (role,), found.server_version).items():
        held = Held(letters)
        if grantee != OWNER and not is_usual(grantee, held, kind):
            name = Ref("grant", (ref.kind, *ref.name, grantee))
            then[name] = _mark(Fact(name, held.attrs(), ref))
    then |= {r: mark for r, mark in said.items() if r.kind == "grant" and _is_on(r, ref)}
    now = {grant.ref: _mark(grant) for grant in _grants(found, ref)}
    owners = found.facts[_owner(ref)].text("owner"), role
    for grant in sorted({*then, *now}):
        if then.get(grant) != now.get(grant) and grant.name[-1] not in owners:
            yield grant


def _mark(grant: Fact) -> str:
    return grant.digest[:16]


def _is_on(grant: Ref, ref: Ref) -> bool:
    """Whether it is a grant on an object or on a column of it."""
    on, *name = grant.name[:-1]
    above = tuple(name[:-1] if on in ("column", "identity_sequence") else name)
    return above == ref.name and on in (ref.kind, "column", "identity_sequence")


def _grants_on(ref: Ref, statement: Statement) -> bool:
    """Whether a statement may change what is granted on an object."""
    if statement.words[:1] == ("DO",) or statement.words[:2] == ("ALTER", "DEFAULT"):
        return True
    name = next(n for n in reversed(ref.name) if n[:1] != "(")
    its = name in statement.text or "ALL" in statement.words
    return statement.words[:1] in {("GRANT",), ("REVOKE",)} and its

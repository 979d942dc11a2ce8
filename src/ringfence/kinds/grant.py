"""What one role may do with one object, where that is not what it may by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, kind_of, pair
from ringfence.kinds._acl import OWNER, PUBLIC, Held, called, initial, is_usual, usual, words
from ringfence.kinds._sql import ident
from ringfence.kinds._words import of, said
from ringfence.model import Fact, Ref
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ringfence.change import Change
    from ringfence.kinds import Stage
    from ringfence.kinds._acl import Letters
    from ringfence.model import Catalog, Value

_REGRANT = Attribute("regrant")


def _in_words(letters: Value) -> str:
    return ", ".join(words(str(letters or ""))) or "none"


def _passed_on(via: Value) -> str:
    """What others than the owner gave."""
    if not isinstance(via, tuple):
        return said(via)
    given = [tuple(map(str, item)) for item in via if isinstance(item, tuple)]
    return "; ".join(f"{_in_words(letters)} by {by}" for by, letters, _ in given)


class Grant(Kind):
    """A grant. Its name is the object's kind and name, then the grantee.

    `privileges` and `options` are the owner's to give and take; `via` tells what others, who have
    the grant option, passed on: grantor, privileges, options.
    """

    name = "grant"
    skip = frozenset({"extract"})
    attributes = {"privileges": _REGRANT, "options": _REGRANT, "via": _REGRANT}
    words = {"privileges": _in_words, "options": _in_words, "via": _passed_on}

    def title(self, ref: Ref) -> str:
        kind, name = of(ref._replace(name=ref.name[:-1]))
        return f"grant on {kind} {name} to {called(ref.name[-1])}"

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterator[Ref]:  # noqa: ARG002
        for by in _via(fact):
            yield Ref("grant", (*fact.ref.name[:-1], by))

    def roles(self, fact: Fact) -> tuple[str, ...]:
        return (fact.ref.name[-1], *_via(fact))

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        on = fact.parent
        assert on is not None
        if stage != "drop":
            # ALTER … OWNER TO rewrites what the old and the new owner have.
            holder = owned_with(on, context.new)
            owner = Ref("owner", (holder.kind, *holder.name))
            yield "alter", owner
            yield "create", owner
            if holder != on:
                # REVOKE on a table takes the same from its columns.
                table = Ref("grant", (holder.kind, *holder.name, fact.ref.name[-1]))
                yield "drop", table
                yield "alter", table
        if stage == "alter":
            # Who passed it on no longer can, once it is taken away.
            for user in context.old.used_by.get(fact.ref, ()):
                if fact.ref not in context.new.uses.get(user, ()):
                    yield "alter", user

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        told = _lost(new, _had(new, context), context)
        yield from _move(new, _before(new, context), _letters(new), context, told)
        yield from _pass_on(new, {}, _via(new), told)

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        told = _lost(old, _all(old), context)
        yield from _pass_on(old, _via(old), {}, told)
        assert old.parent is not None
        default = (usual(kind_of(old.parent), old.ref.name[-1], context.server_version), set[str]())
        yield from _move(old, _letters(old), default, context, told, old=True)

    def regrant(self, change: Change, context: Context) -> Iterator[Do]:
        """From one set of privileges to the other, and nothing else."""
        old, new = pair(change)
        told = _lost(new, _all(old), context)
        yield from _pass_on(new, _via(old), _via(new), told, take=True)
        yield from _move(new, _letters(old), _letters(new), context, told)
        yield from _pass_on(new, _via(old), _via(new), told, take=False)


def revoke_defaults(ref: Ref, context: Context) -> Iterator[Do]:
    """What default privileges gave at once on an object just made, and nobody wants there."""
    kind = kind_of(ref)
    for child in context.folded.get(ref, ()):
        yield from revoke_defaults(child, context)
    for grantee, held in sorted(initial(ref, kind, context).items()):
        name = Ref("grant", (ref.kind, *ref.name, grantee))
        default = (usual(kind, grantee, context.server_version), set[str]())
        if name not in context.new.facts and held != default:
            yield from _move(Fact(name, {}, ref), held, default, context)  # nobody ever had it


def lost_anew(ref: Ref, context: Context) -> tuple[Hazard, ...]:
    """What somebody may no longer do with an object that is made anew, and is not granted any more."""
    found: tuple[Hazard, ...] = ()
    for child in context.folded.get(ref, ()):
        found += lost_anew(child, context) if child in context.old.facts else ()
    for old in context.old.below(ref, "grant"):
        if old.ref not in context.new.facts:
            to = _grantee(old, _owner(old, context, old=True))
            found += _hazards(ref, to, _lost(old, _all(old), context))
    return found


def against_defaults(ref: Ref, contexts: Iterable[Context]) -> Iterator[Do]:
    """What sets an object to what it is to have, whichever of some default privileges made it other."""
    kind = kind_of(ref)
    for context in contexts:
        for grantee, held in sorted(initial(ref, kind, context).items()):
            default = (usual(kind, grantee, context.server_version), set[str]())
            if held == default:
                continue
            name = Ref("grant", (ref.kind, *ref.name, grantee))
            wanted = context.new.facts.get(name)
            after = _letters(wanted) if wanted is not None else default
            yield from _move(Fact(name, {}, ref), held, after, context)


def once_owned(catalog: Catalog, owners: Mapping[Ref, str]) -> dict[Ref, Fact | None]:
    """What grants become once roles own what they are on, as ALTER … OWNER TO has it.

    What the owner was granted is his own then, and so is what he passed on. Left out are grants that
    stay as they are; None is one that says nothing any more.
    """
    found: dict[Ref, Fact | None] = {}
    seen: set[Ref] = set()
    for ref, fact in catalog.facts.items():
        on = fact.parent
        if ref.kind != "grant" or on is None or on in seen:
            continue
        role = owners.get(owned_with(on, catalog))
        if role and (ref.name[-1] == role or role in _via(fact)):
            seen.add(on)
            found |= _merged(on, role, catalog)
    return found


def _merged(on: Ref, role: str, catalog: Catalog) -> dict[Ref, Fact | None]:
    """The grants on one thing that are others once the role owns it."""
    before = {f.ref: f for f in catalog.below(on, "grant")}
    owners = Ref("grant", (on.kind, *on.name, OWNER))
    usually = usual(kind_of(on), OWNER, catalog.server_version)
    its: dict[str, Held] = {OWNER: Held() if owners in before else Held((usually, set()))}
    for fact in before.values():
        grantee = OWNER if fact.ref.name[-1] == role else fact.ref.name[-1]
        held = its.setdefault(grantee, Held())
        for by, letters in {"": _letters(fact), **_via(fact)}.items():
            into = held.own if by in ("", role) else held.via.setdefault(by, (set(), set()))
            for one, other in zip(into, letters, strict=True):
                one |= other
    after = {
        (ref := Ref("grant", (on.kind, *on.name, grantee))): Fact(ref, held.attrs(), on)
        for grantee, held in its.items()
        if not is_usual(grantee, held, kind_of(on))
    }
    return {r: after.get(r) for r in {**before, **after} if before.get(r) != after.get(r)}


def _letters(fact: Fact) -> Letters:
    return set(fact.text("privileges")), set(fact.text("options"))


def _via(fact: Fact) -> dict[str, Letters]:
    via = fact["via"]
    found: dict[str, Letters] = {}
    for item in via if isinstance(via, tuple) else ():
        assert isinstance(item, tuple)
        by, privileges, options = map(str, item)
        found[by] = (set(privileges), set(options))
    return found


def _before(fact: Fact, context: Context) -> Letters:
    assert fact.parent is not None
    kind = kind_of(fact.parent)
    grantee = fact.ref.name[-1]
    if fact.parent in context.creates:
        return initial(fact.parent, kind, context).get(grantee, (set(), set()))
    return usual(kind, grantee, context.server_version), set()


def _all(fact: Fact) -> Letters:
    """What the grantee has, whoever gave it."""
    given = (_letters(fact), *_via(fact).values())
    return set().union(*(g[0] for g in given)), set().union(*(g[1] for g in given))


def _had(fact: Fact, context: Context) -> Letters:
    """What it gave before to whom it gives something now: of an object just made, nothing."""
    if fact.parent is None or fact.parent not in context.old.facts:
        return set(), set()
    return _has(fact.ref, fact.parent, context.old)


def _has(ref: Ref, on: Ref, catalog: Catalog) -> Letters:
    """What a grantee has on what is there."""
    if ref in catalog.facts:
        return _all(catalog.facts[ref])
    return usual(kind_of(on), ref.name[-1], catalog.server_version), set()


def _lost(fact: Fact, had: Letters, context: Context) -> Letters:
    """What of that the grantee will have from nobody: as itself, as the owner, or as anybody."""
    left = set(had[0]), set(had[1])
    on = fact.parent
    while on is not None and on in context.new.facts and kind_of(on).grantable:
        grantees = {fact.ref.name[-1], PUBLIC}
        if _owner(fact, context, old=False) == fact.ref.name[-1]:
            grantees.add(OWNER)
        for grantee in grantees:
            has = _has(Ref("grant", (on.kind, *on.name, grantee)), on, context.new)
            left[0].difference_update(has[0])
            left[1].difference_update(has[0] if grantee == OWNER else has[1])
        on = context.new.facts[on].parent if on.kind == "column" else None
    return left


def _pass_on(
    fact: Fact,
    old: Mapping[str, Letters],
    new: Mapping[str, Letters],
    told: Letters,
    *,
    take: bool | None = None,
) -> Iterator[Do]:
    """What others than the owner grant is granted and revoked in their name."""
    for by in sorted({*old, *new}):
        before, after = old.get(by, (set(), set())), new.get(by, (set(), set()))
        for do in _change(fact, before, after, _grantee(fact, ""), told):
            if take is None or take == do.sql.startswith("REVOKE"):
                yield Do(f"SET ROLE {ident(by)}")
                yield do
                yield Do("RESET ROLE")


_NOTHING: Letters = (set(), set())


def _move(
    fact: Fact,
    before: Letters,
    after: Letters,
    context: Context,
    told: Letters = _NOTHING,
    *,
    old: bool = False,
) -> Iterator[Do]:
    assert fact.parent is not None
    owner = _owner(fact, context, old=old)
    regive = tuple(_columns(fact, before, after, context))
    yield from _change(fact, before, after, _grantee(fact, owner), told, regive)


def _owner(fact: Fact, context: Context, *, old: bool) -> str:
    """The owner's name; empty where it is whoever runs the plan."""
    on = fact.parent
    assert on is not None
    on = owned_with(on, context.old if old else context.new)
    name = Ref("owner", (on.kind, *on.name))
    found = context.new.facts.get(name) if not old else None
    if found is None and on not in context.creates:
        found = context.old.facts.get(name)
    return found.text("owner") if found is not None else ""


def owned_with(on: Ref, catalog: Catalog) -> Ref:
    """What has the owner that counts: of a column or identity sequence, the table."""
    while on.kind in ("column", "identity_sequence"):
        above = catalog.facts[on].parent
        assert above is not None
        on = above
    return on


def _grantee(fact: Fact, owner: str) -> str:
    grantee = fact.ref.name[-1]
    if grantee == PUBLIC:
        return "PUBLIC"
    if grantee == OWNER:
        return ident(owner) if owner else "CURRENT_USER"
    return ident(grantee)


def _columns(fact: Fact, before: Letters, after: Letters, context: Context) -> Iterator[str]:
    """What REVOKE on a table takes from its columns, and is to stay."""
    assert fact.parent is not None
    gone, unoptioned = before[0] - after[0], before[1] - after[1]
    if not gone and not unoptioned:
        return
    for column in context.new.below(fact.parent, "column"):
        grant = context.new.facts.get(Ref("grant", ("column", *column.ref.name, fact.ref.name[-1])))
        if grant is None or grant.ref not in context.old.facts:
            continue
        privileges, options = _letters(grant)
        name = f"({ident(column.ref.name[-1])})"
        on = kind_of(fact.parent).sql_name(fact.parent)
        to = _grantee(fact, _owner(fact, context, old=False))
        if plain := (privileges & gone) - options:
            yield f"GRANT {', '.join(f'{w} {name}' for w in words(''.join(plain)))} ON {on} TO {to}"
        if optioned := options & (gone | unoptioned):
            shown = ", ".join(f"{w} {name}" for w in words("".join(optioned)))
            yield f"GRANT {shown} ON {on} TO {to} WITH GRANT OPTION"


def _change(
    fact: Fact,
    before: Letters,
    after: Letters,
    to: str,
    told: Letters,
    regive: tuple[str, ...] = (),
) -> Iterator[Do]:
    """From one set of privileges to the other; `told`: those whose loss is a hazard."""
    on = fact.parent
    assert on is not None
    lost = before[0] - after[0]
    unoptioned = (before[1] - after[1]) - lost
    if lost:
        hazards = _hazards(on, to, (lost & told[0], lost & told[1]))
        yield Do(_statement("REVOKE", on, lost, "FROM", to), hazards)
    if unoptioned:
        hazards = _hazards(on, to, (set(), unoptioned & told[1]))
        yield Do(_statement("REVOKE GRANT OPTION FOR", on, unoptioned, "FROM", to), hazards)
    for sql in regive:
        yield Do(sql)
    plain = (after[0] - before[0]) - after[1]
    if plain:
        yield Do(_statement("GRANT", on, plain, "TO", to))
    optioned = after[1] - before[1]
    if optioned:
        yield Do(_statement("GRANT", on, optioned, "TO", to) + " WITH GRANT OPTION")


def _hazards(on: Ref, to: str, lost: Letters) -> tuple[Hazard, ...]:
    """The hazards of what somebody may no longer do, and may no longer let others do."""
    said = []
    if lost[0]:
        said.append(f"{to} may no longer {', '.join(words(''.join(lost[0])))} on {on.path}")
    if still := lost[1] - lost[0]:
        named = ", ".join(words("".join(still)))
        said.append(f"{to} may no longer grant {named} on {on.path} to others")
    return tuple(Hazard(HazardCode.LOST_PRIVILEGE, on, text) for text in said)


def _statement(verb: str, on: Ref, letters: set[str], word: str, to: str) -> str:
    kind = kind_of(on)
    named = words("".join(letters))
    if on.kind == "column":
        name = ident(on.name[-1])
        shown = ", ".join(f"{w} ({name})" for w in named)
        target = kind.sql_name(Ref("table", on.name[:-1]))
    else:
        every = len(letters) > 1 and letters >= set(kind.privileges) - {"m"}
        shown = "ALL" if every else ", ".join(named)
        target = kind.grant_name(on)
    return f"{verb} {shown} ON {kind.grantable} {target} {word} {to}"


KIND = Grant()

"""What is called otherwise and is what it was: found, put in an order that works, and written.

An index, a constraint or a column's own sequence holds nothing that its name matters to, so where one
goes and one just like it comes, it is renamed. Anything else is only renamed when somebody says so
(`ringfence.asked`); that it looks like it is noted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.change import Rename
from ringfence.errors import Misuse
from ringfence.kinds import Do, kind_of
from ringfence.kinds._family import aside, links_below, parents
from ringfence.kinds._inherit import over, under
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.model import Catalog, Fact, Ref
from ringfence.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ringfence.change import Change
    from ringfence.model import Value

ENUM_VALUE = "enum_value"
"""What a reference to one value of an enum has for its kind; no kind of its own."""

_SATELLITES = frozenset({"comment", "grant", "owner", "security_label", "extension_dependency"})


def automatic(
    old: Catalog, new: Catalog, changes: Iterable[Change]
) -> tuple[Catalog, tuple[Rename, ...]]:
    """The renames that lose nothing and leave no doubt, and the old catalog after them.

    Of indexes and constraints, one that goes and one that comes, on the same table and with the same
    definition; of sequences, the one that a column owned and the one that it is to own.
    """
    # Two that change places differ in their definitions, and are both there all the while.
    moving = [c for c in changes if c.verb != "alter" or "definition" in c.attributes]
    gone = [c.old for c in moving if c.old is not None]
    come = [c.new for c in moving if c.new is not None]
    found: list[Rename] = []
    taken: set[tuple[str, ...]] = set()
    while pairs := [*_alike(gone, come, old, new), *_owned(gone, come, new)]:
        if not taken:
            taken = {n for f in old.facts.values() for n in kind_of(f.ref).namespaces(f)}
        free = _free(pairs, old, taken)
        if not free:
            break
        found += free
        old = moved(old, free)
        taken = {n for f in old.facts.values() for n in kind_of(f.ref).namespaces(f)}
        # What was attached to one that is called otherwise now is found on the next round.
        done = {r.old for r in free}, {r.new for r in free}
        gone = [old.facts[f.ref] for f in gone if f.ref not in done[0] and f.ref in old.facts]
        come = [f for f in come if f.ref not in done[1]]
    return old, tuple(found)


def _alike(
    gone: Sequence[Fact], come: Sequence[Fact], old: Catalog, new: Catalog
) -> Iterator[Rename]:
    before: dict[tuple[object, ...], list[Fact]] = defaultdict(list)
    after: dict[tuple[object, ...], list[Fact]] = defaultdict(list)
    for facts, found in ((gone, before), (come, after)):
        for fact in facts:
            if fact.ref.kind in ("index", "constraint", "domain_constraint"):
                found[_essence(fact)].append(fact)
    for essence, olds in before.items():
        news = after.get(essence, [])
        if len(olds) == len(news) == 1 and essence[1] is not None:
            above = olds[0].parent
            assert above is not None
            family = parents(above, old)
            if not (family and olds[0]["type"] == "c") or family == parents(above, new):
                yield Rename(olds[0].ref, news[0].ref)


def _essence(fact: Fact) -> tuple[object, ...]:
    """All that makes an index or constraint, but its name."""
    attrs: dict[str, Value] = dict(fact.attrs)
    above = fact.parent
    if fact.ref.kind == "index":
        definition = fact.text("definition")
        for head in ("CREATE INDEX ", "CREATE UNIQUE INDEX "):
            named = f"{head}{ident(fact.ref.name[-1])} ON "
            if definition.startswith(named):
                attrs["definition"] = f"{head}ON {definition.removeprefix(named)}"
                break
        else:
            above = None
    return fact.ref.kind, above, tuple(sorted(attrs.items(), key=lambda a: a[0]))


def _owned(gone: Sequence[Fact], come: Sequence[Fact], new: Catalog) -> Iterator[Rename]:
    """The sequence of a serial column, when the name that PostgreSQL chooses for it is another now."""
    before: dict[Value, list[tuple[str, ...]]] = defaultdict(list)
    after: dict[Value, list[tuple[str, ...]]] = defaultdict(list)
    for facts, found in ((gone, before), (come, after)):
        for fact in facts:
            if fact.ref.kind == "owned_by":
                found[fact["column"]].append(fact.ref.name)
    for column, olds in before.items():
        news = after.get(column, [])
        if len(olds) == len(news) == 1 and olds[0][0] == news[0][0]:
            rename = Rename(Ref("sequence", olds[0]), Ref("sequence", news[0]))
            if rename.old not in new.facts:
                yield rename


def _free(pairs: Sequence[Rename], catalog: Catalog, taken: set[tuple[str, ...]]) -> list[Rename]:
    """Those whose new names nobody has, or only some that give theirs up."""
    left = [p for p in pairs if p.old != p.new]
    while True:
        given_up = {n for p in left for n in _names(p.old, catalog.facts[p.old])}
        kept = [
            p
            for p in left
            if not any(
                n in taken and n not in given_up for n in _names(p.new, catalog.facts[p.old])
            )
        ]
        if len(kept) == len(left):
            return kept
        left = kept


def _names(ref: Ref, fact: Fact) -> Iterable[tuple[str, ...]]:
    return kind_of(ref).namespaces(replace(fact, ref=ref))


def moved(catalog: Catalog, renames: Sequence[Rename]) -> Catalog:
    """The catalog after renames of indexes, constraints and sequences, and nothing else."""
    to = {r.old: r.new for r in renames}

    def lead(ref: Ref) -> Ref:
        if ref in to:
            return to[ref]
        if ref.kind in _SATELLITES:
            for old, new in to.items():
                length = len(old.name) + 1
                if ref.name[:length] == (old.kind, *old.name):
                    return ref._replace(name=(new.kind, *new.name, *ref.name[length:]))
        elif ref.kind == "owned_by" and (sequence := Ref("sequence", ref.name)) in to:
            return ref._replace(name=to[sequence].name)
        return ref

    named: dict[tuple[str, ...], tuple[str, ...]] = {}
    for old, new in to.items():
        named[old.name] = new.name
        if old.kind == "index" or catalog.facts[old]["type"] in ("p", "u", "x"):
            named[old.name[0], old.name[-1]] = (new.name[0], new.name[-1])
    facts = {}
    for fact in catalog.facts.values():
        ref, above = lead(fact.ref), fact.parent and lead(fact.parent)
        attrs = _follow(fact, to, named, catalog.uses.get(fact.ref, frozenset()))
        same = ref == fact.ref and above == fact.parent and attrs is fact.attrs
        facts[ref] = fact if same else Fact(ref, attrs, above)
    uses = {lead(r): frozenset(map(lead, needed)) for r, needed in catalog.uses.items()}
    return replace(catalog, facts=facts, uses=uses)


def _follow(
    fact: Fact,
    to: Mapping[Ref, Ref],
    named: Mapping[tuple[str, ...], tuple[str, ...]],
    uses: frozenset[Ref],
) -> Mapping[str, Value]:
    """What it says of others that are called otherwise, as PostgreSQL says it then."""
    attrs = dict(fact.attrs)
    if fact.ref in to and fact.ref.kind == "index":
        definition, name = fact.text("definition"), ident(fact.ref.name[-1])
        attrs["definition"] = definition.replace(
            f"INDEX {name} ON ", f"INDEX {ident(to[fact.ref].name[-1])} ON ", 1
        )
    if fact["attached"]:
        attrs["attached"] = named.get(fact.list("attached"), fact["attached"])
    if fact.ref.kind in ("cluster_on", "replica_identity") and fact["index"]:
        name = fact.text("index")
        attrs["index"] = named.get((fact.ref.name[0], name), ("", name))[-1]
    if fact.ref.kind == "default":
        text = fact.text("expression")
        for used in uses & to.keys():
            was, now = (literal(qualified(r.name)).lstrip() for r in (used, to[used]))
            text = text.replace(f"{was}::regclass", f"{now}::regclass")
        attrs["expression"] = text
    return fact.attrs if attrs == fact.attrs else attrs


def steps(renames: Sequence[Rename], catalog: Catalog) -> Iterator[Step]:
    """The statements, in an order in which each new name is free when it is given.

    `catalog` is the one before them. Where names change places, one is put aside first.
    """
    waiting = [r for r in renames if not _comes_along(r, renames, catalog)]
    holding = {n: r for r in waiting for n in _held(r.old, catalog)}
    late: list[tuple[Fact, Ref]] = []
    while waiting:
        ready = [
            r for r in waiting if all(holding.get(n, r) == r for n in _held(r.new, catalog, r.old))
        ]
        if not ready:  # a circle: one of them makes room
            first = waiting[0]
            room = _named(first.old, aside(first.old.name))
            yield from _step(first.old, room, catalog.facts[first.old])
            late.append((replace(catalog.facts[first.old], ref=room), first.new))
            ready = [first]
        else:
            done: set[Ref] = set()
            for rename in ready:
                together = _tied(rename.old, catalog)
                if rename.old in done:
                    continue
                others = {r.old for r in renames if r.new.name[-1] == rename.new.name[-1]}
                if not {*together} <= others:
                    listed = ", ".join(r.path for r in together if r not in others)
                    raise Misuse(
                        f"column {rename.old.path} cannot be renamed alone: a table inherits it"
                        f" and {listed} as one",
                        hint=f"rename {listed} to {ident(rename.new.name[-1])} too",
                    )
                if together and {*together} <= {r.old for r in ready}:
                    yield from _at_once(together, rename.new.name[-1], catalog)
                    done.update(together)
                else:
                    yield from _step(rename.old, rename.new, _fact(rename.old, catalog))
        for rename in ready:
            waiting.remove(rename)
            for n in _held(rename.old, catalog):
                holding.pop(n, None)
    for fact, to in late:
        yield from _step(fact.ref, to, fact)


def _step(old: Ref, to: Ref, fact: Fact) -> Iterator[Step]:
    if old.kind == ENUM_VALUE:
        was, now = literal(old.name[-1]).lstrip(), literal(to.name[-1]).lstrip()
        text = f"ALTER TYPE {qualified(fact.ref.name)} RENAME VALUE {was} TO {now}"
        yield Step(text, fact.ref, "rename")
        return
    for do in kind_of(old).rename(fact, to):
        yield Step(do.sql, old, "rename", do.hazards, do.transactional, do.comment)


def _tied(column: Ref, catalog: Catalog) -> list[Ref]:
    """The columns that some table inherits as one, of parents that have nothing in common.

    PostgreSQL calls none of them otherwise by itself. None where there is but one.
    """
    fact = catalog.facts.get(column)
    if column.kind != "column" or fact is None or fact["generated"]:
        return []
    todo, tops = [fact], []
    for one in todo:
        assert one.parent is not None
        near = [Ref("column", (*p.name, column.name[-1])) for p in parents(one.parent, catalog)]
        near = [r for r in near if r in catalog.facts]
        if not near:
            tops.append(one.ref)
        for link in links_below(one.parent, catalog):
            near.append(Ref("column", (*link.ref.name, column.name[-1])))
        todo += [
            catalog.facts[r] for r in near if r in catalog.facts and catalog.facts[r] not in todo
        ]
    return sorted(tops) if len(tops) > 1 else []


def _at_once(columns: Sequence[Ref], to: str, catalog: Catalog) -> Iterator[Step]:
    """Columns that are inherited as one are renamed at once: a table is above them meanwhile."""
    fact = catalog.facts[columns[0]]
    kind = fact.text("type") + (f" COLLATE {fact.text('collation')}" if fact["collation"] else "")
    tables = {c: catalog.facts[c].parent for c in columns}
    names = ", ".join(c.path for c in columns)
    top = over(columns)
    does = Do(
        f"ALTER TABLE {qualified(top)} RENAME COLUMN {ident(columns[0].name[-1])} TO {ident(to)}",
        comment=f"{names} are inherited as one",
    )
    for do in under(columns, [t for t in tables.values() if t is not None], kind, does):
        yield Step(do.sql, columns[0], "rename", do.hazards, do.transactional, do.comment)


def _fact(ref: Ref, catalog: Catalog) -> Fact:
    return catalog.facts[Ref("enum", ref.name[:-1]) if ref.kind == ENUM_VALUE else ref]


def _held(ref: Ref, catalog: Catalog, of: Ref | None = None) -> Iterable[tuple[str, ...]]:
    """The names that it takes up; `of`: once that is what it is called."""
    if ref.kind == ENUM_VALUE:
        return ((ENUM_VALUE, *ref.name),)
    return _names(ref, _fact(of or ref, catalog))


def _named(ref: Ref, name: str) -> Ref:
    if ref.kind == ENUM_VALUE:
        return ref._replace(name=(*ref.name[:-1], name))
    own = kind_of(ref).own % len(ref.name)
    return ref._replace(name=(*ref.name[:own], name, *ref.name[own + 1 :]))


def _comes_along(rename: Rename, renames: Sequence[Rename], catalog: Catalog) -> bool:
    """Whether PostgreSQL does it with the same of a table that this one is below."""
    fact = _fact(rename.old, catalog)
    column = rename.old.kind == "column"
    if fact.parent is None or not (column or fact["type"] == "c"):
        return False
    pairs = {(r.old, r.new) for r in renames}
    return any(
        (
            rename.old._replace(name=(*above.name, rename.old.name[-1])),
            rename.new._replace(name=(*above.name, rename.new.name[-1])),
        )
        in pairs
        for above in parents(fact.parent, catalog)
    )

"""NOT NULL as PostgreSQL 18 has it: a constraint that tables pass on to those that inherit from them.

What is done to a parent's is done to its heirs', as far as theirs are alike. Where that does not make
of an heir's what is wanted, the heir leaves its parents and joins them anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ringfence.kinds import Do, kind_of
from ringfence.kinds._family import inheritance, kept_parents, links_below, parents, whole
from ringfence.kinds._sql import ident, qualified
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ringfence.kinds import Context
    from ringfence.model import Catalog, Fact


class _State(NamedTuple):
    """A column's NOT NULL: what it is called, whether it only is inherited, and how far it holds."""

    name: str
    inherited: bool
    no_inherit: bool
    not_valid: bool


def called(column: Fact) -> str:
    """The name of its constraint NOT NULL."""
    *_, table, name = column.ref.name
    return column.text("not_null_name") or f"{table}_{name}_not_null"


def as_partitions_have_it(old: Catalog, new: Catalog) -> Catalog:
    """The new catalog, with what a partition calls a NOT NULL of the whole's as PostgreSQL leaves it.

    From PostgreSQL 18 on it has a name: its own where it came with the table that was attached, the
    whole's where it came from there, and RENAME CONSTRAINT refuses it. So which of the two it is says
    how the partition came to be, not what it is, and nothing should be detached for it.
    """
    if new.server_version < 180000:
        return new
    links = {f.ref for r, f in new.facts.items() if r.kind == "partition" and r in old.facts}
    instead: dict[Ref, Fact] = {}
    for link in sorted(links, key=lambda r: _depth(r, new)):
        table = new.facts[link].parent
        for column in new.below(table, "column") if table is not None else ():
            name = _left_open(column, old, new, instead)
            if name is not None and name != called(column):
                usual = name == called(replace(column, attrs={}))
                attrs = {k: v for k, v in column.attrs.items() if k != "not_null_name"}
                attrs |= {} if usual else {"not_null_name": name}
                instead[column.ref] = replace(column, attrs=attrs)
    return replace(new, facts={**new.facts, **instead}) if instead else new


def _depth(link: Ref, catalog: Catalog) -> int:
    fact = catalog.facts.get(link)
    return 0 if fact is None else 1 + _depth(link._replace(name=fact.list("whole")), catalog)


def _left_open(column: Fact, old: Catalog, new: Catalog, instead: Mapping[Ref, Fact]) -> str | None:
    """What a partition's NOT NULL is called once all else is as wanted; None where that is not open."""
    wholes = _wholes(column, new)
    if not column["not_null"] or not wholes or not _is_open(column, wholes):
        return None
    given = called(instead.get(wholes[0].ref, wholes[0]))
    was = old.facts.get(column.ref)
    if was is None or not was["not_null"]:
        return given
    before = _wholes(was, old)
    if not _is_open(was, before):
        return None
    return given if before and called(was) == called(before[0]) else called(was)


def _is_open(column: Fact, wholes: list[Fact]) -> bool:
    """Whether its NOT NULL is called as PostgreSQL might have done by itself."""
    return called(column) in {called(replace(column, attrs={})), *map(called, wholes)}


def _wholes(column: Fact, catalog: Catalog) -> list[Fact]:
    """The columns of the tables that it is of a partition of which are NOT NULL, the nearest first."""
    over = None if column.parent is None else whole(column.parent, catalog)
    above = None if over is None else catalog.facts.get(_at(over, column.ref))
    return [above, *_wholes(above, catalog)] if above is not None and above["not_null"] else []


def misled(column: Ref, context: Context) -> Iterator[Ref]:
    """The links of the tables whose NOT NULL does not become what it is to be by what is done above."""
    if context.server_version < 180000:
        return
    for ref in (column, *_heirs(column, context)):
        table = context.old.facts[ref].parent
        if table is not None and _is_misled(ref, table, context):
            yield inheritance(table)


def called_otherwise(column: Ref, context: Context) -> Iterator[Ref]:
    """The links of the tables that have a column's NOT NULL as their own, by another name.

    With a type PostgreSQL makes it anew in those too, by the name it has above, and then by theirs.
    """
    fact = context.old.facts[column]
    if context.server_version < 180000 or not fact["not_null"] or fact["not_null_no_inherit"]:
        return
    for link in links_below(fact.parent, context.old) if fact.parent is not None else ():
        below = context.old.facts.get(Ref("column", (*link.ref.name, column.name[-1])))
        if link.ref.kind != "inheritance" or below is None or not below["not_null"]:
            continue
        if not below["not_null_inherited"] and called(below) != called(fact):
            yield link.ref


def keys_over(column: Ref, context: Context, *, leaves: bool) -> Iterator[Ref]:
    """The primary key in whose way it is that a column's own NOT NULL goes, to be only inherited.

    `leaves`: what was only inherited is its own meanwhile.
    """
    was, now = (_state(column, catalog) for catalog in (context.old, context.new))
    if was is None or now is None or not now.inherited or (was.inherited and not leaves):
        return
    for user in context.old.used_by.get(column, ()):
        key = context.old.facts[user]
        if user.kind == "constraint" and key["type"] == "p" and user.name[:-1] == column.name[:-1]:
            yield user


def proved_below(column: Fact, context: Context) -> Iterator[Do]:
    """VALIDATE of what comes to a table with a parent's that is not valid, and is valid in the table."""
    if not column["not_null_inherited"] or column["not_null_not_valid"] or column.parent is None:
        return
    above = (_at(p, column.ref) for p in kept_parents(column.parent, context))
    states = [state for r in above if (state := _passed(r, context.new)) is not None]
    if states and all(state.not_valid for state in states):
        table = f"ALTER {kind_of(column.parent).keyword} {qualified(column.parent.name)}"
        yield Do(f"{table} VALIDATE CONSTRAINT {ident(called(column))}")


def _heirs(column: Ref, context: Context) -> Iterator[Ref]:
    fact = context.old.facts.get(column)
    for link in links_below(fact.parent, context.old) if fact is not None and fact.parent else ():
        below = Ref("column", (*link.ref.name, column.name[-1]))
        if link.ref.kind == "inheritance" and below in context.old.facts:
            yield below


def _is_misled(column: Ref, table: Ref, context: Context) -> bool:
    """Whether a table that has parents before and after has it otherwise than it is to have it."""
    link = inheritance(table)
    if link in context.drops or not (link in context.old.facts and link in context.new.facts):
        return False
    if column not in context.new.facts or column in context.drops:
        return False
    kept = kept_parents(table, context)
    above = [Ref("column", (*p.name, column.name[-1])) for p in kept]
    was, now = (_state(column, catalog) for catalog in (context.old, context.new))
    gave, give = ([_passed(r, catalog) for r in above] for catalog in (context.old, context.new))
    if any(before and r in context.drops for r, before in zip(above, gave, strict=True)):
        return True  # PostgreSQL forgets to tell the heirs when a column goes
    others = [
        p
        for p in parents(table, context.old)
        if p not in kept and _passed(_at(p, column), context.old)
    ]
    if was == now and gave == give:
        return False
    return not _follows(was, now, gave, give, left=bool(others))


def _at(table: Ref, column: Ref) -> Ref:
    return Ref("column", (*table.name, column.name[-1]))


def _state(column: Ref, catalog: Catalog) -> _State | None:
    fact = catalog.facts.get(column)
    if fact is None or not fact["not_null"]:
        return None
    flags = (bool(fact[f"not_null_{name}"]) for name in ("inherited", "no_inherit", "not_valid"))
    return _State(called(fact), *flags)


def _passed(column: Ref, catalog: Catalog) -> _State | None:
    state = _state(column, catalog)
    return None if state is None or state.no_inherit else state


def _follows(
    was: _State | None,
    now: _State | None,
    gave: list[_State | None],
    give: list[_State | None],
    *,
    left: bool,
) -> bool:
    """Whether a column's NOT NULL becomes what it is to be, below parents that stay.

    `gave` and `give` are theirs before and after; `left`: one that is left gave it too.
    """
    given = {s.name for s in give if s is not None}
    renamed = any(a and b and a.name != b.name for a, b in zip(gave, give, strict=True))
    if was is None:
        if now is None:
            return True
        late = any(s.not_valid and not now.not_valid for s in give if s is not None)
        return {now.name} == given if now.inherited else given <= {now.name} and not late
    if now is None:
        return not left and (any(gave) or not was.inherited)
    if was.inherited != now.inherited:
        same = was._replace(inherited=False) == now
        return was.inherited and same and gave == give and any(give)
    if was.inherited:
        if was == now and not renamed:
            return gave == give or not any(gave) or not any(give)
        return all(_alike(a, b, was, now) for a, b in zip(gave, give, strict=True) if a or b)
    if was != now and (left or any(gave) or given):
        return was._replace(not_valid=False) == now and gave == give
    return not renamed


def _alike(gave: _State | None, give: _State | None, was: _State, now: _State) -> bool:
    """Whether a parent's changes as the heir's is to change."""
    if gave is None or give is None:
        return False
    return gave._replace(inherited=True) == was and give._replace(inherited=True) == now

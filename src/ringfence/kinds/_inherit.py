"""How a table leaves its parents and joins them, such that what it inherits stays inherited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Context, Do, kind_of, pair
from ringfence.kinds._family import (
    aside,
    is_partition,
    kept_parents,
    links_below,
    parents,
    unproved,
)
from ringfence.kinds._held import holder, is_held
from ringfence.kinds._sql import Raw, ident, qualified, sql
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from ringfence.change import Change
    from ringfence.kinds import Stage
    from ringfence.model import Fact


def make_own(change: Change, context: Context) -> Iterator[Do]:
    """NO INHERIT and INHERIT, after which what only was inherited is the table's own.

    Once a table, by the first of those; where its parents are others, that leaves and joins them.
    """
    _, new = pair(change)
    table = new.parent
    assert table is not None
    before, after = parents(table, context.old), parents(table, context.new)
    if before == after and change.ref == min(_to_own(table, context), default=None):
        stay = first_left(table, context)
        yield from reinherit(table, before[stay:], after[stay:], context, early=True)


def first_left(table: Ref, context: Context) -> int:
    """The first of the parents that gives what is to be the table's own, and so has to be left."""
    kept = kept_parents(table, context)
    wanted = _to_own(table, context)
    for place, parent in enumerate(parents(table, context.old)):
        if parent in kept and any(_above(ref, parent) in context.old.facts for ref in wanted):
            return place
    return len(parents(table, context.old))


def before_own(fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
    """What is done before: a parent's are as they will be when the table joins it again."""
    if fact.parent is None or fact.ref not in _to_own(fact.parent, context):
        return
    others = parents(fact.parent, context.old) != parents(fact.parent, context.new)
    for parent in kept_parents(fact.parent, context):
        for child in context.new.children.get(parent, ()):
            if child.ref.kind in ("column", "constraint") and child["type"] != "f":
                yield ("alter", child.ref)
                if others:
                    yield ("create", child.ref)


def once_own(table: Ref, context: Context) -> Iterator[tuple[Stage, Ref]]:
    """What is done before a parent gives what is new: the tables below it leave and join again."""
    for link in links_below(table, context.new):
        heir = link.parent
        if heir is None or parents(heir, context.old) != parents(heir, context.new):
            continue
        yield from (("alter", ref) for ref in _to_own(heir, context))


def _to_own(table: Ref, context: Context) -> list[Ref]:
    """What of a table stays inherited and becomes its own too."""
    if is_partition(table, context.old) or is_partition(table, context.new):
        return []
    return [
        f.ref
        for f in context.old.children.get(table, ())
        if f["inherited"]
        and f.ref.kind in ("column", "constraint")
        and f.ref in context.new.facts
        and f.ref not in context.drops
        and not context.new.facts[f.ref]["inherited"]
        and any(
            _above(f.ref, p) in context.old.facts and _above(f.ref, p) not in context.drops
            for p in kept_parents(table, context)
        )
    ]


def _above(ref: Ref, parent: Ref) -> Ref:
    return Ref(ref.kind, (*parent.name, ref.name[-1]))


def reinherit(
    table: Ref,
    leave: Sequence[Ref],
    join: Sequence[Ref],
    context: Context,
    *,
    early: bool = False,
) -> Iterator[Do]:
    """NO INHERIT `leave` in reverse, INHERIT `join`.

    A column that no parent gives any more becomes the table's own, and PostgreSQL has no statement
    that undoes that. So that columns stay inherited, or are inherited when they are new, a table
    made for the purpose gives them meanwhile. `early`: before those that stay give what is new.
    """
    child = f"ALTER {kind_of(table).keyword} {qualified(table.name)}"
    inherited = _inherited(table, context) if join else []
    inherited = [f for f in inherited if not _comes_later(f, context)]
    if early:
        inherited = [f for f in inherited if not _given(f, context)]
    fresh = [f for f in inherited if f.ref in context.creates and not _given(f, context)]
    held = [f for f in inherited if leave and (_given(f, context) or _was(f, context))]
    # A check that only is inherited, of a column that is to be the table's own: anew, once it is.
    own = {*_to_own(table, context)}
    checks = [f for f in held if f.ref.kind == "constraint"]
    anew = [f for f in checks if own & _columns(f, context)]
    held = [f for f in held if f not in anew]
    there = {f.ref for f in held}
    with_them = _with_them([f for f in checks if f not in anew], there, context)
    later = _with_them([*anew, *fresh], there | {f.ref for f in with_them}, context)
    holder = (table.name[0], aside(table.name))
    add = f"ALTER TABLE {qualified(holder)} ADD"
    if held or fresh or anew:
        said = ", ".join([*map(_plain, with_them), *map(_held, held)])
        yield Do(sql("CREATE TABLE {t} ({c})", t=holder, c=Raw(said)))
        yield Do(f"{child} INHERIT {qualified(holder)}")
        if not own:
            yield from _renew(add, later, fresh)
    for parent in reversed(leave):
        yield Do(f"{child} NO INHERIT {qualified(parent.name)}")
    for fact in anew:
        yield Do(f"{child} DROP CONSTRAINT {ident(fact.ref.name[-1])}")
    if own:
        yield from _renew(add, later, [*fresh, *anew])
    for parent in join:
        yield Do(f"{child} INHERIT {qualified(parent.name)}")
    if held or fresh or anew:
        yield Do(f"{child} NO INHERIT {qualified(holder)}")
        yield Do(f"DROP TABLE {qualified(holder)}")


def tied(column: Ref, context: Context) -> list[Ref]:
    """The columns that some table inherits as one, of parents that have nothing in common.

    PostgreSQL gives none of them another type by itself. They are the ones that no parent gives, of
    all tables that are above or below one another; none where there is but one.
    """
    todo, seen = [column], {column}
    tops: list[Ref] = []
    for ref in todo:
        table = Ref(_kind_of_table(ref, context), ref.name[:-1])
        up = [_above(ref, p) for p in kept_parents(table, context)]
        up = [r for r in up if r in context.old.facts and r in context.new.facts]
        if not up:
            tops.append(ref)
        for link in links_below(table, context.new):
            if link.ref.kind == "inheritance" and table in kept_parents(link.parent, context):
                up.append(Ref(ref.kind, (*link.ref.name, ref.name[-1])))
        fresh = [r for r in up if r not in seen]
        seen.update(fresh)
        todo += fresh
    return sorted(tops) if len(tops) > 1 else []


def _kind_of_table(column: Ref, context: Context) -> str:
    fact = context.new.facts.get(column) or context.old.facts.get(column)
    return fact.parent.kind if fact is not None and fact.parent is not None else "table"


def under_one(columns: Sequence[Ref], kind: str, does: Do, context: Context) -> Iterator[Do]:
    """What is done to several columns at once: meanwhile a table made for it is above them all.

    `does` is for that table, by the name of `over`; `kind` is the type that the columns have.
    """
    tables = [Ref(_kind_of_table(c, context), c.name[:-1]) for c in columns]
    tables = [
        Ref("table", holder(t)) if is_held(c, context) else t
        for c, t in zip(columns, tables, strict=True)
    ]
    yield from under(columns, tables, kind, does)


def under(columns: Sequence[Ref], tables: Sequence[Ref], kind: str, does: Do) -> Iterator[Do]:
    """The same, where it is known of which tables they are."""
    top = qualified(over(columns))
    heads = [f"ALTER {kind_of(t).keyword} {qualified(t.name)}" for t in tables]
    yield Do(f"CREATE TABLE {top} ({ident(columns[0].name[-1])} {kind})")
    for head in heads:
        yield Do(f"{head} INHERIT {top}")
    yield does
    for head in heads:
        yield Do(f"{head} NO INHERIT {top}")
    yield Do(f"DROP TABLE {top}")


def over(columns: Sequence[Ref]) -> tuple[str, str]:
    """The table that is above them meanwhile."""
    return columns[0].name[0], aside((*columns[0].name, "over"))


def _renew(add: str, columns: Sequence[Fact], facts: Sequence[Fact]) -> Iterator[Do]:
    for column in columns:
        yield Do(f"{add} COLUMN {_plain(column)}")
    for fact in sorted(facts, key=lambda f: (f.ref.kind != "column", f.ref)):
        yield Do(f"{add}{' COLUMN' if fact.ref.kind == 'column' else ''} {_whole(fact)}")


def _columns(fact: Fact, context: Context) -> set[Ref]:
    """The columns that a check or a generated column speaks of."""
    said = fact.ref.kind == "constraint" or fact["generated"]
    used = context.new.uses.get(fact.ref, frozenset()) if said else ()
    return {r for r in used if r.kind == "column" and r.name[:-1] == fact.ref.name[:-1]}


def _with_them(facts: Sequence[Fact], there: AbstractSet[Ref], context: Context) -> list[Fact]:
    """The columns of their own that some checks speak of, beside those that are there."""
    there = there | {f.ref for f in facts}
    used = {r for f in facts for r in _columns(f, context)} - there
    return [context.new.facts[r] for r in sorted(used)]


def _inherited(table: Ref, context: Context) -> list[Fact]:
    return [
        f
        for f in sorted(context.new.children.get(table, ()), key=lambda f: f.ref)
        if f.ref.kind in ("column", "constraint") and (f["inherited"] or f["not_null_inherited"])
    ]


def _was(fact: Fact, context: Context) -> bool:
    if fact.ref in context.creates:
        return False
    old = context.old.facts[fact.ref]
    return bool(old["inherited"] or old["not_null_inherited"])


def _given(fact: Fact, context: Context) -> bool:
    """Whether a parent that stays gives it by its own ADD."""
    return any(_above(fact.ref, p) in context.creates for p in kept_parents(fact.parent, context))


def _comes_later(fact: Fact, context: Context) -> bool:
    """Whether it comes with a parent's own ADD once the table inherits, as it is not valid."""
    assert fact.parent is not None
    above = [_above(fact.ref, p) for p in parents(fact.parent, context.new)]
    return fact.ref in context.creates and any(
        r in context.creates and unproved(context.new.facts[r], fact) for r in above
    )


def _plain(fact: Fact, *, computed: bool = False) -> str:
    """As the holder has it. What a table computes in a column stays as it is, whatever that one says."""
    name = ident(fact.ref.name[-1])
    if fact.ref.kind == "constraint":
        return f"CONSTRAINT {name} {fact.text('definition')}"
    text = f"{name} {fact.text('type')}"
    if fact["collation"]:
        text += f" COLLATE {fact.text('collation')}"
    if fact["generated"]:
        kept = "STORED" if fact["generated"] == "s" else "VIRTUAL"
        said = fact.text("expression") if computed else f"NULL::{fact.text('type')}"
        text += f" GENERATED ALWAYS AS ({said}) {kept}"
    return text


def _held(fact: Fact) -> str:
    """From PostgreSQL 18 on, that it is NOT NULL is inherited by itself."""
    return _whole(fact, computed=False) if fact["not_null_inherited"] else _plain(fact)


def _whole(fact: Fact, *, computed: bool = True) -> str:
    text = _plain(fact, computed=computed)
    late = fact["not_null_inherited"] and fact["not_null_not_valid"]  # it comes from above
    if fact.ref.kind == "column" and fact["not_null"] and not late:
        table, column = fact.ref.name[-2:]
        named = fact.text("not_null_name") or f"{table}_{column}_not_null"
        text += f" CONSTRAINT {ident(named)} NOT NULL"
    return text

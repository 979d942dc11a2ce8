"""That a table inherits from others, and in what order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, kind_of, pair
from ringfence.kinds._family import aside, common, kept_parents, names, parents, unproved
from ringfence.kinds._sql import Raw, ident, qualified, sql
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ringfence.change import Change
    from ringfence.kinds import Stage
    from ringfence.model import Fact


class Inheritance(Kind):
    """A table's parents, together: their order decides that of its columns."""

    name = "inheritance"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_inherits)"
    folds = True
    attributes = {"parents": Attribute("reparent")}

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterator[Ref]:  # noqa: ARG002
        for name in names(fact["parents"]):
            yield Ref("table", name)
            yield Ref("foreign_table", name)

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        """INHERIT finds the columns and checks of the parents, in the parents and in the child."""
        if stage == "drop" or fact.parent is None:
            return
        old = parents(fact.parent, context.old)
        new = parents(fact.parent, context.new)
        added = [p for p in new if p not in old]
        for table in (fact.parent, *added) if added else ():
            for child in context.new.children.get(table, ()):
                if child.ref.kind in ("column", "constraint") and child["type"] != "f":
                    inherited = Ref(child.ref.kind, (*fact.parent.name, child.ref.name[-1]))
                    if table != fact.parent and unproved(child, context.new.facts.get(inherited)):
                        continue  # a table that comes later would have it proved
                    if table != fact.parent or not child["inherited"]:
                        yield ("create", child.ref)
                    yield ("alter", child.ref)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        assert new.parent is not None
        yield from reinherit(new.parent, [], parents(new.parent, context.new), context)

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        assert old.parent is not None
        yield from reinherit(old.parent, parents(old.parent, context.old), [], context)

    def reparent(self, change: Change, context: Context) -> Iterator[Do]:
        """NO INHERIT from the first that is another on; INHERIT in the new order."""
        _, new = pair(change)
        assert new.parent is not None
        before, after = parents(new.parent, context.old), parents(new.parent, context.new)
        stay = common(before, after)
        yield from reinherit(new.parent, before[stay:], after[stay:], context)


def reinherit(
    table: Ref, leave: Sequence[Ref], join: Sequence[Ref], context: Context
) -> Iterator[Do]:
    """NO INHERIT `leave` in reverse, INHERIT `join`.

    A column that no parent gives any more becomes the table's own, and PostgreSQL has no statement
    that undoes that. So that columns stay inherited, or are inherited when they are new, a table
    made for the purpose gives them meanwhile.
    """
    child = f"ALTER {kind_of(table).keyword} {qualified(table.name)}"
    inherited = _inherited(table, context) if join else []
    fresh = [f for f in inherited if f.ref in context.creates and not _given(f, context)]
    held = [f for f in inherited if leave and f.ref not in context.creates and _was(f, context)]
    holder = (table.name[0], aside(table.name))
    if held or fresh:
        yield Do(sql("CREATE TABLE {t} ({c})", t=holder, c=Raw(", ".join(map(_held, held)))))
        yield Do(f"{child} INHERIT {qualified(holder)}")
        for fact in fresh:
            verb = "ADD COLUMN" if fact.ref.kind == "column" else "ADD"
            yield Do(f"ALTER TABLE {qualified(holder)} {verb} {_whole(fact)}")
    for parent in reversed(leave):
        yield Do(f"{child} NO INHERIT {qualified(parent.name)}")
    for parent in join:
        yield Do(f"{child} INHERIT {qualified(parent.name)}")
    if held or fresh:
        yield Do(f"{child} NO INHERIT {qualified(holder)}")
        yield Do(f"DROP TABLE {qualified(holder)}")


def _inherited(table: Ref, context: Context) -> list[Fact]:
    return [
        f
        for f in sorted(context.new.children.get(table, ()), key=lambda f: f.ref)
        if f.ref.kind in ("column", "constraint") and f["inherited"]
    ]


def _was(fact: Fact, context: Context) -> bool:
    return bool(context.old.facts[fact.ref]["inherited"])


def _given(fact: Fact, context: Context) -> bool:
    """Whether a parent that stays gives it by its own ADD."""
    return any(
        Ref(fact.ref.kind, (*p.name, fact.ref.name[-1])) in context.creates
        for p in kept_parents(fact.parent, context)
    )


def _plain(fact: Fact) -> str:
    name = ident(fact.ref.name[-1])
    if fact.ref.kind == "constraint":
        return f"CONSTRAINT {name} {fact.text('definition')}"
    text = f"{name} {fact.text('type')}"
    if fact["collation"]:
        text += f" COLLATE {fact.text('collation')}"
    if fact["generated"]:
        kept = "STORED" if fact["generated"] == "s" else "VIRTUAL"
        text += f" GENERATED ALWAYS AS ({fact.text('expression')}) {kept}"
    return text


def _held(fact: Fact) -> str:
    """From PostgreSQL 18 on, that it is NOT NULL is inherited by itself."""
    return _whole(fact) if fact["not_null_inherited"] else _plain(fact)


def _whole(fact: Fact) -> str:
    text = _plain(fact)
    if fact.ref.kind == "column" and fact["not_null"]:
        table, column = fact.ref.name[-2:]
        named = fact.text("not_null_name") or f"{table}_{column}_not_null"
        text += f" CONSTRAINT {ident(named)} NOT NULL"
    return text


KIND = Inheritance()

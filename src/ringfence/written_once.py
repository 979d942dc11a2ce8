"""Have a table written anew once, where several steps would each do it: as one ALTER TABLE.

PostgreSQL changes the types of columns before it adds columns, whatever the order in one statement, and
writes the table when all is said. So columns that have to be written can come with what is written
before, if nothing that happens in between is something that they need.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.kinds._sql import ident, qualified
from ringfence.step import HazardCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ringfence.model import Catalog, Ref
    from ringfence.step import Step

_PART = r'(?:"(?:[^"]|"")*"|[^\s".]+)'
_WRITES = re.compile(rf"ALTER TABLE (?!ONLY ){_PART}\.{_PART} (?=(?:ALTER|ADD) COLUMN )")


def written_once(steps: Iterable[Step], new: Catalog) -> tuple[Step, ...]:
    """The steps, with the columns that are added to a table written anew as it is written anyway."""
    done: list[Step] = []
    first: dict[str, Step] = {}
    """The step in which a table is written anew, by how an ALTER TABLE of it begins."""
    for step in _at_once(steps):
        done.append(step)
        head = _head(step)
        if not head or not _rewrites(step):
            continue
        begun = first.get(head)
        first[head] = step
        if begun is None or step.verb != "create":
            continue
        at = done.index(begun)
        # All that come, that they keep their order.
        come = [s for s in done[at + 1 :] if s.verb == "create" and _head(s) == head]
        between = [s for s in done[at + 1 :] if s not in come]
        if any(_is_of_all(s) for s in between):
            continue
        for column in come:
            begun = _joined(begun, column, head)
        if _needed((s.ref for s in come), new).isdisjoint(s.ref for s in between):
            done[at:] = [begun, *between]
        elif not any(map(_of(step), _needed((s.ref for s in between), new))):
            done[at:] = [*between, begun]
        else:
            continue
        first[head] = begun
    return tuple(done)


def _is_of_all(step: Step) -> bool:
    """Whether it commits, or is about tables as such and what inherits their columns."""
    kinds = ("table", "foreign_table", "partition", "inheritance")
    alone = step.verb in ("alter", "drop") or step.ref.kind != "table"
    return bool(step.key or step.transactional != "yes") or (step.ref.kind in kinds and alone)


def _of(step: Step) -> Callable[[Ref], bool]:
    """Whether something is the table of the step's column, or one of its columns."""
    table = step.ref.name[:-1]
    return lambda r: table in (r.name, r.name[:-1])


def _head(step: Step) -> str:
    found = _WRITES.match(step.sql)
    plain = step.transactional == "yes" and not step.key and step.ref.kind == "column"
    return found[0] if found is not None and plain else ""


def _rewrites(step: Step) -> bool:
    return any(h.code is HazardCode.REWRITE for h in step.hazards)


_HOLD_OTHERS = frozenset({"schema", "table", "foreign_table", "view", "materialized_view"})


def _needed(refs: Iterable[Ref], new: Catalog) -> set[Ref]:
    """These and what they are parts of, all that they need with its parts, and what that needs.

    So with a column's type come the constraints of a domain, which PostgreSQL does not add to one
    that an array has; not so what a whole table or schema holds.
    """
    needed: set[Ref] = set()
    todo = [*refs]
    while todo:
        ref = todo.pop()
        if ref not in needed:
            needed.add(ref)
            todo += new.uses.get(ref, ())
            parent = new.facts[ref].parent if ref in new.facts else None
            todo += [parent] if parent is not None else ()
            todo += (f.ref for f in new.children.get(ref, ()) if ref.kind not in _HOLD_OTHERS)
    return needed


def _at_once(steps: Iterable[Step]) -> list[Step]:
    """New types of a table's columns, with nothing but other columns between, as one: it is written
    anew once.

    Each column's USING reads that column alone, so it is the same before and after the others.
    """
    done: list[Step] = []
    first = 0
    """Where the table got the new types that others may join; what follows is all of its columns."""
    retyped: set[Ref] = set()
    for step in steps:
        head = _retypes(step)
        since = done[first:]
        if since and head and head == _retypes(since[0]) and step.ref not in retyped:
            # What is done to the column before stays before.
            own = [s for s in since if s.ref == step.ref]
            others = [s for s in since[1:] if s.ref != step.ref]
            done[first:] = [*own, _joined(since[0], step, head), *others]
            first += len(own)
            retyped.add(step.ref)
            continue
        if head or not since or not _of_a_column(step, since[0].ref.name[:-1]):
            first = len(done)
            retyped = {step.ref}
        done.append(step)
    return done


def _joined(one: Step, other: Step, head: str) -> Step:
    """Both as one statement, with what is said of either: of new types once, of each new column."""
    said = {(h.code, h.message) for h in one.hazards if other.verb != "create"}
    more = (h for h in other.hazards if (h.code, h.message) not in said)
    return replace(
        one,
        sql=f"{one.sql},\n    {other.sql.removeprefix(head)}",
        hazards=(*one.hazards, *more),
        comment="; ".join(filter(None, (one.comment, other.comment))),
    )


def _of_a_column(step: Step, table: tuple[str, ...]) -> bool:
    """Whether it alters one of the table's columns, and so no other."""
    its = step.ref.kind == "column" and step.ref.name[:-1] == table
    return its and step.verb == "alter" and step.transactional == "yes"


def _retypes(step: Step) -> str:
    """How the statement begins, up to the column, where it gives one another type; or empty."""
    if step.ref.kind != "column" or step.verb != "alter" or step.transactional != "yes":
        return ""
    head = f"ALTER TABLE {qualified(step.ref.name[:-1])} "
    return (
        head if step.sql.startswith(f"{head}ALTER COLUMN {ident(step.ref.name[-1])} TYPE ") else ""
    )

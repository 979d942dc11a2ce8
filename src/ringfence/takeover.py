"""A unique index that becomes a constraint: taken over as it stands, where a plan would build it twice."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ringfence.kinds._family import tree
from ringfence.kinds._sql import ident, qualified
from ringfence.step import HazardCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ringfence.model import Catalog, Fact, Ref
    from ringfence.step import Step

_PART = r'(?:"(?:[^"]|"")*"|[^\s".]+)'
_LIST = r'\((?:[^()"]|"(?:[^"]|"")*")*\)'
_KEY = re.compile(
    r"(?P<what>PRIMARY KEY|UNIQUE)(?P<nulls> NULLS NOT DISTINCT)? (?!.* WITHOUT OVERLAPS\))"
    rf"(?P<columns>{_LIST})(?P<include> INCLUDE {_LIST})?"
    r"(?P<state>(?: DEFERRABLE)?(?: INITIALLY DEFERRED)?)\Z"
)
TAKEN_OVER = re.compile(
    rf"ALTER TABLE {_PART}\.{_PART} ADD CONSTRAINT {_PART} (?:PRIMARY KEY|UNIQUE) USING INDEX "
)


_ITS_OWN = {"definition", "options", "tablespace"}


class Key(NamedTuple):
    """The parts of a definition that can take over an index that is there."""

    what: str
    """PRIMARY KEY or UNIQUE."""
    columns: str
    """What stands behind the table in a CREATE INDEX."""
    state: str
    """Empty, or DEFERRABLE and the like."""


def key_of(fact: Fact) -> Key | None:
    """The parts of a primary key or unique constraint; None of anything else."""
    if fact["type"] not in ("p", "u"):
        return None
    key = _KEY.match(fact.text("definition"))
    if key is None:
        return None
    columns = f"{key['columns']}{key['include'] or ''}{key['nulls'] or ''}"
    return Key(key["what"], columns, key["state"])


def taken_over(steps: Sequence[Step], old: Catalog, new: Catalog) -> list[Step]:
    """The steps, where no index goes that a new constraint of its table wants as it is.

    PostgreSQL gives the index the constraint's name, and takes no partial index. What hangs on the
    index (a comment, a replica identity that stays) would stay with it, and is not the constraint's:
    such an index goes.
    """
    going = {s.ref: s for s in steps if s.verb == "drop"}
    coming = {s.ref for s in steps if s.verb == "create"}
    free = {
        r
        for r in going
        if r.kind == "index"
        and not (old.children.get(r) or old.uses.get(r, {r}) & going.keys())
        and going.keys() >= {*old.used_by.get(r, ())}
    }
    over: dict[Ref, Ref] = {}
    for ref in coming if free else ():
        index = (
            _index_for(ref, free - {*over.values()}, old, new) if ref.kind == "constraint" else None
        )
        if index is not None and (ref.name[-1] == index.name[-1] or not _named(index, coming)):
            over[ref] = index
    if not over:
        return [*steps]
    gone = {*over.values()}
    return [_over(s, over, new) for s in steps if not (s.verb == "drop" and s.ref in gone)]


def _over(step: Step, over: Mapping[Ref, Ref], new: Catalog) -> Step:
    key = key_of(new.facts[step.ref]) if step.verb == "create" and step.ref in over else None
    return using(step, key, ident(over[step.ref].name[-1])) if key is not None else step


def _index_for(ref: Ref, among: set[Ref], old: Catalog, new: Catalog) -> Ref | None:
    fact = new.facts[ref]
    table = fact.parent
    key = key_of(fact)
    if (
        key is None
        or table is None
        or fact["attached"]
        or table not in old.facts
        or tree(table, new)
    ):
        return None
    for index in sorted(among):
        was = old.facts[index]
        start = f"CREATE UNIQUE INDEX {ident(index.name[-1])} ON {qualified(table.name)}"
        if (
            was.parent == table
            and was["definition"] == f"{start} USING btree {key.columns}"
            and not any(was[its] for its in was.attrs.keys() - _ITS_OWN)
            and (was["options"], was["tablespace"])
            == (fact["index_options"], fact["index_tablespace"])
        ):
            return index
    return None


def _named(index: Ref, coming: set[Ref]) -> bool:
    """Whether something new is to have the name of the index."""
    return any(r.name[0] == index.name[0] and r.name[-1] == index.name[-1] for r in coming)


def using(step: Step, key: Key, index: str) -> Step:
    """The constraint, from an index that is there, which is called as the constraint from then on."""
    text = f"ALTER TABLE {qualified(step.ref.name[:-1])} ADD CONSTRAINT {ident(step.ref.name[-1])}"
    return replace(
        step,
        sql=f"{text} {key.what} USING INDEX {index}{key.state}",
        hazards=tuple(h for h in step.hazards if h.code != HazardCode.INDEX_BUILD),
    )

"""What a file newly demands of the rows that a table holds: that they obey it here says nothing of the
real ones, for those here are made up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ringfence.finding import Coverage
from ringfence.model import Ref, quoted
from ringfence.rehearse import widths
from ringfence.rehearse.asks import apart_of_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from psycopg import Connection

    from ringfence.rehearse.compat import Known, World

    Session = Connection[tuple[Any, ...]]

_LONGEST = 100
"""Characters of a demand that are shown."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Something that every row of a table obeys. `relation` is the table's OID, `made` that of the
    constraint, 0 of what is none; `numbers` are the columns that it reads."""

    relation: int
    made: int
    numbers: tuple[int, ...]
    what: str

    def covers(self, other: Demand) -> bool:
        """Whether rows that obey it obey another one of their table: it is the same, or was its CHECK."""
        if self.what == other.what:
            return True
        if self.numbers != other.numbers:
            return False
        if self.made == other.made:
            return bool(self.made or self.numbers)
        if self.refers:
            return _DEEDS.sub("", self.what) == _DEEDS.sub("", other.what)
        column = other.what.removeprefix("NOT NULL ")
        return not other.made and self.what == f"CHECK (({column[1:-1]} IS NOT NULL))"

    @property
    def refers(self) -> bool:
        """Whether it is a foreign key."""
        return self.what.startswith("FOREIGN KEY")


_DEEDS = re.compile(
    r"(?: ON (?:UPDATE|DELETE) (?:CASCADE|RESTRICT|SET (?:NULL|DEFAULT)(?: \([^()]*\))?))*"
    r"(?: DEFERRABLE)?(?: INITIALLY DEFERRED)?$"
)
"""What a foreign key does when rows change, and when it looks: not which rows obey it."""


@dataclass(frozen=True, slots=True, order=True)
class Asked:
    """What is demanded of a table's rows now and was not before, in words."""

    table: str
    what: str


def demands(session: Session) -> tuple[Demand, ...]:
    """What is demanded of the rows of every table now."""
    query = (files("ringfence.rehearse") / "demands.sql").read_text(encoding="utf-8")
    return tuple(
        Demand(relation, made, tuple(numbers), what)
        for relation, made, numbers, what in session.execute(query).fetchall()
    )


def newly(
    session: Session, before: World, after: World, written: Collection[str]
) -> Iterator[Asked]:
    """What is new of it, of the tables that were there. `written`: those that rows were written of.

    What only columns are about that are new too is not, where no statement gave them values.
    """
    had = {r.oid: r for r in before.relations if r.kind in "rp" and not r.afar}
    obeyed: dict[int, list[Demand]] = {}
    for each in before.demands:
        obeyed.setdefault(each.relation, []).append(each)
    filled = {oid for oid, r in had.items() if _paths(r, before) & set(written)}
    now = {r.oid: r for r in after.relations}
    for demand in after.demands:
        was, here = had.get(demand.relation), now.get(demand.relation)
        if was is None or here is None:
            continue
        known = {c.number for c in was.columns}
        own = bool(demand.numbers) and not known & set(demand.numbers)
        if own and was.oid not in filled:
            continue
        if _empty(session, demand, here, known) and was.oid not in filled:
            continue
        if not any(each.covers(demand) for each in obeyed.get(was.oid, ())):
            yield Asked(here.ref.path, _short(demand.what))
    for apart in apart_of_rows(before, after, {had[oid].ref.path for oid in filled}):
        yield Asked(apart.path, _short(apart.what))
    for oid, was in had.items():
        if oid in now:
            yield from _types(session, was, now[oid])
    yield from _labels(before, after)


def _empty(session: Session, demand: Demand, here: Known, known: Collection[int]) -> bool:
    """Whether a foreign key asks nothing of the rows: a column of it is new, and NULL in all."""
    if not demand.refers or " MATCH FULL" in demand.what:
        return False
    for column in here.columns:
        if column.number not in demand.numbers or column.number in known or column.default:
            continue
        held = sql.SQL("SELECT FROM {} WHERE {} IS NOT NULL LIMIT 1").format(
            sql.Identifier(here.schema, here.name), sql.Identifier(column.name)
        )
        if not session.execute(held).rowcount:
            return True
    return False


def _paths(relation: Known, world: World) -> set[str]:
    """The names of a table and of what is below it."""
    below = world.below.get(relation.oid, frozenset())
    return {relation.ref.path} | {r.ref.path for r in world.relations if r.oid in below}


def _types(session: Session, was: Known, here: Known) -> Iterator[Asked]:
    """Columns whose values may have no counterpart in their new type."""
    there = {c.number: c for c in here.columns}
    for column in was.columns:
        now = there.get(column.number)
        if now is None or now.type == column.type or widths.holds(now.type, column.type):
            continue
        if not _always(session, column.type, now.type):
            yield Asked(here.ref.path, f"{now.type}, before {column.type} ({quoted(now.name)})")


def _always(session: Session, old: str, new: str) -> bool:
    """Whether a type has a value for each of another one's, as PostgreSQL sees it."""
    if new == "text":
        return True
    found = session.execute(
        "SELECT FROM pg_cast WHERE castsource = to_regtype(%s) AND casttarget = to_regtype(%s)"
        " AND castcontext = 'i'",
        [old, new],
    )
    return "(" not in new and found.rowcount > 0


def _labels(before: World, after: World) -> Iterator[Asked]:
    """Enums of which a label is gone, by the columns that had and have their type."""
    there = {label[:2] for label in after.promises.labels}
    named = {label[:3] for label in after.promises.labels}
    renamed = {(schema, name, oid) for schema, name, _, oid in after.promises.labels}
    gone: dict[str, str] = {}
    for schema, name, label, oid in sorted(before.promises.labels):
        kept = (schema, name, label) in named or (schema, name, oid) in renamed
        if (schema, name) in there and not kept:
            path = Ref("enum", (schema, name)).path
            gone |= dict.fromkeys((path, quoted(name)), f"{path} without {label!r}")
    known = {(r.oid, c.number) for r in before.relations for c in r.columns}
    for relation in after.relations if gone else ():
        for column in relation.columns:
            what = gone.get(column.type.removesuffix("[]"))
            if what and relation.kind in "rp" and (relation.oid, column.number) in known:
                yield Asked(relation.ref.path, f"{what} ({quoted(column.name)})")


def _short(what: str) -> str:
    return what[:_LONGEST] + "…" * (len(what) > _LONGEST)


def coverage(asked: Iterable[Asked], mended: Collection[str]) -> list[Coverage]:
    """That nobody knows whether the real rows obey. Rows of tables `mended` were changed to do so."""
    tables: dict[str, list[str]] = {}
    for each in sorted(set(asked)):
        tables.setdefault(each.table, []).append(each.what)
    reasons = [f"{table} {', '.join(what)}" for table, what in tables.items()]
    reason = f"made-up rows prove nothing of them: {'; '.join(reasons)}" if reasons else ""
    if mended:
        refused = ", ".join(sorted(mended))
        changed = f"made-up rows of {refused} were in the way of it and were changed"
        reason = f"{reason}; {changed}" if reason else changed
    if not reason:
        return []
    return [Coverage("constraints", "whether the real rows obey what is new", skipped=reason)]

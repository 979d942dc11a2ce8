"""Each trigger seen to make a difference: a statement whose outcome is another one without it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING

from ringfence.behaviour.constraints import Seen
from ringfence.behaviour.rows import at
from ringfence.kinds._sql import ident, literal
from ringfence.model import Ref
from ringfence.seed.soft import soft_references

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.behaviour.rows import Refusal, Row, Rows
    from ringfence.seed.shape import Table


def look(rows: Rows) -> Iterator[Seen]:
    """Try every trigger of every table that has rows."""
    tried: dict[int, Tried] = {}
    for table, name in triggers(rows):
        ref = Ref("trigger", (table.schema, table.name, name))
        if not rows.rows.get(table.oid):
            yield Seen(ref, "trigger", unknown="the table has no rows")
        elif at_work(rows, table, name, tried.setdefault(table.oid, Tried(rows, table))):
            yield Seen(ref, "trigger")
        else:
            yield Seen(ref, "trigger", unknown="every statement tried does the same without it")


def triggers(rows: Rows) -> Iterator[tuple[Table, str]]:
    """The triggers of tables, with the tables."""
    query = (files(__package__) / "triggers.sql").read_bytes()
    for oid, name in rows.conn.execute(query).fetchall():
        table = rows.shape.tables.get(int(str(oid)))
        if table is not None:
            yield table, str(name)


def off(table: Table, name: str) -> str:
    """SQL that takes a trigger out of work."""
    return f"ALTER TABLE {at(table)} DISABLE TRIGGER {ident(name)}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A statement that a trigger makes a difference to, what is done first, and how it ends with it."""

    statement: str
    before: Sequence[str]
    then: str
    outcome: Refusal

    def again(self, rows: Rows) -> bool:
        """Whether it ends so once more."""
        return rows.attempt(self.statement, before=self.before, then=self.then) == self.outcome


class Tried:
    """The ways to change a table's rows, and how each ends with all triggers at work; tried once."""

    def __init__(self, rows: Rows, table: Table) -> None:
        self._rows = rows
        self._then = _everything(rows)
        self._left = _statements(rows, table)
        self._shown: list[Shown] = []

    def first(self, count: int | None) -> Sequence[Shown]:
        """So many of them, or all."""
        wanted = None if count is None else max(0, count - len(self._shown))
        for before, statement in islice(self._left, wanted):
            outcome = self._rows.attempt(statement, before=before, then=self._then)
            self._shown.append(Shown(statement, before, self._then, outcome))
        return self._shown[:count]


def at_work(rows: Rows, table: Table, name: str, tried: Tried | None = None) -> Shown | None:
    """What shows that a trigger makes a difference, None where nothing was found that does."""
    tried = tried or Tried(rows, table)
    done = 0
    for stop in _STOPS:
        fresh = tried.first(stop)[done:]
        if fresh and (found := _differs(rows, table, name, fresh)):
            return found
        done += len(fresh)
    return None


_STOPS = (1, 4, 12, 36, None)
"""After how many statements it is looked whether they suffice: most triggers speak at once."""


def _differs(rows: Rows, table: Table, name: str, with_it: Sequence[Shown]) -> Shown | None:
    """The first statement that ends otherwise without the trigger, and with it always the same."""
    rows.conn.execute("SAVEPOINT ringfence_idle")
    try:
        rows.conn.execute(off(table, name))
        other = [shown for shown in with_it if not shown.again(rows)]
    finally:
        rows.conn.execute("ROLLBACK TO SAVEPOINT ringfence_idle; RELEASE SAVEPOINT ringfence_idle")
    return next((shown for shown in other if shown.again(rows)), None)


def _everything(rows: Rows) -> str:
    """A statement that sums up all rows there are."""
    parts = " UNION ALL ".join(
        f"SELECT {literal(t.path).strip()} || (rf0.*)::text FROM {at(t)} AS rf0"
        for t in rows.shape.tables.values()
        if t.takes_rows
    )
    return f"SELECT md5(string_agg(said, ',' ORDER BY said)) FROM ({parts}) AS every (said)"


def _statements(rows: Rows, table: Table) -> Iterator[tuple[Sequence[str], str]]:
    """Ways to change a row, each with what is done first."""
    every = list(rows.rows[table.oid])
    row = every[0]
    columns = [c for c in table.columns if not c.generated]
    plain = next((c for c in columns if c.identity != "a"), None)
    if plain is not None:
        name = ident(plain.name)
        yield (), f"UPDATE {at(table)} SET {name} = {name} WHERE {row.where}"
    for one in _apart(every):
        gone = (
            "SET LOCAL session_replication_role = replica",
            f"DELETE FROM {at(table)} WHERE {one.where}",
            "SET LOCAL session_replication_role = origin",
        )
        for left_out in (None, *columns):
            names = [c for c in columns if c is not left_out]
            given = ", ".join(ident(c.name) for c in names)
            values = ", ".join(literal(one.values.get(c.name)).strip() for c in names)
            if names:
                yield (
                    gone,
                    f"INSERT INTO {at(table)} ({given}) OVERRIDING SYSTEM VALUE VALUES ({values})",
                )
    soft = _soft(rows, table)
    for column in columns:
        if column.identity == "a":
            continue
        # What other rows have there, those of another tenant too, and nothing.
        others = dict.fromkeys(r.values.get(column.name) for r in (*_apart(every), *every[:6]))
        others |= dict.fromkeys(soft.get(column.name, ()))
        for value in dict.fromkeys((*others, None)):
            if value != row.values.get(column.name):
                change = f"{ident(column.name)} = {literal(value).strip()}"
                yield (), f"UPDATE {at(table)} SET {change} WHERE {row.where}"
    for one in every[:6]:
        yield (), f"DELETE FROM {at(table)} WHERE {one.where}"
    if not table.partitioned:
        yield (), f"TRUNCATE {at(table)} CASCADE"


def _soft(rows: Rows, table: Table) -> dict[str, list[str | None]]:
    """For columns that refer by their name alone, the keys of rows that there are, of each owner."""
    bound = {c for r in table.references for c in r.columns}
    found = {}
    for soft in soft_references(rows.shape, table, bound):
        there = _apart(rows.rows.get(soft.reference.target, ()))
        keys = [r.values.get(soft.reference.target_columns[0]) for r in there]
        found[soft.column] = [f"{{{key}}}" if soft.many else key for key in keys]
    return found


def _apart(rows: Sequence[Row]) -> list[Row]:
    """A row of each owner."""
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(row.owner, row)
    return list(found.values())[:2]

"""Each trigger seen to make a difference: a statement whose outcome is another one without it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING

from psycopg.rows import dict_row

from ringfence.behaviour.constraints import Seen
from ringfence.behaviour.rows import at
from ringfence.kinds._sql import ident, literal
from ringfence.model import Ref
from ringfence.seed.soft import soft_references

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.behaviour.rows import Refusal, Row, Rows
    from ringfence.seed.shape import Column, Table


def look(rows: Rows) -> Iterator[Seen]:
    """Try every trigger of every table that has rows."""
    tried: dict[int, Tried] = {}
    for trigger in triggers(rows):
        table = trigger.table
        if not rows.rows.get(table.oid):
            yield Seen(trigger.ref, "trigger", unknown="the table has no rows")
        elif at_work(rows, trigger, tried.setdefault(table.oid, Tried(rows, table))):
            yield Seen(trigger.ref, "trigger")
        else:
            why = "every statement tried does the same without it"
            yield Seen(trigger.ref, "trigger", unknown=why)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger, what it fires on (`INSERT`, …), and of which columns an UPDATE must be, if of some."""

    table: Table
    name: str
    events: frozenset[str]
    columns: frozenset[str] = frozenset()
    text: str = ""
    """What it is declared as, and what its function does."""

    @property
    def ref(self) -> Ref:
        """Its identity."""
        return Ref("trigger", (self.table.schema, self.table.name, self.name))

    def fires_on(self, statement: Statement) -> bool:
        """Whether a statement on the table itself may set it off."""
        if statement.event not in self.events:
            # A row that moves to another partition goes from one and comes to the other; one that
            # goes may change those of the same table that refer to it.
            moves = statement.event == "UPDATE" and self.table.partitioned
            itself = any(r.target == self.table.oid for r in self.table.references)
            return moves or (statement.event == "DELETE" and itself)
        return statement.event != "UPDATE" or not self.columns or statement.column in self.columns


def triggers(rows: Rows) -> Iterator[Trigger]:
    """The triggers of tables."""
    query = (files(__package__) / "triggers.sql").read_bytes()
    with rows.conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(query).fetchall()
    for one in found:
        table = rows.shape.tables.get(one["table"])
        if table is not None:
            events, columns = frozenset(one["events"]), frozenset(one["columns"])
            yield Trigger(table, one["name"], events, columns, one["text"])


def off(trigger: Trigger) -> str:
    """SQL that takes a trigger out of work."""
    return f"ALTER TABLE {at(trigger.table)} DISABLE TRIGGER {ident(trigger.name)}"


@dataclass(frozen=True, slots=True)
class Statement:
    """A way to change a table's rows: what is done first, what it is, and of which column if of one:
    the one that an UPDATE changes, or that an INSERT leaves out."""

    sql: str
    event: str
    before: Sequence[str] = ()
    column: str = ""


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
        self._statements = list(_statements(rows, table))
        self._shown: dict[int, Shown] = {}

    def of(self, trigger: Trigger) -> Iterator[Shown]:
        """How each statement ends that may set the trigger off."""
        words = set(re.findall(r"\w+", trigger.text))
        # What is about a column that the trigger speaks of tells the most.
        for place in sorted(
            range(len(self._statements)), key=lambda at: self._statements[at].column not in words
        ):
            one = self._statements[place]
            if trigger.fires_on(one):
                if place not in self._shown:
                    outcome = self._rows.attempt(one.sql, before=one.before, then=self._then)
                    self._shown[place] = Shown(one.sql, one.before, self._then, outcome)
                yield self._shown[place]


def at_work(rows: Rows, trigger: Trigger, tried: Tried | None = None) -> Shown | None:
    """What shows that a trigger makes a difference, None where nothing was found that does."""
    left = (tried or Tried(rows, trigger.table)).of(trigger)
    for count in _PORTIONS:
        portion = list(islice(left, count))
        if not portion:
            break
        if found := _differs(rows, trigger, portion):
            return found
    return None


_PORTIONS = (1, 3, 8, 24, None)
"""How many statements are tried before it is looked whether they suffice: most triggers speak at once."""


def _differs(rows: Rows, trigger: Trigger, with_it: Sequence[Shown]) -> Shown | None:
    """The first statement that ends otherwise without the trigger, and with it always the same."""
    rows.conn.execute("SAVEPOINT ringfence_idle")
    try:
        rows.conn.execute(off(trigger))
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


def _statements(rows: Rows, table: Table) -> Iterator[Statement]:
    """Ways to change a row, the plainest first."""
    every = list(rows.rows[table.oid])
    if not every:
        return
    row = every[0]
    columns = [c for c in table.columns if not c.generated]
    given = [c for c in columns if c.identity != "a"]
    if given:
        yield _update(table, row, given[0], ident(given[0].name))
    for one in _apart(every):
        gone = (
            "SET LOCAL session_replication_role = replica",
            f"DELETE FROM {at(table)} WHERE {one.where}",
            "SET LOCAL session_replication_role = origin",
        )
        for left_out in (None, *columns):
            kept = [c for c in columns if c is not left_out]
            names = ", ".join(ident(c.name) for c in kept)
            values = ", ".join(literal(one.values.get(c.name)).strip() for c in kept)
            if kept:
                text = (
                    f"INSERT INTO {at(table)} ({names}) OVERRIDING SYSTEM VALUE VALUES ({values})"
                )
                yield Statement(text, "INSERT", gone, left_out.name if left_out else "")
    soft = _soft(rows, table)
    for column in given:
        # What other rows have there, those of another tenant too, and nothing.
        others = dict.fromkeys(r.values.get(column.name) for r in (*_apart(every), *every[:6]))
        others |= dict.fromkeys(soft.get(column.name, ()))
        for value in dict.fromkeys((row.values.get(column.name), *others, None)):
            yield _update(table, row, column, literal(value).strip())
    for one in every[:6]:
        yield Statement(f"DELETE FROM {at(table)} WHERE {one.where}", "DELETE")
    for one in _apart(every):
        # What refers to it by a key would keep it; what does so by name alone is what is cleared up.
        cleared = (
            "SET LOCAL session_replication_role = replica",
            *_pointed(rows, table, one),
            *_unbound(rows, table, one),
            "SET LOCAL session_replication_role = origin",
        )
        yield Statement(f"DELETE FROM {at(table)} WHERE {one.where}", "DELETE", cleared)
    if not table.partitioned:
        yield Statement(f"TRUNCATE {at(table)} CASCADE", "TRUNCATE")


def _update(table: Table, row: Row, column: Column, value: str) -> Statement:
    text = f"UPDATE {at(table)} SET {ident(column.name)} = {value} WHERE {row.where}"
    return Statement(text, "UPDATE", column=column.name)


def _pointed(rows: Rows, table: Table, row: Row) -> Iterator[str]:
    """SQL that makes all that can refer to a row by name alone do so."""
    for other in rows.shape.tables.values():
        if other.oid == table.oid or not rows.rows.get(other.oid):
            continue
        bound = {c for r in other.references for c in r.columns}
        for soft in soft_references(rows.shape, other, bound):
            key = row.values.get(soft.reference.target_columns[0])
            if soft.reference.target == table.oid and key is not None:
                value = literal(f"{{{key}}}" if soft.many else key).strip()
                yield f"UPDATE {at(other)} SET {ident(soft.column)} = {value}"


def _unbound(rows: Rows, table: Table, row: Row) -> Iterator[str]:
    """SQL that takes away the rows that foreign keys tie to a row."""
    for other in rows.shape.tables.values():
        for key in other.references:
            if key.target != table.oid or other.oid == table.oid or key.inherited:
                continue
            tied = zip(key.columns, key.target_columns, strict=True)
            same = [
                f"{ident(mine)} = {literal(row.values.get(theirs)).strip()}"
                for mine, theirs in tied
            ]
            yield f"DELETE FROM {at(other)} WHERE {' AND '.join(same)}"


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

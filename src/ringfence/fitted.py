"""Made-up rows made to fit what a plan asks of rows: a type, an enum's labels, a foreign key.

Those that are made up at random seldom do, and a plan that refuses them proves nothing of its table.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg

from ringfence.kinds._sql import Raw, ident, literal, qualified, sql
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from psycopg import Connection

    from ringfence.model import Catalog, Fact

_VALUES = (
    "ringfence_n::text",
    "(ringfence_n % 2 = 0)::text",
    "lpad(ringfence_n::text, 32, '0')",
    "'2026-01-0' || ringfence_n",
    "'10.0.0.' || ringfence_n",
    "'{' || ringfence_n || '}'",
    "'[' || ringfence_n || ',' || ringfence_n || ']'",
)
"""Texts of the nth row's value, one of which most types have a value of."""

_NAMES = r'(?:"(?:[^"]|"")*"|[^"()])*'
_KEY = re.compile(
    rf"FOREIGN KEY \((?P<columns>{_NAMES})\) REFERENCES (?P<table>{_NAMES})\((?P<keys>{_NAMES})\)"
)


def fit(
    connection: Connection[tuple[object, ...]],
    tables: Collection[tuple[str, ...]],
    old: Catalog,
    new: Catalog,
) -> None:
    """Write other values into the rows of these tables. What is refused is left as it is."""
    for name in tables:
        table = Ref("table", name)
        for fact in (*new.below(table, "column"), *new.below(table, "constraint")):
            was = old.facts.get(fact.ref)
            fits = _column if fact.ref.kind == "column" else _reference
            for text in fits(was, fact, old, new):
                try:
                    with connection.transaction():
                        connection.execute(text.encode())
                except psycopg.Error:
                    continue
                break


def _column(was: Fact | None, fact: Fact, old: Catalog, new: Catalog) -> Iterator[str]:
    """Statements of which the first that runs is enough, for a column that stays."""
    if was is None:
        return
    column = ident(fact.ref.name[-1])
    if was["type"] != fact["type"]:
        for value in _VALUES:
            # The new type may have no such value: that is asked in the same statement.
            asked = f"({value})::{fact.text('type')} IS NOT NULL"
            yield _numbered(fact.ref, f"{column} = ({value})::{was.text('type')}", asked)
    for used in new.uses.get(fact.ref, ()):
        before, after = (c.facts.get(used) for c in (old, new))
        if used.kind == "enum" and before is not None and after is not None:
            left = [v for v in before.list("labels") if v in after.list("labels")]
            gone = ", ".join(literal(v) for v in before.list("labels") if v not in left)
            if left and gone:
                yield sql(
                    "UPDATE {t} SET {c} = {v} WHERE {c}::text IN ({g})",
                    t=fact.ref.name[:-1],
                    c=Raw(column),
                    v=Raw(literal(left[0])),
                    g=Raw(gone),
                )


def _reference(was: Fact | None, fact: Fact, old: Catalog, new: Catalog) -> Iterator[str]:  # noqa: ARG001
    """A statement that has the nth row refer to the nth one of the other table."""
    match = _KEY.match(fact.text("definition"))
    if match is None or was == fact:
        return
    columns, keys = match["columns"], match["keys"]
    # Names and types are the server's own, quoted as they have to be.
    given = f"(SELECT {keys}, row_number() OVER () AS ringfence_n FROM {match['table']}) AS p"  # noqa: S608
    set_ = f"({columns}) = (SELECT {keys} FROM {given} WHERE p.ringfence_n = k.ringfence_n)"  # noqa: S608
    yield _numbered(fact.ref, set_, "TRUE")


def _numbered(ref: Ref, set_: str, asked: str) -> str:
    """An UPDATE of a table's rows that knows their numbers, `ringfence_n`."""
    table = qualified(ref.name[:-1])
    rows = f"(SELECT tableoid, ctid, row_number() OVER () AS ringfence_n FROM {table}) AS k"  # noqa: S608
    where = f"t.tableoid = k.tableoid AND t.ctid = k.ctid AND {asked}"
    return f"UPDATE {table} AS t SET {set_} FROM {rows} WHERE {where}"  # noqa: S608

"""What triggers store instead of the values that are written: the same row with them and without."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ringfence.rehearse import alter

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from psycopg import Connection

    from ringfence.rehearse.compat import Known

    Session = Connection[tuple[Any, ...]]

_TRIGGERS = """
    SELECT
        n.nspname, c.relname, bool_or(t.tgtype & 4 <> 0), bool_or(t.tgtype & 16 <> 0),
        array(
            SELECT a.attname::text FROM pg_constraint AS f
            INNER JOIN pg_attribute AS a ON f.conrelid = a.attrelid AND a.attnum = ANY (f.conkey)
            WHERE f.contype = 'f' AND f.conrelid = c.oid
        )
    FROM pg_trigger AS t
    INNER JOIN pg_class AS c ON t.tgrelid = c.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 3 = 3
    GROUP BY n.nspname, c.relname, c.oid
"""
"""Tables with triggers BEFORE rows, whether before INSERT and UPDATE, and the columns of their foreign keys."""

_FIRED = """
    SELECT t.tgrelid::bigint, t.tgname, t.tgenabled::text, pg_get_triggerdef(t.oid)
    FROM pg_trigger AS t
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 3 = 3
"""

_TEXTS = {"text", "character varying", "citext"}
_TIMES = {"date", "timestamp without time zone", "timestamp with time zone"}
_LIMIT = re.compile(r"\(\d+\)")

_MOST = 20
"""Columns of a table whose values are tried one by one."""


@dataclass(frozen=True, slots=True, order=True)
class Overwritten:
    """A column in which something else is stored than an INSERT or UPDATE of it gives; the `time` it is done."""

    schema: str
    table: str
    column: str
    time: bool = False


def fired(session: Session) -> frozenset[tuple[object, ...]]:
    """The triggers BEFORE rows: where these and all functions are the same, so is what they store."""
    return frozenset(session.execute(_FIRED).fetchall())


def overwritten(session: Session, relations: Iterable[Known]) -> frozenset[Overwritten]:
    """Where triggers have it so now. Nothing is left behind. The session is a superuser's."""
    there = {(s, n): rest for s, n, *rest in session.execute(_TRIGGERS).fetchall()}
    found: set[Overwritten] = set()
    for relation in relations:
        inserts, updates, keys = there.get((relation.schema, relation.name), (False, False, ()))
        if relation.row is None or relation.afar or not (inserts or updates):
            continue
        given = {n: v for n, v in relation.given("whole").items() if v is not None}
        table = sql.Identifier(relation.schema, relation.name)
        texts = _texts(session, relation, given, keys)
        for telling in ({}, texts) if texts else ({},):
            rows = {**relation.given("whole"), **telling}
            statements = [(alter.insert(table, rows), True)] * inserts
            statements += [(alter.update(table, list(given), telling), False)] * bool(
                updates and given
            )
            for statement, emptied in statements:
                found |= set(_differing(session, relation, statement, list(given), emptied=emptied))
    return frozenset(found)


def _texts(
    session: Session, relation: Known, given: Mapping[str, str], keys: Collection[str]
) -> dict[str, str]:
    """Of its texts those that would show what a trigger makes of them, as far as the table takes them."""
    names = [
        c.name
        for c in relation.columns
        if c.type.split("(")[0] in _TEXTS and c.name in given and c.name not in keys
    ][:_MOST]
    every = {name: _telling(given[name]) for name in names}
    wide = {name: f" {value} " for name, value in every.items()}
    if not wide or _taken(session, relation, wide):
        return wide
    found: dict[str, str] = {}
    for name in names:
        tried = ({**found, name: value} for value in (wide[name], every[name]))
        found = next((each for each in tried if _taken(session, relation, each)), found)
    return found


def _telling(value: str) -> str:
    """A text with letters of both cases, as long as it was where it has two or more.

    >>> _telling("lemon"), _telling("7")
    ('lEmOn', 'aB')
    """
    mixed = "".join(c.upper() if n % 2 else c.lower() for n, c in enumerate(value))
    return mixed if mixed.lower() != mixed and mixed.upper() != mixed else "aB"


def _taken(session: Session, relation: Known, telling: Mapping[str, str]) -> bool:
    table = sql.Identifier(relation.schema, relation.name)
    try:
        with session.transaction(force_rollback=True):
            session.execute("SET LOCAL session_replication_role = replica")
            session.execute(alter.delete(table, every=True))
            session.execute(alter.insert(table, {**relation.given("whole"), **telling}))
    except psycopg.Error:
        return False
    return True


def _differing(
    session: Session,
    relation: Known,
    statement: sql.Composed,
    names: list[str],
    *,
    emptied: bool,
) -> Iterator[Overwritten]:
    """The columns of which a statement stores another value where triggers have their say."""
    table = sql.Identifier(relation.schema, relation.name)
    types = {c.name: c.type for c in relation.columns}
    asked: list[sql.Composable] = [
        sql.SQL("{}::text").format(sql.Identifier(name)) for name in names
    ]
    asked += [
        _is_now(name) if _LIMIT.sub("", types[name]) in _TIMES else sql.SQL("false")
        for name in names
    ]
    query = sql.SQL("{} RETURNING {}").format(statement, sql.SQL(", ").join(asked))
    rows = []
    for role in ("replica", "origin"):
        try:
            with session.transaction(force_rollback=True):
                session.execute("SET LOCAL session_replication_role = replica")
                if emptied:
                    session.execute(alter.delete(table, every=True))
                session.execute(
                    sql.SQL("SET LOCAL session_replication_role = {}").format(sql.SQL(role))
                )
                rows.append(session.execute(query).fetchone())
        except psycopg.Error:
            return  # it is refused, which is told
    plain, ran = rows
    if plain is not None and ran is not None:
        half = len(names)
        for name, was, now, time in zip(names, plain, ran, ran[half:], strict=False):
            if was != now:
                yield Overwritten(relation.schema, relation.name, name, bool(time))


def _is_now(name: str) -> sql.Composed:
    """Whether a column has about the time it is, in whatever zone."""
    return sql.SQL(
        "coalesce({}::timestamptz BETWEEN now() - interval '26 h' AND now() + interval '26 h', false)"
    ).format(sql.Identifier(name))

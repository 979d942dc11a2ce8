"""Functions that give something else than their old body would, on the same rows.

Tried are those that say of themselves that they change nothing (STABLE, IMMUTABLE), with values of the
rows there are as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ringfence.finding import Coverage, counted
from ringfence.rehearse.elsewhere import Otherwise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from ringfence.rehearse.compat import Routine, World

    Session = Connection[tuple[Any, ...]]

_CALLS = 5
"""How often a function is called with other arguments."""


@dataclass(frozen=True, slots=True)
class Given:
    """What functions with another body give otherwise, and those that could not be tried."""

    otherwise: tuple[Otherwise, ...] = ()
    unknown: tuple[str, ...] = ()


def compared(session: Session, before: World, after: World) -> Given:
    """What callers of before get otherwise. Nothing is left behind. The session is a superuser's."""
    now = {(r.schema, r.name, r.arguments): r for r in after.routines}
    found: list[Otherwise] = []
    unknown = []
    for was in before.routines:
        here = now.get((was.schema, was.name, was.arguments))
        if here is None or was.kind != "f" or was.is_trigger or was.body == here.body:
            continue
        if here.result != was.result:
            continue  # which is told
        told = _judged(session, was) if was.steady and here.steady else None
        if told is None:
            unknown.append(was.ref.path)
        else:
            found += told
    return Given(tuple(found), tuple(unknown))


def _judged(session: Session, was: Routine) -> list[Otherwise] | None:
    """What one gives otherwise; None where no call of it works."""
    calls = list(_calls(session, was))
    gives = [_given(session, call) for call in calls]
    with session.transaction(force_rollback=True):
        try:
            session.execute(sql.SQL(was.definition))
        except psycopg.Error:
            return None
        would = [_given(session, call) for call in calls]
    again = [_given(session, call) for call in calls]
    known = [g for g, a in zip(gives, again, strict=True) if g is not None and g == a]
    if not known:
        return None
    for new, old, same in zip(gives, would, again, strict=True):
        if new is None or old is None or new != same or new == old:
            continue
        said = "another value than before"
        if new[0] != old[0]:
            said = f"{counted(old[0], 'row')} before, {new[0]} now"
        message = f"{was.ref.path} gives otherwise on the same rows: {said}"
        return [Otherwise(was.ref, message, False, _NAME)]
    return []


_NAME = "give the new one a name of its own until nobody calls the old one"


def _given(session: Session, call: sql.Composable) -> tuple[int, str] | None:
    """How many rows a call gives, and a digest of them; None where it fails."""
    try:
        with session.transaction(force_rollback=True):
            session.execute("SET LOCAL statement_timeout = '2s'")
            session.execute("SET LOCAL transaction_read_only = on")
            row = session.execute(
                sql.SQL(
                    "SELECT count(*), coalesce(sum(hashtextextended(v::text, 0)), 0)::text"
                    " FROM (SELECT {} AS v) AS called"
                ).format(call)
            ).fetchone()
    except psycopg.Error:
        return None
    assert row is not None
    return int(row[0]), str(row[1])


def _calls(session: Session, was: Routine) -> Iterator[sql.Composed]:
    """Calls of a function, with values of columns of its arguments' types."""
    values = [_values(session, type_) for type_ in was.arguments]
    if not all(values):
        return
    name = sql.Identifier(was.schema, was.name)
    for number in range(_CALLS if values else 1):
        given = [
            sql.SQL("{}::{}").format(sql.Literal(each[number % len(each)]), sql.SQL(type_))
            for each, type_ in zip(values, was.arguments, strict=True)
        ]
        yield sql.SQL("{}({})").format(name, sql.SQL(", ").join(given))


_COLUMNS = """
    SELECT n.nspname, c.relname, a.attname
    FROM pg_attribute AS a
    INNER JOIN pg_class AS c ON a.attrelid = c.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE
        c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname !~ '^pg_'
        AND n.nspname <> 'information_schema' AND a.atttypid = %s::regtype
    ORDER BY c.oid, a.attnum
    LIMIT 5
"""


def _values(session: Session, type_: str) -> list[str]:
    """Some values of a type, of the rows there are."""
    found: dict[str, None] = {}
    for schema, table, column in session.execute(_COLUMNS, [type_]).fetchall():
        query = sql.SQL("SELECT {0}::text FROM {1} WHERE {0} IS NOT NULL LIMIT {2}").format(
            sql.Identifier(column), sql.Identifier(schema, table), _CALLS
        )
        found.update(dict.fromkeys(str(value) for (value,) in session.execute(query).fetchall()))
    return list(found)


def coverage(unknown: Sequence[str]) -> list[Coverage]:
    """That nobody knows of these functions whether they give what they did."""
    if not unknown:
        return []
    reason = f"not called: {', '.join(unknown)}"
    return [Coverage("bodies", "functions with another body give what they did", skipped=reason)]

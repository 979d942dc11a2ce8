"""What triggers store instead of the values that are written: the same row with them and without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ringfence.rehearse import alter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from psycopg import Connection

    from ringfence.rehearse.compat import Known

    Session = Connection[tuple[Any, ...]]

_TRIGGERS = """
    SELECT n.nspname, c.relname, bool_or(t.tgtype & 4 <> 0), bool_or(t.tgtype & 16 <> 0)
    FROM pg_trigger AS t
    INNER JOIN pg_class AS c ON t.tgrelid = c.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 3 = 3
    GROUP BY n.nspname, c.relname
"""
"""Tables with triggers BEFORE rows, and whether before INSERT and UPDATE."""


@dataclass(frozen=True, slots=True, order=True)
class Overwritten:
    """A column in which something else is stored than an INSERT or UPDATE of it gives."""

    schema: str
    table: str
    column: str


def overwritten(session: Session, relations: Iterable[Known]) -> frozenset[Overwritten]:
    """Where triggers have it so now. Nothing is left behind. The session is a superuser's."""
    there = {(s, n): verbs for s, n, *verbs in session.execute(_TRIGGERS).fetchall()}
    found: set[Overwritten] = set()
    for relation in relations:
        inserts, updates = there.get((relation.schema, relation.name), (False, False))
        if relation.row is None or relation.afar or not (inserts or updates):
            continue
        given = relation.given("whole")
        table = sql.Identifier(relation.schema, relation.name)
        names = [name for name, value in given.items() if value is not None]
        statements = [alter.insert(table, given)] * inserts
        statements += [alter.update(table, names)] * (updates and bool(names))
        for statement in statements:
            emptied = statement is not statements[-1] or not updates
            found |= {
                Overwritten(relation.schema, relation.name, name)
                for name in _differing(session, table, statement, names, emptied=emptied)
            }
    return frozenset(found)


def _differing(
    session: Session,
    table: sql.Identifier,
    statement: sql.Composed,
    names: list[str],
    *,
    emptied: bool,
) -> Iterator[str]:
    """The columns of which a statement stores another value where triggers have their say."""
    asked = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in names)
    query = sql.SQL("{} RETURNING {}").format(statement, asked)
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
        yield from (n for n, a, b in zip(names, plain, ran, strict=True) if a != b)

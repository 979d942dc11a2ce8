"""Names of tables that lead to a view now, or to a whole: these take fewer statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ringfence.finding import Severity
from ringfence.rehearse import alter
from ringfence.rehearse.asks import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from ringfence.rehearse.compat import Known, World

    Session = Connection[tuple[Any, ...]]

_STATEMENTS = {
    "COPY … FROM": "COPY {} FROM STDIN",
    "COPY … TO": "COPY {} TO STDOUT",
    "TRUNCATE": "TRUNCATE {}",
    "LOCK TABLE": "LOCK TABLE {}",
    "SELECT … FOR UPDATE": "SELECT * FROM {} LIMIT 0 FOR UPDATE",
}
_KINDS = {"v": "view", "m": "materialized view", "f": "foreign table", "p": "partitioned table"}


def became(session: Session, before: World, after: World) -> Iterator[Asked]:
    """What is refused by a table's name for what it leads to. Nothing is left behind."""
    now = {(r.schema, r.name): r for r in after.relations}
    for relation in before.relations:
        here = now.get((relation.schema, relation.name))
        if (
            here is None
            or here.afar
            or relation.kind not in "rp"
            or here.kind in (relation.kind, "r")
        ):
            continue
        refused = list(_refused(session, relation, here))
        if refused:
            yield Asked(
                relation.ref,
                f"{relation.ref.path} is a {_KINDS[here.kind]} now, which refuses"
                f" {', '.join(refused)}",
                "look whether somebody does so by that name",
                Severity.INFO,
                "became",
            )


def _refused(session: Session, relation: Known, here: Known) -> Iterator[str]:
    table = sql.Identifier(here.schema, here.name)
    for name, text in _STATEMENTS.items():
        if (state := _state(session, sql.SQL(text).format(table))) == _WRONG_KIND or (
            state == _NOT_SUPPORTED and name != "TRUNCATE"
        ):
            yield name
    columns = [c.name for c in relation.columns if c.writable]
    plain = alter.through(table, "whole", columns)
    if columns and not _state(session, plain):
        conflict = sql.SQL("{} ON CONFLICT DO NOTHING").format(plain)
        if _state(session, conflict):
            yield "INSERT … ON CONFLICT"


_WRONG_KIND, _NOT_SUPPORTED = "42809", "0A000"
"""What is said of a statement that the kind of relation does not take."""


def _state(session: Session, statement: sql.Composed) -> str:
    """What the server says of a statement; "" where it takes it."""
    try:
        with session.transaction(force_rollback=True), session.cursor() as cursor:
            if statement.as_string(None).startswith("COPY"):
                with cursor.copy(statement):
                    pass
            else:
                cursor.execute(statement)
    except psycopg.Error as error:
        return error.sqlstate or "?"
    return ""

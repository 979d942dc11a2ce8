"""Whether a CHECK takes any row at all: one that was there, or one that is made up to obey it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from ringfence.errors import Error
from ringfence.rehearse import alter, stage

if TYPE_CHECKING:
    from psycopg import Connection

    from ringfence.project import Project
    from ringfence.rehearse.compat import Broken, World

    Session = Connection[tuple[object, ...]]

_REFUSED = "23514"

_MOST = 20
"""Rows of a table that are tried one by one."""


def judged(session: Session, project: Project, each: Broken, before: World) -> Broken:
    """What cannot be written as before: for sure, where no row can be. Nothing is left behind."""
    columns = next(
        ([c.name for c in r.columns if c.writable] for r in before.relations if r.ref == each.ref),
        [],
    )
    if each.sqlstate != _REFUSED or not each.doubt or each.verb == "DELETE" or not columns:
        return each
    table = sql.Identifier(*each.ref.name)
    if _one(session, table, columns) or _another(session, project, table):
        return each
    return replace(
        each, doubt="", sure=True, message=f"{each.message}, as does every row that was tried"
    )


def _one(session: Session, table: sql.Identifier, columns: list[str]) -> bool:
    """Whether a row that is there can be written again."""
    rows = session.execute(
        sql.SQL("SELECT tableoid::bigint, ctid::text FROM {} LIMIT {}").format(table, _MOST)
    ).fetchall()
    query = sql.SQL("{} WHERE tableoid = %s AND ctid = %s::tid").format(
        alter.update(table, columns, every=True)
    )
    for row in rows:
        try:
            with session.transaction(force_rollback=True):
                session.execute("SET LOCAL session_replication_role = replica")
                session.execute(query, row)
        except psycopg.Error:
            continue
        return True
    return False


def _another(session: Session, project: Project, table: sql.Identifier) -> bool:
    """Whether a row can be made up for the table as it is now."""
    with session.transaction(force_rollback=True):
        session.execute("SET LOCAL session_replication_role = replica")
        session.execute(alter.delete(table, every=True))
        session.execute("SET LOCAL session_replication_role = origin")
        try:
            with session.transaction():
                return stage.made(project, session, table) > 0
        except (Error, psycopg.Error):
            return False

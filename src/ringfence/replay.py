"""Revisions run again on a shadow, whose server need not have the roles that they name."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from psycopg import sql
from psycopg.errors import DuplicateObject, UniqueViolation

from ringfence import migrate
from ringfence.errors import ServerError
from ringfence.pg.connect import connect
from ringfence.pg.load import missing_role

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ringfence.pg.connect import Target
    from ringfence.project import Project


def replay(project: Project, target: Target, to: str = "head") -> dict[str, str]:
    """Run the revisions up to `to`, with stand-ins for the roles that none of them makes.

    Says where each of those is named first. The server has to be one where roles may be made.
    """
    made: dict[str, str] = {}
    while True:
        try:
            migrate.migrate(project, target, to=to)
            return made
        except ServerError as error:
            role = missing_role(error)
            if not role or role in made:
                raise
            stand_in(target, [role])
            made[role] = str(error.span) if error.span else f"revision {to}"


def stand_in(target: Target, roles: Iterable[str], superusers: Collection[str] = ()) -> None:
    """Make roles on a server of ours, where they are not there."""
    with connect(target) as connection:
        for role in roles:
            words = sql.SQL(" SUPERUSER" if role in superusers else "")
            with suppress(DuplicateObject, UniqueViolation):  # somebody else did, just now
                connection.execute(sql.SQL("CREATE ROLE {}{}").format(sql.Identifier(role), words))

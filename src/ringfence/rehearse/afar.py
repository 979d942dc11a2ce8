"""What leads to other servers. No rehearsal goes there: it would be tried on somebody's rows."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import psycopg

from ringfence.finding import Coverage
from ringfence.pg.connect import connect
from ringfence.pg.shadow import cut_off as cut

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection

    from ringfence.errors import Error
    from ringfence.model import Ref
    from ringfence.pg.connect import Target
    from ringfence.script import Statement

    Session = Connection[tuple[object, ...]]


def cut_off(base: Target) -> None:
    """Let no foreign table of a shadow lead anywhere."""
    with connect(base) as connection:
        cut(connection)


def keep_cut_off(session: Session, statement: Statement) -> None:
    """The same of what a statement may have made."""
    if statement.words[:2] in _WRAPS:
        try:
            with session.transaction():
                cut(session)
        except psycopg.Error:
            return  # whoever runs it is no superuser by now


_WRAPS = {("CREATE", "EXTENSION"), ("CREATE", "FOREIGN"), ("ALTER", "FOREIGN")}


def refused(error: Error) -> bool:
    """Whether that is why a statement fails."""
    cause = error.__cause__
    return isinstance(cause, psycopg.errors.ObjectNotInPrerequisiteState) and (
        "has no handler" in (cause.diag.message_primary or "")
    )


def names(session: Session) -> set[tuple[str, str]]:
    """The relations that lead to another server: foreign tables, wholes of them, views over these."""
    query = (files("ringfence.rehearse") / "afar.sql").read_text(encoding="utf-8")
    return {(str(schema), str(name)) for schema, name in session.execute(query).fetchall()}


def coverage(refs: Iterable[Ref]) -> list[Coverage]:
    """That nobody looked there."""
    names = ", ".join(ref.path for ref in refs)
    reason = f"a rehearsal reaches no other server: {names}"
    return [Coverage("afar", "what other servers hold", skipped=reason)] if names else []

"""Each revision's own verification holds.

Beside a revision may lie `<revision>.verify.sql`: what its author says is true once it is applied.
Each statement must run without an error, and a query must return no row: a row is something wrong,
and its columns say what. The file runs in a transaction that is rolled back.

A statement that the role which looks may not run has said nothing: it counts as not looked at.

Looked at are the applied revisions that nothing later says otherwise about: a later revision that
changes what an earlier one verified brings its own file, and says `-- ringfence: supersedes: ID`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg

from ringfence.claims import claim
from ringfence.errors import Busy
from ringfence.finding import Severity, counted
from ringfence.model import Ref, quoted
from ringfence.pg.connect import server_error
from ringfence.pg.rights import name_owner

if TYPE_CHECKING:
    from ringfence.claims import Case, Verdict
    from ringfence.revisions import Revision
    from ringfence.script import Script, Statement


@claim("verify-files", "each revision's own verification holds", "statement")
def verify_files(case: Case, verdict: Verdict) -> None:
    """Run the `.verify.sql` of every applied revision, each in a transaction that is rolled back."""
    if case.standing.unknown:
        verdict.skipped = f"revision {', '.join(case.standing.unknown)} is not among the files"
        return
    applied = [r for r in case.standing.applied if r.file("verify").is_file()]
    scripts = {r.id: r.runnable("verify") for r in applied}
    superseded = {
        old for s in scripts.values() for old in s.directives.get("supersedes", "").split()
    }
    unseen: list[str] = []
    for revision in applied:
        if revision.id not in superseded:
            unseen += _run(case, verdict, revision, scripts[revision.id])
    if unseen and not verdict.checked:
        more = f", and {counted(len(unseen) - 1, 'more statement')}" if len(unseen) > 1 else ""
        verdict.skipped = unseen[0] + more


def _run(case: Case, verdict: Verdict, revision: Revision, text: Script) -> list[str]:
    """Why statements of this revision could not be looked at: what the role lacks, each."""
    connection = case.connection
    ref = Ref("revision", (revision.id,))
    unseen: list[str] = []
    with connection.transaction(force_rollback=True):
        # Looking must not hold anybody up, nor wait behind whoever does.
        connection.execute(
            "SELECT set_config('lock_timeout', %s, TRUE)",
            [case.project.config.migrate.lock_timeout],
        )
        connection.execute("SET LOCAL search_path TO DEFAULT")
        role, mighty = looking = _role(connection)
        for statement in text.statements:
            try:
                names, rows, more = _answer(connection, statement)
            except psycopg.Error as error:
                said = server_error(error, script=text, statement=statement, role=role)
                if isinstance(said, Busy):
                    raise said from error
                denied = not mighty and _may_not(error, statement)
                if denied and _role(connection) == looking:
                    name_owner(connection, said, statement.text)
                    unseen.append(f"role {quoted(role)}: {said.message}")
                    verdict.no(
                        f"revision {revision} was not looked at: {said.message}",
                        ref=ref,
                        span=said.span,
                        help=f"verify as a role that may run it, or {said.hint}",
                        severity=Severity.WARNING,
                    )
                    continue
                verdict.checked += 1
                verdict.no(
                    f"revision {revision} does not verify: {said.message}", ref=ref, span=said.span
                )
                continue
            verdict.checked += 1
            for row in rows[:3]:
                shown = ", ".join(f"{n} = {_short(v)}" for n, v in zip(names, row, strict=True))
                verdict.no(
                    f"revision {revision} does not verify: {shown}",
                    ref=ref,
                    span=text.span(statement.start),
                )
            if more:
                many = f"more than {_MANY}" if more > _MANY else str(more)
                verdict.no(
                    f"revision {revision} does not verify: and {many} more rows",
                    ref=ref,
                    span=text.span(statement.start),
                )
    return unseen


def _role(connection: psycopg.Connection[tuple[object, ...]]) -> tuple[str, bool]:
    """Who looks, and whether it may do everything."""
    row = connection.execute("SELECT current_user, current_setting('is_superuser')").fetchone()
    assert row is not None
    return str(row[0]), row[1] == "on"


def _may_not(error: psycopg.Error, statement: Statement) -> bool:
    """Whether what failed was to look: a file may well ask what another role is allowed to do.

    Not where a function was refused, whose owner's rights may be what counts, nor where a block
    becomes another role.
    """
    if error.sqlstate != "42501" or not re.match(
        "permission denied|must be ", error.diag.message_primary or ""
    ):
        return False
    context = error.diag.context or ""
    if "function" in context.replace("function inline_code_block", ""):
        return False
    return not (context and re.search(r"(?i)\b(role|authorization)\b", statement.text))


def _answer(
    connection: psycopg.Connection[tuple[object, ...]], statement: Statement
) -> tuple[list[str], list[tuple[object, ...]], int]:
    """The columns and the first rows of what a statement answers, and how many more there are.

    There may be millions: no more than some are looked at.
    """
    query, cursor = statement.words[:1] in _QUERIES, connection.cursor()
    if query:
        with suppress(psycopg.Error), connection.transaction():
            connection.execute(f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR {statement.text}")
            cursor.execute(f"FETCH 3 FROM {_CURSOR}")
            rows = cursor.fetchall()
            more = connection.execute(f"MOVE {_MANY + 1} FROM {_CURSOR}").rowcount
            connection.execute(f"CLOSE {_CURSOR}")
            return [c.name for c in cursor.description or ()], rows, more
    # What no cursor can be of, or what fails: its error is to point at the text as it stands.
    with connection.transaction():
        if statement.data is not None:
            with cursor.copy(statement.text) as copy:
                copy.write(statement.data)
            return [], [], 0
        cursor.execute(statement.text)
        rows = cursor.fetchmany(3) if cursor.description else []
        names = [c.name for c in cursor.description or ()]
        return names, rows, cursor.rowcount - len(rows) if cursor.description else 0


_QUERIES = (("SELECT",), ("VALUES",), ("TABLE",), ("WITH",))
_CURSOR = "ringfence_verify"
_MANY = 1000


def _short(value: object) -> str:
    """A value on one line, cut where it would fill a page."""
    text = " ".join(str(value).split())
    return text if len(text) <= 200 else text[:199] + "…"

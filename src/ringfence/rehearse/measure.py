"""A file run statement by statement, each looked at, with made-up rows that are in its way changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from ringfence import backfill
from ringfence.pg.connect import connect, server_error
from ringfence.pg.observe import Observer
from ringfence.rehearse import mend
from ringfence.rehearse.hazards import Measured, Part
from ringfence.rehearse.sizes import expected
from ringfence.script import Script, redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ringfence.errors import Error
    from ringfence.pg.connect import Target
    from ringfence.rehearse.files import File
    from ringfence.rehearse.stage import Work
    from ringfence.script import Statement


def measured(
    work: Work, base: Target, file: File, between: Callable[[int], None] = lambda _: None
) -> Part:
    """Run a file and look at every statement; it stays as it leaves the database.

    `between` is called with its number when a statement is committed and others follow.
    """
    mended: dict[int, tuple[str, str]] = {}
    first: Part | None = None
    while True:
        part, failed = _attempt(work, base, file, mended, between)
        error = part.statements[-1].observed.error if part.statements else None
        table = mend.culprit(error) if failed else None
        if table is not None and failed not in mended:
            # The transaction is undone, and begun again with other rows.
            mended[failed] = table
        elif first is not None:
            return first if error is not None else part
        elif error is not None and file.up.transactional and mend.about_rows(error):
            # What the file itself asks of rows, those made up need not obey: it is tried without.
            first, mended = part, {}
            with connect(base) as connection:
                work.emptied[file.name] = mend.empty(connection, work.hidden)
            work.mended |= work.emptied[file.name]
        else:
            return part


def _attempt(
    work: Work,
    base: Target,
    file: File,
    mended: Mapping[int, tuple[str, str]],
    between: Callable[[int], None],
) -> tuple[Part, int]:
    """Run a file once; and the number of the statement that failed and is worth another attempt."""
    text = file.up
    done: list[Measured] = []
    last = max((n for n, s in enumerate(text.statements) if not s.sets_session), default=0)
    failed = 0
    with Observer(base) as observer:
        if text.backfill:
            backfill.key_types(observer.connection, text, backfill.read(text))
        observer.open()
        if text.transactional:
            observer.begin()
        for number, statement in enumerate(text.statements):
            if statement.controls_transaction:
                continue
            if number + 1 in mended:
                _mend(work, observer, statement, mended[number + 1])
            seen = observer.observe(text, statement)
            table = mend.culprit(seen.error)
            if table is not None and not text.transactional:
                # What ran before it stays: only this one is tried again.
                if _mend(work, observer, statement, table):
                    seen = observer.observe(text, statement)
            elif table is not None and text.transactional:
                failed = number + 1
            at = text.span(statement.start)
            cost = expected(seen, work.known, work.rate) if work.rate else None
            done.append(Measured(redacted(statement.text), at, seen, cost))
            if seen.error is not None:
                break
            if not text.transactional and number < last and not statement.sets_session:
                between(len(done))
        else:
            if text.transactional:
                error = _committed(observer, text)
                if error is not None and done:
                    done[-1] = replace(done[-1], observed=replace(done[-1].observed, error=error))
    part = Part(file.name, file.title, text.transactional, tuple(done), batched=bool(text.backfill))
    return part, failed


def _mend(work: Work, observer: Observer, statement: Statement, table: tuple[str, str]) -> bool:
    if not mend.mend(observer.connection, statement, table):
        return False
    work.mended.add(mend.path(table))
    return True


def _committed(observer: Observer, text: Script) -> Error | None:
    try:
        observer.commit()
    except psycopg.Error as error:
        return server_error(error, script=text)
    return None

"""A file run statement by statement, each looked at, with made-up rows that are in its way changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from ringfence import backfill, rows
from ringfence.pg.connect import connect, server_error
from ringfence.pg.observe import Observer
from ringfence.rehearse import afar, mend, stage
from ringfence.rehearse.hazards import Measured, Part
from ringfence.rehearse.sizes import expected
from ringfence.script import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection

    from ringfence.errors import Error
    from ringfence.pg.connect import Target
    from ringfence.rehearse.files import File
    from ringfence.rehearse.stage import Work
    from ringfence.script import Block, Script

    Session = Connection[tuple[object, ...]]


def measured(
    work: Work,
    base: Target,
    file: File,
    between: Callable[[int, Sequence[Measured]], None] = lambda _, __: None,
) -> Part:
    """Run a file and look at every statement; it stays as it leaves the database.

    `between` is called when a statement is committed and others follow: with its number, and what was
    seen of those that were committed with it.
    """
    text = file.up
    done: list[Measured] = []
    numbers = [n for block in text.blocks for n in block.numbers]
    last = max((n for n in numbers if not text.statements[n - 1].sets_session), default=0)
    with Observer(base) as observer:
        if text.backfill:
            backfill.key_types(observer.connection, text, backfill.read(text))
        observer.open()
        work.columns = mend.columns(observer.connection)
        for number, block in enumerate(text.blocks, 1):
            its = _transaction(work, base, observer, file, block, number)
            done += its
            if done[-1].observed.error is not None:
                break
            end = block.numbers[-1]
            sets = not block.together and text.statements[end - 1].sets_session
            if end < last and not sets and block.kept:
                between(end, its)
    return Part(file.name, file.title, text.transactional, tuple(done), batched=bool(text.backfill))


def _transaction(
    work: Work, base: Target, observer: Observer, file: File, block: Block, place: int
) -> list[Measured]:
    """Run one of a file's transactions; where it refuses the rows there are, without any."""
    done = _with_rows(work, observer, file.up, block, place)
    error = done[-1].observed.error
    if error is None or not mend.about_rows(error):
        return done
    # What the file itself asks of rows, those made up need not obey.
    with connect(base) as connection:
        mend.drop_invalid(connection)  # which an emptied table would make valid
        left = rows.held(connection, work.hidden, work.had)
        emptied = mend.empty(connection, work.hidden)
    again = _with_rows(work, observer, file.up, block, place)
    if again[-1].observed.error is not None:
        work.left = left
        return done
    work.emptied[file.name] = work.emptied.get(file.name, set()) | emptied
    work.mended |= emptied
    return again


def _with_rows(
    work: Work, observer: Observer, text: Script, block: Block, place: int
) -> list[Measured]:
    """Run one of a file's transactions; where rows are in its way, again with others."""
    mended: dict[int, tuple[str, str]] = {}
    while True:
        done: list[Measured] = []
        if block.together:
            observer.begin()
        table: tuple[str, str] | None = None
        for number in block.numbers:
            statement = text.statements[number - 1]
            if number in mended:
                _mend(work, observer, text, number, mended[number])
            seen = observer.observe(text, statement)
            while not block.together and stage.stood_in(work, seen.error):
                seen = observer.observe(text, statement)
            table = mend.culprit(seen.error)
            # What ran before it stays: only this one is tried again.
            if (
                table is not None
                and not block.together
                and _mend(work, observer, text, number, table)
            ):
                seen = observer.observe(text, statement)
            if seen.error is None:
                afar.keep_cut_off(observer.connection, statement)
            at = text.span(statement.start)
            cost = expected(seen, work.known, work.rate) if work.rate else None
            inside = place if block.together else 0
            done.append(Measured(redacted(statement.text), at, seen, cost, inside))
            if seen.error is not None:
                break
        else:
            if not block.together:
                return done
            if not block.kept:
                observer.rollback()
            elif (error := _committed(observer, text)) is not None:
                done[-1] = replace(done[-1], observed=replace(done[-1].observed, error=error))
            return done
        if block.together and stage.stood_in(work, done[-1].observed.error):
            continue
        failed = block.numbers[len(done) - 1]
        if table is None or not block.together or failed in mended:
            return done
        mended[failed] = table


def _mend(
    work: Work, observer: Observer, text: Script, number: int, table: tuple[str, str]
) -> bool:
    session, statement = observer.connection, text.statements[number - 1]
    if not mend.mend(session, statement, table, _unfilled(work, session, text, number)):
        return False
    work.mended.add(mend.path(table))
    return True


def _unfilled(work: Work, session: Session, text: Script, number: int) -> mend.Columns:
    """The columns that the file has made, where no statement of it could fill them."""
    before = text.statements[: number - 1]
    if any(each.words[:1] and each.words[0] not in _SCHEMA for each in before):
        return frozenset()
    return mend.columns(session) - work.columns


_SCHEMA = {
    "ALTER", "BEGIN", "COMMENT", "COMMIT", "CREATE", "DROP", "GRANT", "LOCK",
    "RESET", "REVOKE", "SET", "START",
}  # fmt: skip
"""How statements begin that give no row a value."""


def _committed(observer: Observer, text: Script) -> Error | None:
    try:
        observer.commit()
    except psycopg.Error as error:
        return server_error(error, script=text)
    return None

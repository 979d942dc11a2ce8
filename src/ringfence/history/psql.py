"""A run as a script for psql: `alembic upgrade --sql`, `ringfence migrate --dry-run`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from psycopg import sql

from ringfence.execute import FORGET, RESET, settings
from ringfence.lockmodes import told
from ringfence.pg import ledger, runner
from ringfence.step import remark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alembic.runtime.migration import MigrationContext

    from ringfence.config import Migrate
    from ringfence.revisions import Direction, Revision
    from ringfence.script import Script


def prologue(schema: str) -> str:
    """What the script begins with: the lock, the history."""
    taken = (
        f"IF NOT pg_try_advisory_lock({runner.LOCK_CLASS}, {runner.key(schema)}) THEN\n"
        "RAISE EXCEPTION 'another run of migrations holds the lock'"
        " USING ERRCODE = 'lock_not_available';\nEND IF;"
    )
    # Else psql would go on where the lock is held, or where the database stands elsewhere.
    stop = "\\set ON_ERROR_STOP on"
    return "\n\n".join((stop, _ENCODING, _block(taken), ledger.creation(schema)))


def epilogue(schema: str) -> str:
    """What it ends with."""
    return _block(f"PERFORM pg_advisory_unlock({runner.LOCK_CLASS}, {runner.key(schema)});")


def guard(
    config: Migrate,
    heads: Sequence[str],
    revision: Revision,
    direction: Direction,
    ran: ledger.Ran | None,
) -> str:
    """SQL that fails where the database does not stand where the coming revision expects it."""
    table = sql.Identifier(config.schema, ledger.VERSION_TABLE)
    wrong = sql.SQL("EXISTS (SELECT FROM {})").format(table)
    if heads:
        wrong = sql.SQL(
            "(SELECT count(*) FROM {0}) <> {1}"
            " OR EXISTS (SELECT FROM {0} WHERE version_num NOT IN ({2}))"
        ).format(table, len(heads), sql.SQL(", ").join(map(sql.Literal, heads)))
    checks = [(wrong, f"the database does not stand at {', '.join(heads) or 'base'}")]
    if revision.sql and not revision.script(direction).transactional:
        said = f"revision {revision.id} has begun, and ringfence migrate goes on with it"
        # Where a backfill goes on, no script can tell.
        expected = len(ran.finished) if ran and not revision.script(direction).backfill else 0
        begun = ledger.begun(config.schema, revision.id, direction)
        checks.append((sql.SQL("{} <> {}").format(begun, expected), said))
    body = sql.SQL("\n").join(
        sql.SQL("IF {} THEN\nRAISE EXCEPTION USING MESSAGE = {};\nEND IF;").format(*check)
        for check in checks
    )
    limits = _limits(config, {}, "SET LOCAL")
    return f"{_block(body.as_string(None))}\n{limits};"


def _limits(config: Migrate, directives: Mapping[str, str], verb: str) -> str:
    wanted = {"lock_timeout": config.lock_timeout}
    for key in ("lock-timeout", "statement-timeout"):
        if key in directives:
            wanted[key.replace("-", "_")] = directives[key]
    return settings(wanted, verb).as_string(None)


def write(context: MigrationContext, config: Migrate, text: Script, ran: ledger.Ran | None) -> None:
    """Write a file, with what each statement locks; without what has run of it."""
    done, begun = (ran.finished, ran.begun) if ran else ({}, {})
    limits = _limits(config, text.directives, "SET LOCAL" if text.transactional else "SET")
    locks = "".join(
        remark(
            f"statement {number}, line {text.span(statement.start).line}: "
            + ("has run" if number in done and not text.backfill else told(statement))
            + ("; was begun: migrate looks first what came of it" * (number in begun))
        )
        + "\n"
        for number, statement in enumerate(text.statements, 1)
    )
    if text.backfill:
        locks += "-- migrate runs it in batches, by key\n"
        if done:
            locks += "-- and has begun: it goes on behind the last one, which this cannot\n"
    lines = f"{locks}{limits};\n\n{text.for_psql if text.backfill else text.without(done)}\n"
    if text.transactional:
        context.impl.static_output(f"{lines}\nSET CONSTRAINTS ALL IMMEDIATE;\n{AFTER}")
        return
    with context.autocommit_block():
        context.impl.static_output(f"{lines}\n{AFTER}")


_ENCODING = "SET client_encoding = 'UTF8';"
AFTER = ";\n".join((*RESET, *FORGET, _ENCODING))
"""What a file ends with: the session is as new."""


def _block(body: str) -> str:
    return f"DO $ringfence$\nBEGIN\n{body}\nEND;\n$ringfence$;"


def without_version_table(context: MigrationContext) -> None:
    """Have Alembic's offline output leave the version table alone: the prologue makes it.

    Alembic would create it again where the database was brought back to base.
    """
    write = context.impl.static_output
    start = re.compile(rf"(CREATE|DROP) TABLE .*\b{ledger.VERSION_TABLE}\b")

    def static_output(text: str) -> None:
        if not start.match(text):
            write(text)

    context.impl.static_output = static_output  # type: ignore[method-assign]

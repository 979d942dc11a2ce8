"""The safe form of a statement: what the engine would write to reach the same schema.

Not the statement's text is rewritten. The catalog before it and the catalog after it are two schemas,
and their difference is planned as any other, in lock-safe steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from ringfence.errors import Error
from ringfence.online import online
from ringfence.pg.connect import connect
from ringfence.pg.extract import extract
from ringfence.planner import plan

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from psycopg import Connection

    from ringfence.model import Catalog
    from ringfence.pg.connect import Target
    from ringfence.script import Script
    from ringfence.step import Step


def safe_forms(
    target: Target, text: Script, wanted: Collection[int], hidden: Sequence[str]
) -> Mapping[int, str]:
    """For the statements with these numbers (from 1) SQL that does the same and lets others work.

    Runs the file on `target`, a database of ours that stands where the file begins. What data
    statements do has no such form, and a statement whose safe form is what it says itself has none.
    """
    found: dict[int, str] = {}
    with connect(target) as connection:
        connection.execute("SET check_function_bodies = off")
        for number, statement in enumerate(text.statements, 1):
            if statement.controls_transaction:
                continue
            looked = number in wanted
            before = _catalog(connection, hidden) if looked else None
            try:
                if statement.data is None:
                    connection.execute(statement.text)
                else:
                    with connection.cursor().copy(statement.text) as copy:
                        copy.write(statement.data)
            except psycopg.Error:
                return found
            if before is not None:
                steps = _steps(before, _catalog(connection, hidden))
                written = _written(steps)
                if written and _bare(written) != _bare(statement.text):
                    found[number] = written
    return found


def _catalog(connection: Connection[tuple[object, ...]], hidden: Sequence[str]) -> Catalog:
    return extract(connection, exclude=tuple(hidden))


def _steps(before: Catalog, after: Catalog) -> tuple[Step, ...]:
    try:
        return online(plan(before, after), before, after).steps
    except Error:
        return ()


def _written(steps: Sequence[Step]) -> str:
    """The steps as SQL, a line where a transaction has to end."""
    lines: list[str] = []
    for index, step in enumerate(steps):
        alone = step.transactional == "no"
        if alone and (not lines or not lines[-1].startswith("--")):
            lines.append("-- in a file of its own, outside a transaction:")
        lines.append(f"{step.sql};")
        if index + 1 < len(steps) and (step.transactional != "yes"):
            lines.append("-- then, in another transaction:")
    return "\n".join(lines)


def _bare(text: str) -> str:
    return "".join(text.split()).rstrip(";").replace('"', "").lower().replace("public.", "")

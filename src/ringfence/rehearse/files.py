"""What is rehearsed: revisions, files that are none, the scripts of a plan."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringfence.errors import BadProject, Error, Misuse
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ringfence import migrate, revisions
    from ringfence.errors import Span
    from ringfence.rehearse.plans import Planned
    from ringfence.revisions import Revision


@dataclass(frozen=True, slots=True)
class File:
    """What is rehearsed: a file's SQL and, where there is one, the SQL that undoes it.

    `unknown` says why nobody knows its SQL before it runs, `at` where that is.
    """

    name: str
    title: str
    up: Script
    down: Script | None = None
    revision: Revision | None = None
    unknown: str = ""
    at: Span | None = None


def wanted(
    graph: revisions.Graph,
    standing: migrate.Standing,
    names: Sequence[str],
    scripts: Sequence[Script],
    planned: Planned | None,
) -> tuple[str, list[File]]:
    """Where to begin, and the files to run."""
    at = standing.current[0] if standing.current else "base"
    if planned is not None:
        return f"where {planned.path} begins", [File(s.path, "", s) for s in planned.scripts]
    if scripts:
        return at, [_loose(s) for s in scripts]
    if not names:
        graph.refuse_unknown(standing.current)
        return at, [_file(r) for r in standing.pending]
    for name in names:
        if name.endswith(".sql"):
            raise Misuse(
                f"{name} is a file and no revision", hint=f"ringfence rehearse --sql {name}"
            )
    chosen = [graph.named(name) for name in names]
    order = list(graph.revisions.values())
    chosen.sort(key=order.index)
    first = chosen[0]
    for before, after in itertools.pairwise(chosen):
        if before.id not in after.down:
            raise Misuse(
                f"{after.id} does not follow {before.id}",
                hint="name revisions that follow each other, or rehearse them one by one",
            )
    if len(first.down) > 1:
        raise Misuse(
            f"{first.id} merges {' and '.join(first.down)}",
            hint="a merge has nothing to rehearse: name the revisions behind it",
        )
    # What it depends on comes first: a branch may begin on a line, and go on beside it.
    below = dict.fromkeys((*first.depends_on, *first.down))
    return ", ".join(below) or "base", [_file(r) for r in chosen]


def _file(revision: Revision) -> File:
    if not revision.sql:
        return _python(revision)
    down = revision.runnable("down") if revision.file("down").is_file() else None
    return File(revision.id, revision.title, revision.runnable("up"), down, revision)


def _loose(text: Script) -> File:
    """A file that is no revision.

    Raises `BadProject` for what would take rows from nowhere, and transactions that do not fit.
    """
    for statement in text.statements:
        if statement.copies_with_client:
            raise BadProject(
                "a rehearsal can send this COPY nothing and take nothing from it",
                span=text.span(statement.start),
                hint="write the data below COPY … FROM STDIN;, and \\. on a line after them",
            )
        if text.transactional and statement.controls_transaction:
            said = "says it runs in one transaction"
            hint = "leave it out, or the line at the top: -- ringfence: transaction: one"
            if "transaction" not in text.directives:
                said = "lies where revisions do, and runs in one transaction as they do"
                hint = (
                    "leave it out, or run the file statement by statement: its first line is then"
                    " -- ringfence: transaction: none"
                )
            raise BadProject(
                f"{statement.verb} in a file that {said}",
                span=text.span(statement.start),
                hint=hint,
            )
    for block in text.blocks:
        if not block.ended:
            raise BadProject(
                f"{text.path} begins a transaction and does not end it",
                span=text.span(text.statements[block.numbers[0] - 1].start),
                hint="write the COMMIT: psql would undo it all when the file ends",
            )
    return File(text.path, "", text)


def unknown(revision: Revision) -> str:
    """Why nobody knows a revision's SQL before it runs; "" where it is known."""
    return "" if revision.sql else _python(revision).unknown


def _python(revision: Revision) -> File:
    """A revision of Python, as the SQL that Alembic writes for it; where it writes none, why."""
    from ringfence.history.python import offline

    texts: list[Script] = []
    for direction in ("up", "down"):
        try:
            texts.append(offline(revision, direction))
        except Error as error:
            if direction == "up":
                empty = Script(revision.shown, "")
                return File(
                    revision.id, revision.title, empty, None, revision, error.message, error.span
                )
    up, down = texts[0], texts[1] if len(texts) > 1 else None
    return File(revision.id, revision.title, up, down, revision)

"""`ringfence verify`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ringfence import report as reports
from ringfence.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from ringfence.claims import Case

SECTION = "Prove"


@click.command()
@options.dsn
@click.option("--claim", "only", multiple=True, metavar="CODE", help="Only this claim; repeatable.")
@click.option(
    "--mutate", is_flag=True, help="Break isolation on a shadow, and see whether that is noticed."
)
@click.option(
    "--require-coverage",
    "coverage",
    type=click.IntRange(0, 100),
    default=100,
    show_default=True,
    metavar="PERCENT",
    help="How much of what isolation tries must have shown something.",
)
@click.option(
    "--in-place",
    is_flag=True,
    help="Try isolation in the database itself, which must be marked disposable.",
)
@click.option(
    "--matrix",
    metavar="FILE",
    help="With isolation: write which role can do what with whose rows; a page where it ends in .html.",
)
@options.format_(*reports.formats())
@options.output
@click.pass_context
def command(
    context: click.Context,
    dsn: str | None,
    only: tuple[str, ...],
    mutate: bool,
    coverage: int,
    in_place: bool,
    matrix: str | None,
    format_: str,
    outputs: tuple[str, ...],
) -> None:
    """Prove that a live database stands as the files say.

    Each claim is looked at on the server. The report says what holds, what does not, and what was
    not looked at. A database that no project is about can be named, too: what does not need files
    is looked at. Nothing is changed: what is tried (whether a tenant gets at another's rows,
    whether constraints, triggers and functions do what they say) is tried on a shadow. --mutate
    takes longer, and is looked at when it is asked for.

    \b
    Examples:
      ringfence verify
      ringfence verify --claim isolation
      ringfence verify --mutate
      ringfence verify --dsn "$PRODUCTION"

    Exit status 1 means that some claim does not hold.
    """
    from ringfence import claims, project
    from ringfence.errors import Misuse
    from ringfence.pg.connect import chosen, connect, resolve
    from ringfence.rules._catalog import placed

    start: Path | None = context.obj
    found = project.find(start)
    if found is None:
        found = project.bare(start) if chosen(None, dsn) else project.need(start)
    files = reports.outputs(outputs)
    if matrix is not None or (in_place and not mutate):
        only = (*only, *(() if "isolation" in only else ("isolation",)))
    if mutate:
        only = (*only, "self-test")
    known = [c.code for c in claims.claims()]
    for code in only:
        if code not in known:
            raise Misuse(f"no claim {code}", hint=f"there are: {', '.join(known)}")
    target = resolve(found, dsn)
    with connect(target, pinned=True) as connection:
        case = claims.Case(connection, found, target.shown, target, coverage, in_place=in_place)
        report = claims.verify(case, only)
    report = replace(report, findings=placed(found, report.findings))
    if matrix is not None:
        _draw(matrix, case)
    reports.emit(report, format_, files, sys.stdout)
    context.exit(report.status)


def _draw(file: str, case: Case) -> None:
    """Write the matrix of roles, objects and verbs."""
    from pathlib import Path

    from ringfence.errors import Misuse
    from ringfence.isolation import matrix

    page = file.lower().endswith((".html", ".htm"))
    title = f"Who reaches whose rows in {case.shown}"
    text = matrix.html(case.cells, title) if page else matrix.text(case.cells)
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Misuse(f"cannot write {file}: {error.strerror}") from error

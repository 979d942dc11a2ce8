"""`ringfence verify`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ringfence import report as reports
from ringfence.cli import options

if TYPE_CHECKING:
    from pathlib import Path

SECTION = "Prove"


@click.command()
@options.dsn
@click.option("--claim", "only", multiple=True, metavar="CODE", help="Only this claim; repeatable.")
@options.format_(*reports.formats())
@options.output
@click.pass_context
def command(
    context: click.Context,
    dsn: str | None,
    only: tuple[str, ...],
    format_: str,
    outputs: tuple[str, ...],
) -> None:
    """Prove that a live database stands as the files say.

    Each claim is looked at on the server. The report says what holds, what does not, and what was
    not looked at. Nothing is changed.

    Exit status 1 means that some claim does not hold.
    """
    from ringfence import claims, project
    from ringfence.errors import Misuse
    from ringfence.pg.connect import connect, resolve

    start: Path | None = context.obj
    found = project.need(start)
    files = reports.outputs(outputs)
    known = [c.code for c in claims.claims()]
    for code in only:
        if code not in known:
            raise Misuse(f"no claim {code}", hint=f"there are: {', '.join(known)}")
    target = resolve(found, dsn)
    with connect(target) as connection:
        report = claims.verify(claims.Case(connection, found, target.shown, target), only)
    reports.emit(report, format_, files, sys.stdout)
    context.exit(report.status)

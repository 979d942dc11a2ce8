"""`ringfence check`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ringfence.cli import options
from ringfence.report import formats

if TYPE_CHECKING:
    from pathlib import Path

SECTION = "Prove"


@click.command()
@options.dsn
@click.option(
    "--since", default="", metavar="REF", help="Only what changed since leaving this branch."
)
@click.option(
    "--allow", multiple=True, metavar="HAZARD", help="Agree to a hazard by name; repeatable."
)
@options.fail_on
@options.format_(*formats())
@options.output
@click.pass_context
def command(
    context: click.Context,
    dsn: str | None,
    since: str,
    allow: tuple[str, ...],
    fail_on: str,
    format_: str,
    outputs: tuple[str, ...],
) -> None:
    """Everything that CI should know before a schema changes.

    The revisions are whole and have one head; lint has nothing to say; each revision runs, is
    undone and runs again, and its locks are measured; the newest revision is what ddl/ says; and
    on a database that stands there every claim holds. One report, one exit status.

    \b
    Examples:
      ringfence check
      ringfence check --since origin/main --format github
      ringfence check --output sarif=check.sarif --output junit=check.xml

    Exit status 1 means that something was found.
    """
    from ringfence import check, project
    from ringfence import report as reports
    from ringfence.finding import Severity
    from ringfence.pg.connect import resolve

    files = reports.outputs(outputs)
    start: Path | None = context.obj
    found = project.need(start)
    report = check.check(
        found,
        resolve(found, dsn),
        since=since,
        allow=allow,
        fail_on=Severity(fail_on),
        listen=_watch,
    )
    reports.emit(report, format_, files, sys.stdout)
    context.exit(report.status)


def _watch(what: str) -> None:
    if sys.stderr.isatty():
        click.echo(click.style(f"  {what} …", dim=True), err=True)

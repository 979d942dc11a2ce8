"""`ringfence repair`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ringfence.cli import options

if TYPE_CHECKING:
    from pathlib import Path

SECTION = "Change a schema"


@click.command()
@click.argument("revision")
@options.dsn
@click.option("--reason", required=True, metavar="TEXT", help="Why: it is kept in the history.")
@click.pass_obj
def command(start: Path | None, revision: str, dsn: str | None, reason: str) -> None:
    """Accept an applied file that has been edited, on the record.

    The database is not changed: the history gets a row with the file as it is now, who accepted it
    and why. What differs from what was applied is printed.

    Of a revision that has begun statement by statement and will not come to its end: what it did so
    far was taken back by hand, and it counts as it did before it began.

    \b
    Example:
      ringfence repair 0007 --reason "a typo, put right by hand"
    """
    from ringfence import migrate, project
    from ringfence.pg.connect import resolve

    found = project.need(start)
    repaired, difference = migrate.repair(found, resolve(found, dsn), revision, reason)
    if difference:
        click.echo(difference)
    click.echo(f"revision {repaired}", err=True)

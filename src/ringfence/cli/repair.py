"""`ringfence repair`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ringfence.cli import options
from ringfence.errors import Misuse

if TYPE_CHECKING:
    from pathlib import Path

SECTION = "Change a schema"


@click.command()
@click.argument("revision")
@options.dsn
@click.option("--reason", metavar="TEXT", help="Why: it is kept in the history.")
@click.option("--restore", is_flag=True, help="Write its missing file as it was applied.")
@click.pass_obj
def command(
    start: Path | None, revision: str, dsn: str | None, reason: str | None, restore: bool
) -> None:
    """Accept an edited applied file on the record, or restore one.

    The database is not changed: the history gets a row with the file as it is now, who accepted it
    and why. What differs from what was applied is printed.

    Of a revision that has begun statement by statement and will not come to its end: what it did so
    far was taken back by hand, and it counts as it did before it began.

    With --restore the file that is missing of an applied revision is written as it was applied, from
    the history, its checksum looked at. Nothing is written over. The way back is in the history only
    where it was gone.

    \b
    Examples:
      ringfence repair 0007 --reason "a typo, put right by hand"
      ringfence repair 0007 --restore
    """
    from ringfence import migrate, project
    from ringfence.pg.connect import resolve

    found = project.need(start)
    if restore:
        if reason is not None:
            raise Misuse("--restore has no reason", hint="leave --reason out: nothing is recorded")
        path = migrate.restore(found, resolve(found, dsn), revision)
        click.echo(found.shown(path))
        return
    if reason is None:
        raise Misuse(
            "no --reason", hint='say why the file may be as it is: --reason "…"; it is kept'
        )
    repaired, difference = migrate.repair(found, resolve(found, dsn), revision, reason)
    if difference:
        click.echo(difference)
    click.echo(f"revision {repaired}", err=True)

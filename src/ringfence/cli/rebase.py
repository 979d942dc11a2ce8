"""`ringfence rebase`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ringfence.cli import options

if TYPE_CHECKING:
    from pathlib import Path

SECTION = "Change a schema"


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@options.dsn
@click.pass_obj
def command(start: Path | None, files: tuple[str, ...], dsn: str | None) -> None:
    """Put an unapplied branch's revisions after the other branch's.

    Without a name it is the branch that the database does not have; a revision that is applied is
    never moved. A number that is taken is replaced by the next one, in the names of the files too.

    \b
    Examples:
      ringfence rebase                after a merge brought two heads
      ringfence rebase 0007_notes     this one, and what follows it
    """
    from ringfence import project
    from ringfence.pg.connect import resolve
    from ringfence.rebase import rebase

    found = project.need(start)
    moved = rebase(found, resolve(found, dsn), files)
    for each in moved:
        name = f" (it was {each.before.id})" if each.id != each.before.id else ""
        click.echo(f"{found.shown(each.path)}: {each.id}{name} follows {each.parent or 'nothing'}")
    if unmarked := [each.id for each in moved if each.unmarked]:
        click.echo(
            f"{', '.join(unmarked)}: what it was planned on is left out, the other branch may have"
            " changed it; ringfence rehearse tries it on what is there now",
            err=True,
        )
    if not moved:
        click.echo("nothing to do: there is one head", err=True)

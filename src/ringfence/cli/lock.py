"""`ringfence lock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

SECTION = "Change a schema"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing: say what is not as the file says.")
@click.pass_obj
def command(start: Path | None, check: bool) -> None:
    """Write migrations/ringfence.lock: what the revisions are, to be kept in git.

    With --check it needs no database and tells what was edited, added, removed, inserted or moved
    since; exit status 1 then. Where the file is there, `migrate` refuses revisions that are not as
    it says, and `plan` keeps it up to date. Two branches that each add a revision conflict in it.
    """
    from ringfence import lockfile, project, revisions
    from ringfence.alone import alone

    found = project.need(start)
    if not check:
        with alone(found):
            written = lockfile.write(found, revisions.read(found))
        click.echo(f"wrote {found.shown(written)}")
        return
    deviations = lockfile.deviations(found, revisions.read(found))
    for deviation in deviations:
        click.echo(str(deviation))
    click.get_current_context().exit(int(bool(deviations)))

"""`ringfence pull`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ringfence.cli import options

if TYPE_CHECKING:
    from pathlib import Path

SECTION = "Change a schema"


@click.command()
@options.dsn
@click.option("--shadow", metavar="DSN", help="A server where databases may be made to look into.")
@click.option("--force", is_flag=True, help="Write all of ddl/ anew, whatever it holds.")
@click.pass_obj
def command(start: Path | None, dsn: str | None, shadow: str | None, force: bool) -> None:
    """Write ddl/ from a live database, one object a file.

    Only the files of objects that differ are written; the others keep their words and comments.
    Partitions that are in no file, of a table that is, are left out and named; --force writes them too.
    """
    from ringfence import project, sources
    from ringfence.pull import pull

    found = project.need(start)
    side = sources.source(found, "live", dsn)
    with sources.shop(found, (side,), shadow) as shop:
        done = pull(found, shop, side, force=force)
    for path in done.written:
        click.echo(f"wrote {found.config.ddl}/{path}")
    for path in done.removed:
        click.echo(f"removed {found.config.ddl}/{path}")
    for thing in done.unwritten:
        click.echo(f"not written: {thing}", err=True)
    for name in done.partitions:
        click.echo(f"left out: partition {name}: partitions come and go with the rows", err=True)
    if not done.written and not done.removed:
        click.echo(f"{found.config.ddl} says already what the database is", err=True)

"""`ringfence snapshot`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ringfence.cli import options

SECTION = "Look"


@click.command()
@click.argument("source", default="live")
@options.dsn
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Default: standard output.",
)
@click.pass_obj
def command(start: Path | None, source: str, dsn: str | None, output: Path | None) -> None:
    """A catalog as JSON, to be a FROM or TO later, anywhere.

    SOURCE is what `ringfence diff` takes; the live database when it is left out.
    """
    from ringfence import project, snapshot, sources

    found = project.find(start)
    side = sources.source(found, source, dsn)
    with sources.shop(found, (side,), None) as shop:
        catalog = shop.catalog(side)
        for thing in shop.unseen(catalog):
            click.echo(f"named, and not described: {thing}", err=True)
        text = snapshot.dumps(catalog)
    if output is None:
        sys.stdout.write(text)
        return
    output.write_text(text, encoding="utf-8")
    click.echo(f"wrote {output}", err=True)

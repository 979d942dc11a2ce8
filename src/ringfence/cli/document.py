"""`ringfence document`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

SECTION = "Look"


@click.command()
@click.argument("folder", required=False)
@click.option("--check", is_flag=True, help="Write nothing: say which pages are stale.")
@click.option("--shadow", metavar="DSN", help="A server where databases may be made to look into.")
@click.pass_context
def command(context: click.Context, folder: str | None, check: bool, shadow: str | None) -> None:
    """Pages about the schema in ddl/, with diagrams.

    Markdown, and all of it as one HTML page. For each schema its tables, columns, keys, policies, views and functions, and an entity
    relationship diagram in Mermaid's language; over all, whose rows each table holds and what binds
    whom. The same schema gives the same bytes. FOLDER is where they lie; without it, what
    `document` in [tool.ringfence] names.

    \b
    Examples:
      ringfence document docs/schema
      ringfence document --check       in CI

    Exit status 1 means, with --check, that pages are stale.
    """
    from ringfence import document, project
    from ringfence.document.fresh import folder_of, wanted

    start: Path | None = context.obj
    found = project.need(start)
    where = folder_of(found, folder)
    pages = wanted(found, shadow)
    if check:
        stale = document.stale(where, pages)
        for name in stale:
            click.echo(found.shown(where / name))
        click.echo(f"{len(stale)} of {len(pages)} pages are stale", err=True)
        context.exit(1 if stale else 0)
    for name in document.write(where, pages):
        click.echo(found.shown(where / name))

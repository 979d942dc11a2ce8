"""`ringfence init`."""

from __future__ import annotations

from pathlib import Path

import click

SECTION = "Start here"


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option(
    "--from", "from_", metavar="DSN", help="Adopt this database: ddl/ and a first revision."
)
@click.option("--shadow", metavar="DSN", help="A server where databases may be made to look into.")
@click.pass_obj
def command(
    start: Path | None, directory: Path | None, from_: str | None, shadow: str | None
) -> None:
    """A new project, empty or from a database.

    It has its configuration, ddl/, migrations/, a CI file and a pre-commit hook. With --from, ddl/
    and the first revision are written from a database that exists, and the revision is recorded
    there as applied without being run.

    \b
    Examples:
      ringfence init                          here
      ringfence init shop
      ringfence init shop --from "$PRODUCTION"
    """
    from ringfence import init
    from ringfence.pg.connect import chosen

    database = chosen(None, from_, "--from") if from_ is not None else None
    base = (start or Path.cwd()) / (directory or "")

    def tell(text: str) -> None:
        click.echo(text, err=True)

    with init.whole(base):
        project, written = init.init(base)
        if from_ is not None:
            written = (*written, *init.adopt(project, from_, shadow, tell=tell))
    for path in written:
        click.echo(project.shown(path))
    if database is not None:
        from ringfence import migrate

        migrate.baseline(project, database)
        click.echo("recorded the first revision as applied; nothing was run", err=True)
    click.echo(
        "next: write ddl/, then ringfence plan -m 'why', then ringfence migrate"
        if from_ is None
        else "next: ringfence migrate for a copy of your own on the embedded server;"
        " --dsn or RINGFENCE_DSN for the database it came from",
        err=True,
    )

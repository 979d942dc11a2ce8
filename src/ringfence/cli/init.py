"""`ringfence init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ringfence.pg.connect import Target

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
        if from_ is not None and database is not None:
            from ringfence import migrate

            written = (*written, *init.adopt(project, from_, shadow, tell=tell))
            migrate.baseline(project, database)
    for path in written:
        click.echo(project.shown(path))
    if database is None:
        tell("next: write ddl/, then ringfence plan -m 'why', then ringfence migrate")
        return
    tell("recorded the first revision as applied; nothing was run")
    tell("next: say which database commands work on, where it is not a copy of your own on the")
    tell("embedded server, which ringfence migrate makes. For the one this came from, set")
    tell(f"RINGFENCE_DSN, or in pyproject.toml below [tool.ringfence]: dsn = {_toml(database)}")


def _toml(database: Target) -> str:
    """The connection string as the configuration takes it, without its password."""
    import json

    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    parts = conninfo_to_dict(database.conninfo)
    said = {k: v for k, v in parts.items() if k not in ("password", "sslpassword")}
    return json.dumps(make_conninfo("", **said), ensure_ascii=False)

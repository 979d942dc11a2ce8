"""`ringfence plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ringfence.cli import options

if TYPE_CHECKING:
    from pathlib import Path

SECTION = "Change a schema"


@click.command()
@click.option("-m", "--message", required=True, help="Why: the title of the revision.")
@click.option(
    "--online/--no-online", default=True, show_default=True, help="Write lock-safe steps."
)
@click.option(
    "--allow", multiple=True, metavar="HAZARD", help="Agree to a hazard by name; repeatable."
)
@options.rename
@options.dsn
@click.option("--shadow", metavar="DSN", help="A server where databases may be made to look into.")
@click.pass_context
def command(
    context: click.Context,
    message: str,
    online: bool,
    allow: tuple[str, ...],
    renames: tuple[str, ...],
    dsn: str | None,
    shadow: str | None,
) -> None:
    """A new revision from what ddl/ has and the newest revision has not.

    Up and down are both run on a shadow and looked at before anything is written, and so are rows that
    are made up: what is lost of them is a hazard. Where there can be none, a note and the file say
    so. A plan that has to commit on its way (an index built CONCURRENTLY, a constraint validated, a new enum value)
    becomes several revisions. The way back is in lock-safe steps too, where one file can hold them.

    The database that is named tells for which major version of PostgreSQL to plan, unless the
    configuration does (server_version). Nothing is written to it.

    Exit status 1 means that there is nothing to do, or that a hazard was not agreed to.
    """
    from ringfence import project, review, revise

    start: Path | None = context.obj
    found = project.need(start)
    done = revise.revise(
        found, message, online=online, allow=allow, renames=renames, shadow=shadow, dsn=dsn
    )
    if not done.drafts:
        click.echo("nothing to do: the newest revision has all of ddl", err=True)
        context.exit(1)
    for told in done.plan.notes:
        click.echo(f"note: {told}", err=True)
    for depth, sign, text in review.tree(done.changes, done.plan):
        click.echo("  " * depth + f"{sign} {text}", err=True)
    for path in done.files:
        click.echo(found.shown(path))

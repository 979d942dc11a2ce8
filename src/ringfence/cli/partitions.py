"""`ringfence partitions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ringfence.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ringfence.partitions import Made

SECTION = "Change a schema"


@click.command("partitions")
@click.argument("table", required=False)
@options.dsn
@click.option(
    "--ahead",
    default=3,
    show_default=True,
    metavar="N",
    help="How many partitions are to lie behind the one for now.",
)
@click.option(
    "--every",
    metavar="WIDTH",
    help="How wide they are, where those that are there do not tell: month, 2 weeks, day, 1000.",
)
@click.option("--dry-run", is_flag=True, help="Print the SQL that would run; change nothing.")
@options.format_("text", "json")
@click.pass_obj
def command(
    start: Path | None,
    table: str | None,
    dsn: str | None,
    ahead: int,
    every: str | None,
    dry_run: bool,
    format_: str,
) -> None:
    """Make the partitions that will be needed, of TABLE or of every table.

    For tables that are partitioned by range of a date, a time or a whole number. How wide the new
    ones are and what they are called follows from those there are; owner, grants, policies and row
    security are those of the last one. What they hold of the whole table (indexes, keys, triggers)
    comes with the attaching, which keeps nobody from working.

    \b
    Examples:
      ringfence partitions                         every table, three ahead
      ringfence partitions shop.events --ahead 12
      ringfence partitions shop.events --every week
      ringfence partitions --dry-run

    It may run as often as one likes: what is there stays as it is.
    """
    from ringfence import partitions, project
    from ringfence.pg.connect import resolve

    found = project.need(start)
    target = resolve(found, dsn)
    done = partitions.ahead(
        target,
        table,
        ahead,
        width=every,
        lock_timeout=found.config.migrate.lock_timeout,
        dry_run=dry_run,
    )
    if format_ == "json":
        click.echo(_json(done, target.shown, dry_run=dry_run))
        _fail(done)
        return
    for each in done:
        if each.error is not None:
            click.echo(f"{each.table} has not all of its partitions", err=True)
        elif each.why:
            click.echo(f"{each.table} was passed over: {each.why}", err=True)
        elif not each.new:
            click.echo(f"{each.table}: nothing to make, it reaches to {each.until}", err=True)
        for new in each.new:
            if dry_run:
                click.echo(
                    "BEGIN;\n" + "".join(f"{line};\n" for line in new.statements) + "COMMIT;"
                )
            else:
                click.echo(f"{each.table}  {new.name}  {new.lower} to {new.upper}")
    if not done:
        click.echo("there is no partitioned table", err=True)
    _fail(done)


def _fail(done: Sequence[Made]) -> None:
    """Raise what went wrong with one of several tables: the first; of the others it is told."""
    from ringfence.errors import described

    errors = [each.error for each in done if each.error is not None]
    for error in errors[1:]:
        click.echo(described(error), err=True)
    if errors:
        raise errors[0]


def _json(done: Sequence[Made], target: str, *, dry_run: bool) -> str:
    import json

    from ringfence import __version__

    document = {
        "ringfence": __version__,
        "format": 1,
        "command": "partitions",
        "target": target,
        "dry_run": dry_run,
        "tables": [
            {
                "table": each.table,
                "every": each.step,
                "until": each.until,
                "passed_over": each.why,
                "error": each.error.message if each.error is not None else "",
                "new": [
                    {"name": n.name, "from": n.lower, "to": n.upper, "sql": list(n.statements)}
                    for n in each.new
                ],
            }
            for each in done
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)

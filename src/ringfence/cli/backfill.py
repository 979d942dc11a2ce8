"""`ringfence backfill`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ringfence.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ringfence.backfill import Standing

SECTION = "Change a schema"


@click.group("backfill")
def command() -> None:
    """How far backfills are; pause them and let them go on.

    A revision whose first line is `-- ringfence: backfill key=id batch=200ms` changes its rows in
    small transactions, each committed with how far it came. `ringfence migrate` runs it, and goes on
    where it ended.
    """


@command.command()
@options.dsn
@options.format_("text", "json")
@click.pass_obj
def status(start: Path | None, dsn: str | None, format_: str) -> None:
    """Every backfill that this database has begun. Exit status 1: one is not finished."""
    from ringfence import backfill, project
    from ringfence.pg import ledger
    from ringfence.pg.connect import connect, resolve

    found = project.need(start)
    target, schema = resolve(found, dsn), found.config.migrate.schema
    with connect(target, pinned=True) as connection, ledger.reading(connection, schema):
        standings = backfill.standings(connection, schema)
    click.echo(_json(standings, target.shown) if format_ == "json" else _text(standings))
    click.get_current_context().exit(int(any(s.state != "finished" for s in standings)))


def _turned(start: Path | None, dsn: str | None, wanted: str, name: str | None) -> None:
    from ringfence import backfill, project
    from ringfence.errors import Refused
    from ringfence.pg.connect import resolve

    found = project.need(start)
    turned = backfill.connect_and_turn(found, resolve(found, dsn), wanted, name)
    if not turned:
        what = f"revision {name} has no such backfill" if name else "there is no such backfill"
        raise Refused(what, hint="ringfence backfill status lists them")
    said = {"paused": "paused", "running": "may go on", "restart": "begins anew"}[wanted]
    click.echo(
        "".join(f"backfill of revision {revision} {said}\n" for revision in turned), nl=False
    )


@command.command()
@click.argument("revision", required=False)
@options.dsn
@click.pass_obj
def pause(start: Path | None, revision: str | None, dsn: str | None) -> None:
    """Have a backfill end after its batch; the run of `migrate` that it is part of ends with 75.

    One that has not begun does not begin. Without REVISION: all of them.
    """
    _turned(start, dsn, "paused", revision)


@command.command()
@click.argument("revision", required=False)
@options.dsn
@click.pass_obj
def resume(start: Path | None, revision: str | None, dsn: str | None) -> None:
    """Let a paused backfill go on, with the next `ringfence migrate`."""
    _turned(start, dsn, "running", revision)
    click.echo("go on: ringfence migrate", err=True)


@command.command()
@click.argument("revision")
@options.dsn
@click.pass_obj
def restart(start: Path | None, revision: str, dsn: str | None) -> None:
    """Forget how far a backfill is: it begins anew, with its file as it is then."""
    _turned(start, dsn, "restart", revision)


def _text(standings: Sequence[Standing]) -> str:
    from ringfence.pg.ledger import interval

    lines = []
    for each in standings:
        share = f" of about {each.estimate}" if each.estimate else ""
        line = (
            f"{each.state:<9} {each.revision} {each.direction}  {each.seen}{share} rows seen,"
            f" {each.changed} changed in {each.batches} batches, {interval(each.seconds)}"
        )
        if each.left is not None:
            line += f", about {interval(each.left)} left"
        lines.append(line)
    return "\n".join(lines) or "no backfill has begun"


def _json(standings: Sequence[Standing], target: str) -> str:
    import json

    from ringfence import __version__

    document = {
        "ringfence": __version__,
        "format": 1,
        "command": "backfill status",
        "target": target,
        "backfills": [
            {
                "revision": s.revision,
                "direction": s.direction,
                "state": s.state,
                "rows_seen": s.seen,
                "rows_changed": s.changed,
                "batches": s.batches,
                "batch": s.batch,
                "estimate": s.estimate,
                "seconds": round(s.seconds, 3),
                "seconds_left": None if s.left is None else round(s.left, 1),
                "at": s.at.isoformat() if s.at else None,
                "by": s.by,
            }
            for s in standings
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)

"""`ringfence history`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ringfence.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ringfence.pg.ledger import Event

SECTION = "Look"


@click.command()
@options.dsn
@click.option("--all", "all_", is_flag=True, help="Also what was started, and single statements.")
@click.option("-n", "--limit", type=click.IntRange(1), metavar="N", help="Only the newest N.")
@options.format_("text", "json")
@click.pass_obj
def command(
    start: Path | None, dsn: str | None, all_: bool, limit: int | None, format_: str
) -> None:
    """Who did what to this database, when, how long; newest first.

    The rows lie in the database itself (schema ringfence, table history) with the SQL that ran; the
    JSON has everything, the text what fits a line.
    """
    from ringfence import project
    from ringfence.pg import ledger
    from ringfence.pg.connect import connect, resolve

    found = project.need(start)
    schema = found.config.migrate.schema
    target = resolve(found, dsn)
    with connect(target, pinned=True) as connection:
        events: Sequence[Event] = ()
        if ledger.state(connection, schema).exists:
            events = ledger.events(connection, schema, limit, every=all_)
    if format_ == "json":
        click.echo(_json(events, target.shown))
        return
    if not events:
        click.echo(f"nothing has been applied to {target.shown}", err=True)
    for event in events:
        click.echo(_line(event))


_COLOURS = {"finished": "green", "failed": "red", "cancelled": "yellow", "interrupted": "red"}


def _line(event: Event) -> str:
    from ringfence.pg.ledger import interval

    what = event.event if event.statement is None else f"statement {event.statement}"
    if event.outcome in ("running", "interrupted"):
        what = event.outcome
    said = click.style(f"{what:<11}", fg=_COLOURS.get(what))
    name = f"{event.revision} ({event.title})" if event.title else event.revision
    at = f"{event.at.astimezone():%Y-%m-%d %H:%M:%S}" if event.at else ""
    line = f"{at}  {said} {event.direction:<4}  {name}"
    took = interval(event.seconds)
    user = event.client.get("user")
    who = event.role if user in (None, event.role) else f"{event.role} ({user})"
    line += f"  {took}" * bool(took) + f"  {who}"
    if event.error:
        said = f"{event.error.get('at', '')} {event.error.get('message', '')}".strip()
        line += f"\n    {said.partition(chr(10))[0]}"
    if event.reason and event.statement is None:
        line += f"\n    {event.reason.partition(chr(10))[0]}"
    return line


def _json(events: Sequence[Event], target: str) -> str:
    import json

    from ringfence import __version__

    rows = [
        {
            "id": e.id,
            "at": e.at.isoformat() if e.at else None,
            "event": e.event,
            "revision": e.revision,
            "direction": e.direction,
            "attempt": e.attempt,
            "statement": e.statement,
            "title": e.title,
            "checksum": e.checksum,
            "sql": e.sql,
            "seconds": e.seconds,
            "error": e.error,
            "client": e.client,
            "role": e.role,
            "effective_role": e.effective_role,
            "server_version": e.server_version,
            "backend": e.backend,
            "xid": e.xid,
            "fingerprint": e.fingerprint,
            "waits": e.waits,
            "reason": e.reason,
            "outcome": e.outcome,
        }
        for e in events
    ]
    document = {
        "ringfence": __version__,
        "format": 1,
        "command": "history",
        "target": target,
        "events": rows,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)

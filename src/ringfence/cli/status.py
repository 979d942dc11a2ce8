"""`ringfence status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ringfence.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from ringfence.migrate import Standing

SECTION = "Look"


@click.command()
@options.dsn
@options.format_("text", "json")
@click.pass_context
def command(context: click.Context, dsn: str | None, format_: str) -> None:
    """Where the database stands: applied, pending, edited.

    Exit status 1 means that it does not stand at the newest revision, or that a file that was
    applied has been edited since.
    """
    from ringfence import migrate, project, revisions
    from ringfence.pg.connect import resolve

    start: Path | None = context.obj
    found = project.need(start)
    target = resolve(found, dsn)
    graph = revisions.read(found)
    standing = migrate.standing(graph, target, found.config.migrate.schema)
    click.echo(_json(standing) if format_ == "json" else _text(standing))
    context.exit(0 if standing.at_head and len(standing.heads) < 2 else 1)


def _text(standing: Standing) -> str:
    lines = [f"database  {standing.target}"]
    lines.append(f"at        {', '.join(standing.current) or 'base (nothing applied)'}")
    heads = ", ".join(standing.heads) or "none"
    several = f" ({len(standing.heads)} heads: merge them)" if len(standing.heads) > 1 else ""
    lines.append(f"head      {heads}{several}")
    edited = {r.id for r in standing.edited}
    skipped = {r.id for r in standing.skipped}
    halves = {half.revision: half for half in standing.halves}
    for revision in (*standing.applied, *standing.pending):
        event = standing.state.applied.get(revision.id)
        if revision.id in skipped:
            mark, when = click.style("skipped", fg="red"), "  put below what is applied: never run"
        elif revision in standing.pending:
            # What lies below a revision that no file has, nobody can tell.
            mark = "?      " if standing.unknown else click.style("pending", fg="yellow")
            when = ""
        elif revision.id in edited:
            mark, when = click.style("edited ", fg="red"), ""
        else:
            mark = click.style("applied", fg="green")
            when = (
                f"  {event.at.astimezone():%Y-%m-%d %H:%M} by {event.role}"
                if event and event.at
                else ""
            )
        if half := halves.pop(revision.id, None):
            undone = "being undone: " if half.direction == "down" else ""
            when = f"  {undone}{half.shown}"
        lines.append(f"  {mark}  {revision}{when}")
    lines += [
        f"  {click.style('unknown', fg='red')}  {u}: not among the files" for u in standing.unknown
    ]
    lines += [
        f"  {click.style('unknown', fg='red')}  {half.revision}: not among the files, {half.shown}"
        for half in halves.values()
    ]
    return "\n".join(lines)


def _json(standing: Standing) -> str:
    import json

    from ringfence import __version__

    edited = {r.id for r in standing.edited}
    rows = []
    halves = {half.revision: half for half in standing.halves}
    for revision in (*standing.applied, *standing.pending):
        event = standing.state.applied.get(revision.id)
        pending = revision in standing.pending
        state = "edited" if revision.id in edited else "applied"
        if revision in standing.skipped:
            state = "skipped"
        if pending:
            state = "unknown" if standing.unknown else "pending"
        rows.append(
            {
                "revision": revision.id,
                "title": revision.title,
                "state": state,
                "at": event.at.isoformat() if event and event.at and not pending else None,
                "by": event.role if event and not pending else None,
                "statements_run": halves[revision.id].statements if revision.id in halves else 0,
            }
        )
    document = {
        "ringfence": __version__,
        "format": 1,
        "command": "status",
        "target": standing.target,
        "current": list(standing.current),
        "heads": list(standing.heads),
        "unknown": list(standing.unknown),
        "halfway": [
            {
                "revision": half.revision,
                "direction": half.direction,
                "statements": half.statements,
                "rows": half.rows,
            }
            for half in standing.halves
        ],
        "revisions": rows,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)

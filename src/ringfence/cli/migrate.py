"""`ringfence migrate`."""

from __future__ import annotations

import pathlib
import sys
from typing import TYPE_CHECKING, Literal

import click

from ringfence.cli import options
from ringfence.errors import Misuse, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ringfence.migrate import Way
    from ringfence.project import Project

SECTION = "Change a schema"


@click.command()
@click.argument("where", required=False, metavar="[TARGET]")
@click.option(
    "--dsn",
    "dsns",
    multiple=True,
    metavar="DSN",
    help="The database, as a URL or key=value pairs; several times: each of them. Default:"
    " RINGFENCE_DSN, then the project's configuration, then PGHOST and its like, then the embedded"
    " server.",
)
@click.option(
    "--targets",
    type=click.Path(path_type=pathlib.Path),
    metavar="FILE",
    help="Each database that FILE lists, a DSN a line.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Of several databases, how many at a time.",
)
@click.option(
    "--on-error",
    type=click.Choice(["stop", "continue"]),
    default="stop",
    show_default=True,
    help="Whether other databases are begun after one has failed.",
)
@click.option(
    "--to",
    metavar="TARGET",
    help="The same as TARGET, for those that begin with a dash: --to -1.",
)
@click.option("--dry-run", is_flag=True, help="Print the SQL that would run; change nothing.")
@click.option(
    "--phase",
    type=click.Choice(["expand", "contract"]),
    help="Only what belongs before a deploy (expand), or after it (contract).",
)
@click.option(
    "--baseline",
    metavar="REVISION",
    help="Record everything up to this (or head) as applied; run nothing. A database with a history"
    " has to be what that makes.",
)
@click.option(
    "--allow", multiple=True, metavar="HAZARD", help="Agree to a hazard by name; repeatable."
)
@click.option(
    "--allow-ahead",
    is_flag=True,
    help="Nothing to do where the database has all of these files and more: older code is deployed.",
)
@click.option("--yes", is_flag=True, help="Undo revisions without asking.")
@options.format_("text", "json")
@click.pass_obj
def command(
    start: Path | None,
    where: str | None,
    dsns: tuple[str, ...],
    targets: Path | None,
    jobs: int,
    on_error: Literal["stop", "continue"],
    to: str | None,
    dry_run: bool,
    phase: str | None,
    baseline: str | None,
    allow: tuple[str, ...],
    allow_ahead: bool,
    yes: bool,
    format_: str,
) -> None:
    """Bring the database to the newest revision, or to TARGET.

    TARGET is a revision, `head`, `base`, `+N` or `-N`, or the end of a branch: `partitioned@head`,
    `partitioned@base`. `heads` is the end of every branch.

    Each revision runs in a transaction of its own, together with its row in the history: it is
    applied whole or not at all. One runner works at a time; others wait for it.

    \b
    Examples:
      ringfence migrate                      on the project's own server
      ringfence migrate --dsn "$PRODUCTION"
      ringfence migrate --to -1              undo the last revision
      ringfence migrate --dry-run > plan.sql
      ringfence migrate --phase expand       what a deploy needs before it
      ringfence migrate --baseline 0007      the database holds these already
      ringfence migrate partitioned@head     a branch that `head` leaves out
      ringfence migrate --targets FILE       every database that FILE lists

    A revision whose file says `-- ringfence: hazard: NAME` runs where that is allowed: by --allow, by
    RINGFENCE_ALLOW, or by the configuration. So do the ways back that lose something.

    Several databases are migrated one after the other, or `--jobs` at a time, each with a history of
    its own; the answer is a line a database, and the exit status that of the one that fared worst. Run
    again, it goes on where each of them stands.

    Exit status 1 means refused: a hazard that nobody agreed to, a file that was applied and has been
    edited since, or a database that stands at a revision that is not among the files.
    """
    from ringfence import migrate, project
    from ringfence.pg.connect import resolve

    if where is not None and to is not None:
        raise Misuse(f"both {where} and --to {to} say where to end", hint="say one of them")
    to = where or to or "head"
    found = project.need(start)
    if targets is not None or len(dsns) > 1:
        if dry_run or baseline is not None:
            what = "--dry-run" if dry_run else "--baseline"
            raise Misuse(f"{what} is for one database", hint="name one with --dsn")
        given = [
            *(["--to", to] if to != "head" else ()),
            *(["--phase", phase] if phase else ()),
            *(word for name in allow for word in ("--allow", name)),
            *(["--allow-ahead"] if allow_ahead else ()),
            *(["--yes"] if yes else ()),
        ]
        _many(found, dsns, targets, given, jobs, on_error, format_)
        return
    target = resolve(found, dsns[0] if dsns else None)
    if baseline is not None:
        if dry_run or phase or to != "head":
            raise Misuse("--baseline stands alone", hint="it runs nothing: leave the others out")
        adopted = migrate.baseline(found, target, baseline)
        click.echo(f"recorded as applied: {', '.join(r.id for r in adopted) or 'nothing'}")
        return
    if dry_run:
        text = migrate.rehearsal_text(found, target, to=to, phase=phase)
        if not text:
            click.echo(f"nothing to do on {target.shown}", err=True)
        # The script says it is UTF-8, whatever the terminal is.
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8")
        sys.stdout.write(text)
        return

    def confirm(way: Way) -> None:
        names = ", ".join(str(r) for r in way.revisions)
        if yes:
            return
        if not sys.stdin.isatty():
            raise Misuse(f"this would undo {names}", hint="say --yes to mean it")
        # Not click.confirm: it writes to standard output too.
        click.echo(f"Undo {names} on {target.shown}? [y/N] ", nl=False, err=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Refused("nothing was undone")

    from ringfence.cli.progress import Watch

    with Watch(target.shown) as watch:
        before, moved = migrate.migrate(
            found,
            target,
            to=to,
            phase=phase,
            allow=allow,
            allow_ahead=allow_ahead,
            listen=watch.listen,
            confirm=confirm,
        )
    at = moved[-1].at if moved else before.current
    if format_ == "json":
        import json

        from ringfence import __version__

        document = {
            "ringfence": __version__,
            "format": 1,
            "command": "migrate",
            "target": target.shown,
            "from": list(before.current),
            "to": list(at),
            "revisions": [
                {
                    "revision": m.revision.id,
                    "title": m.revision.title,
                    "direction": m.direction,
                    "seconds": round(m.seconds, 6),
                }
                for m in moved
            ],
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    verb = "now at" if moved else "nothing to do: at"
    click.echo(f"{verb} {', '.join(at) or 'base'}")


def _many(
    project: Project,
    dsns: Sequence[str],
    file: Path | None,
    arguments: Sequence[str],
    jobs: int,
    on_error: Literal["stop", "continue"],
    format_: str,
) -> None:
    """Migrate several databases, and say of each what came of it."""
    from ringfence import many
    from ringfence.pg.connect import named

    targets = [named(dsn, f"--dsn number {n}") for n, dsn in enumerate(dsns, 1)]
    if file is not None:
        targets += many.read(file, str(file))
    outcomes = many.migrate(
        targets,
        arguments,
        folder=project.root,
        jobs=jobs,
        on_error=on_error,
        tell=lambda line: click.echo(line, err=True),
    )
    if format_ == "json":
        import json

        from ringfence import __version__

        document = {
            "ringfence": __version__,
            "format": 1,
            "command": "migrate",
            "targets": [
                {
                    "target": o.target,
                    "status": o.status,
                    "from": o.document.get("from"),
                    "to": o.document.get("to"),
                    "revisions": o.document.get("revisions", []),
                    "error": o.error or None,
                }
                for o in outcomes
            ],
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        rows = [(o.target, ", ".join(o.document.get("to", ())) or "-", o.shown) for o in outcomes]
        widths = [max(len(row[n]) for row in rows) for n in (0, 1)]
        for name, at, said in rows:
            click.echo(f"{name:{widths[0]}}  {at:{widths[1]}}  {said}")
    click.get_current_context().exit(many.worst(outcomes))

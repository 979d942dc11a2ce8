"""`ringfence rehearse`."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import click

from ringfence.cli import options
from ringfence.report import formats

if TYPE_CHECKING:
    from pathlib import Path

    from ringfence.project import Project
    from ringfence.rehearse import Part, Rehearsal, Rewritten

SECTION = "Prove"


@click.command()
@click.argument("revisions", nargs=-1, metavar="[REVISIONS|PLAN]...")
@options.dsn
@click.option(
    "--sql",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Rehearse this file instead of revisions; repeatable.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="How many rows a table gets for each tenant.",
)
@click.option(
    "--allow", multiple=True, metavar="HAZARD", help="Agree to a hazard by name; repeatable."
)
@options.fail_on
@click.option(
    "--rewrite", is_flag=True, help="Write the safe form of what has a hazard, in files of its own."
)
@click.option("--shadow", metavar="DSN", help="A server where databases may be made to look into.")
@options.format_(*formats())
@options.output
@click.pass_context
def command(
    context: click.Context,
    revisions: tuple[str, ...],
    dsn: str | None,
    files: tuple[str, ...],
    rows: int,
    allow: tuple[str, ...],
    fail_on: str,
    rewrite: bool,
    shadow: str | None,
    format_: str,
    outputs: tuple[str, ...],
) -> None:
    """Run what is pending on a shadow, and measure what it does.

    The shadow stands where the database stands and is full of made-up rows. Each statement is run
    there and looked at: the locks it takes, whom they keep waiting, whether tables are rewritten or
    read under them, whether rows are lost. What was there before is read, written and called again;
    each revision is undone and done again. A hazard comes with SQL that does the same and lets
    others work. With a live database the tables' sizes say how long it would take there.

    A PLAN is what `ringfence diff --format json` wrote. With --rewrite the safe form is written: a
    revision becomes several, the last with its id; FILE.sql has FILE.1.sql, FILE.2.sql … beside it.

    \b
    Examples:
      ringfence rehearse                        what is pending
      ringfence rehearse --dsn "$PRODUCTION"    as large as it is there
      ringfence rehearse 0007 0008
      ringfence rehearse --sql hotfix.sql --rewrite
      ringfence diff live ddl --format json > p.json; ringfence rehearse p.json

    Exit status 1 means that something was found that nobody agreed to.
    """
    from pathlib import Path

    from ringfence import project, rehearse, script
    from ringfence import report as reports
    from ringfence.errors import Misuse
    from ringfence.finding import Severity
    from ringfence.pg.connect import resolve

    if revisions and files:
        raise Misuse("revisions and --sql together", hint="rehearse one, then the other")
    planned = None
    if any(name.endswith(".json") for name in revisions):
        if len(revisions) > 1:
            raise Misuse("a plan and something else together", hint="rehearse one, then the other")
        planned, revisions = rehearse.read(Path(revisions[0]), revisions[0]), ()
    written = reports.outputs(outputs)
    start: Path | None = context.obj
    found = project.need(start)
    done = rehearse.rehearse(
        found,
        resolve(found, dsn),
        names=revisions,
        planned=planned,
        scripts=[
            script.read(p, found.shown(p), loose=not found.runs(p))
            for p in (Path(os.path.abspath(f)) for f in files)  # noqa: PTH100 - links stay as they are
        ],
        count=rows,
        shadow=shadow,
        allow=allow,
        fail_on=Severity(fail_on),
        rewrite=rewrite,
        listen=_watch,
    )
    reports.emit(done.report, format_, written, io.StringIO())
    if format_ == "json":
        _json(done)
    elif format_ == "text":
        _text(done)
    else:
        reports.write(done.report, format_, sys.stdout)
    for each in done.rewritten:
        _wrote(found, each)
    context.exit(done.report.status)


def _wrote(project: Project, each: Rewritten) -> None:
    """Write the safe form of a file, and say so."""
    from ringfence.finding import counted
    from ringfence.rehearse import rewrite
    from ringfence.rehearse.retype import CALLS, LAST

    name = each.file.name
    if not each.texts:
        click.echo(f"{name} is not rewritten: {each.why}", err=True)
        return
    for path in rewrite.write(project, each):
        click.echo(f"wrote {project.shown(path)}", err=True)
    for finding in each.left:
        click.echo(f"left: {finding.message} [{finding.code}]", err=True)
    lines = [line for text, _ in each.texts for line in text.split("\n")]
    called = dict.fromkeys(line.removeprefix(CALLS) for line in lines if line.startswith(CALLS))
    if called:
        click.echo(
            f"left: each row is written, and may be changed by {', '.join(called)}", err=True
        )
    last = dict.fromkeys(line.removeprefix(LAST) for line in lines if line.startswith(LAST))
    if last:
        click.echo(
            f"left: {', '.join(last)}: last among the table's columns, for those who name none",
            err=True,
        )
    left = counted(len(each.left), "hazard") if each.left else "no hazard"
    click.echo(f"{name} as it is written now leads to the same schema, with {left}", err=True)


def _watch(what: str) -> None:
    if sys.stderr.isatty():
        click.echo(click.style(f"  {what} …", dim=True), err=True)


def _json(done: Rehearsal) -> None:
    import json

    from ringfence import report as reports

    document = json.loads(reports.render(done.report, "json"))
    document["began"] = done.began
    document["server"] = done.server
    document["parts"] = [
        {
            "name": part.name,
            "transactional": part.transactional,
            "statements": [
                {
                    "sql": each.text,
                    "transaction": each.transaction,
                    "place": {
                        "path": each.span.path,
                        "line": each.span.line,
                        "column": each.span.column,
                    },
                    "locks": [
                        {"relation": lock.relation, "mode": lock.mode}
                        for lock in each.observed.locks
                    ],
                    "rewritten": list(each.observed.rewritten),
                    "built": list(each.observed.built),
                    "scanned": dict(each.observed.scanned),
                    "changed": dict(each.observed.changed),
                    "wal": each.observed.wal,
                    "temporary": each.observed.temporary,
                    "waits_for_older": each.observed.waits,
                    "expected": each.expected
                    and {"seconds": each.expected.seconds, "disk": each.expected.disk},
                }
                for each in part.statements
            ],
        }
        for part in done.parts
    ]
    click.echo(json.dumps(document, indent=2))


def _text(done: Rehearsal) -> None:
    from ringfence import rehearse
    from ringfence import report as reports

    for part in done.parts:
        _part(part)
    reports.write(done.report, "text", sys.stdout)
    if done.report.status and (names := rehearse.agree(done.report)):
        click.echo(f"to agree: {names}", err=True)


def _part(part: Part) -> None:
    """What each statement did: a line for it, and one for each lock that stops somebody."""
    from ringfence.finding import counted

    title = f" ({part.title})" if part.title else ""
    click.echo(click.style(f"{part.name}{title}", bold=True) + f", {part.how}")
    quiet = beside = 0
    for number, each in enumerate(part.statements, 1):
        lines = _did(each)
        if not lines and any(lock.stops_writers for lock in each.observed.held):
            beside += 1
            continue
        if not lines:
            quiet += 1
            continue
        words = " ".join(each.text.split())
        click.echo(f"  {number:>2}  {words[:90]}{'…' if len(words) > 90 else ''}")
        for line in lines:
            click.echo(f"      {line}")
    if quiet:
        click.echo(f"  {counted(quiet, 'statement')} kept nobody waiting")
    if beside:
        click.echo(f"  {counted(beside, 'statement')} ran while others wait for the locks above")
    click.echo()


_WORTH_TELLING = 1 << 20


def _did(each: object) -> list[str]:
    from ringfence.rehearse import Measured
    from ringfence.rehearse.hazards import duration, size

    assert isinstance(each, Measured)
    seen = each.observed
    out = []
    for lock in seen.locks:
        stops = (
            "stops readers and writers"
            if lock.stops_readers
            else "stops writers"
            if lock.stops_writers
            else ""
        )
        if stops:
            colour = "red" if seen.works else "yellow"
            out.append(f"{lock.relation}: {lock.mode}, " + click.style(stops, fg=colour))
    for verb, names in (
        ("rewrites", seen.rewritten),
        ("empties", seen.emptied),
        ("builds", seen.built),
        ("reads all of", [t for t in seen.scanned if t not in seen.rewritten]),
        ("writes rows of", list(seen.changed)),
    ):
        if names:
            out.append(f"{verb} {', '.join(names)}")
    if seen.unmet:
        out.append("meets no made-up row")
    if seen.error is not None:
        out.append(click.style("fails", fg="red"))
    if seen.waits:
        out.append("waits for transactions that began before it")
    if seen.wal >= _WORTH_TELLING:
        out.append(f"writes {size(seen.wal)} of WAL")
    if seen.temporary:
        out.append(f"spills {size(seen.temporary)} to temporary files")
    if each.expected is not None and each.expected.seconds >= 0.01:
        disk = each.expected.disk
        more = f", {size(disk)} more disk while it runs" if disk >= _WORTH_TELLING else ""
        out.append(f"about {duration(each.expected.seconds)} at its present size{more}")
    return out

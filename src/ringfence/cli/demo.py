"""`ringfence demo`: the whole of it, on a server of its own."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ringfence.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, RenderableType

    from ringfence.demo import Demo

SECTION = "Start here"

_PARTS = {
    "server": "starting the server",
    "migrate": "migrating an empty database",
    "seed": "seeding two tenants",
    "verify": "verifying",
}
_WIDEST = 100


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--anew", is_flag=True, help="Also where the last demo's database was worked in.")
@options.format_("text", "json")
@click.pass_obj
def command(start: Path | None, directory: Path | None, anew: bool, format_: str) -> int:
    """See a schema migrated, seeded and verified.

    Starts the project's own server, brings an empty database to the newest revision, fills it with
    two tenants, and verifies it. The server keeps running, for you to look around. Where there is
    no project, one is written first, with a messaging schema: into DIR, or ./ringfence-demo.

    Run again, it begins anew: the database of an earlier demo is dropped, unless somebody has worked
    in it since. Any other is left alone.

    \b
    Examples:
      ringfence demo
      ringfence db psql      then look around

    Exit status 1 means that some claim does not hold, or refused: the database holds what no demo
    made, or another server than the project's own is named.
    """
    from rich.console import Console
    from rich.status import Status

    from ringfence import demo
    from ringfence.errors import Misuse

    if directory is not None and ":/" in str(directory):
        raise Misuse("a DSN is no directory", hint="the demo runs on a server of its own")
    project, written = demo.place(start, directory)
    quiet = Console(stderr=True, highlight=False)
    if written:
        quiet.print(f"wrote a project: {project.root}", soft_wrap=True, markup=False)
    with Status("", console=quiet) as status:
        done = demo.run(project, anew=anew, begins=lambda part: status.update(f"{_PARTS[part]} …"))
    if format_ == "json":
        click.echo(_json(done))
    else:
        console = Console(highlight=False, markup=False)
        console.width = min(console.width, _WIDEST)
        with console.capture() as capture:
            _show(done, console)
        # rich fills every line of a table up to its width; a file or a paste should not have that.
        sys.stdout.write(
            re.sub(r" +((?:\x1b\[[\d;]*m)*)$", r"\1", capture.get(), flags=re.MULTILINE)
        )
    return done.report.status


def _show(done: Demo, console: Console) -> None:
    """The summary for people, as wide as the terminal, in lines that are never cut."""
    from dataclasses import replace

    from rich.text import Text

    from ringfence import report as reports
    from ringfence.finding import Severity

    total = sum(done.seconds.values())
    done_to = "an empty database migrated, seeded and verified in"
    console.print(Text(f"PostgreSQL {done.server_version}: {done_to} {_took(total)}", "bold"))
    console.print(_section("made", _objects(done)))
    console.print(_section("filled", _rows(done)))
    console.print(_section("verified", _claims(done)))
    worth = tuple(f for f in done.report.findings if f.severity is not Severity.INFO)
    if worth:
        console.print()
        report = replace(done.report, findings=worth, coverage=())
        text = reports.render(report, width=console.width, colour=console.color_system is not None)
        console.print(Text.from_ansi(text), end="")
    console.print(_section("took", _times(done)))
    console.print(_section("next", _next(done)))


def _section(title: str, rows: Iterable[tuple[RenderableType, ...]]) -> RenderableType:
    """A heading and rows below it, whose last column takes what width is left."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    listed = list(rows)
    table = Table.grid(padding=(0, 2))
    for _ in listed[0][:-1]:
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in listed:
        table.add_row(*row)
    return Group(Text(f"\n{title}", "bold"), Padding(table, (0, 0, 0, 2)))


def _objects(done: Demo) -> Iterable[tuple[RenderableType, ...]]:
    from rich.text import Text

    from ringfence.finding import counted

    for objects in done.objects:
        unit = counted(objects.count, objects.kind).partition(" ")[2]
        schemas = sorted(objects.schemas.items(), key=lambda item: (-item[1], item[0]))
        if objects.kind == "schema" or len(schemas) == 1:
            where = ", ".join(name for name, _ in schemas)
        else:
            where = ", ".join(f"{name} {count}" for name, count in schemas)
        yield Text(str(objects.count), "cyan", justify="right"), unit, Text(where, "dim")


def _rows(done: Demo) -> Iterable[tuple[RenderableType, ...]]:
    from rich.text import Text

    from ringfence.finding import counted

    seeded = done.seeded
    scoped = [filled for filled in seeded.tables if filled.scoped]
    for number, tenant in enumerate(seeded.tenants):
        rows = sum(filled.rows[number] for filled in scoped)
        yield (
            Text(f"tenant {number + 1}"),
            Text.assemble((tenant, "dim"), "  ", (counted(rows, "row"), "cyan")),
        )
    shared = sum(filled.total for filled in seeded.tables if not filled.scoped)
    if shared:
        yield Text("shared"), Text(counted(shared, "row"), "cyan")
    empty = [*seeded.empty, *(f.table for f in seeded.tables if not f.total)]
    full = counted(sum(bool(f.total) for f in seeded.tables), "table")
    yield Text("in"), f"{full}; " + (f"empty: {', '.join(empty)}" if empty else "none is empty")


def _claims(done: Demo) -> Iterable[tuple[RenderableType, ...]]:
    from rich.text import Text

    from ringfence.finding import counted

    broken = {finding.code for finding in done.report.findings}
    for claim in sorted(done.report.coverage, key=lambda c: bool(c.skipped)):
        if claim.skipped:
            yield Text("–", "yellow"), Text.assemble(claim.title, (f"  {claim.skipped}", "dim"))
        elif claim.subject in broken:
            yield Text("✗", "red"), claim.title
        else:
            looked = counted(claim.count, claim.unit)
            yield Text("✓", "green"), Text.assemble(claim.title, (f"  {looked}", "dim"))


def _times(done: Demo) -> Iterable[tuple[RenderableType, ...]]:
    from rich.text import Text

    longest = max(done.seconds.values())
    for part, seconds in done.seconds.items():
        bar = "▇" * max(1, round(20 * seconds / longest))
        yield part, Text(_took(seconds), justify="right"), Text(bar, "blue")


def _took(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _next(done: Demo) -> Iterable[tuple[RenderableType, ...]]:
    from rich.text import Text

    ours = _typed()
    if Path.cwd().resolve() not in (root := done.project.root.resolve(), *root.parents):
        pass
    elif root != Path.cwd().resolve():
        import shlex

        yield Text(f"cd {shlex.quote(str(root.relative_to(Path.cwd().resolve())))}", "bold"), ""
    for command, what in (
        ("db psql", "look around in the database"),
        ("status", "where it stands"),
        ("history", "who did what, when, how long"),
        ("migrate --to -1", "undo the last revision"),
        ("db stop", "stop the server; its data stay"),
    ):
        yield Text(f"{ours} {command}", "bold"), what


def _typed() -> str:
    """How the reader gets at this program: by its name where the PATH has it, else by its path."""
    import shlex
    import shutil

    program = Path(sys.argv[0])
    found = shutil.which("ringfence")
    if program.name != "ringfence" or (found and Path(found).resolve() == program.resolve()):
        return "ringfence"
    try:
        return shlex.quote(str(program.absolute().relative_to(Path.cwd())))
    except ValueError:
        return shlex.quote(str(program))


def _json(done: Demo) -> str:
    import json

    from ringfence import __version__
    from ringfence import report as reports

    document = {
        "ringfence": __version__,
        "format": 1,
        "command": "demo",
        "target": done.target.shown,
        "status": done.report.status,
        "dsn": done.target.conninfo,
        "project": str(done.project.root),
        "server_version": done.server_version,
        "anew": done.anew,
        "revisions": [moved.revision.id for moved in done.moved],
        "objects": [
            {"kind": each.kind, "count": each.count, "schemas": dict(each.schemas)}
            for each in done.objects
        ],
        "tenants": list(done.seeded.tenants),
        "tables": [
            {
                "table": each.table,
                "scoped": each.scoped,
                "rows": list(each.rows),
                "by_triggers": each.by_triggers,
            }
            for each in done.seeded.tables
        ],
        "seconds": {part: round(seconds, 6) for part, seconds in done.seconds.items()},
        "verify": json.loads(reports.render(done.report, "json")),
    }
    return json.dumps(document, indent=2, ensure_ascii=False)

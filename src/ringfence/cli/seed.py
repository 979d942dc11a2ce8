"""`ringfence seed`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ringfence.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from ringfence.seed import Seeded

SECTION = "Fill"

_WIDEST = 100


@click.command()
@options.dsn
@click.option(
    "--tenants",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    metavar="N",
    help="How many tenants there will be.",
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
    "--seed",
    "number",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="What the values follow from: the same number, the same bytes.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be written; write nothing.")
@click.option("--force", is_flag=True, help="Also where tables have rows already; keep those.")
@options.format_("text", "json")
@click.pass_obj
def command(
    start: Path | None,
    dsn: str | None,
    tenants: int,
    rows: int,
    number: int,
    dry_run: bool,
    force: bool,
    format_: str,
) -> None:
    """Fill every table with tenants' rows that obey every constraint.

    Who the tenants are comes from [tool.ringfence.tenancy], else from policies and foreign keys. A
    row and all rows it points to belong to one tenant. All is written in one transaction, or
    nothing is.

    \b
    Examples:
      ringfence seed
      ringfence seed --tenants 3 --rows 100 --seed 42
      ringfence seed --format json | jq '.tables[] | {table, rows}'

    Exit status 1 means refused: a table has rows already, or there is one that no row can be found
    for. Status 3 means that the server refused a row. Nothing is written then.
    """
    from ringfence import project
    from ringfence.pg.connect import connect, resolve
    from ringfence.seed import seed

    found = project.find(start)
    target = resolve(found, dsn)
    with connect(target) as connection:
        seeded = seed(
            connection,
            tenants=tenants,
            rows=rows,
            seed=number,
            tenancy=found.config.tenancy if found else None,
            exclude_schemas=(found.config.migrate.schema if found else "ringfence",),
            dry_run=dry_run,
            force=force,
        )
    _show(seeded, target.shown)
    if format_ == "json":
        click.echo(_json(seeded, target.shown))


def _show(seeded: Seeded, shown: str) -> None:
    """What was written, for people: on standard error, in lines that end where their text does."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False)
    console.width = min(console.width, _WIDEST)
    with console.capture() as capture:
        console.print(_table(seeded))
    lines = [line.rstrip() for line in capture.get().splitlines()]
    sys.stderr.write("\n".join([*lines, "", *_notes(seeded, shown)]) + "\n")


def _table(seeded: Seeded) -> RenderableType:
    from rich.table import Table

    # A column a tenant reads well as long as there are few.
    many = len(seeded.tenants) > 6
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("table", overflow="fold")
    if seeded.root:
        if many:
            table.add_column("a tenant", justify="right")
        else:
            for number in range(1, len(seeded.tenants) + 1):
                table.add_column(f"tenant {number}", justify="right")
    table.add_column("rows", justify="right")
    for filled in seeded.tables:
        cells: list[str] = []
        if seeded.root and many:
            low, high = min(filled.rows), max(filled.rows)
            cells = [(str(low) if low == high else f"{low}–{high}") if filled.scoped else ""]
        elif seeded.root:
            cells = [str(n) for n in filled.rows] if filled.scoped else [""] * len(seeded.tenants)
        table.add_row(filled.table, *cells, str(filled.total))
    return table


def _notes(seeded: Seeded, shown: str) -> list[str]:
    done = "wrote" if seeded.written else "would write"
    lines = []
    if seeded.root:
        setting = f", told apart by {seeded.setting}" if seeded.setting else ""
        origin = " (found from policies and foreign keys)" if seeded.inferred else ""
        lines.append(f"tenants: the rows of {seeded.root}{setting}{origin}")
    else:
        lines.append("tenants: none are configured, and no policy tells of any")
    for short in seeded.shortfalls:
        why = f": {short.reason}" if short.reason else ""
        lines.append(f"{short.got} of {short.asked} rows for {short.table}{why}")
    lines += [f"{path} can hold no rows" for path in seeded.empty]
    for filled in seeded.tables:
        if filled.by_triggers:
            lines.append(f"triggers wrote {filled.by_triggers} more rows to {filled.table}")
    count = f"{seeded.rows:,} rows" if seeded.rows != 1 else "1 row"
    tables = len(seeded.tables)
    lines.append(
        f"{done} {count} to {tables} table{'' if tables == 1 else 's'} of {shown},"
        f" from seed {seeded.seed}"
    )
    return lines


def _json(seeded: Seeded, shown: str) -> str:
    """The answer as JSON.

    `tables` holds for each table the rows by tenant, in the order of `tenants` (one number where
    `scoped` is false), and how many more its triggers wrote; `shortfalls` the tables that have no
    room for all rows asked for, and why; `empty` the tables that can have none.
    """
    import json

    from ringfence import __version__

    document = {
        "ringfence": __version__,
        "format": 1,
        "command": "seed",
        "target": shown,
        "status": 0,
        "written": seeded.written,
        "seed": seeded.seed,
        "tenancy": {
            "root": seeded.root or None,
            "setting": seeded.setting or None,
            "inferred": seeded.inferred,
        },
        "tenants": list(seeded.tenants),
        "rows": seeded.rows,
        "tables": [
            {
                "table": filled.table,
                "scoped": filled.scoped,
                "rows": list(filled.rows),
                "by_triggers": filled.by_triggers,
            }
            for filled in seeded.tables
        ],
        "shortfalls": [
            {"table": s.table, "asked": s.asked, "got": s.got, "reason": s.reason}
            for s in seeded.shortfalls
        ],
        "empty": list(seeded.empty),
    }
    return json.dumps(document, indent=2, ensure_ascii=False)

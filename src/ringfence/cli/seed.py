"""`ringfence seed`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ringfence.cli import options, progress

if TYPE_CHECKING:
    from psycopg import Connection
    from rich.console import RenderableType

    from ringfence.seed import Cleaned, Plan, Seeded
    from ringfence.seed.wishes import Profile

SECTION = "Fill"

_WIDEST = 100


@click.command()
@options.dsn
@click.option(
    "--tenants",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many tenants there will be.  [default: 2]",
)
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many rows a table gets for each tenant.  [default: 5; 1 with --profile minimal,"
    " 10000 with load]",
)
@click.option(
    "--seed",
    "number",
    type=int,
    metavar="N",
    help="What the values follow from: the same number, the same bytes.  [default: 1]",
)
@click.option(
    "--profile",
    type=click.Choice(["minimal", "demo", "load"]),
    default="demo",
    show_default=True,
    help="minimal: the fewest rows that cover every table, partition and literal of a CHECK. load:"
    " many, by COPY.",
)
@click.option(
    "--locale",
    metavar="NAME",
    help="Whose names and words: es_MX, en_US, or any that Faker knows.  [default: es_MX]",
)
@click.option("--skew", type=click.FloatRange(min=0), metavar="S", help="One large tenant, and ever"
    " smaller ones: shares of 1, 1/2, 1/3 … to the power S.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be written; write nothing.")
@click.option(
    "--to-sql",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the rows to a file of SQL (- is standard output), not to the database.",
)
@click.option(
    "--to-csv",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the rows to a new folder, a file a table, not to the database.",
)
@click.option(
    "--clean", is_flag=True, help="Remove exactly the rows that seeds wrote here (or that --seed)."
)
@click.option(
    "--force",
    is_flag=True,
    help="Also where the database is not marked disposable or tables have rows; keep those.",
)
@click.option(
    "--bulk",
    is_flag=True,
    help="With --profile load: drop secondary indexes and foreign keys, and make them anew.",
)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --profile load: commit every N rows or so, for --resume to go on from.",
)
@click.option(
    "--yes", is_flag=True, help="Do not ask whether the tenancy that was found out is right."
)
@click.option("--resume", is_flag=True, help="Go on with a load in batches that was interrupted.")
@click.option(
    "--as-owner", is_flag=True, help="Write as who is connected, not as the tenants' runtime role."
)
@options.format_("text", "json")
@click.pass_obj
def command(
    start: Path | None,
    dsn: str | None,
    tenants: int | None,
    rows: int | None,
    number: int | None,
    profile: Profile,
    locale: str | None,
    skew: float | None,
    dry_run: bool,
    to_sql: Path | None,
    to_csv: Path | None,
    clean: bool,
    force: bool,
    bulk: bool,
    batch: int | None,
    resume: bool,
    as_owner: bool,
    yes: bool,
    format_: str,
) -> None:
    """Fill every table with tenants' rows that obey every constraint.

    Who the tenants are comes from [tool.ringfence.tenancy], else from policies, grants and foreign
    keys; on a terminal you are asked whether that is so. What a column's values are, if not what
    ringfence thinks up, stands in [tool.ringfence.seed.columns]. A row and all rows it points to belong to one tenant. Tables with row-level security are
    written as the runtime role, in the tenant's name. All is written in one transaction, or nothing
    is.

    \b
    Examples:
      ringfence seed
      ringfence seed --tenants 3 --rows 100 --seed 42
      ringfence seed --profile minimal --to-sql fixtures.sql
      ringfence seed --clean
      ringfence seed --format json | jq '.tables[] | {table, rows}'

    Exit status 1 means refused: the database is not marked disposable (ringfence db
    mark-disposable), a table has rows already, there is one that no row can be found for, or the
    server refused a row. Nothing is written then.
    """
    from dataclasses import replace

    from ringfence import project, seed
    from ringfence.errors import Misuse
    from ringfence.pg.connect import connect, resolve

    ways = {
        "--dry-run": dry_run, "--to-sql": to_sql, "--to-csv": to_csv, "--clean": clean,
        "--resume": resume,
    }  # fmt: skip
    given = [name for name, value in ways.items() if value]
    if len(given) > 1:
        raise Misuse(f"{' and '.join(given)} do not go together", hint="ringfence seed --help")
    found = project.find(start)
    target = resolve(found, dsn)
    history = found.config.migrate.schema if found else "ringfence"
    settings = found.config.seed if found else seed.Settings()
    if locale is not None:
        settings = replace(settings, locale=locale)
    if skew is not None:
        settings = replace(settings, skew=skew)
    tenancy = found.config.tenancy if found else None
    with connect(target) as connection:
        if clean:
            shape = seed.read(connection, exclude_schemas=(history,))
            cleaned = seed.clean(connection, shape, schema=history, seed=number, force=force)
            _say_cleaned(cleaned, target.shown, format_)
            return
        if tenants is not None and seed.survey(connection, tenancy, (history,))[1].rootless:
            raise Misuse(
                f"--tenants {tenants}: policies tell rows apart by a column that leads to no table of"
                " tenants",
                hint="[tool.ringfence.tenancy] root names a table that foreign keys lead to; or leave"
                " --tenants out, and rows belong to nobody",
            )
        tenants = 2 if tenants is None else tenants
        wishes = seed.wishes_of(
            settings,
            tenants=tenants,
            rows=rows,
            seed=1 if number is None else number,
            profile=profile,
        )
        if to_sql or to_csv:
            shape, who, _ = seed.survey(connection, tenancy, (history,))
            plan = seed.plan(connection, shape, who, wishes)
            _write_files(connection, plan, to_sql, to_csv)
            return
        if not (dry_run or force or target.embedded):
            seed.need_disposable(connection, target.shown)
        with progress.Rows() as watch:
            seeded = (
                seed.resume(
                    connection,
                    tenancy=tenancy,
                    exclude_schemas=(history,),
                    record=history,
                    seed=number,
                    progress=watch.listen,
                )
                if resume
                else seed.seed(
                    connection,
                    tenants=tenants,
                    rows=rows,
                    seed=wishes.seed,
                    profile=profile,
                    tenancy=tenancy,
                    settings=settings,
                    exclude_schemas=(history,),
                    dry_run=dry_run,
                    force=force,
                    as_owner=as_owner,
                    bulk=bulk,
                    batch=batch or 0,
                    record=history,
                    progress=watch.listen,
                    announce=lambda seeded: _announce(seeded, yes=yes),
                )
            )
    _show(seeded, target.shown)
    if format_ == "json":
        click.echo(_json(seeded, target.shown))


def _write_files(
    connection: Connection[Any], plan: Plan, to_sql: Path | None, to_csv: Path | None
) -> None:
    from ringfence import seed
    from ringfence.errors import Misuse

    count = sum(map(len, plan.rows.values()))
    for line in _fickle(plan.fickle):
        click.echo(line, err=True)
    if to_csv is not None:
        paths = seed.to_csv(connection, plan, to_csv)
        click.echo(f"wrote {count:,} rows to {len(paths) - 1} files in {to_csv}", err=True)
        click.echo(f"load them with: cd {to_csv} && psql -f load.sql", err=True)
        return
    assert to_sql is not None
    pieces = list(seed.to_sql(connection, plan))
    if str(to_sql) == "-":
        sys.stdout.write("".join(pieces))
        return
    try:
        to_sql.write_text("".join(pieces), encoding="utf-8")
    except OSError as error:
        raise Misuse(f"cannot write {to_sql}: {error.strerror}") from None
    click.echo(f"wrote {count:,} rows to {to_sql}", err=True)


def _say_cleaned(cleaned: Cleaned, shown: str, format_: str) -> None:
    from ringfence.finding import counted

    for table, count in sorted(cleaned.gone.items()):
        click.echo(f"{counted(count, 'row')} of {table} had gone before", err=True)
    numbers = ", ".join(map(str, cleaned.seeds))
    what = f"removed {counted(cleaned.rows, 'row')} from {counted(len(cleaned.tables), 'table')}"
    click.echo(f"{what} of {shown}, written by seed {numbers}", err=True)
    if format_ == "json":
        import json

        from ringfence import __version__

        document = {
            "ringfence": __version__,
            "format": 1,
            "command": "seed",
            "target": shown,
            "status": 0,
            "cleaned": list(cleaned.seeds),
            "rows": cleaned.rows,
            "tables": [
                {"table": table, "removed": count, "gone": cleaned.gone.get(table, 0)}
                for table, count in sorted(cleaned.tables.items())
            ],
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))


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
    if seeded.tenants:
        if many:
            table.add_column("a tenant", justify="right")
        else:
            for number in range(1, len(seeded.tenants) + 1):
                table.add_column(f"tenant {number}", justify="right")
    table.add_column("rows", justify="right")
    for filled in seeded.tables:
        cells: list[str] = []
        if seeded.tenants and many:
            low, high = min(filled.rows), max(filled.rows)
            cells = [(str(low) if low == high else f"{low}–{high}") if filled.scoped else ""]
        elif seeded.tenants:
            cells = [str(n) for n in filled.rows] if filled.scoped else [""] * len(seeded.tenants)
        table.add_row(filled.table, *cells, str(filled.total))
    return table


def _announce(seeded: Seeded, *, yes: bool) -> None:
    """Say who the tenants are, where that was found out, before anything is written, and ask whether
    that is so where somebody is there to answer."""
    if not seeded.inferred:
        return
    sys.stderr.write("\n".join([*_model(seeded), "", ""]))
    sys.stderr.flush()
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    # Not click.confirm: it writes to standard output too.
    sys.stderr.write(f"write {seeded.rows:,} rows for these tenants? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        from ringfence.errors import Refused

        raise Refused(
            "nothing was written",
            hint="say who the tenants are in pyproject.toml, [tool.ringfence.tenancy]",
        )


def _model(seeded: Seeded) -> list[str]:
    lines = []
    if seeded.root:
        setting = f", told apart by {seeded.setting}" if seeded.setting else ""
        origin = " (found from policies and foreign keys)" if seeded.inferred else ""
        lines.append(f"tenants: the rows of {seeded.root}{setting}{origin}")
        if seeded.inferred:
            lines.append("if that is so, write it down in pyproject.toml:")
            lines += [f"  {line}" for line in _tenancy(seeded)]
    elif seeded.columns:
        setting = f", which {seeded.setting} names" if seeded.setting else ""
        origin = " (found from policies)" if seeded.inferred else ""
        lines.append(f"tenants: what stands in {', '.join(seeded.columns)}{setting}{origin}")
        lines.append(f"they are made up: {_some(seeded.tenants)}")
        if seeded.inferred:
            lines.append("if that is so, write it down in pyproject.toml:")
            lines += [f"  {line}" for line in _tenancy(seeded)]
    elif seeded.rootless:
        lines += [
            f"policies compare {column} with {setting}, and no table's rows are what it names"
            for column, setting in seeded.rootless
        ]
        lines.append(
            "tenants: none; rows are told apart by nothing. [tool.ringfence.tenancy] root names a"
            " table of tenants that foreign keys lead to"
        )
    else:
        lines.append("tenants: none are configured, and no policy tells of any")
    return lines


def _notes(seeded: Seeded, shown: str) -> list[str]:
    done = "wrote" if seeded.written else "would write"
    # What was found out has been said before it was written.
    lines = [] if seeded.written and seeded.inferred else _model(seeded)
    for short in seeded.shortfalls:
        why = f": {short.reason}" if short.reason else ""
        lines.append(f"{short.got} of {short.asked} rows for {short.table}{why}")
        if short.candidate:
            lines.append(f"  the last one tried: {short.candidate}")
    lines += [f"{path} can hold no rows" for path in seeded.empty]
    lines += _fickle(seeded.fickle)
    lines += [
        f"no row of {table} has {column} = '{text}'" for table, column, text in seeded.uncovered
    ]
    if seeded.guarded:
        noun = "table" if len(seeded.guarded) == 1 else "tables"
        lines.append(f"as {seeded.role}, whom policies bind: {len(seeded.guarded)} {noun}")
    lines += [f"{r.table} not as {r.role}: {r.said}" for r in seeded.refusals]
    lines += [
        f"tenant {tenant + 1} sees {seen:,} of its {count:,} rows of {table}"
        for table, tenant, count, seen in seeded.unseen
    ]
    for filled in seeded.tables:
        if filled.by_triggers:
            lines.append(f"triggers wrote {filled.by_triggers} more rows to {filled.table}")
    count = f"{seeded.rows:,} rows" if seeded.rows != 1 else "1 row"
    tables = len(seeded.tables)
    if seeded.written and not seeded.recorded:
        lines.append(
            "not recorded: who is connected may create no schema here, and --clean will not know of it"
        )
    lines.append(
        f"{done} {count} to {tables} table{'' if tables == 1 else 's'} of {shown},"
        f" from seed {seeded.seed}"
    )
    return lines


def _tenancy(seeded: Seeded) -> list[str]:
    """The tenancy that was found, as configuration."""

    def listed(names: tuple[str, ...]) -> str:
        return "[" + ", ".join(_quoted(name) for name in names) + "]"

    nobodys = tuple(f.table for f in seeded.tables if not f.scoped)
    who = ("root", seeded.root) if seeded.root else ("column", seeded.column)
    lines = ["[tool.ringfence.tenancy]", f"{who[0]} = {_quoted(who[1])}"]
    lines += [f"setting = {_quoted(seeded.setting)}"] if seeded.setting else []
    lines += [f"value = {_quoted(seeded.value)}"] if seeded.value else []
    lines += [f"roles = {listed(seeded.roles)}"] if seeded.roles else []
    return [*lines, f"shared = {listed(nobodys)}"] if nobodys else lines


def _fickle(found: tuple[tuple[str, str], ...]) -> list[str]:
    return [
        f"{column} is set by SQL that calls {function}: the same seed will not give the same values"
        for column, function in found
    ]


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _quoted(name: str) -> str:
    """A name as a TOML string."""
    import json

    return json.dumps(name, ensure_ascii=False)


def _json(seeded: Seeded, shown: str) -> str:
    """The answer as JSON.

    `tables` holds for each table the rows by tenant, in the order of `tenants` (one number where
    `scoped` is false), and how many more its triggers wrote; `shortfalls` the tables that have no
    room for all rows asked for, and why; `empty` the tables that can have none; `uncovered` the
    literals of checks that no row could be found for; `guarded` the tables that the runtime `role`
    wrote, `refusals` those it was not let write.
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
            "column": seeded.column or None,
            "setting": seeded.setting or None,
            "value": seeded.value or None,
            "roles": list(seeded.roles),
            "shared": list(seeded.shared),
            "inferred": seeded.inferred,
            "columns": list(seeded.columns),
            "rootless": [{"column": c, "setting": s} for c, s in seeded.rootless],
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
            {
                "table": s.table,
                "asked": s.asked,
                "got": s.got,
                "reason": s.reason,
                "candidate": s.candidate,
            }
            for s in seeded.shortfalls
        ],
        "empty": list(seeded.empty),
        "uncovered": [
            {"table": table, "column": column, "value": text}
            for table, column, text in seeded.uncovered
        ],
        "role": seeded.role or None,
        "guarded": list(seeded.guarded),
        "refusals": [{"table": r.table, "role": r.role, "said": r.said} for r in seeded.refusals],
        "unseen": [
            {"table": table, "tenant": tenant, "rows": count, "seen": seen}
            for table, tenant, count, seen in seeded.unseen
        ],
        "fickle": [{"column": c, "function": f} for c, f in seeded.fickle],
        "recorded": seeded.recorded,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)

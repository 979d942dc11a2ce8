"""`ringfence lint`: what the rules say of SQL files."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ringfence.cli import options
from ringfence.report import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECTION = "Prove"


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATHS]...")
@options.fail_on
@click.option(
    "--select", multiple=True, metavar="CODES", help="Only these rules or families: M,T001,style."
)
@click.option("--skip", multiple=True, metavar="CODES", help="Not these rules or families.")
@click.option(
    "--catalog/--no-catalog",
    default=None,
    help="Look at the schema that ddl makes too. Default: where no paths are given.",
)
@click.option("--fix", is_flag=True, help="Lay files out anew where it changes nothing else.")
@click.option("--squawk", is_flag=True, help="Run squawk on migrations too: findings squawk/….")
@click.option("--since", default="", metavar="REF", help="Only files changed since leaving REF.")
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Accept what this file accepts. Default: the project's, if it names one.",
)
@click.option("--accept", metavar="REASON", help="Write what is found to the baseline, and why.")
@options.format_(*formats())
@options.output
@click.pass_obj
def command(
    start: Path | None,
    paths: tuple[Path, ...],
    fail_on: str,
    select: tuple[str, ...],
    skip: tuple[str, ...],
    catalog: bool | None,
    fix: bool,
    squawk: bool,
    since: str,
    baseline: Path | None,
    accept: str | None,
    format_: str,
    outputs: tuple[str, ...],
) -> int:
    """Find what is wrong with a schema and its migrations, without a database of yours.

    Looks at the style of the project's SQL, at what its migrations do to a database at work, and at
    the schema that ddl makes, loaded into a database of ringfence's own. With files and folders given
    it looks at these alone.

    \b
    Examples:
      ringfence lint                          the whole project
      ringfence lint ddl/app --fail-on error  style may be as it is
      ringfence lint --since origin/main      what this branch has changed
      ringfence lint --select M new.sql       what a migration locks
      ringfence lint --format json | jq .findings[].place
      ringfence explain style/LT01            what a finding means
    """
    from ringfence import report as reports
    from ringfence.finding import Severity
    from ringfence.project import find
    from ringfence.rules import lint

    files = reports.outputs(outputs)
    project = find(start)
    if baseline is not None and start is not None:
        baseline = start / baseline
    elif baseline is None and project is not None and project.config.lint.baseline:
        baseline = project.root / project.config.lint.baseline
    skipped = (*(project.config.lint.skip if project and not select else ()), *_codes(skip))
    with _progress() as progress:
        report = lint(
            project,
            paths,
            base=start,
            fail_on=Severity(fail_on),
            progress=progress,
            select=_codes(select),
            skip=skipped,
            catalog=not paths if catalog is None else catalog,
            squawk=squawk,
            since=since,
            baseline=baseline,
            accept=accept,
            fix=fix,
        )
    reports.emit(report, format_, files, sys.stdout)
    return report.status


def _codes(given: tuple[str, ...]) -> list[str]:
    """`--select M,T001 --select style` as codes; what names none names one that does not exist."""
    return [code for each in given for code in each.replace(",", " ").split() or [each]]


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A line on stderr that is there while there is slow work; none where nobody watches."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    clear = "\r\x1b[K"
    shown = False

    def show(done: int, total: int) -> None:
        nonlocal shown
        shown = True
        click.echo(f"{clear}lint: {done} of {total} files", nl=False, err=True)

    try:
        yield show
    finally:
        if shown:
            click.echo(clear, nl=False, err=True)

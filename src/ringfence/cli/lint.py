"""`ringfence lint`: what the rules say of SQL files."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ringfence.cli.options import format_
from ringfence.report import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECTION = "Prove"


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATHS]...")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info"]),
    default="warning",
    show_default=True,
    help="The least grave finding that makes the status 1.",
)
@format_(*formats())
@click.pass_obj
def command(start: Path | None, paths: tuple[Path, ...], fail_on: str, format_: str) -> int:
    """Find what is wrong with SQL files, without a server.

    Looks at the project's ddl and migrations, or at the files and folders given.

    \b
    Examples:
      ringfence lint                          the whole project
      ringfence lint ddl/app --fail-on error  style may be as it is
      ringfence lint --format json | jq .findings[].place
      ringfence explain style/LT01            what a finding means
    """
    from ringfence.finding import Severity
    from ringfence.project import find
    from ringfence.report import write
    from ringfence.rules import lint

    with _progress() as progress:
        report = lint(find(start), paths, base=start, fail_on=Severity(fail_on), progress=progress)
    write(report, format_, sys.stdout)
    return report.status


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr that appears when there is slow work and goes when it is done."""
    if not sys.stderr.isatty():
        yield None
        return

    def show(done: int, total: int) -> None:
        click.echo(f"\r\x1b[Klint: {done} of {total} files", nl=False, err=True)

    try:
        yield show
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)

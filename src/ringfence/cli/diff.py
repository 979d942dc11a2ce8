"""`ringfence diff`."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import click

from ringfence.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.change import Change
    from ringfence.pg.load import Note
    from ringfence.step import Plan

SECTION = "Change a schema"


@click.command()
@click.argument("from_", metavar="FROM")
@click.argument("to", metavar="TO")
@options.dsn
@click.option("--shadow", metavar="DSN", help="A server where databases may be made to look into.")
@click.option("--no-proof", is_flag=True, help="Leave out the proof on a clone.")
@options.rename
@options.format_("sql", "json", "markdown")
@click.pass_context
def command(
    context: click.Context,
    from_: str,
    to: str,
    dsn: str | None,
    shadow: str | None,
    no_proof: bool,
    renames: tuple[str, ...],
    format_: str,
) -> None:
    """The SQL that turns FROM into TO.

    FROM and TO are each any of: live, ddl, head, a revision, git:REF (ddl as of a commit), a DSN, a
    .sql file, a directory of .sql files, a snapshot .json. The SQL goes to standard output and runs
    as it stands with psql -X -v ON_ERROR_STOP=1 -f; a tree of the changes with their hazards goes to
    standard error. Nothing is written to FROM or TO.

    A TO of another major version is compared as FROM's major has it: what that has no word for is
    left out and named, what it cannot hold is refused. Roles that FROM's server lacks are named too.

    \b
    Examples:
      ringfence diff live ddl            what is to do to the database
      ringfence diff git:main ddl        what this branch changes
      ringfence diff a.sql b.sql
      ringfence diff "$STAGING" "$PRODUCTION"

    Exit status 0 when they are the same, 1 when they differ, 3 when PostgreSQL has no way from one to
    the other.
    """
    import json

    from ringfence import project, sources
    from ringfence.errors import Refused, ServerError
    from ringfence.pg.load import about_roles

    found = project.find(context.obj)
    a, b = sources.source(found, from_, dsn), sources.source(found, to, dsn)
    if a.what == b.what == "files" and about_roles(a.scripts) != about_roles(b.scripts):
        said = "roles, what they are members of and their settings are the server's: not compared"
        click.echo(click.style("note:", fg="cyan") + f" {said}", err=True)
    try:
        with sources.shop(found, (a, b), shadow) as shop:
            if format_ == "sql" and not renames and shop.same(a, b):
                _same(a.spec, b.spec)
                return
            from ringfence import review
            from ringfence.comparison import compare

            done = compare(shop, a, b, renames=renames, marked=format_ == "json")
            changes, made = done.changes, done.plan
            if made.steps and not no_proof and a.what != "snapshot":
                from ringfence.proof import prove

                made = prove(made, shop, a, b, done.new)
            notes = shop.notes
            if not (made.steps or made.notes or renames):
                shop.found_same()
    except Refused as error:
        # Of a script there is nothing: whoever asks for 1 to run it must not think it is empty.
        error.status = ServerError.status
        raise
    if format_ == "json":
        click.echo(json.dumps(made.to_json(), indent=2, ensure_ascii=False))
    elif format_ == "markdown":
        click.echo(review.markdown(changes, made, a.spec, b.spec), nl=False)
    else:
        sys.stdout.write(made.script())
    _converse(changes, made, notes, a.spec, b.spec)
    context.exit(1 if made.steps else 0)


_COLOURS = {"+": "green", "-": "red", "~": "yellow", "!": "magenta", "=": "blue"}


def _converse(changes: Sequence[Change], plan: Plan, notes: Sequence[Note], a: str, b: str) -> None:
    from ringfence import review

    for note in notes:
        click.echo(click.style("note:", fg="cyan") + f" {note.message} ({note.at})", err=True)
    for told in plan.notes:
        click.echo(click.style("note:", fg="cyan") + f" {told}", err=True)
    if not plan.steps:
        _same(a, b)
        return
    lines = review.tree(changes, plan)
    for depth, sign, text in lines[:_MOST]:
        click.echo("  " * depth + click.style(sign, fg=_COLOURS[sign]) + f" {text}", err=True)
    for line in _counted(lines[_MOST:], plan):
        click.echo(line, err=True)
    proof = plan.proof
    if proof is None:
        click.echo("not proved", err=True)
        return
    for line in proof.checked:
        click.echo(click.style("proved:", fg="green") + f" {line}", err=True)
    for line in proof.unchecked:
        click.echo(f"not checked: {line}", err=True)
    for line in proof.differences:
        click.echo(click.style("not proved:", fg="red") + f" {line}", err=True)


_MOST = 400
"""Lines that are told one by one: nobody reads more of them on a terminal."""


def _counted(left: Sequence[tuple[int, str, str]], plan: Plan) -> Iterator[str]:
    """What is not told one by one, and every hazard of the plan by its name."""
    if not left:
        return
    words = {"+": "created", "-": "dropped", "~": "altered", "!": "hazards", "=": "renamed"}
    counts = Counter(words[sign] for _, sign, _ in left)
    said = ", ".join(f"{count:,} {word}" for word, count in counts.items())
    yield f"… and {said} more: --format markdown tells all"
    codes = Counter(str(hazard.code) for hazard in dict.fromkeys(plan.hazards))
    if codes:
        yield "hazards: " + ", ".join(f"{count:,} {code}" for code, count in sorted(codes.items()))


def _same(a: str, b: str) -> None:
    click.echo(f"{a} and {b} are the same", err=True)

"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    F = TypeVar("F", bound=Callable[..., Any])

dsn = click.option(
    "--dsn",
    metavar="DSN",
    help="The database, as a URL or key=value pairs. Default: RINGFENCE_DSN, then the project's"
    " configuration, then PGHOST and its like, then the embedded server.",
)


rename = click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="KIND:OLD=NEW",
    help="Say that an object has another name now, and is to be kept; repeatable.",
)


def format_(*names: str) -> Callable[[F], F]:
    """`--format`, with these formats; the first is the default."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help="How the answer is written to standard output.",
    )


output = click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="FORMAT=FILE",
    help="Write the report to a file too, in another format; repeatable.",
)

fail_on = click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info"]),
    default="warning",
    show_default=True,
    help="The least grave finding that makes the status 1.",
)

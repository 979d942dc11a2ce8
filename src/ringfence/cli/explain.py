"""`ringfence explain`: the page of a rule."""

from __future__ import annotations

import click

SECTION = "Look"


@click.command()
@click.argument("code")
def command(code: str) -> None:
    """Say what a finding's code means and what to do about it.

    \b
    Examples:
      ringfence explain style
      ringfence explain style/LT01
    """
    from ringfence.rules import explain

    click.echo(explain(code))

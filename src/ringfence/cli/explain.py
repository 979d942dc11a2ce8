"""`ringfence explain`: the page of a rule."""

from __future__ import annotations

import click

SECTION = "Look"


@click.command()
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Say what a finding's code means and what to do about it; without one, list the rules.

    \b
    Examples:
      ringfence explain
      ringfence explain T
      ringfence explain style
      ringfence explain style/LT01
    """
    from ringfence.rules import explain, listed

    click.echo(explain(code) if code else listed())

"""`ringfence explain`: the page of a rule or a claim."""

from __future__ import annotations

import click

SECTION = "Look"


@click.command()
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Say what a finding's code means; without one, list rules and claims.

    \b
    Examples:
      ringfence explain
      ringfence explain T
      ringfence explain style
      ringfence explain style/LT01
      ringfence explain row-security
    """
    from ringfence import claims
    from ringfence.rules import explain, listed

    if code is None:
        rows = [f"{claim.code:<18}  {claim.title}" for claim in claims.claims()]
        click.echo("\n".join([listed(), "", "Claims of ringfence verify:", *rows]))
        return
    page = next((c.page for c in claims.claims() if c.code == code.partition("/")[0]), None)
    click.echo(page.strip() if page else explain(code))

"""`ringfence explain`: the page of a rule, a claim or a hazard."""

from __future__ import annotations

import click

SECTION = "Look"


@click.command()
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Say what a code means; without one, list all that there are.

    \b
    Examples:
      ringfence explain
      ringfence explain T
      ringfence explain style
      ringfence explain style/LT01
      ringfence explain row-security
      ringfence explain SCAN_UNDER_LOCK
    """
    from ringfence import claims
    from ringfence.rehearse import pages
    from ringfence.rules import explain, listed

    if code is None:
        rows = [f"{claim.code:<18}  {claim.title}" for claim in claims.claims()]
        told = [f"{name:<18}  {pages.title(name)}" for name in pages.codes()]
        click.echo("\n".join([listed(), "", "Claims of ringfence verify:", *rows]))
        click.echo("\n".join(["", "Hazards of ringfence rehearse and of plans:", *told]))
        return
    hazard = code.removeprefix("rehearsal/").partition(":")[0]
    if hazard in pages.codes():
        click.echo(pages.page(hazard).strip())
        return
    page = next((c.page for c in claims.claims() if c.code == code.partition("/")[0]), None)
    click.echo(page.strip() if page else explain(code))

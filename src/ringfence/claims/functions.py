"""Functions do what they say, twice and at once.

A webhook delivers twice, two messages of a new customer come in the same moment, a page asks while a
job writes. So every function and procedure that touches rows is called, on a shadow with rows of its
own making: in a transaction that may not write, if by its name it only asks; again with the same
arguments; and in two sessions at once, the second waiting for the first as locks have it. What two
calls at once leave must be what one of the two orders leaves, and neither may fail that does not fail
alone.

A function labelled STABLE or IMMUTABLE that writes, and an IMMUTABLE one that reads tables, contradict
their label.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from ringfence.behaviour import functions as behaviour
from ringfence.claims import claim
from ringfence.claims.constraints import shadow
from ringfence.finding import Basis, Finding, Severity
from ringfence.pg.connect import connect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ringfence.behaviour.functions import Seen
    from ringfence.claims import Case, Verdict


@claim("functions", "functions do what they say, twice and at once", "function", asked=True)
def functions(case: Case, verdict: Verdict) -> None:
    """Call every function in every way there is."""
    with shadow(case, verdict) as rows:
        if rows is None:
            return
        staged = behaviour.stage(rows, (case.project.config.migrate.schema,))
        _tell(verdict, behaviour.look(staged))
        assert rows.target is not None
        with closing(connect(rows.target)) as other, closing(connect(rows.target)) as third:
            _tell(verdict, behaviour.race(staged, other, third))
        verdict.checked = len(staged.routines)


def _tell(verdict: Verdict, seen: Iterable[Seen]) -> None:
    for one in seen:
        if one.wrong or one.unknown:
            grave = one.kind in ("race", "lost-update", "volatility")
            severity = Severity.ERROR if grave else Severity.WARNING if one.wrong else Severity.INFO
            said = one.wrong or f"not seen at work: {one.unknown}"
            verdict.findings.append(
                Finding(
                    f"functions/{one.kind}",
                    severity,
                    f"{one.ref.path}: {said}",
                    one.ref,
                    basis=Basis.MEASURED,
                    reproduction=f"{one.call};" if one.call else "",
                )
            )

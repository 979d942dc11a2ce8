"""What would break isolation is noticed.

A verifier that finds nothing may be blind. So this claim breaks what keeps tenants apart, one thing at
a time, on a shadow: a policy that is true, a condition less, row security off or not forced, a view or
a function that works as a superuser, a privilege too many, a foreign key without the tenant, a role
that bypasses row security, a helper that makes a tenant up. Each time the probes of `isolation` must
notice; the claim says how many of these mutants they noticed.

A mutant that nobody notices is a warning. Either the probes are blind there, or what was broken kept
nothing apart that something else does not keep apart as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.claims import claim
from ringfence.claims.isolation import trial
from ringfence.finding import Basis, Finding, Severity
from ringfence.isolation import mutants

if TYPE_CHECKING:
    from ringfence.claims import Case, Verdict


@claim("self-test", "what would break isolation is noticed", "mutant", asked=True)
def self_test(case: Case, verdict: Verdict) -> None:
    """Break the shadow in every way there is and report what nobody notices."""
    with trial(case, verdict) as ground:
        if ground is None:
            return
        noticed = 0
        for fate in mutants.run(ground):
            mutant = fate.mutant
            if fate.failed:
                verdict.findings.append(
                    Finding(
                        "self-test/not-made",
                        Severity.INFO,
                        f"{mutant.ref.path}: {mutant.what} could not be made: {fate.failed}",
                        mutant.ref,
                        key=mutant.what,
                    )
                )
                continue
            verdict.checked += 1
            noticed += bool(fate.noticed)
            if not fate.noticed:
                verdict.findings.append(
                    Finding(
                        "self-test/survivor",
                        Severity.WARNING,
                        f"nobody notices {mutant.ref.path}: {mutant.what}",
                        mutant.ref,
                        help="the probes are blind there, or something else keeps tenants apart too",
                        reproduction=f"{mutant.sql};",
                        basis=Basis.MEASURED,
                        key=mutant.what,
                    )
                )
        score = 100 * noticed // verdict.checked if verdict.checked else 0
        verdict.title = (
            f"what would break isolation is noticed: {noticed} of {verdict.checked}, {score} %"
        )

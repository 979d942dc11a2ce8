"""What is broken on purpose is noticed.

A verifier that finds nothing may be blind. So this claim breaks what keeps tenants apart, one thing at
a time, on a shadow: a policy that is true, a condition less, row security off or not forced, a view or
a function that works as a superuser, a privilege too many, a foreign key without the tenant, a role
that bypasses row security, a helper that makes a tenant up. Each time the probes of `isolation` must
notice. Each constraint is dropped and each trigger put out of work as well, and then the claim that saw
it at work must not see it any more. The claim says how many of these mutants were noticed.

A mutant that nobody notices is a warning: either the probes are blind there, or what was broken kept
nothing apart that something else does not keep apart as well. Where that is another table's policies,
which was tried, it is information. What is known of others can be said under
`[[tool.ringfence.accepted]]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.claims import claim
from ringfence.claims.isolation import trial
from ringfence.finding import Basis, Finding, Severity
from ringfence.isolation import mutants

if TYPE_CHECKING:
    from ringfence.claims import Case, Verdict


@claim("self-test", "what is broken on purpose is noticed", "mutant", asked=True, aside=True)
def self_test(case: Case, verdict: Verdict) -> None:
    """Break the shadow in every way there is and report what nobody notices."""
    with trial(case, verdict) as ground:
        if ground is None:
            return
        noticed = explained = 0
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
                explained += bool(fate.because)
                verdict.findings.append(
                    Finding(
                        "self-test/survivor",
                        Severity.INFO if fate.because else Severity.WARNING,
                        f"nobody notices {mutant.ref.path}: {mutant.what}",
                        mutant.ref,
                        help=fate.because
                        or "the probes are blind there, or something else keeps tenants apart too",
                        reproduction=f"{mutant.sql};",
                        basis=Basis.MEASURED,
                        key=mutant.what,
                    )
                )
        score = 100 * noticed // verdict.checked if verdict.checked else 0
        others = f", {explained} explained" if explained else ""
        verdict.title = f"what is broken on purpose is noticed: {noticed} of {verdict.checked}, {score} %{others}"

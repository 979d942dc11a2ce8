"""The live schema is what its revisions make, and the newest revision is what ddl/ says.

Somebody who changes a table by hand on production leaves a database that no file describes: the next
migration may fail there, and nowhere else. Each object and attribute that differs is named.

The revisions and ddl/ are run in a shadow database and read back, so both sides are PostgreSQL's own
words. Where no shadow can be made, the claims are not checked, and the report says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence import sources
from ringfence.change import diff, outermost
from ringfence.claims import claim
from ringfence.errors import Bug, Error, Misuse
from ringfence.finding import Severity

if TYPE_CHECKING:
    from ringfence.change import Change
    from ringfence.claims import Case, Verdict


@claim("drift", "the live schema is what its revisions make", "object")
def drift(case: Case, verdict: Verdict) -> None:
    """Compare the live catalog with that of the revision it stands at."""
    standing = case.standing
    if standing.unknown:
        verdict.skipped = f"revision {', '.join(standing.unknown)} is not among the files"
    elif len(standing.current) > 1:
        verdict.skipped = "the database stands at several revisions"
    elif case.target is None:
        verdict.skipped = "only a connection was given, no place to make a shadow"
    else:
        live = sources.Source("live", "database", target=case.target)
        at = standing.current[0] if standing.current else "base"
        made = sources.Source(at, "revision", revision=at)
        _compare(case, verdict, live, made, "the live schema", f"revision {at}")


@claim("ddl", "the newest revision is what ddl/ says", "object")
def ddl(case: Case, verdict: Verdict) -> None:
    """Compare the catalog of the head with that of ddl/."""
    if len(case.graph.heads) != 1:
        verdict.skipped = "there is not one head"
    elif not case.project.ddl.is_dir():
        verdict.skipped = f"there is no {case.project.shown(case.project.ddl)}"
    else:
        head = sources.Source("head", "revision", revision=case.graph.heads[0])
        try:
            files = sources.source(case.project, "ddl")
        except Misuse as error:  # it holds no SQL, as a new project's
            verdict.skipped = error.message
            return
        _compare(case, verdict, head, files, "the newest revision", "ddl/")


def _compare(
    case: Case, verdict: Verdict, a: sources.Source, b: sources.Source, one: str, other: str
) -> None:
    try:
        with sources.shop(case.project, (a, b), None, near=case.target) as shop:
            old, new = sources.align(a, shop.catalog(a), b, shop.catalog(b), shop.role(a, b))
            unseen = shop.unseen(old, new)
    except Bug:
        raise
    except Error as error:
        verdict.skipped = f"{error.title}: {error.message}" if error.title else error.message
        return
    verdict.checked = len(new.facts)
    changes = tuple(outermost(diff(old, new)))
    for change in changes[:_MOST]:
        verdict.no(
            f"{change.ref.kind.replace('_', ' ')} {change.ref.path} {_said(change, one, other)}",
            ref=change.ref,
            help="ringfence diff live ddl shows the SQL"
            if a.target
            else 'ringfence plan -m "…" writes the revision',
        )
    if len(changes) > _MOST:
        verdict.no(
            f"{len(changes) - _MOST} more differ between {one} and {other}",
            help="ringfence diff live ddl shows all of them" if a.target else "",
        )
    for thing in unseen:
        verdict.no(
            f"{thing.what} {thing.name} was not compared: {thing.reason}",
            severity=Severity.WARNING,
        )


_MOST = 100
"""How many differences are told one by one: whoever has more looks at none of them."""


def _said(change: Change, one: str, other: str) -> str:
    if change.old is None:
        return f"is in {other} and not in {one}"
    if change.new is None:
        return f"is in {one} and not in {other}"
    said = [
        f"{name.replace('_', ' ')} is {_short(change.old[name])} in {one}"
        f" and {_short(change.new[name])} in {other}"
        for name in change.attributes
    ]
    return "differs: " + "; ".join(said)


def _short(value: object) -> str:
    text = "not set" if value is None else " ".join(str(value).split())
    return text if len(text) <= 60 else text[:59] + "…"

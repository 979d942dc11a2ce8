"""The live schema is what its revisions make, and the newest revision is what ddl/ says.

Somebody who changes a table by hand on production leaves a database that no file describes: the next
migration may fail there, and nowhere else. Each object and attribute that differs is named.

Partitions come and go with the rows: one that is there and in no revision, or that a revision made
and is gone, is told and is no deviation, as long as the table they are partitions of is the same.

An object whose owner no revision says belongs to whoever ran them. One that belongs to somebody else was
given away by hand: row security binds other roles than it did, and a SECURITY DEFINER function has other
rights. Who ran the revisions is in the history; a history that began with a database that was there
(`baseline`, `stamp`) also lets be the owner that most of those objects have. Who verifies, and any number of
roles that ran revisions, are let be, too. A database without a history is not looked at for it, nor is what
every new database has. `ringfence diff` leaves out the owners that a side of files or revisions does not say.

The revisions and ddl/ are run in a shadow database and read back, so both sides are PostgreSQL's own
words. Where no shadow can be made, the claims are not checked, and the report says so. A revision or a
file that does not run there is an error: what was not compared does not hold.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ringfence import sources
from ringfence.change import diff, outermost
from ringfence.claims import claim
from ringfence.drift import passing, told
from ringfence.errors import Bug, Error, Misuse
from ringfence.finding import Severity, sentences
from ringfence.kinds import kind_of
from ringfence.kinds._sql import ident
from ringfence.model import Ref, quoted
from ringfence.pg import ledger

if TYPE_CHECKING:
    from ringfence.change import Change
    from ringfence.claims import Case, Verdict
    from ringfence.model import Catalog, Fact


@claim("drift", "the live schema is what its revisions make", "object")
def drift(case: Case, verdict: Verdict) -> None:
    """Compare the live catalog with that of the revision it stands at."""
    standing = case.standing
    if standing.unknown:
        verdict.skipped = f"revision {', '.join(standing.unknown)} is not among the files"
    elif case.target is None:
        verdict.skipped = "only a connection was given, no place to make a shadow"
    else:
        live = sources.Source("live", "database", target=case.target)
        at = ",".join(standing.current) or "base"
        made = sources.Source(at, "revision", revision=at)
        _compare(
            case, verdict, live, made, "the live schema", f"revision {at.replace(',', ' and ')}"
        )


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
            here, made = shop.catalog(a), shop.catalog(b)
            old, new = sources.align(a, here, b, made, shop.role(a, b))
            unseen = shop.unseen(old, new)
            given = _given(case, shop, here, made) if a.target else ()
    except Bug:
        raise
    except Error as error:
        verdict.skipped = f"{error.title}: {error.message}" if error.title else error.message
        if not isinstance(error, Misuse):  # there is nowhere to make a shadow
            verdict.no(
                f"{one} and {other} could not be compared: {verdict.skipped}",
                span=error.span,
                help=sentences(error.detail, error.hint),
            )
        return
    verdict.checked = len(new.facts)
    every = diff(old, new)
    coming = passing(every, old, new)
    for change in every:
        if change.ref in coming and change.ref.kind == "partition":
            verdict.no(
                told(change, one, other),
                ref=change.ref,
                severity=Severity.INFO,
            )
    changes = tuple(outermost([c for c in every if c.ref not in coming]))
    for change in changes[:_MOST]:
        verdict.no(
            told(change, one, other),
            ref=change.ref,
            help="ringfence diff live ddl shows the SQL" if a.target else _way(change),
        )
    if len(changes) > _MOST:
        verdict.no(
            f"{len(changes) - _MOST} more differ between {one} and {other}",
            help="ringfence diff live ddl shows all of them" if a.target else "",
        )
    owner, facts = given or ("", ())
    for fact in facts[:_MOST]:
        assert fact.parent is not None
        kind = kind_of(fact.parent)
        verdict.no(
            f"{fact.parent.kind.replace('_', ' ')} {fact.parent.path} belongs to"
            f" {quoted(fact.text('owner'))}, who ran no revision here, and no revision says so",
            ref=fact.parent,
            help="where it should, say so in ddl/: ALTER … OWNER TO",
            fix=f"ALTER {kind.keyword} {kind.sql_name(fact.parent)} OWNER TO {ident(owner)}",
        )
    for thing in unseen:
        verdict.no(
            f"{thing.what} {thing.name} was not compared: {thing.reason}",
            severity=Severity.WARNING,
        )


def _way(change: Change) -> str:
    """Which of the two is to follow: what a revision has and ddl/ has not may be missing there."""
    if change.verb == "drop":
        return (
            "where it should be, write it into ddl/, as ringfence pull does from a database that has"
            ' it; where it should go, ringfence plan -m "…" writes the revision'
        )
    return 'ringfence plan -m "…" writes the revision'


_MOST = 100
"""How many differences are told one by one: whoever has more looks at none of them."""


def _given(
    case: Case, shop: sources.Shop, live: Catalog, made: Catalog
) -> tuple[str, list[Fact]] | None:
    """Who should own it, and the owners of what no revision says the owner of, where they are neither
    one who ran revisions nor who would own it in a shadow. None where there is no history."""
    history, known, adopted = ledger.runners(case.connection, case.project.config.migrate.schema)
    if not known:
        return None
    left = [
        fact
        for ref, fact in sorted(live.facts.items())
        if ref.kind == "owner"
        and ref not in made.facts
        and fact.parent is not None
        and fact.parent in made.facts
        and not _everywhere(fact.parent)
        and Ref("owned_by", fact.parent.name) not in live.facts  # it follows its table
    ]
    shadow = sources.Source("shadow", "database", target=shop.host.target)
    counts = Counter(fact.text("owner") for fact in left)
    most = {name for name, count in counts.items() if adopted and count > len(left) / 2}
    known |= {shop.role(shadow), *most}
    return next(iter(most), history), [f for f in left if f.text("owner") not in known]


def _everywhere(ref: Ref) -> bool:
    """Whether every new database has it, and somebody else than runs revisions may own it."""
    return ref.kind in ("language", "extension") or ref == Ref("schema", ("public",))

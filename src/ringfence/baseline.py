"""Whether a database already is what revisions make that it does not stand at.

Somebody mends production by hand, and the change becomes a revision later: there it has nothing to do.
It is recorded as applied where the catalog shows that all of it is there, and only what the catalog
shows can be told so: no rows, and nothing that is the server's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence import drift, sources
from ringfence.change import diff, outermost
from ringfence.errors import Error, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ringfence.pg.connect import Target
    from ringfence.project import Project
    from ringfence.revisions import Graph, Revision
    from ringfence.script import Statement
    from ringfence.sources import Shop

_MOST = 20
"""How many differences are told one by one."""

_LONGEST = 10
"""How many pending revisions are tried for what the database already is."""

_SHOWN = frozenset(
    {"ALTER", "ANALYZE", "ANALYSE", "BEGIN", "CLUSTER", "COMMENT", "COMMIT", "CREATE", "DROP", "END",
     "GRANT", "IMPORT", "LOCK", "REFRESH", "REINDEX", "RELEASE", "RESET", "REVOKE", "SAVEPOINT",
     "SECURITY", "SET", "SHOW", "START", "VACUUM"}
)  # fmt: skip
"""How statements begin whose doing the catalog shows, or that leave nothing behind."""


def refuse(
    project: Project,
    target: Target,
    revisions: Iterable[Revision],
    ends: Sequence[str],
) -> None:
    """Raise `Refused` where the database is not what revisions make that end at `ends`.

    Or where it cannot be told from the schema whether these `revisions` ran.
    """
    for revision in revisions:
        if why := _untold(revision):
            raise Refused(
                f"whether revision {revision} has run cannot be told from the schema: {why}",
                detail="nothing was recorded",
                hint="ringfence migrate runs it; where all that it does is done:"
                f" alembic stamp {revision.id}",
            )
    live = sources.Source("live", "database", target=target)
    with sources.shop(project, (live,), None) as shop:
        found = _between(shop, live, ends)
    if found:
        name = ", ".join(ends)
        more = [f"and {len(found) - _MOST} more"] if len(found) > _MOST else []
        raise Refused(
            f"{target.shown} is not what revision {name} makes: nothing was recorded",
            detail="\n".join([*found[:_MOST], *more]),
            hint=f"ringfence diff live {name} shows the SQL; ringfence migrate runs what is pending",
        )


def reached(
    project: Project, target: Target, graph: Graph, current: Sequence[str]
) -> Revision | None:
    """The first pending revision that the database already is what it makes; None where there is none."""
    live = sources.Source("live", "database", target=target)
    have = graph.applied(current)
    try:
        with sources.shop(project, (live,), None) as shop:
            for revision in graph.pending(current)[:_LONGEST]:
                if _untold(revision):
                    return None
                have = (*have, revision)
                if not _between(shop, live, graph.ends(have)):
                    return revision
    except Error:  # it was only to be helped
        return None
    return None


def _between(shop: Shop, live: sources.Source, ends: Sequence[str]) -> list[str]:
    """What differs between a database and what revisions make, in words."""
    at = ",".join(ends)
    made = sources.Source(at, "revision", revision=at)
    here, there = shop.catalogs(live, made)
    old, new = sources.align(live, here, made, there, shop.role(live, made))
    changes = diff(old, new)
    passing = drift.passing(changes, old, new)
    name = f"revision {' and '.join(ends)}"
    lasting = outermost([c for c in changes if c.ref not in passing])
    unseen = {thing.code: thing for thing in there.unmodeled}
    for thing in here.unmodeled:
        unseen.pop(thing.code, None)
    return [
        *(drift.told(change, "the database", name) for change in lasting),
        *(
            f"{thing.what} {thing.name} is in {name} and not in the database"
            for thing in unseen.values()
        ),
    ]


def _untold(revision: Revision) -> str:
    """What of a revision no catalog shows, in words; empty where it shows all."""
    if not revision.sql:
        return "it is in Python"
    text = revision.script("up")
    for statement in text.statements:
        if not _shown(statement):
            words = " ".join(statement.text.split())
            said = words if len(words) <= 60 else words[:59] + "…"
            return f"the schema does not show what {said} did"
    return ""


def _shown(statement: Statement) -> bool:
    from ringfence.pg.shadow import touches_server

    words = statement.words
    if words[:1] == ("ALTER",) and words[1:2] == ("SEQUENCE",) and "RESTART" in words:
        return False
    filled = words[:1] == ("CREATE",) and "TABLE" in words[1:3] and "SELECT" in words
    return (
        not filled and words[:1] != () and words[0] in _SHOWN and not touches_server(statement.text)
    )

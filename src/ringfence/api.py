"""What a Python program does with ringfence: the same as the commands, in functions.

    import psycopg, ringfence

    with psycopg.connect(dsn, autocommit=True) as connection:
        live = ringfence.extract(connection)
        wanted = ringfence.load("ddl")
        plan = ringfence.plan(live, wanted)
        ringfence.apply(connection, plan, allow=["INDEX_BUILD"])

Everything here raises `ringfence.errors.Error` alone, whose classes say whose turn it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from ringfence import comparison, hazards, planner, sources
from ringfence import online as rewriting
from ringfence import project as projects
from ringfence.change import diff
from ringfence.errors import Misuse, Refused, ServerError
from ringfence.pg.connect import server_error
from ringfence.pg.extract import extract
from ringfence.proof import prove as proved
from ringfence.revise import segments

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from psycopg import Connection

    from ringfence.comparison import Compared
    from ringfence.model import Catalog
    from ringfence.project import Project
    from ringfence.step import Plan

__all__ = ["apply", "compare", "diff", "extract", "load", "plan", "prove"]


def load(
    source: str | Path, *, project: Project | None = None, shadow: str | None = None
) -> Catalog:
    """The catalog of a source: `ddl`, `head`, a revision, `git:REF`, a file, a directory, a DSN.

    Files and revisions are run in a shadow database, which is dropped; `shadow` is the DSN of a
    server where it may be made, by default the embedded one. `project` is found from the working
    directory where it is not given. Raises `Misuse` for a source that is none, `BadProject` and
    `ServerError` with the place in the file where its SQL does not run.
    """
    found = project or projects.find()
    side = sources.source(found, str(source))
    with sources.shop(found, (side,), shadow) as shop:
        return shop.catalog(side)


def plan(a: Catalog, b: Catalog, *, online: bool = False, executor: str = "") -> Plan:
    """The steps that turn a database with catalog `a` into one with catalog `b`.

    `online`: in lock-safe steps, for tables that are at work. `executor` is the role that will run
    them: what it makes, it owns. Nothing is proved yet: see `prove`.
    """
    made = planner.plan(a, b, executor=executor)
    return rewriting.online(made, a, b) if online else made


def compare(
    source: str | Path,
    target: str | Path,
    *,
    renames: Sequence[str] = (),
    prove: bool = True,
    project: Project | None = None,
    shadow: str | None = None,
) -> Compared:
    """What `ringfence diff SOURCE TARGET` does: the changes between two sources and a proved plan.

    `renames` are `KIND:OLD=NEW`, beside the hints in files. Nothing is written to either side.
    """
    found = project or projects.find()
    a, b = sources.source(found, str(source)), sources.source(found, str(target))
    with sources.shop(found, (a, b), shadow) as shop:
        done = comparison.compare(shop, a, b, renames=renames)
        if not prove or not done.plan.steps:
            return done
        return replace(done, plan=proved(done.plan, shop, a, b, done.new))


def prove(
    plan: Plan,
    source: str | Path,
    target: str | Path,
    *,
    project: Project | None = None,
    shadow: str | None = None,
) -> Plan:
    """The plan with its proof: applied to a clone of `source`, it leads to `target`.

    Whether it holds, what was checked and what was not is in `plan.proof`. Raises `ServerError` where
    a step does not run at all.
    """
    found = project or projects.find()
    a, b = sources.source(found, str(source)), sources.source(found, str(target))
    with sources.shop(found, (a, b), shadow) as shop:
        role, catalogs = shop.role(a, b), shop.catalogs(a, b)
        _, wanted = sources.align(a, catalogs[0], b, catalogs[1], role)
        return proved(plan, shop, a, b, wanted)


def apply(
    connection: Connection[tuple[object, ...]],
    plan: Plan,
    *,
    allow: Sequence[str] = (),
    exclude: tuple[str, ...] = ("ringfence",),
    lock_timeout: str = "5s",
) -> None:
    """Run a plan on a database that is as it was when the plan was made.

    `connection` is in autocommit mode: the plan says what belongs in one transaction. `allow` names
    hazards that somebody agreed to, `exclude` the schemas that the plan did not look at, and
    `lock_timeout` how long one statement may queue for a lock.

    Raises `Refused`, with nothing done, where the database has changed since or a hazard was not
    agreed to, and `ServerError` where PostgreSQL says no: of the transaction it was in nothing is
    left, what was committed before stays, and the message says how much.
    """
    if not connection.autocommit:
        raise Misuse(
            "the connection is not in autocommit mode",
            hint="psycopg.connect(…, autocommit=True): the plan says where transactions begin",
        )
    hazards.refuse(plan.hazards, allow)
    if extract(connection, exclude=exclude).fingerprint != plan.source:
        raise Refused(
            "the database is not as it was when the plan was made", hint="make the plan anew"
        )
    try:
        connection.execute("SELECT set_config('lock_timeout', %s, false)", [lock_timeout])
        connection.execute("SET check_function_bodies = off")
    except psycopg.Error as error:
        raise server_error(error) from error
    done = 0
    try:
        for steps in segments(plan.steps):
            if steps[0].transactional == "no":
                for step in steps:
                    connection.execute(step.sql.encode(), prepare=False)
                    done += 1
                continue
            with connection.transaction():
                for step in steps:
                    connection.execute(step.sql.encode(), prepare=False)
            done += len(steps)
    except psycopg.Error as error:
        said = server_error(error)
        raise ServerError(
            said.message,
            sqlstate=error.sqlstate or "",
            detail=f"{said.detail}\n  {step.sql}".strip(),
            title=f"{done} of {len(plan.steps)} steps are committed, then: {step.verb} {step.ref}",
        ) from error
    finally:
        connection.execute("RESET lock_timeout; RESET check_function_bodies")

"""The proof of a plan: applied to a clone, it leaves nothing to do, and pg_dump agrees.

The clone holds the source's schema and none of its data. What the proof did not look at is part of
it.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import unified_diff
from typing import TYPE_CHECKING

import psycopg

from ringfence.change import diff
from ringfence.errors import ServerError
from ringfence.model import Catalog
from ringfence.pg import dump
from ringfence.pg.connect import connect, server_error
from ringfence.pg.extract import extract
from ringfence.planner import plan as plan_again
from ringfence.step import Proof

if TYPE_CHECKING:
    from ringfence.sources import Shop, Source
    from ringfence.step import Plan


def prove(plan: Plan, shop: Shop, source: Source, target: Source, wanted: Catalog) -> Plan:
    """The plan with its proof. Raises `ServerError` when a step does not run on the clone.

    `wanted` is the target's catalog, aligned with the source's.
    """
    clone = shop.copy(source)
    hidden = (shop.project.config.migrate.schema,) if shop.project else ("ringfence",)
    with connect(clone) as connection:
        connection.execute("SET check_function_bodies = off")
        for step in plan.steps:
            try:
                connection.execute(step.sql, prepare=False)
            except psycopg.Error as error:
                said = server_error(error)
                raise ServerError(
                    said.message,
                    sqlstate=error.sqlstate or "",
                    title=f"the plan does not run: {step.verb} {step.ref}",
                    detail=f"{said.detail}\n  {step.sql}".strip(),
                    hint="this is a bug in ringfence: please report it with both schemas",
                ) from error
        row = connection.execute("SELECT current_user").fetchone()
        who = str(row[0]) if row and target.declared else ""
        reached = extract(connection, exclude=hidden, nobody=who)
    reached = Catalog(
        {
            ref: fact
            for ref, fact in reached.facts.items()
            if not (ref.kind == "owner" and target.declared and ref not in wanted.facts)
        },
        reached.uses,
        reached.server_version,
    )
    differences = [
        f"{c.verb} {c.ref} {', '.join(c.attributes)}".rstrip() for c in diff(reached, wanted)
    ]
    checked = [
        f"applied to a clone: {len(plan.steps)} steps ran",
        "the clone's catalog equals the target's",
    ]
    unchecked = ["rows: the clone holds none"]
    if plan_again(reached, wanted).steps:
        differences.append("a second plan is not empty")
    if target.what == "snapshot":
        unchecked.append("pg_dump: a snapshot cannot be dumped")
    elif not target.declared or source.declared:
        differences += _dumps(clone.conninfo, shop.database(target).conninfo, hidden)
        checked.append("pg_dump of the clone equals pg_dump of the target")
    else:
        differences += _dumps(clone.conninfo, shop.database(target).conninfo, hidden, owners=False)
        checked.append("pg_dump of the clone equals pg_dump of the target, but for owners")
    if differences:
        checked = checked[:1]
    return replace(
        plan, proof=Proof(not differences, tuple(checked), tuple(unchecked), tuple(differences))
    )


def _dumps(one: str, other: str, hidden: tuple[str, ...], *, owners: bool = True) -> list[str]:
    have = dump.normalised(one, hidden, owners=owners)
    want = dump.normalised(other, hidden, owners=owners)
    return [
        f"pg_dump: {line}"
        for line in unified_diff(have, want, "clone", "target", lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]

"""An ordered plan rewritten into steps that let the database work on: a pass of its own.

Only what touches a relation that exists before the plan is rewritten; a table that the plan itself
makes has no readers yet. Each rewrite ends where the plain step would have ended:

- an index is built and dropped CONCURRENTLY, outside any transaction;
- a foreign key or check is added NOT VALID and validated in a transaction of its own;
- a primary key or unique constraint takes over an index that was built CONCURRENTLY;
- NOT NULL is proved by a check that was validated before, or, from PostgreSQL 18 on, is itself added
  NOT VALID and validated.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.kinds._sql import ident, qualified
from ringfence.step import HazardCode, Plan, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Catalog, Fact, Ref

_INDEX = re.compile(r"CREATE (UNIQUE )?INDEX (?!ON ONLY)")
_KEY = re.compile(
    r"(?P<what>PRIMARY KEY|UNIQUE)(?P<nulls> NULLS NOT DISTINCT)? (?P<columns>\((?:[^()\"]|\"(?:[^\"]|\"\")*\")*\))"
    r"(?P<include> INCLUDE \((?:[^()\"]|\"(?:[^\"]|\"\")*\")*\))?(?P<state>(?: DEFERRABLE)?(?: INITIALLY DEFERRED)?)\Z"
)


def online(plan: Plan, old: Catalog, new: Catalog) -> Plan:
    """The same plan, lock-safe where PostgreSQL has a way. The result needs a proof of its own."""
    made = {s.ref for s in plan.steps if s.verb == "create"}
    keyed = {r.name[:-1] for r in made if r.kind == "constraint" and new.facts[r]["type"] == "p"}
    waves: tuple[list[Step], ...] = ([], [], [], [])
    for step in plan.steps:
        for wave, safe in _rewritten(step, old, new, made):
            # A primary key wants its columns' NOT NULL proved before it comes.
            hold = wave and not (step.ref.kind == "column" and step.ref.name[:-1] in keyed)
            if not hold and wave and waves[0]:
                waves[0].append(replace(safe, transactional="commit"))
            else:
                waves[wave if hold else 0].append(safe)
    steps: list[Step] = []
    for wave_steps in waves:
        if steps and wave_steps and steps[-1].transactional == "yes":
            # What was added NOT VALID holds its lock until it is committed.
            steps[-1] = replace(steps[-1], transactional="commit")
        steps += wave_steps
    return replace(plan, steps=tuple(steps), proof=None)


# The waves: what the rest may need, validations, what a validation makes cheap, indexes.
_FIRST, _VALIDATE, _AFTER, _INDEXES = range(4)


def _rewritten(
    step: Step, old: Catalog, new: Catalog, made: set[Ref]
) -> Iterator[tuple[int, Step]]:
    if step.verb == "rename" or step.ref.kind == "schema":
        yield _FIRST, step
        return
    fact = new.facts.get(step.ref) or old.facts[step.ref]
    table = fact.parent
    existing = table is not None and table in old.facts and table not in made
    if not existing or table is None:
        yield _FIRST, step
    elif step.ref.kind == "index" and not _partitioned(table, old):
        yield from _index(step, needed=bool(new.used_by.get(step.ref)))
    elif step.ref.kind == "constraint" and step.verb == "create" and not _partitioned(table, old):
        yield from _constraint(step, fact)
    elif step.ref.kind == "column" and step.sql.endswith(" SET NOT NULL"):
        yield from _not_null(step, new)
    else:
        yield _FIRST, step


def _partitioned(table: Ref, catalog: Catalog) -> bool:
    return catalog.facts[table]["partition_key"] is not None


def _without(step: Step, *codes: HazardCode) -> Step:
    return replace(step, hazards=tuple(h for h in step.hazards if h.code not in codes))


def _index(step: Step, *, needed: bool) -> Iterator[tuple[int, Step]]:
    if _INDEX.match(step.sql):
        text = step.sql.replace("INDEX ", "INDEX CONCURRENTLY ", 1)
        safe = replace(_without(step, HazardCode.INDEX_BUILD), sql=text, transactional="no")
        yield (_FIRST if needed else _INDEXES), safe
    elif step.sql.startswith("DROP INDEX "):
        text = step.sql.replace("DROP INDEX ", "DROP INDEX CONCURRENTLY ", 1)
        yield _FIRST, replace(step, sql=text, transactional="no")
    else:
        yield _FIRST, step


def _constraint(step: Step, fact: Fact) -> Iterator[tuple[int, Step]]:
    definition = fact.text("definition")
    name, table = ident(fact.ref.name[-1]), qualified(fact.ref.name[:-1])
    if fact["type"] in ("f", "c") and not definition.endswith((" NOT VALID", " NOT ENFORCED")):
        safe = _without(step, HazardCode.SCAN_UNDER_LOCK)
        yield _FIRST, replace(safe, sql=f"{step.sql} NOT VALID")
        text = f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}"
        yield _VALIDATE, Step(text, step.ref, "alter")
        return
    key = _KEY.match(definition) if fact["type"] in ("p", "u") else None
    if key is None or fact["index_options"] or fact["index_tablespace"]:
        yield _FIRST, step
        return
    nulls = key["nulls"] or ""
    columns = f"{key['columns']}{key['include'] or ''}{nulls}"
    text = f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} {columns}"
    yield _FIRST, Step(text, step.ref, "create", (), "no")
    text = f"ALTER TABLE {table} ADD CONSTRAINT {name} {key['what']} USING INDEX {name}"
    yield _FIRST, replace(_without(step, HazardCode.INDEX_BUILD), sql=text + (key["state"] or ""))


def _not_null(step: Step, new: Catalog) -> Iterator[tuple[int, Step]]:
    table, column = qualified(step.ref.name[:-1]), ident(step.ref.name[-1])
    kept = _without(step, HazardCode.SCAN_UNDER_LOCK)
    if new.server_version >= 180000:
        name = ident(_not_null_name(step.ref, new))
        text = f"ALTER TABLE {table} ADD CONSTRAINT {name} NOT NULL {column} NOT VALID"
        yield _FIRST, replace(kept, sql=text)
        text = f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}"
        yield _VALIDATE, Step(text, step.ref, "alter")
        return
    proof = ident(f"{step.ref.name[-1]}_is_not_null"[:63])
    text = f"ALTER TABLE {table} ADD CONSTRAINT {proof} CHECK ({column} IS NOT NULL) NOT VALID"
    yield _FIRST, Step(text, step.ref, "alter")
    text = f"ALTER TABLE {table} VALIDATE CONSTRAINT {proof}"
    yield _VALIDATE, Step(text, step.ref, "alter")
    yield _AFTER, kept
    yield _AFTER, Step(f"ALTER TABLE {table} DROP CONSTRAINT {proof}", step.ref, "alter")


def _not_null_name(column: Ref, new: Catalog) -> str:
    """The name that the constraint is to have: its own, or the one PostgreSQL would choose."""
    named = new.facts[column].text("not_null_name")
    return named or f"{column.name[1]}_{column.name[2]}_not_null"[:63]

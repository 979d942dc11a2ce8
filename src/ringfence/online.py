"""An ordered plan rewritten into steps that let the database work on: a pass of its own.

Only what touches a relation that exists before the plan is rewritten; a table that the plan itself
makes has no readers yet. Each rewrite ends where the plain step would have ended:

- an index is built and dropped CONCURRENTLY, outside any transaction; that of a partitioned table is
  made ON ONLY it, built CONCURRENTLY on each partition, and those are attached;
- an index that takes the place of another is built while that one serves under another name;
- a foreign key or check is added NOT VALID and validated in a transaction of its own;
- a primary key or unique constraint takes over an index that was built CONCURRENTLY;
- NOT NULL is proved by a check that was validated before, or, from PostgreSQL 18 on, is itself added
  NOT VALID and validated.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.kinds._family import aside
from ringfence.kinds._sql import ident, qualified
from ringfence.model import Ref
from ringfence.step import HazardCode, Plan, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Catalog, Fact

_PART = r'(?:"(?:[^"]|"")*"|[^\s".]+)'
_INDEX = re.compile(rf"CREATE (?:UNIQUE )?INDEX {_PART} ON (?!ONLY )")
_DROP = re.compile(rf"DROP INDEX {_PART}\.{_PART}\Z")  # without CASCADE
_ADDED = re.compile(rf"ALTER TABLE (?:ONLY )?{_PART}\.{_PART} ADD CONSTRAINT ")
_KEY = re.compile(
    r"(?P<what>PRIMARY KEY|UNIQUE)(?P<nulls> NULLS NOT DISTINCT)? (?P<columns>\((?:[^()\"]|\"(?:[^\"]|\"\")*\")*\))"
    r"(?P<include> INCLUDE \((?:[^()\"]|\"(?:[^\"]|\"\")*\")*\))?(?P<state>(?: DEFERRABLE)?(?: INITIALLY DEFERRED)?)\Z"
)


def online(plan: Plan, old: Catalog, new: Catalog) -> Plan:
    """The same plan, lock-safe where PostgreSQL has a way. The result needs a proof of its own."""
    work = _Rewrite(old, new, frozenset(s.ref for s in plan.steps if s.verb == "create"))
    waves: tuple[list[Step], ...] = ([], [], [], [])
    for step in plan.steps:
        for wave, safe in work.rewritten(step):
            # A primary key wants its columns' NOT NULL proved before it comes.
            hold = wave and not (step.ref.kind == "column" and step.ref.name[:-1] in work.keyed)
            if not hold and wave and waves[0]:
                waves[0].append(replace(safe, transactional="commit"))
            else:
                waves[wave if hold else 0].append(safe)
    waves[_INDEXES].extend(work.left)
    steps: list[Step] = []
    for wave_steps in waves:
        if steps and wave_steps and steps[-1].transactional == "yes":
            # What was added NOT VALID holds its lock until it is committed.
            steps[-1] = replace(steps[-1], transactional="commit")
        steps += wave_steps
    return replace(plan, steps=tuple(steps), proof=None)


# The waves: what the rest may need, validations, what a validation makes cheap, indexes.
_FIRST, _VALIDATE, _AFTER, _INDEXES = range(4)


class _Rewrite:
    def __init__(self, old: Catalog, new: Catalog, made: frozenset[Ref]) -> None:
        self.old, self.new, self.made = old, new, made
        self.keyed = {
            r.name[:-1] for r in made if r.kind == "constraint" and new.facts[r]["type"] == "p"
        }
        self.late: set[Ref] = set()
        """The indexes that are built last, and so all that is done to them."""
        self.left: list[Step] = []
        """What is done when all else is."""

    def rewritten(self, step: Step) -> Iterator[tuple[int, Step]]:
        """The steps to take in its place, each with its wave."""
        if step.verb == "rename" or step.ref.kind == "schema":
            yield _FIRST, step
            return
        if self._on_late(step.ref):
            yield _INDEXES, step
            return
        fact = self.new.facts.get(step.ref) or self.old.facts[step.ref]
        table = fact.parent
        if table is None or table not in self.old.facts or table in self.made:
            yield _FIRST, step
        elif step.ref.kind == "index":
            yield from self._index(step, table)
        elif step.ref.kind == "constraint" and _ADDED.match(step.sql):
            yield from _constraint(step, fact, self.new, whole=_partitioned(table, self.old))
        elif (
            step.ref.kind == "column"
            and table.kind == "table"
            and step.sql.endswith(" SET NOT NULL")
        ):
            yield from _not_null(step, self.new)
        else:
            yield _FIRST, step

    def _on_late(self, ref: Ref) -> bool:
        above: Ref | None = ref
        while above is not None and above not in self.late:
            fact = self.new.facts.get(above)
            above = fact.parent if fact is not None else None
        return above is not None

    def _index(self, step: Step, table: Ref) -> Iterator[tuple[int, Step]]:
        if _INDEX.match(step.sql):
            if _partitioned(table, self.old):
                yield _FIRST, step
                return
            text = step.sql.replace("INDEX ", "INDEX CONCURRENTLY ", 1)
            safe = replace(_without(step, HazardCode.INDEX_BUILD), sql=text, transactional="no")
            if self.new.used_by.get(step.ref):
                yield _FIRST, safe
            else:
                self.late.add(step.ref)
                yield _INDEXES, safe
        elif step.sql.startswith("CREATE "):  # of a partitioned table, ON ONLY it: nothing is built
            yield _FIRST, _without(step, HazardCode.INDEX_BUILD)
        elif not _DROP.match(step.sql) or _partitioned(table, self.old):
            yield _FIRST, step
        elif step.ref in self.made and not self.old.used_by.get(step.ref):
            # The old one serves until the new one does.
            name = aside(step.ref.name)
            gone = qualified((step.ref.name[0], name))
            yield (
                _FIRST,
                replace(step, sql=f"ALTER INDEX {qualified(step.ref.name)} RENAME TO {name}"),
            )
            text = f"DROP INDEX CONCURRENTLY {gone}"
            self.left.append(replace(step, sql=text, transactional="no", hazards=()))
        else:
            text = step.sql.replace("DROP INDEX ", "DROP INDEX CONCURRENTLY ", 1)
            yield _FIRST, replace(step, sql=text, transactional="no")


def _partitioned(table: Ref, catalog: Catalog) -> bool:
    return catalog.facts[table]["partition_key"] is not None


def _without(step: Step, *codes: HazardCode) -> Step:
    return replace(step, hazards=tuple(h for h in step.hazards if h.code not in codes))


def _constraint(step: Step, fact: Fact, new: Catalog, *, whole: bool) -> Iterator[tuple[int, Step]]:
    """`whole`: the table is partitioned, where PostgreSQL has fewer ways."""
    definition = fact.text("definition")
    name, table = ident(fact.ref.name[-1]), qualified(fact.ref.name[:-1])
    later = not whole or fact["type"] == "c" or new.server_version >= 180000
    open_ = definition.endswith((" NOT VALID", " NOT ENFORCED"))
    if fact["type"] in ("f", "c") and not open_ and later:
        safe = _without(step, HazardCode.SCAN_UNDER_LOCK)
        yield _FIRST, replace(safe, sql=f"{step.sql} NOT VALID")
        text = f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}"
        yield _VALIDATE, Step(text, step.ref, "alter")
        return
    key = _KEY.match(definition) if fact["type"] in ("p", "u") else None
    if key is None or whole or fact["index_options"] or fact["index_tablespace"]:
        # Of a partitioned table, ONLY it: nothing is built.
        only = whole and step.sql.startswith("ALTER TABLE ONLY ")
        yield _FIRST, _without(step, HazardCode.INDEX_BUILD) if only else step
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
    name = f"{step.ref.name[-1]}_is_not_null"
    if len(name.encode()) > 63 or Ref("constraint", (*step.ref.name[:-1], name)) in new.facts:
        name = aside(step.ref.name)
    proof = ident(name)
    # Those that inherit from it are told by themselves, where they are told at all.
    alone = " NO INHERIT" if step.sql.startswith("ALTER TABLE ONLY ") else ""
    check = f"CHECK ({column} IS NOT NULL){alone} NOT VALID"
    yield _FIRST, Step(f"ALTER TABLE {table} ADD CONSTRAINT {proof} {check}", step.ref, "alter")
    text = f"ALTER TABLE {table} VALIDATE CONSTRAINT {proof}"
    yield _VALIDATE, Step(text, step.ref, "alter")
    yield _AFTER, kept
    yield _AFTER, Step(f"ALTER TABLE {table} DROP CONSTRAINT {proof}", step.ref, "alter")


def _not_null_name(column: Ref, new: Catalog) -> str:
    """The name that the constraint is to have: its own, or the one PostgreSQL would choose."""
    named = new.facts[column].text("not_null_name")
    return named or f"{column.name[1]}_{column.name[2]}_not_null"[:63]

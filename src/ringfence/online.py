"""An ordered plan rewritten into steps that let the database work on: a pass of its own.

Only what touches a relation that exists before the plan is rewritten; a table that the plan itself
makes has no readers yet, and one whose place among partitions or heirs changes, or the place of those
above and below it, keeps the plain steps. Each rewrite ends where the plain step would have ended:

- an index is built and dropped CONCURRENTLY, outside any transaction; that of a partitioned table is
  built CONCURRENTLY on each partition, then made of the whole, which takes those in, all in one file;
- an index that takes the place of another is built while that one serves under another name;
- a foreign key or check is added NOT VALID and validated in a transaction of its own;
- a primary key or unique constraint takes over an index that was built CONCURRENTLY;
- a constraint that takes the place of another is there before that one goes, so that no row comes in
  between that neither would have let in; what is unique and goes from a table waits for all that is to
  be unique there instead, and where foreign keys go with it, that is built before them all, so that
  they come again in the transaction in which they went;
- NOT NULL is proved by a check that was validated before, or, from PostgreSQL 18 on, is itself added
  NOT VALID and validated;
- rows are filled in batches, before NOT NULL, and once more between its coming and its validation.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.filling import AT_ONCE, key
from ringfence.kinds._family import above as wholes
from ringfence.kinds._family import aside, links_below, parents, partitions, tree
from ringfence.kinds._sql import ident, qualified
from ringfence.model import Ref
from ringfence.step import HazardCode, Plan, Step
from ringfence.takeover import TAKEN_OVER, key_of, using

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from ringfence.model import Catalog, Fact

_PART = r'(?:"(?:[^"]|"")*"|[^\s".]+)'
_INDEX = re.compile(rf"CREATE (?:UNIQUE )?INDEX {_PART} ON (?!ONLY )")
_BUILT = re.compile(r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY ")
_DROP = re.compile(rf"DROP INDEX {_PART}\.{_PART}\Z")  # without CASCADE
_ONLY = re.compile(rf"(CREATE (?:UNIQUE )?INDEX {_PART} ON |ALTER TABLE )ONLY ")
_ATTACHED = re.compile(r"ALTER INDEX .* ATTACH PARTITION ")
_GONE = re.compile(rf"ALTER TABLE {_PART}\.{_PART} DROP CONSTRAINT {_PART}\Z")
_ADDED = re.compile(rf"ALTER TABLE (?:ONLY )?{_PART}\.{_PART} ADD CONSTRAINT ")
_NOT_NULL = re.compile(
    rf".* SET NOT NULL\Z|.* ADD CONSTRAINT {_PART} NOT NULL {_PART}(?: NO INHERIT)?\Z"
)


def online(plan: Plan, old: Catalog, new: Catalog, apart: Collection[Ref] = ()) -> Plan:
    """The same plan, lock-safe where PostgreSQL has a way. The result needs a proof of its own.

    Tables that are kept `apart`, and those above and below them, keep the plain steps.
    """
    plainly: frozenset[int] = frozenset()
    while True:
        work = _Rewrite(plan, old, new, apart)
        waves = _waves(work, plainly)
        more = _between(waves, old, new) - plainly
        if not more:
            break
        plainly |= more
    deep = work.depths()
    waves[_INDEXES].sort(key=lambda one: _turn(one[1], deep))
    waves[_INDEXES].extend((-1, step) for step in work.left)
    steps: list[Step] = []
    for wave in waves:
        if wave and steps:
            steps[-1] = _committed(steps[-1])
        steps += (step for _, step in wave)
    return replace(plan, steps=tuple(steps), proof=None)


def _waves(work: _Rewrite, plainly: Collection[int]) -> list[list[tuple[int, Step]]]:
    """What is taken in the place of the plan's steps, in waves; each with the number of the step that
    wants it as it is. Those that are done `plainly` stay as they are."""
    waves: list[list[tuple[int, Step]]] = [[] for _ in range(_INDEXES + 1)]
    for number, step in enumerate(work.steps):
        if number in plainly:
            before = work.held.get(step.ref)
            waves[_FIRST] += [(number, s) for s in (before, step) if s is not None]
            continue
        for wave, safe in work.rewritten(step):
            # A primary key wants its columns' NOT NULL proved before it comes.
            keyed = step.ref.kind == "column" and step.ref.name[:-1] in work.keyed
            hold = wave != _FIRST and not keyed
            if not hold and waves[_FIRST] and (wave != _FIRST or safe.verb == "fill"):
                waves[_FIRST][-1] = (number, _committed(waves[_FIRST][-1][1]))
                waves[_FIRST].append((number, replace(safe, transactional="commit")))
            else:
                waves[wave if hold else _FIRST].append((number, safe))
    return waves


def _between(
    waves: Sequence[Sequence[tuple[int, Step]]], old: Catalog, new: Catalog
) -> frozenset[int]:
    """The numbers of steps that would have something committed that has gone and is to come again.

    Nobody is to see a table put aside, a view without its grants, rows without their policy; nor is a
    row to come in that a key or a foreign key would refuse. An index is missed for the while.
    """
    steps = waves[_FIRST]
    gone: dict[Ref, int] = {}
    for at, (_, step) in enumerate(steps):
        again = step.verb == "drop" and step.ref in old.facts and step.ref in new.facts
        if again and not _missed_by_nobody(old.facts[step.ref]):
            gone.setdefault(step.ref, at)
    ends: dict[Ref, int] = {}
    for at, (_, step) in enumerate(steps):
        above: Ref | None = step.ref
        while step.verb == "create" and above is not None:
            if gone.get(above, at) < at:
                ends[above] = at
            fact = new.facts.get(above)
            above = fact.parent if fact is not None else None
    late = {n for wave in waves[_FILL:] for n, s in wave if s.verb == "create" and s.ref in gone}
    return frozenset(late) | frozenset(
        steps[at][0]
        for ref, end in ends.items()
        for at in range(gone[ref], end + 1)
        if steps[at][1].transactional == "no" or (steps[at][1].transactional != "yes" and at < end)
    )


def _missed_by_nobody(fact: Fact) -> bool:
    return fact.ref.kind in ("comment", "statistics") or (
        fact.ref.kind == "index" and not _unique(fact)
    )


def _turn(step: Step, deep: Mapping[Ref, int]) -> tuple[int, int]:
    """When it is done of what comes last: all indexes are built, then what takes them in, then the rest.

    So what is built and taken in stands in one file, whose way back drops the whole: a file that only
    took in would have to build all the others again, as nothing detaches an index. `deep`: how deep
    the partitioned tables' own lie; the deepest come first.
    """
    if step.transactional != "no":
        return 2, 0
    if _BUILT.match(step.sql):
        return 0, 0
    if _ATTACHED.match(step.sql):
        return 1, _DEEPEST
    return 1, -deep[step.ref] if step.verb == "create" and step.ref in deep else -_DEEPEST


def _committed(step: Step) -> Step:
    """Have it committed: what was added NOT VALID holds its lock until then."""
    return replace(step, transactional="commit") if step.transactional == "yes" else step


_DEEPEST = 1 << 16

# The waves: indexes that what goes waits for, what the rest may need, rows, validations, what a
# validation makes cheap, indexes.
_AHEAD, _FIRST, _FILL, _VALIDATE, _AFTER, _INDEXES = range(6)


class _Rewrite:
    def __init__(self, plan: Plan, old: Catalog, new: Catalog, apart: Collection[Ref]) -> None:
        self.old, self.new = old, new
        self.made = frozenset(s.ref for s in plan.steps if s.verb == "create")
        self.keyed = {r.name[:-1] for r in self.made if _is_key(new.facts[r])}
        # What happens to a whole table is not in the way of its constraints, nor is most of what
        # happens to a column.
        self.touched = {
            s.ref
            for s in plan.steps
            if s.verb not in ("alter", "rename") or s.ref.kind not in ("table", "column")
        } | {  # by what is done to a parent's, too
            r for r, f in old.facts.items() if r.kind == "column" and _bears(f, new.facts.get(r, f))
        }
        self.touched |= {s.ref for s in plan.steps if s.verb == "rename" and s.ref.kind == "column"}
        self.unsettled = _unsettled(plan, self.made, old, new) | _families(apart, old, new)
        self.coming = {r for r in self.made if _has_index(new.facts[r])}
        self.names = {(r.name[0], r.name[-1]) for r in self.made}
        self.renames = any(s.verb == "rename" for s in plan.steps)
        """They come first, and may be of what an index that is built ahead is of."""
        self.steps = self._keys_last(plan.steps)
        self.ahead = self._ahead(plan)
        self.filled: dict[Ref, Step] = {}
        """What fills the rows of tables whose columns may not be NULL any more."""
        self.held: dict[Ref, Step] = {}
        """Constraints that go when what takes their place is about to come."""
        self.late: set[Ref] = set()
        """The indexes that are built last, and so all that is done to them."""
        late = {r for r in self.coming if _is_key(new.facts[r]) and self._comes_last(new.facts[r])}
        self.keyed -= {r.name[:-1] for r in late}
        self.left: list[Step] = []
        """What is done when all else is."""

    def rewritten(self, step: Step) -> Iterator[tuple[int, Step]]:
        """The steps to take in its place, each with its wave."""
        if step.verb == "rename" or step.ref.kind == "schema":
            yield _FIRST, step
            return
        late = self._late_wholes(step.ref) if _ATTACHED.match(step.sql) else []
        if late:
            if any(map(self._is_doubled, late)):
                yield _INDEXES, replace(step, transactional="no")
            return  # else the whole's takes in what is like it
        if self._on_late(step.ref):
            yield _INDEXES, step
            return
        fact = self.new.facts.get(step.ref) or self.old.facts[step.ref]
        table = fact.parent
        if (
            table is None
            or table not in self.old.facts
            or table in self.made
            or (self.unsettled and not self.unsettled.isdisjoint(self._tables(fact, table)))
        ):
            yield _FIRST, step
        elif step.ref.kind == "index":
            yield from self._index(step, table)
        elif step.ref.kind == "constraint" and self._can_stay(step, table):
            yield from self._replaced(step)
        elif step.ref.kind == "constraint" and self._can_wait(step, table):
            yield from self._waiting(step, table)
        elif step.ref.kind == "constraint" and self._with_the_rest(step.ref):
            yield _FIRST, step
        elif _GONE.match(step.sql) and self._is_whole(self.old.facts[step.ref]):
            yield from self._whole(step, table)
        elif (
            step.ref.kind == "constraint"
            and _ADDED.match(step.sql)
            and not TAKEN_OVER.match(step.sql)
        ):
            whole = _partitioned(table, self.old)
            if self._comes_last(fact):
                self.late.add(step.ref)
            wave = _INDEXES if step.ref in self.late else _FIRST
            if step.ref in self.ahead:
                yield from self._taken(step, fact)
            else:
                held = self.held.get(step.ref)
                had = fact["attached"] and self._had(step.ref)
                index = self._aside(step.ref) if had or held is not None else step.ref.name[-1]
                yield from _constraint(step, fact, self.new, held, index, whole=whole, wave=wave)
        elif step.verb == "fill":
            yield from self._fill(step, table)
        elif (
            step.ref.kind == "column"
            and table.kind == "table"
            and _NOT_NULL.match(step.sql)
            and (step.hazards or not step.sql.endswith(" SET NOT NULL"))  # which a check proves
            and not fact["identity"]  # which may be only where NOT NULL is proved
        ):
            first, *rest = _not_null(step, self.new)
            yield first
            yield from self._again(table)
            yield from rest
        else:
            yield _FIRST, step

    def _fill(self, step: Step, table: Ref) -> Iterator[tuple[int, Step]]:
        if step.sql.startswith("DO "):
            yield _FIRST, step
        elif step.sql != AT_ONCE:  # what it is committed by checks as well
            self.filled[table] = replace(step, key=key(table, self.old), transactional="commit")
            yield _FIRST, self.filled[table]

    def _again(self, table: Ref) -> Iterator[tuple[int, Step]]:
        """Rows that came while others were filled, before NOT NULL refused them."""
        fill = self.filled.get(table)
        if fill is not None:
            said = ("rows that came in the meantime", fill.comment)
            yield _FILL, replace(fill, comment="; ".join(filter(None, said)))
            if table.name not in self.keyed:
                del self.filled[table]

    def _tables(self, fact: Fact, table: Ref) -> Iterator[Ref]:
        """Its table, and those that it refers to."""
        yield table
        for catalog in (self.old, self.new):
            for used in catalog.uses.get(fact.ref, ()):
                above = catalog.facts[used].parent if used in catalog.facts else None
                if above is not None:
                    yield above

    def _can_stay(self, step: Step, table: Ref) -> bool:
        """Whether the step drops a constraint that could as well go when its successor is there."""
        return (
            step.ref in self.made
            and step.ref in self.old.facts
            and not _open(self.new.facts[step.ref])  # which proves nothing, and is there at once
            and _GONE.match(step.sql) is not None
            and tree(table, self.old) == ""
            and self._unhindered(step.ref)
        )

    def _can_wait(self, step: Step, table: Ref) -> bool:
        """Whether the step drops what is unique, or an index, where another comes that could be there
        first: no row is to come in between, and no query to do without."""
        gone = self.old.facts.get(step.ref)
        return (
            gone is not None
            and step.ref not in self.made
            and _has_index(gone)
            and (_GONE.match(step.sql) or _DROP.match(step.sql)) is not None
            and any(
                self.new.facts[r].parent == table
                and (_unique(self.new.facts[r]) or not _unique(gone))
                for r in self.coming
            )
            and tree(table, self.old) == ""
            and self._free(step.ref)
        )

    def _unhindered(self, ref: Ref) -> bool:
        """Whether what comes again may stay until all else is done: it is not only put aside for the
        sake of something else."""
        return self.old.facts[ref].attrs != self.new.facts[ref].attrs and self._free(ref)

    def _free(self, ref: Ref) -> bool:
        """Whether nothing is in the way of what is there, nor it in the way of anything."""
        return not self.old.used_by.get(ref) and self.touched.isdisjoint(self._needed(ref))

    def _needed(self, ref: Ref) -> Iterator[Ref]:
        """All that it uses, and what that uses."""
        found, todo = {ref}, [ref]
        while todo:
            for used in self.old.uses.get(todo.pop(), ()):
                if used not in found:
                    yield used
                    found.add(used)
                    todo.append(used)

    def _with_the_rest(self, ref: Ref) -> bool:
        """Whether it is unique, and made again in the transaction in which it goes: beside another type
        of its column it cannot stay, and no row is to come in between that it would refuse."""
        return (
            ref in self.made
            and ref in self.old.facts
            and not self.old.used_by.get(ref)
            and _unique(self.new.facts[ref])
            and any(
                r in self.touched and not _has_index(self.old.facts[r]) for r in self._needed(ref)
            )
        )

    def _keys_last(self, steps: Sequence[Step]) -> Sequence[Step]:
        """A primary key can go only where the next one comes: what shall be unique beside that comes
        before, where its columns are there already."""
        keys = {
            s.ref.name[:-1]: at
            for at, s in reversed([*enumerate(steps)])
            if s.verb == "drop" and s.ref in self.old.facts and _is_key(self.old.facts[s.ref])
        }
        going = {(s.ref.name[0], s.ref.name[-1]) for s in steps if s.verb == "drop"}
        self.early = {
            s.ref
            for at, s in enumerate(steps)
            if s.verb == "create"
            and s.ref in self.coming
            and (s.ref.name[0], s.ref.name[-1]) not in going
            and self._fits_before(s.ref, keys, at)
        }
        if not self.early:
            return steps
        ordered: list[Step] = []
        for at, step in enumerate(steps):
            if step.verb == "drop" and keys.get(step.ref.name[:-1]) == at:
                table = self.old.facts[step.ref].parent
                ordered += (
                    s
                    for s in steps
                    if s.ref in self.early
                    and self.new.facts[s.ref].parent == table
                    and s.verb == "create"
                )
            if step.verb != "create" or step.ref not in self.early:
                ordered.append(step)
        return ordered

    def _fits_before(self, ref: Ref, keys: dict[tuple[str, ...], int], at: int) -> bool:
        """Whether what comes `at` may come before the key of its table goes, and that is earlier."""
        fact = self.new.facts[ref]
        table = fact.parent
        assert table is not None
        return (
            ref not in self.old.facts
            and not (fact["attached"] or self._is_whole(fact))
            and keys.get(table.name, at) < at
            and _unique(fact)
            and fact["type"] != "p"
            and self._there(ref)
        )

    def _there(self, ref: Ref) -> bool:
        """Whether all that it needs is there already, and stays as it is."""
        return all(
            r in self.old.facts and r not in self.touched for r in self.new.uses.get(ref, ())
        )

    def _ahead(self, plan: Plan) -> set[Ref]:
        """Constraints whose indexes are built before all else: one that goes from their table takes
        others with it, which are not to be away for as long as an index is built."""
        goes = {
            self.old.facts[s.ref].parent
            for s in plan.steps
            if s.verb == "drop" and self._cannot_stay(s)
        }
        if self.renames:
            return set()
        return {
            r
            for r in self.coming
            if self.new.facts[r].parent in goes and self._can_go_ahead(self.new.facts[r])
        }

    def _can_go_ahead(self, fact: Fact) -> bool:
        assert fact.parent is not None
        return (
            _unique(fact)
            and not self._serves(fact.ref)
            and (fact.ref.kind == "index" or key_of(fact) is not None)
            and not (fact["index_options"] or fact["index_tablespace"])
            and self.unsettled.isdisjoint(self._tables(fact, fact.parent))
            and self._there(fact.ref)
        )

    def _cannot_stay(self, step: Step) -> bool:
        fact = self.old.facts.get(step.ref)
        table = fact.parent if fact is not None else None
        return (
            fact is not None
            and table is not None
            and _unique(fact)
            and table not in self.made
            and table in self.new.facts
            and table.kind == "table"
            and not _partitioned(table, self.old)
            and not tree(table, self.old)
            and not self._can_stay(step, table)
            and not self._can_wait(step, table)
            and not self._serves(step.ref)
        )

    def _serves(self, ref: Ref) -> bool:
        """Whether an index serves on, under another name, until the next one is built."""
        again = ref.kind == "index" and ref in self.made and ref in self.old.facts
        return again and self._unhindered(ref)

    def _name_ahead(self, ref: Ref) -> str:
        """Its own name, where nothing has that yet."""
        table, name = self.new.facts[ref].parent, ref.name[-1]
        assert table is not None
        known = (Ref("constraint", (*table.name, name)), Ref("index", (ref.name[0], name)))
        return ident(ref.name[-1]) if self.old.facts.keys().isdisjoint(known) else self._aside(ref)

    def _renamed(self, step: Step) -> Iterator[tuple[int, Step]]:
        """An index that is built ahead under another name, where another one has its own."""
        name, other = ident(step.ref.name[-1]), self._name_ahead(step.ref)
        text = step.sql.replace(f"INDEX {name} ON ", f"INDEX CONCURRENTLY {other} ON ", 1)
        safe = _without(step, HazardCode.INDEX_BUILD)
        yield _AHEAD, replace(safe, sql=text, transactional="no")
        if other != name:
            text = f"ALTER INDEX {qualified((step.ref.name[0], other))} RENAME TO {name}"
            yield _FIRST, Step(text, step.ref, "create")

    def _taken(self, step: Step, fact: Fact) -> Iterator[tuple[int, Step]]:
        """Taken over from an index that is built ahead, in the transaction of all the rest."""
        key = key_of(fact)
        assert key is not None
        index = self._name_ahead(step.ref)
        table = qualified(step.ref.name[:-1])
        text = f"CREATE UNIQUE INDEX CONCURRENTLY {index} ON {table} {key.columns}"
        yield _AHEAD, Step(text, step.ref, "create", (), "no")
        if step.ref in self.held:
            yield _FIRST, self.held[step.ref]
        yield _FIRST, using(step, key, index)

    def _replaced(self, step: Step) -> Iterator[tuple[int, Step]]:
        if _has_index(self.old.facts[step.ref]) and _has_index(self.new.facts[step.ref]):
            self.held[step.ref] = step  # its successor wants its name, and the index has it
        else:
            yield self._set_aside(step)

    def _waiting(self, step: Step, table: Ref) -> Iterator[tuple[int, Step]]:
        if _is_key(self.old.facts[step.ref]) and table.name in self.keyed:
            key = next(
                r for r in self.made if r.name[:-1] == table.name and _is_key(self.new.facts[r])
            )
            self.held[key] = step
        elif (step.ref.name[0], step.ref.name[-1]) in self.names:
            yield self._set_aside(step)
        else:
            self.left.append(_dropped(step, step.ref.name[-1]))

    def _set_aside(self, step: Step) -> tuple[int, Step]:
        """Under another name until all else is done; something else is to have its own."""
        *above, name = step.ref.name
        other = self._aside(step.ref)
        self.left.append(_dropped(step, other))
        if step.ref.kind == "index":
            text = f"ALTER INDEX {qualified(step.ref.name)} RENAME TO {other}"
        else:
            text = (
                f"ALTER TABLE {qualified(tuple(above))} RENAME CONSTRAINT {ident(name)} TO {other}"
            )
        return _FIRST, replace(step, sql=text, verb="alter")

    def _aside(self, ref: Ref) -> str:
        """A name for what waits until its successor is there; another plan's may still be waiting."""
        name = aside(ref.name)
        while any(
            Ref(ref.kind, (*ref.name[:-1], name)) in c.facts
            or Ref("index", (ref.name[0], name)) in c.facts
            for c in (self.old, self.new)
        ):
            name = aside((*ref.name, name))
        return name

    def _comes_last(self, fact: Fact) -> bool:
        """Whether what is unique, or a key, may come when all else is there: nothing needs it.

        With a partitioned table's come those of its partitions, and with those that. Not where what
        is made for all partitions would make more: where some are to have none, or have it already.
        """
        if not _has_index(fact):
            return False
        if not fact["attached"] and not self._is_whole(fact):
            return (
                fact["type"] == "u"
                and not self.new.used_by.get(fact.ref)
                and fact.ref not in self.old.facts
                and fact.ref not in self.early | self.ahead
            )
        top = fact
        while top["attached"]:
            top = next(self.new.facts[r] for r in wholes(top, self.new) if r in self.new.facts)
        all_have = not top["invalid"] and top["type"] != "x"  # which takes in nobody's
        return all_have and self._have_only_parts(top)

    def _have_only_parts(self, fact: Fact) -> bool:
        """Whether it, and all that is attached to it, comes, and nothing else needs them; one that is
        there already, and is to be attached, may be."""
        table = fact.parent
        if fact.ref in self.old.facts and fact.ref not in self.made:
            return bool(fact["attached"] and not self.old.facts[fact.ref]["attached"])
        if (
            table is None
            or fact.ref not in self.made
            or fact.ref in self.early | self.ahead
            or not self.unsettled.isdisjoint(self._tables(fact, table))
        ):
            return False
        if fact.ref.kind == "constraint" and not all(
            map(self._may_stay, self._in_the_way(fact, table))
        ):
            return False
        users = (self.new.facts[r] for r in self.new.used_by.get(fact.ref, ()))
        return all(u["attached"] and _has_index(u) and self._have_only_parts(u) for u in users)

    def _is_whole(self, fact: Fact) -> bool:
        table = fact.parent
        return table is not None and table in self.old.facts and _partitioned(table, self.old)

    def depths(self) -> dict[Ref, int]:
        """The indexes and constraints of partitioned tables that come last, and how deep they lie."""
        return {r: self._depth(r) for r in self.late if self._is_whole(self.new.facts[r])}

    def _depth(self, ref: Ref) -> int:
        above = [r for r in wholes(self.new.facts[ref], self.new) if r in self.new.facts]
        return 1 + self._depth(above[0]) if above else 0

    def _late_wholes(self, ref: Ref) -> list[Ref]:
        """What it is attached to, where that is made last."""
        fact = self.new.facts.get(ref)
        return [r for r in wholes(fact, self.new) if r in self.late] if fact is not None else []

    def _is_doubled(self, whole: Ref) -> bool:
        """Whether a partition has another index that is as the one attached: PostgreSQL might take that."""
        for part in map(self.new.facts.get, self.new.used_by.get(whole, ())):
            if part is None or part.ref.kind != "index" or part.parent is None:
                continue
            said = part.text("definition").partition(" USING ")[2]
            others = (f for f in self.new.below(part.parent, "index") if f.ref != part.ref)
            if any(f.text("definition").partition(" USING ")[2] == said for f in others):
                return True
        return False

    def _in_the_way(self, fact: Fact, table: Ref) -> Iterator[Ref]:
        """The constraints that have to go before it comes: of its name, or the key that was."""
        for other in self.old.below(table, "constraint"):
            if other.ref == fact.ref or (_is_key(fact) and _is_key(other)):
                yield from self._parts(other.ref)

    def _whole(self, step: Step, table: Ref) -> Iterator[tuple[int, Step]]:
        """The drop of a partitioned table's index or constraint, with those of the partitions: once
        others are built, and where it can once they serve."""
        gone, parts = self.old.facts[step.ref], [*self._parts(step.ref)]
        coming = [f for r in self.coming if (f := self.new.facts[r]).parent == table]
        here = [f for f in coming if f.ref == step.ref or step.ref not in self.made]
        if (
            not any(self._comes_last(f) for f in here if _unique(f) or not _unique(gone))
            or not all(map(self._may_stay, parts))
            or (_is_key(gone) and not all(self._comes_last(f) for f in coming if _is_key(f)))
        ):
            yield _FIRST, step
        elif step.ref.kind == "constraint" and (
            step.ref in self.made or (_is_key(gone) and any(map(_is_key, coming)))
        ):
            yield _INDEXES, replace(step, transactional="no")
        elif step.ref.kind == "constraint":
            self.left.append(replace(step, transactional="no"))
        else:
            others = {p: self._aside(p) for p in parts if (p.name[0], p.name[-1]) in self.names}
            for part, other in others.items():
                text = f"ALTER INDEX {qualified(part.name)} RENAME TO {other}"
                yield _FIRST, Step(text, part, "alter")
            name = others.get(step.ref, step.ref.name[-1])
            text = f"DROP INDEX {qualified((step.ref.name[0], name))}"
            self.left.append(replace(step, sql=text, transactional="no"))

    def _had(self, ref: Ref) -> bool:
        """Whether an index has its name, as far as that goes only once it is built."""
        table = self.new.facts[ref].parent
        known = {ref, Ref("index", (ref.name[0], ref.name[-1]))}
        return table is not None and not known.isdisjoint(self.old.facts) and ref in self.late

    def _parts(self, index: Ref) -> Iterator[Ref]:
        """An index, and all that is attached to it or to what is."""
        yield index
        for user in self.old.used_by.get(index, ()):
            if self.old.facts[user]["attached"]:
                yield from self._parts(user)

    def _may_stay(self, index: Ref) -> bool:
        """Whether it may be there, under another name, until all else is done."""
        fact = self.old.facts[index]
        users = (self.old.facts[r] for r in self.old.used_by.get(index, ()))
        return (
            _has_index(fact)
            and fact.parent is not None
            and fact.parent in self.new.facts
            and fact.parent not in self.made | self.unsettled
            and self.made.isdisjoint(partitions(fact.parent, self.new))  # which would get one too
            and (index not in self.new.facts or index in self.made)
            and all(u["attached"] and _has_index(u) for u in users)
            and all(
                r not in self.touched or _has_index(self.old.facts[r]) for r in self._needed(index)
            )
        )

    def _on_late(self, ref: Ref) -> bool:
        above: Ref | None = ref
        while above is not None and above not in self.late:
            fact = self.new.facts.get(above)
            above = fact.parent if fact is not None else None
        return above is not None

    def _index(self, step: Step, table: Ref) -> Iterator[tuple[int, Step]]:
        if _INDEX.match(step.sql):
            if _partitioned(table, self.old) or self._with_the_rest(step.ref):
                yield _FIRST, step
                return
            text = step.sql.replace("INDEX ", "INDEX CONCURRENTLY ", 1)
            safe = replace(_without(step, HazardCode.INDEX_BUILD), sql=text, transactional="no")
            if step.ref in self.ahead or (step.ref in self.early and not self.renames):
                yield from self._renamed(step)
            elif self.new.used_by.get(step.ref) or step.ref in self.early:
                yield _FIRST, safe
            else:
                self.late.add(step.ref)
                yield _INDEXES, safe
        elif step.sql.startswith("CREATE "):  # of a partitioned table, ON ONLY it: nothing is built
            bare = _without(step, HazardCode.INDEX_BUILD)
            if self._comes_last(self.new.facts[step.ref]):
                self.late.add(step.ref)
                double = self._is_doubled(step.ref)
                yield _INDEXES, replace(bare, transactional="no") if double else _over_all(bare)
            else:
                yield _FIRST, bare
        elif _DROP.match(step.sql) and self._is_whole(self.old.facts[step.ref]):
            yield from self._whole(step, table)
        elif not _DROP.match(step.sql) or _partitioned(table, self.old):
            yield _FIRST, step
        elif step.ref not in self.made and not self._can_wait(step, table):
            yield _FIRST, _dropped(step, step.ref.name[-1])
        elif step.ref not in self.made:
            yield from self._waiting(step, table)
        elif self._serves(step.ref):
            yield self._set_aside(step)  # the old one serves until the new one does
        else:
            yield _FIRST, step  # with what it is in the way of: where that fails, it is there still


def _over_all(step: Step) -> Step:
    """What is made of a partitioned table ONLY, for all its partitions: it takes in what they have that
    is like it, and makes it where it is not, as in partitions that are in no file."""
    return replace(step, sql=_ONLY.sub(r"\1", step.sql, count=1), transactional="no")


def _dropped(step: Step, name: str) -> Step:
    """The drop of an index or constraint, by the name that it has by then."""
    *above, _ = step.ref.name
    if step.ref.kind == "constraint":
        text = f"ALTER TABLE {qualified(tuple(above))} DROP CONSTRAINT {ident(name)}"
        return replace(step, sql=text)
    text = f"DROP INDEX CONCURRENTLY {qualified((*above, name))}"
    return replace(step, sql=text, transactional="no", hazards=())


def _has_index(fact: Fact) -> bool:
    return fact.ref.kind == "index" or (
        fact.ref.kind == "constraint" and fact["type"] in ("p", "u", "x")
    )


def _unique(fact: Fact) -> bool:
    """Whether it lets in one row only of those that are alike for it."""
    if fact.ref.kind == "index":
        return fact.text("definition").startswith("CREATE UNIQUE ")
    return _has_index(fact)


def _is_key(fact: Fact) -> bool:
    return fact.ref.kind == "constraint" and fact["type"] == "p"


def _bears(old: Fact, new: Fact) -> bool:
    """Whether a column becomes another for an index or a constraint that stays for a while."""
    bare = bool(old["not_null"]) and not new["not_null"]
    return bare or any(
        old[what] != new[what] for what in ("type", "collation", "generated", "expression")
    )


def _unsettled(plan: Plan, made: frozenset[Ref], old: Catalog, new: Catalog) -> frozenset[Ref]:
    """Tables that are made anew, or get another place among partitions and heirs; with their trees."""
    links = {s.ref for s in plan.steps if s.ref.kind in ("partition", "inheritance")}
    found = {r for r in made if r in old.facts and r.kind in ("table", "foreign_table")}
    for catalog in (old, new):
        for link in links & catalog.facts.keys():
            below = catalog.facts[link].parent
            if below in old.facts and below is not None:
                found |= {below, *parents(below, catalog)}
    return _families(found, old, new)


def _families(tables: Collection[Ref], old: Catalog, new: Catalog) -> frozenset[Ref]:
    """The tables with all above and below them, and what is above and below those."""
    found, todo = {*tables}, [*tables]
    while todo:
        table = todo.pop()
        for catalog in (old, new):
            below_it = (link.parent for link in links_below(table, catalog))
            for near in (*parents(table, catalog), *below_it):
                if near is not None and near not in found:
                    found.add(near)
                    todo.append(near)
    return frozenset(found)


def _partitioned(table: Ref, catalog: Catalog) -> bool:
    return catalog.facts[table]["partition_key"] is not None


def _open(fact: Fact) -> bool:
    """Whether rows may be there that the constraint would refuse."""
    return fact.text("definition").endswith((" NOT VALID", " NOT ENFORCED"))


def _without(step: Step, *codes: HazardCode) -> Step:
    return replace(step, hazards=tuple(h for h in step.hazards if h.code not in codes))


def _constraint(
    step: Step, fact: Fact, new: Catalog, held: Step | None, index: str, *, whole: bool, wave: int
) -> Iterator[tuple[int, Step]]:
    """`held` drops what it takes the place of. `index`: the name of the index that it takes over.
    `whole`: the table is partitioned, where PostgreSQL has fewer ways. `wave`: when that may be built."""
    name, table = ident(fact.ref.name[-1]), qualified(fact.ref.name[:-1])
    later = not whole or fact["type"] == "c" or new.server_version >= 180000
    if fact["type"] in ("f", "c") and not _open(fact) and later:
        safe = _without(step, HazardCode.SCAN_UNDER_LOCK)
        yield _FIRST, replace(safe, sql=f"{step.sql} NOT VALID")
        text = f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}"
        yield _VALIDATE, Step(text, step.ref, "alter")
        return
    before = [(_FIRST, held)] if held is not None else []
    key = key_of(fact)
    if key is None or whole or fact["index_options"] or fact["index_tablespace"]:
        # Of a partitioned table, ONLY it: nothing is built.
        only = whole and step.sql.startswith("ALTER TABLE ONLY ")
        yield from before
        bare = _without(step, HazardCode.INDEX_BUILD) if only else step
        yield wave, _over_all(bare) if only and wave == _INDEXES else bare
        return
    text = f"CREATE UNIQUE INDEX CONCURRENTLY {ident(index)} ON {table} {key.columns}"
    yield wave, Step(text, step.ref, "create", (), "no")
    taken = using(step, key, ident(index))
    if held is not None:
        gone = f"DROP CONSTRAINT {ident(held.ref.name[-1])},\n    ADD CONSTRAINT"
        taken = replace(
            taken,
            sql=taken.sql.replace(" ADD CONSTRAINT", f"\n    {gone}", 1),
            hazards=(*held.hazards, *taken.hazards),
        )
    # Beside its index, in the same file: the way back drops both at once, and builds nothing.
    yield wave, replace(taken, transactional="no")


def _not_null(step: Step, new: Catalog) -> Iterator[tuple[int, Step]]:
    table, column = qualified(step.ref.name[:-1]), ident(step.ref.name[-1])
    kept = _without(step, HazardCode.SCAN_UNDER_LOCK)
    if new.server_version >= 180000:
        name = ident(_not_null_name(step.ref, new))
        added = f"ALTER TABLE {table} ADD CONSTRAINT {name} NOT NULL {column}"
        text = f"{added if step.sql.endswith(' SET NOT NULL') else step.sql} NOT VALID"
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

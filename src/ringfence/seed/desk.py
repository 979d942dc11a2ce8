"""One table's rows in the making: drawn, judged by the server, drawn again."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ringfence.errors import Misuse, Refused
from ringfence.finding import counted
from ringfence.model import quoted
from ringfence.seed import documents, expression
from ringfence.seed.draw import Draw
from ringfence.seed.limits import ANY, Limits
from ringfence.seed.place import SHARED, Place, ordinal
from ringfence.seed.probe import Fault, Probe
from ringfence.seed.rows import NoParent, Row
from ringfence.seed.rules import Rules, of_check, related
from ringfence.seed.wishes import PROFILES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from psycopg import Connection

    from ringfence.seed.lexicon import Lexicon
    from ringfence.seed.rows import Family
    from ringfence.seed.rules import Constants
    from ringfence.seed.shape import Column, Reference, Shape, Table
    from ringfence.seed.tenancy import Model
    from ringfence.seed.values import Values
    from ringfence.seed.wishes import Overrides, Wishes

PATIENCE = 48
"""How often a row is drawn again before it is given up."""

_CHAIN = 4
"""How often what follows from other columns is computed again, when those have followed themselves."""

PLANNED = 512
"""How many rows of a table are thought up one by one, at most; the load profile multiplies them."""

_SELDOM = ("_deleted_", "_archived_", "_removed_", "_revoked_", "_failed_", "_banned_", "_cancel",
           "_suspended_", "_rejected_", "_error")  # fmt: skip
"""Columns that are empty in most rows, by a part of their words."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Rows that a table has no room for: how many of those asked, and what leaves no room.

    `candidate` is the last row that was tried and refused, "" where none was.
    """

    table: str
    asked: int
    got: int
    reason: str
    candidate: str = ""


@dataclass(frozen=True)
class Office:
    """What the desks of one plan share.

    `refused` counts, by table and column, how often what was planned before was refused after all,
    `names` are the tenants where only columns name them.
    """

    conn: Connection[Any]
    shape: Shape
    model: Model
    tenants: int
    wishes: Wishes
    overrides: Overrides
    refused: Mapping[tuple[str, str], int]
    constants: Constants
    values: Values
    family: Family
    lexicon: Lexicon
    names: tuple[str, ...] = ()
    desks: dict[int, Desk] = field(default_factory=dict)

    def own(self, table: Table, tenant: int) -> tuple[tuple[str, str], ...]:
        """The columns, with their values, that say whose a row is."""
        name = self.model.columns.get(table.oid)
        return () if name is None else ((name, self.names[tenant]),)

    @property
    def seed(self) -> int:
        """What all choices follow from."""
        return self.wishes.seed


class Desk:
    """Where the rows of one table are made. `late` are foreign keys that are chosen by `close`,
    `copied` the columns by which others of the circle point here before that."""

    def __init__(
        self,
        office: Office,
        table: Table,
        late: Sequence[Reference],
        copied: Collection[str] = (),
    ) -> None:
        self.office = office
        self.table = table
        self.late = late
        self.copied = copied
        self.itself = any(reference.target == table.oid for reference in table.references)
        self.closing = False
        known = office.shape.tables
        self.early = [r for r in table.references if r not in late and r.target in known]
        self.lost = [r for r in table.references if r.target not in known]
        office.desks[table.oid] = self
        self.probe = Probe(office.conn, office.shape, table)
        self.rules = Rules(
            office.constants, office.shape, table, office.seed, spread=office.wishes.covers
        )
        self.keys, self.alone = _keyed(table)
        self.defaults = {column.name: _constant(column) for column in table.columns}
        self.derived = {
            name: wish.sql
            for name in table.column
            if (wish := office.overrides.of(table, name)) is not None and wish.sql
        }
        self.rows: list[Row] = []
        self.asked = 0
        self.wanted: dict[int, int] = {}
        self.uncovered: list[tuple[str, str]] = []
        self.given_up: list[tuple[Fault, dict[str, str | None]]] = []
        self.orphan: NoParent | None = None

    def draft(self) -> None:
        """The first version of all rows."""
        self.office.family.open(self.table, self.late)
        for tenant, count in self._counts():
            self.asked += count
            for number in range(count):
                self._add(tenant, number, ())
        self._refuse_short_lists()

    def _refuse_short_lists(self) -> None:
        """Raise `Misuse` for a list that is too short for a key that its column is by itself."""
        for key in self.table.keys:
            wish = self.office.overrides.of(self.table, key.columns[0])
            if len(key.columns) > 1 or key.operators or key.predicate or wish is None:
                continue
            count = len(set(wish.values))
            if wish.values and count < len(self.rows):
                where = f"{self.table.path}.{quoted(key.columns[0])}"
                raise Misuse(
                    f"[tool.ringfence.seed.columns] gives {where} {counted(count, 'value')}, and"
                    f" {quoted(key.name)} lets each be in one of {counted(len(self.rows), 'row')} only",
                    hint=f"list {len(self.rows)} values, or ask for fewer rows: [tool.ringfence.seed]"
                    " rows",
                )

    def _add(
        self,
        tenant: int,
        number: int,
        forced: tuple[tuple[str, str], ...],
        *,
        grow: bool = False,
    ) -> None:
        office = self.office
        before = {
            column: times
            for (table, column), times in office.refused.items()
            if table == self.table.path
        }
        voice = 0 if office.wishes.twins and tenant > 0 else tenant
        turn = number if office.wishes.twins else ordinal(tenant, number, office.tenants)
        row = Row(
            self.table, tenant, number, attempts=before, voice=voice, turn=turn, forced=forced,
            own=office.own(self.table, tenant),
        )  # fmt: skip
        try:
            try:
                self._fill(row)
            except NoParent as error:
                above = office.desks.get(error.reference.target)
                if not (forced or grow) or above is None or above is self:
                    raise
                if not above.grow(tenant):
                    raise
                self._fill(row)
        except NoParent as error:
            if not forced and not grow:
                self.orphan = self.orphan or error
            return
        office.family.add(row)
        self.rows.append(row)

    def grow(self, tenant: int) -> bool:
        """Have one more row for others to point to; whether there is."""
        model = self.office.model
        if model.root is not None and model.root.oid == self.table.oid:
            return False
        whose = tenant if model.scoped(self.table) else SHARED
        before = len(self.rows)
        number = 1 + max((r.number for r in self.rows if r.tenant == whose), default=-1)
        # It may take a row of its own itself.
        self._add(whose, number, (), grow=True)
        self._settle()
        self.probe.generate(self.rows)
        self.asked += len(self.rows) - before
        return len(self.rows) > before

    def close(self) -> None:
        """Choose what the foreign keys point to that close a circle."""
        self.closing = True
        for row in list(self.rows):
            self._refill(row)

    def settle(self, *, final: bool) -> Shortfall | None:
        """Let the server judge the rows, and draw again those it refuses until it takes them all.

        Rows that it never takes are given up; the last time around, what is missing is returned.
        Raises `Refused` when nothing is left.
        """
        self._settle()
        if not self.rows and self.given_up and (self._widen() or self._deepen()):
            self._settle()
        if not self.rows and self.given_up:
            raise self._nothing_left()
        if not final:
            return None
        self._share()
        self._count_tenants()
        if self.office.wishes.covers:
            self._cover()
        self.probe.generate(self.rows)
        usual = sum(not row.forced for row in self.rows)
        if usual == self.asked:
            return None
        tried = self._candidate() if self.given_up else ""
        return Shortfall(self.table.path, self.asked, usual, self._reason(), tried)

    def _widen(self) -> bool:
        """Draft the rows again, two at least where one would have to point to itself."""
        counts = self._counts()
        if not self.itself or all(count > 1 for _, count in counts):
            return False
        self.given_up.clear()
        for tenant, count in counts:
            for number in range(max(2, count)):
                self._add(tenant, number, ())
        self.asked = len(self.rows)
        return True

    def _deepen(self) -> bool:
        """Draft the rows again with more rows to point to, where that is what a condition is about."""
        names = {name for fault, _ in self.given_up for name in fault.columns}
        above = {
            r.target for r in self.early if names & {*r.columns} and r.target != self.table.oid
        }
        desks = [self.office.desks[oid] for oid in sorted(above) if oid in self.office.desks]
        grown = [desk.grow(tenant) for desk in desks for tenant, _ in self._counts()]
        if not any(grown):
            return False
        self.given_up.clear()
        for tenant, count in self._counts():
            for number in range(count):
                self._add(tenant, number, ())
        return True

    def _share(self) -> None:
        """Let a tenant without rows have some of another's, where a key has no room for all."""
        if not any(fault.unique for fault, _ in self.given_up):
            return
        for tenant, count in self._counts():
            have = Counter(row.tenant for row in self.rows)
            richest = max(have, key=lambda t: (have[t], t), default=tenant)
            if have[tenant] or not count or have[richest] < 2:
                continue
            self._drop([row for row in self.rows if row.tenant == richest][-1])
            self._add(tenant, 0, ())
            self._settle()

    def mend(self) -> bool:
        """Draw the rows again whose parents were given up since, and take over parents' keys.

        Whether any row had to change.
        """
        changed = False
        for row in list(self.rows):
            before = dict(row.values)
            if any(parent is not None and parent.gone for parent in row.parents.values()):
                self._refill(row)
            else:
                row.adopt()
            changed = changed or row.gone or row.values != before
        return changed

    def _settle(self) -> None:
        while self.rows:
            rows = list(self.rows)
            if self.itself:
                for row in rows:
                    row.adopt()
            self._derive(rows)
            faults = self.probe.faults(rows)
            if not any(faults):
                break
            refused = [(row, found) for row, found in zip(rows, faults, strict=True) if found]
            self._compute(refused)
            for row, found in refused:
                if not row.gone:
                    self._again(row, found)

    def _derive(self, rows: Sequence[Row]) -> None:
        """Have the server compute the columns that the project gives as SQL."""
        for name, text in self.derived.items():
            answers = self.probe.derive(self.table.column[name], text, rows)
            for row, answer in zip(rows, answers, strict=True):
                row.values[name] = answer

    def _cover(self) -> None:
        """Add rows until every literal of a check and every label of an enum occurs, where it can.

        First rows that each take one missing value of every column, then rows for one value alone.
        """
        literals = self._literals()
        for alone in (False, True):
            missing = self._missing(literals)
            sets: list[tuple[tuple[str, str], ...]]
            if alone:
                sets = [((name, text),) for name, texts in missing.items() for text in texts]
            else:
                longest = max((len(texts) for texts in missing.values()), default=0)
                sets = [
                    tuple((name, texts[n]) for name, texts in missing.items() if n < len(texts))
                    for n in range(longest)
                ]
            tenants = [tenant for tenant, _ in self._counts()]
            for turn, forced in enumerate(sets):
                whose = tenants if self.office.wishes.twins else [tenants[turn % len(tenants)]]
                for tenant in whose:
                    number = 1 + max(
                        (r.number for r in self.rows if r.tenant == tenant), default=-1
                    )
                    self._add(tenant, number, forced)
            self._settle()
            for row in list(self.rows):
                if any(_held(row, name) != text for name, text in row.forced):
                    self._drop(row)
        self.uncovered = [
            (_shown(name), text)
            for name, texts in self._missing(literals).items()
            for text in texts
        ]

    def _literals(self) -> dict[str, dict[str, None]]:
        found = self.rules.literals()
        for column in self.table.columns:
            type_, _ = self.office.shape.base(self.office.shape.types[column.type])
            if type_.kind == "e":
                found.setdefault(column.name, {}).update(dict.fromkeys(type_.labels))
        bound = {name for reference in self.table.references for name in reference.columns}
        bound.add(self.office.model.columns.get(self.table.oid, ""))
        wished = {n for n in self.table.column if self.office.overrides.of(self.table, n)}
        fixed = {column.name for column in self.table.columns if column.generated}
        root = self.office.model.root
        if root is not None and root.oid == self.table.oid:
            return {}
        left = bound | wished | fixed
        return {name: texts for name, texts in found.items() if name.partition("\0")[0] not in left}

    def _missing(self, literals: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
        missing = {}
        for name, texts in literals.items():
            seen = {_held(row, name) for row in self.rows}
            left = [text for text in texts if text not in seen]
            if left:
                missing[name] = left
        return missing

    def _counts(self) -> list[tuple[int, int]]:
        """(tenant, how many rows) as asked for, and at least one for every partition."""
        model, tenants, wishes = self.office.model, self.office.tenants, self.office.wishes
        if model.root is not None and self.table.oid == model.root.oid:
            return [(tenant, 1) for tenant in range(tenants)]
        own = model.columns.get(self.table.oid)
        if own and any(set(k.columns) == {own} and not k.predicate for k in self.table.keys):
            self.wanted = dict.fromkeys(range(tenants), 1)
            return [(tenant, 1) for tenant in range(tenants)]
        leaves = len(self.table.partitions)
        said = self.office.overrides.rows.get(self.table.oid, 0)
        if not model.scoped(self.table):
            self.wanted = {SHARED: said or wishes.rows or PROFILES[wishes.profile]}
        else:
            self.wanted = {tenant: wishes.count(tenant, said) for tenant in range(tenants)}
        most = max(1, PLANNED // len(self.wanted)) if wishes.profile == "load" else None
        least = -(-leaves // len(self.wanted))
        return [
            (tenant, max(count if most is None else _even(count, most), least))
            for tenant, count in self.wanted.items()
        ]

    def _fill(self, row: Row) -> None:
        """Everything a row holds. Raises `NoParent`."""
        if self.table.partitions:
            turn = ordinal(row.tenant, row.number, self.office.tenants)
            attempt = row.attempts.get(of_check(self.table.partitions[row.leaf].name), 0)
            # Which partition it is follows from whose the row is, where that is what they are by.
            row.leaf = (turn + (row.tries if row.own else attempt // 16)) % len(
                self.table.partitions
            )
        limits, relations = self.rules.way(row)
        for reference in self.lost:
            if not self.table.nullable(reference):
                raise NoParent(reference)
        self.office.family.choose(row, self.early, limits)
        for reference in (*self.lost, *(() if self.closing else self.late)):
            for name in reference.columns:
                if name not in self.copied or reference in self.lost:
                    row.values.setdefault(name, None)
        for column in self.table.columns:
            if not column.generated and column.name not in row.values:
                limit = related(limits.get(column.name, ANY), column, relations, row)
                # The same question has the same answer: only what was refused is asked again.
                attempt = row.attempts.get(column.name, 0)
                known = row.drawn.get(column.name)
                if known is None or known[0] != attempt or known[1] != limit:
                    known = (attempt, limit, self._value(row, column, limit, attempt))
                    row.drawn[column.name] = known
                row.values[column.name] = known[2]
        row.adopt()
        if self.closing:
            self.office.family.late(row, self.late, limits, self.copied)

    def _value(self, row: Row, column: Column, limits: Limits, attempt: int) -> str | None:
        office = self.office
        place = Place(
            office.seed, self.table.path, column.name, row.tenant, row.number, office.tenants,
            attempt, column.name in self.keys, column.name in self.alone,
            self.defaults[column.name], office.lexicon, office.wishes.twins,
            row.turn if office.wishes.covers else -1,
        )  # fmt: skip
        wish = office.overrides.of(self.table, column.name)
        if wish is not None:
            return None if wish.sql else office.overrides.value(wish, column, place)
        if self._null(column, limits, place):
            return None
        patterned = limits.patterns or limits.likes
        if column.sequence is not None and not limits.choices and not patterned:
            step = place.ordinal + attempt * 1000
            return str(column.sequence.start + step * column.sequence.increment)
        return office.values.value(column.type, column.typmod, limits, place)

    def _null(self, column: Column, limits: Limits, place: Place) -> bool:
        if column.name in self.rules.filled or limits.null is False:
            return False
        if limits.null:
            return True
        if column.sequence is not None:
            return False
        tenant = 0 if place.twin and place.tenant > 0 else place.tenant
        draw = Draw(place.seed, tenant, place.table, place.column, "null", place.row, place.attempt)
        if any(word in place.words for word in _SELDOM):
            return not draw.chance(6)
        if place.row == 0 and not place.attempt:
            return False
        return draw.chance(3 if place.attempt > 2 else 8)

    def _compute(self, refused: Sequence[tuple[Row, Sequence[Fault]]]) -> None:
        """Have the server compute what one column must be from the others, for `_again` to use."""
        stale = [(row, {fault.name for fault in found}) for row, found in refused]
        stale = [(row, names) for row, names in stale if row.tries % 2 == 0]
        for _ in range(_CHAIN):
            wanted: defaultdict[tuple[str, str, str], list[Row]] = defaultdict(list)
            for row, names in stale:
                for rule, relation in self.rules.way(row)[1]:
                    if relation.sql and rule.check.name in names:
                        wanted[relation.sql, relation.left, relation.operator].append(row)
            moved: defaultdict[int, set[str]] = defaultdict(set)
            for (text, name, operator), rows in wanted.items():
                for row, answer in zip(rows, self.probe.compute(text, rows), strict=True):
                    row.computed[text] = answer
                    if operator == "=" and answer is not None and row.values.get(name) != answer:
                        row.values[name] = answer
                        moved[id(row)].add(name)
            # What was computed from a column that has moved since is computed again.
            stale = [
                (row, behind)
                for row, _ in stale
                if (behind := {r.check.name for r in self.rules if moved[id(row)] & {*r.columns}})
            ]
            if not stale:
                break

    def _again(self, row: Row, faults: Sequence[Fault]) -> None:
        """Draw a refused row again, in the columns that the constraints read; or give it up."""
        row.tries += 1
        if row.tries > PATIENCE:
            if not row.forced:
                self.given_up.append((faults[0], dict(row.values)))
            self._drop(row)
            return
        # What was just computed holds for the other columns as they are: leave those alone once.
        solved = {
            rule.check.name
            for rule, relation in (self.rules.way(row)[1] if row.computed else ())
            if relation.sql in row.computed and row.tries % 2
        }
        if not solved:
            row.computed.clear()
        for fault in faults:
            if fault.name not in solved:
                for name in dict.fromkeys((*fault.columns, of_check(fault.name))):
                    row.attempts[name] = row.attempts.get(name, 0) + 1
        self._refill(row)

    def _refill(self, row: Row) -> None:
        try:
            self._fill(row)
        except NoParent as error:
            if not row.forced:
                self.orphan = self.orphan or error
            self._drop(row)

    def _drop(self, row: Row) -> None:
        row.gone = True
        self.rows.remove(row)
        self.office.family.remove(row)
        for child in list(self.rows):
            if any(parent is row for parent in child.parents.values()):
                self._refill(child)

    def _reason(self) -> str:
        if self.given_up:
            fault, _ = self.given_up[0]
            what = "leaves no room for more" if fault.unique else "took no other that was tried"
            return f"{fault.name or fault.definition} {what}"
        if self.orphan is not None:
            reference = self.orphan.reference
            if reference in self.office.family.exclusive:
                return f"{reference.name} takes each row of {reference.target_name} once"
            return f"{reference.name} has no row to point to"
        return ""

    def _nothing_left(self) -> Refused:
        fault, _ = self.given_up[0]
        shown = self._candidate()
        partition = any(fault.name == of_check(part.name) for part in self.table.partitions)
        partition |= any(fault.name == part.name for part in self.table.partitions)
        return Refused(
            f"no row for {self.table.path} belongs into its partition {fault.name}"
            if partition
            else f"no row for {self.table.path} satisfies {quoted(fault.name)}"
            if fault.name
            else f"no values for {self.table.path} that the types of its columns accept",
            detail=f"{fault.definition}\nthe last one tried: {shown or 'a row of defaults'}",
            hint=f"nothing was written; {self._way_out(fault)}",
        )

    def _way_out(self, fault: Fault) -> str:
        """What to type where no value is found for columns that a constraint reads."""
        linked = {name for reference in self.table.references for name in reference.columns}
        free = [n for n in fault.columns if n not in linked and not self.table.column[n].generated]
        if not free or not fault.name:
            return "see whether any row can satisfy it"
        name = f"{self.table.path}.{quoted(free[0])}"
        listed = name.replace("\\", "\\\\").replace('"', '\\"')
        return (
            "see whether any row can satisfy it, and say which values do in pyproject.toml,"
            f' [tool.ringfence.seed.columns]: "{listed}" = ["…"]'
        )

    def _candidate(self) -> str:
        """The last row that was tried, as far as what refused it is concerned."""
        fault, candidate = self.given_up[0]
        return ", ".join(
            f"{quoted(name)} = {'NULL' if text is None else _short(text)}"
            for name, text in candidate.items()
            if name in fault.columns or len(candidate) <= 4
        )

    def _count_tenants(self) -> None:
        root, asked = self.office.model.root, self.office.tenants
        if root is not None and self.table.oid == root.oid and len(self.rows) < asked:
            raise Refused(
                f"{asked} tenants were asked for, and {root.path} has room for {len(self.rows)}",
                detail=self._reason(),
                hint=f"ask for fewer: --tenants {len(self.rows)}",
            )


def _held(row: Row, name: str) -> str | None:
    """What a column holds, or a member of the document in it, as `->>` gives it."""
    column, *keys = name.split("\0")
    text = row.values.get(column)
    if not keys:
        return text
    found = documents.sample(text)
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if found is None or isinstance(found, str) else json.dumps(found)


def _shown(name: str) -> str:
    """A column, or the way into its document, as SQL has it."""
    column, *keys = name.split("\0")
    ways = ["->", "->>"]
    return column + "".join(
        f" {ways[n == len(keys)]} '{key}'" for n, key in enumerate(keys, start=1)
    )


def _even(count: int, most: int) -> int:
    """How many rows to think up where there are to be `count`: copies of them had better be whole."""
    if count <= most:
        return count
    return next((n for n in range(most, most // 2, -1) if count % n == 0), most)


def _short(text: str) -> str:
    return f"'{text}'" if len(text) <= 60 else f"'{text[:57]}…'"


def _keyed(table: Table) -> tuple[set[str], set[str]]:
    """The columns that unique keys read, and those that are unique without another."""
    keys: set[str] = set()
    alone: set[str] = set()
    for key in table.keys:
        names = {n for e in key.elements for n in expression.parse(e).columns()}
        keys |= names
        if len(names) == 1 and not key.operators:
            alone |= names
    return keys, alone


def _constant(column: Column) -> str | None:
    """The default's text where it is a constant."""
    tree = expression.parse(column.default) if column.default else None
    return tree.value if tree is not None and tree.kind == "const" else None

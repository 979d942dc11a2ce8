"""Values that may bring a row into a branch of a policy, by the seed's knowledge of conditions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING

from ringfence.isolation.branches import text_of
from ringfence.seed import checks, expression
from ringfence.seed.limits import ANY, Limits
from ringfence.seed.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ringfence.isolation.branches import Branch
    from ringfence.isolation.estate import Fixture
    from ringfence.seed.rules import Constants
    from ringfence.seed.shape import Column, Table
    from ringfence.seed.values import Values

_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row that is to be in a branch: of this table, the tenant's, or with None nobody's."""

    branch: Branch
    table: Table
    tenant: str | None


class Chooser:
    """Chooses values for rows that are wanted."""

    def __init__(self, fixture: Fixture, constants: Constants, values: Values) -> None:
        self.fixture = fixture
        self.constants = constants
        self.values = values
        self.number = 1000
        """How many rows were thought of: no two have a key of their own in common."""

    def trials(self, wanted: Wanted) -> Iterator[Mapping[str, str | None]]:
        """Values for the columns that the branch is about: drawn, then those that conditions name."""
        table, tenant = wanted.table, wanted.tenant
        columns = self._columns(wanted)
        limits = self._limits(wanted, columns)
        index = (self.fixture.a, self.fixture.b).index(tenant) if tenant else -1
        empty = self._lone(wanted)
        if empty is None:
            return
        for attempt in range(_ATTEMPTS):
            drawn = {
                c.name: self._value(table, c, limits.get(c.name, ANY), index, attempt)
                for c in columns
                if c.name in limits
            }
            yield {**drawn, **empty}
        named = {c.name: self._named(wanted, c) for c in columns}
        base = {
            c.name: self._value(table, c, limits[c.name], index, 0)
            for c in columns
            if c.name in limits
        }
        for size in (1, 2):
            for some in combinations(named, size):
                for chosen in product(*(named[name] for name in some)):
                    yield {**base, **dict(zip(some, chosen, strict=True)), **empty}

    def _lone(self, wanted: Wanted) -> Mapping[str, str | None] | None:
        """What makes a row nobody's; None where nothing does."""
        table = wanted.table
        if not wanted.branch.lone:
            return {}
        model = self.fixture.estate.model
        own = model.path.get(table.oid)
        names = [model.own(table)] if model.own(table) else list(own.columns if own else ())
        free = [n for n in names if not self.fixture.estate.shape.not_null(table.column[n])]
        return dict.fromkeys(free) or None

    def _columns(self, wanted: Wanted) -> list[Column]:
        """The columns that the branch is about, with those that a generated one follows from."""
        table = wanted.table
        model = self.fixture.estate.model
        own = model.path.get(table.oid)
        whose = {model.own(table), *(own.columns if own else ())}
        names: dict[str, None] = {}
        for expr, _ in wanted.branch.leaves:
            for name in expr.columns():
                column = table.column.get(name)
                if column is None:
                    continue
                if column.generated:
                    names |= dict.fromkeys(expression.parse(column.generated).columns())
                else:
                    names[name] = None
        return [table.column[n] for n in names if n in table.column and n not in whose]

    def _limits(self, wanted: Wanted, columns: Sequence[Column]) -> Mapping[str, Limits]:
        way = checks.way(wanted.branch.leaves)
        limits = dict(way.limits) if way is not None else {}
        for check in wanted.table.checks:
            rule = self.constants.rule(check)
            if len(rule.columns) != 1 or check.partition:
                continue
            (name,) = rule.columns
            asked = (w.limits.get(name, ANY) for w in rule.ways)
            both = (limits[name] & more for more in asked if name in limits)
            limits[name] = next((b for b in both if not b.impossible), limits.get(name, ANY))
        known = {c.name for c in columns}
        return {name: limit for name, limit in limits.items() if name in known and limit != ANY}

    def _value(
        self, table: Table, column: Column, limits: Limits, tenant: int, attempt: int
    ) -> str | None:
        if limits.null:
            return None
        where = Place(1, table.path, column.name, tenant, self.number, 2, attempt)
        return self.values.value(column.type, column.typmod, limits, where)

    def _named(self, wanted: Wanted, column: Column) -> list[str | None]:
        """What conditions name that the column may hold, and what rows of the tenant's are named by."""
        branch, table, tenant = wanted.branch, wanted.table, wanted.tenant
        found: dict[str | None, None] = {}
        for edge in table.references:
            if edge.columns == (column.name,):
                for row in self.fixture.rows[tenant or self.fixture.b].get(edge.target, ()):
                    found[row.values.get(edge.target_columns[0])] = None
        bodies = [expr for expr, _ in branch.leaves]
        bodies += [expression.parse(c.generated) for c in table.columns if c.generated]
        said = dict.fromkeys(text for expr in bodies for text in expr.literals())
        for expr, _ in branch.leaves:
            said |= dict.fromkeys(self._bodies(text_of(expr)))
        type_, _ = self.fixture.estate.shape.base(self.fixture.estate.shape.types[column.type])
        for text in said:
            if type_.kind in ("r", "m"):
                found |= dict.fromkeys(_around(text, many=type_.kind == "m"))
            elif type_.element:
                found[text if text.startswith("{") else "{" + _quoted(text) + "}"] = None
            elif type_.category == "N" and re.fullmatch(r"-?\d{1,15}", text):
                found |= dict.fromkeys((text, str(int(text) + 1), str(int(text) - 1)))
            else:
                found[text] = None
        if type_.name == "bool":
            found |= dict.fromkeys(("true", "false"))
        if not column.not_null:
            found[None] = None
        return list(found)[:40]

    def _bodies(self, sql: str) -> Iterator[str]:
        """The words in the functions that a condition calls."""
        called = set(expression.called(sql))
        for routine in self.fixture.surface.routines:
            if routine.name in called:
                for match in re.findall(r"'((?:[^']|'')*)'|\b(\d{1,9})\b", routine.body):
                    yield match[0].replace("''", "'") or match[1]

    def fresh(self, table: Table, column: Column) -> str:
        """A value that no row has, for a column of a key."""
        limits = ANY
        for check in table.checks:
            rule = self.constants.rule(check)
            if rule.columns == (column.name,) and not check.partition:
                limits &= rule.ways[0].limits.get(column.name, ANY)
        where = Place(1, table.path, column.name, 0, self.number, 2, 0, key=True, alone=True)
        return self.values.value(column.type, column.typmod, limits, where)


def _around(text: str, *, many: bool) -> Iterator[str]:
    """Ranges that hold a value, or overlap a range."""
    if text[:1] in "[({" and text[-1:] in "])}":
        yield text
        return
    # What holds the clock of today is to hold that of a second later.
    one_sided = (f"({_quoted(text)},)", f"(,{_quoted(text)})")
    for one in ("(,)", *one_sided, f"[{_quoted(text)},{_quoted(text)}]"):
        yield "{" + one + "}" if many else one


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

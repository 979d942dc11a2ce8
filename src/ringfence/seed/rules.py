"""The conditions on a table's rows, and for each row one way to satisfy all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ringfence.seed import checks, expression
from ringfence.seed.draw import Draw
from ringfence.seed.limits import ANY, Limits, merged
from ringfence.seed.probe import verbatim
from ringfence.seed.shape import Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from psycopg import Connection

    from ringfence.seed.checks import Relation, Rule
    from ringfence.seed.rows import Row
    from ringfence.seed.shape import Column, Shape, Table

_SEARCH = 2000
"""How many steps the search for ways that go together may take."""


_FEW = 200
"""More literals than that are a range in disguise, not names of states."""

_LEAVES = 1 << 20
"""More partitions than a table can have."""


def of_check(name: str) -> str:
    """The name under which attempts at a constraint are counted; no column is called that."""
    return f"\0{name}"


class Constants:
    """The rules of checks, with the constants in them computed by the server once."""

    def __init__(self, conn: Connection[Any], shape: Shape, now: datetime) -> None:
        self.now = now
        self.known: dict[str, str | None] = {}
        wanted: dict[str, None] = {}
        for table in shape.tables.values():
            bounds = [Check(p.name, p.bound) for p in table.partitions]
            for check in (*table.checks, *bounds):
                tree = expression.parse(check.expression, value=check.column, now=now)
                wanted |= dict.fromkeys(tree.fixed())
        for text in wanted:
            try:
                with conn.transaction():
                    query = sql.SQL("SELECT ({})::TEXT").format(verbatim(text))
                    answer = conn.execute(query).fetchone()
            except psycopg.Error:
                answer = None
            self.known[text] = answer[0] if answer else None

    def domains(self, shape: Shape) -> dict[int, Limits]:
        """What each domain's checks ask of its values, in the first way that there is."""
        asked: dict[int, Limits] = {}
        for type_ in shape.types.values():
            for check in shape.domain_checks(type_):
                limits = self.rule(replace(check, column="value")).ways[0].limits
                asked[type_.oid] = asked.get(type_.oid, ANY) & limits.get("value", ANY)
        return asked

    def rule(self, check: Check) -> Rule:
        """The ways to satisfy a check."""
        return checks.rule(check, now=self.now, computed=self.known.get)


class Rules:
    """What a table asks of its rows, and what a partition asks beyond that."""

    def __init__(
        self, constants: Constants, shape: Shape, table: Table, seed: int, *, spread: bool = False
    ) -> None:
        self.constants = constants
        self.spread = spread
        self.table = table
        self.seed = seed
        self.filled = {c.name for c in table.columns if shape.not_null(c)}
        self.whole = [self._rule(check) for check in table.checks if not check.partition]
        self.leaves = [
            [
                self._rule(Check(partition.name, partition.bound)),
                *(self._rule(c) for c in table.checks if c.partition == partition.oid),
            ]
            for partition in table.partitions
        ]
        self.combinations: dict[tuple[int, ...], Mapping[str, Limits] | None] = {}
        self.complete: dict[tuple[int, ...], Mapping[str, Limits]] = {}
        self.forced: dict[tuple[tuple[str, str], ...], int] = {(): 0}

    def __iter__(self) -> Iterator[Rule]:
        yield from self.whole
        for rules in self.leaves:
            yield from rules

    def way(self, row: Row) -> tuple[Mapping[str, Limits], list[tuple[Rule, Relation]]]:
        """One way to satisfy every condition, the same for the row until it is refused."""
        rules = [*self.whole, *(self.leaves[row.leaf] if self.leaves else ())]
        # What a row is forced to is a partition of its own, as far as the search is concerned.
        forced = row.own + row.forced
        start = row.leaf + _LEAVES * self.forced.setdefault(forced, len(self.forced))
        if (start,) not in self.combinations:
            given: dict[str, Limits] = {}
            for name, text in forced:
                column, limits = member(name, Limits(choices=(text,), null=False))
                given[column] = given.get(column, ANY) & limits
            self.combinations[start,] = given
        picks = self._picks(start, rules, [self._wish(row, rule) for rule in rules])
        if picks is None:
            return self.combinations[start,] or {}, []
        relations = [
            (rule, relation)
            for rule, pick in zip(rules, picks, strict=True)
            for relation in rule.ways[pick].relations
        ]
        key = (start, *picks)
        if key not in self.complete:
            self.complete[key] = _spread(
                self.combinations.get(key) or {}, [relation for _, relation in relations]
            )
        return self.complete[key], relations

    def literals(self) -> dict[str, dict[str, None]]:
        """By column the values that checks list or compare with, all of which some row can have."""
        found: dict[str, dict[str, None]] = {}
        for rule in self.whole:
            by_column: dict[str, dict[str, None]] = {}
            for way in rule.ways:
                for name, limits in way.limits.items():
                    if name in self.table.column:
                        for path, listed in _options(name, limits):
                            by_column.setdefault(path, {}).update(dict.fromkeys(listed))
            for name, options in by_column.items():
                if options and len(options) <= _FEW:
                    found.setdefault(name, {}).update(options)
        return found

    def _rule(self, check: Check) -> Rule:
        """The ways to satisfy a check, without those that need NULL where it cannot be."""
        rule = self.constants.rule(check)
        ways = tuple(
            way
            for way in rule.ways
            if not any(limits.null and name in self.filled for name, limits in way.limits.items())
        )
        return replace(rule, ways=ways or rule.ways)

    def _wish(self, row: Row, rule: Rule) -> int:
        """The way that the row would like to satisfy a condition."""
        if len(rule.ways) == 1:
            return 0
        attempt = row.attempts.get(of_check(rule.check.name), 0) // 2
        if self.spread:
            return (row.turn + attempt) % len(rule.ways)
        place = (row.voice, self.table.path, rule.check.name, rule.check.column, row.number)
        return Draw(self.seed, *place, attempt).below(len(rule.ways))

    def _picks(
        self, leaf: int, rules: Sequence[Rule], wishes: Sequence[int]
    ) -> tuple[int, ...] | None:
        """Ways that go together, as close to the wishes as can be; None where none are found."""
        picks: list[int] = []
        turns = [0]
        for _ in range(_SEARCH):
            at = len(picks)
            if at == len(rules):
                return tuple(picks)
            if turns[at] == len(rules[at].ways):
                # Nothing goes with what was picked before: go back and pick that differently.
                turns.pop()
                if not picks:
                    return None
                picks.pop()
                continue
            pick = (wishes[at] + turns[at]) % len(rules[at].ways)
            turns[at] += 1
            if self._combined((leaf, *picks), rules[at], pick) is not None:
                picks.append(pick)
                turns.append(0)
        return None

    def _combined(
        self, before: tuple[int, ...], rule: Rule, pick: int
    ) -> Mapping[str, Limits] | None:
        key = (*before, pick)
        if key not in self.combinations:
            limits = self.combinations[before]
            self.combinations[key] = merged(limits or {}, rule.ways[pick].limits)
        return self.combinations[key]


def member(name: str, limits: Limits) -> tuple[str, Limits]:
    """The column of a name that may lead into a document, and what that asks of the column."""
    column, *keys = name.split("\0")
    for key in reversed(keys):
        limits = Limits(json="object", inside=((key, limits),), keys=(key,), null=False)
    return column, limits


def _options(name: str, limits: Limits) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The values that are listed for a column, and for members of its document by their names."""
    yield name, limits.options
    for key, inner in limits.inside:
        if limits.json == "object" and key in limits.keys:
            yield from _options(f"{name}\0{key}", inner)


def _spread(limits: Mapping[str, Limits], relations: Sequence[Relation]) -> Mapping[str, Limits]:
    """The limits with the bounds that follow: from x < y and y < 20 that x < 20."""
    spread = dict(limits)
    for _ in range(3):
        for relation in relations:
            if relation.operator in (">", ">="):
                smaller, greater = relation.right, relation.left
            elif relation.operator in ("<", "<="):
                smaller, greater = relation.left, relation.right
            else:
                continue
            if smaller and greater:
                below, above = spread.get(smaller, ANY), spread.get(greater, ANY)
                spread[smaller] = below & Limits(high=above.high)
                spread[greater] = above & Limits(low=below.low)
    return spread


def related(
    limits: Limits, column: Column, relations: Iterable[tuple[Rule, Relation]], row: Row
) -> Limits:
    """The limits with what other columns of the row, already filled, ask of this one."""
    for _, relation in relations:
        if relation.left == column.name:
            operator, other = relation.operator, relation.right
        elif relation.right == column.name:
            operator, other = checks.turned(relation.operator), relation.left
        else:
            continue
        text = row.values.get(other) if relation.right else row.computed.get(relation.sql)
        if text is None:
            continue
        if operator == "=":
            limits &= Limits(choices=(text,))
        elif operator == "<>":
            limits &= Limits(excluded=frozenset((text,)))
        elif operator in (">", ">="):
            limits &= Limits(low=((text, operator == ">="),))
        else:
            limits &= Limits(high=((text, operator == "<="),))
    return limits

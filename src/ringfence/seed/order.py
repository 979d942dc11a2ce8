"""The order in which tables are filled: parents first, and those that need each other together."""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ringfence.seed.shape import Reference, Shape, Table

    Graph = dict[int, set[int]]


@dataclass(frozen=True, slots=True)
class Group:
    """Tables that are filled together, parents first.

    `late` are the foreign keys that close a circle among them: what they point to is chosen when
    all tables of the group have their rows.
    """

    tables: tuple[Table, ...]
    late: tuple[Reference, ...] = ()


def groups(shape: Shape) -> tuple[Group, ...]:
    """All tables that can take rows, grouped and ordered; the same order for the same schema."""
    tables = {oid: table for oid, table in shape.tables.items() if table.takes_rows}
    parents: Graph = {
        oid: {r.target for r in table.references if r.target in tables and r.target != oid}
        for oid, table in tables.items()
    }
    path = {oid: table.path for oid, table in tables.items()}
    circles = _circles(parents, path)
    member = {oid: n for n, circle in enumerate(circles) for oid in circle}
    condensed: Graph = {n: set() for n in range(len(circles))}
    for oid, targets in parents.items():
        condensed[member[oid]] |= {member[t] for t in targets} - {member[oid]}
    for writer, written in sorted(_written_by_triggers(tables, shape.routines)):
        before, after = member[writer], member[written]
        if before != after and not _reaches(condensed, before, after):
            condensed[after].add(before)
    for reader, read in sorted(_read_by_triggers(tables, shape.routines)):
        before, after = member[read], member[reader]
        if before != after and not _reaches(condensed, before, after):
            condensed[after].add(before)
    name = [min(path[oid] for oid in circle) for circle in circles]
    return tuple(
        _group([tables[oid] for oid in circles[n]])
        for n in _sorted(condensed, {n: name[n] for n in condensed})
    )


def written_by_triggers(shape: Shape) -> set[int]:
    """The tables, by OID, that triggers on others insert into."""
    return {written for _, written in _written_by_triggers(shape.tables, shape.routines)}


def read_by_triggers(shape: Shape) -> set[tuple[int, int]]:
    """(table, table that a trigger on it reads), by OID."""
    return set(_read_by_triggers(shape.tables, shape.routines))


def _circles(graph: Graph, path: Mapping[int, str]) -> list[tuple[int, ...]]:
    """The strongly connected components, by Tarjan's algorithm without recursion."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found: list[tuple[int, ...]] = []
    for start in sorted(graph, key=path.__getitem__):
        if start in index:
            continue
        work = [(start, iter(sorted(graph[start], key=path.__getitem__)))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(sorted(graph[target], key=path.__getitem__))))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    circle: list[int] = []
                    while not circle or circle[-1] != node:
                        circle.append(stack.pop())
                        on_stack.discard(circle[-1])
                    found.append(tuple(sorted(circle, key=path.__getitem__)))
    return found


def _sorted(graph: Graph, name: Mapping[int, str]) -> list[int]:
    """Topologically, by name among those that are ready. `graph` maps each node to its parents."""
    waiting = {node: set(parents) for node, parents in graph.items()}
    children: Graph = {node: set() for node in graph}
    for node, parents in graph.items():
        for parent in parents:
            children[parent].add(node)
    ready = [(name[node], node) for node, parents in waiting.items() if not parents]
    heapq.heapify(ready)
    done: list[int] = []
    while ready:
        _, node = heapq.heappop(ready)
        done.append(node)
        for child in children[node]:
            waiting[child].discard(node)
            if not waiting[child]:
                heapq.heappush(ready, (name[child], child))
    return done


def _reaches(graph: Graph, start: int, goal: int) -> bool:
    """Whether `goal` is among the ancestors of `start`."""
    seen, todo = {start}, [start]
    while todo:
        for parent in graph[todo.pop()]:
            if parent == goal:
                return True
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)
    return False


def _group(tables: list[Table]) -> Group:
    """The tables of a circle in an order, by cutting the keys that are easiest to do without."""
    if len(tables) == 1:
        return Group(tuple(tables))
    path = {table.oid: table.path for table in tables}
    by_oid = {table.oid: table for table in tables}
    late: list[Reference] = []
    while True:
        left: Graph = {oid: set() for oid in by_oid}
        inside: list[Reference] = []
        for table in tables:
            for reference in table.references:
                closed = reference.target == table.oid or reference in late
                if reference.target in by_oid and not closed:
                    left[table.oid].add(reference.target)
                    inside.append(reference)
        circles = [set(circle) for circle in _circles(left, path) if len(circle) > 1]
        if not circles:
            return Group(tuple(by_oid[oid] for oid in _sorted(left, path)), tuple(late))
        closing = [
            r for r in inside if any(r.table in circle and r.target in circle for circle in circles)
        ]
        late.append(min(closing, key=lambda r: _cost(r, by_oid[r.table])))


def _cost(reference: Reference, table: Table) -> tuple[bool | str, ...]:
    """How much a foreign key is missed when it is chosen last; the least first."""
    return (
        not reference.deferrable,
        not table.nullable(reference),
        table.path,
        reference.name,
    )


def _written_by_triggers(
    tables: Mapping[int, Table], routines: Mapping[str, str]
) -> Iterable[tuple[int, int]]:
    """(table, table that a trigger on it inserts into), as far as the functions' text tells.

    The second is filled after the first, so that a trigger meets an empty table and what it writes
    is there before our own rows come.
    """
    return _named_by_triggers(tables, routines, _INSERT)


def _read_by_triggers(
    tables: Mapping[int, Table], routines: Mapping[str, str]
) -> Iterable[tuple[int, int]]:
    """(table, table that a trigger on it selects from), as far as the functions' text tells.

    The second is filled before the first: a trigger that looks for a row is to find it.
    """
    return _named_by_triggers(tables, routines, _SELECT)


def _named_by_triggers(
    tables: Mapping[int, Table], routines: Mapping[str, str], pattern: re.Pattern[str]
) -> Iterable[tuple[int, int]]:
    by_name: dict[str, list[int]] = {}
    for oid, table in tables.items():
        by_name.setdefault(table.name.lower(), []).append(oid)
    for oid, table in tables.items():
        for trigger in table.triggers:
            body = _with_called(trigger.body, routines)
            for match in pattern.finditer(body):
                for target in by_name.get(match[1].strip('"').lower(), ()):
                    if target != oid:
                        yield oid, target


_NAME = r'(?:(?:"[^"]+"|\w+)\s*\.\s*)?("[^"]+"|\w+)'
_INSERT = re.compile(rf"\binsert\s+into\s+{_NAME}", re.IGNORECASE)
_SELECT = re.compile(rf"(?<!delete )\b(?:from|join)\s+{_NAME}", re.IGNORECASE)


def _with_called(body: str, routines: Mapping[str, str]) -> str:
    """A function's text with that of the functions it calls, and of those they call."""
    seen: set[str] = set()
    todo, text = [body], ""
    while todo:
        current = todo.pop()
        text += "\n" + current
        for name in _names(current):
            if name in routines and name not in seen:
                seen.add(name)
                todo.append(routines[name])
    return text


def _names(body: str) -> Collection[str]:
    return dict.fromkeys(re.findall(r"(\w+)\s*\(", body))

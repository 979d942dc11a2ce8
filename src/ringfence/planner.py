"""Changes become a plan: what has to be dropped, altered and made, in an order that works.

Order comes from what the objects need (pg_depend), in the old catalog for taking down and in the new
one for building up; no list of kinds says what goes first. What cannot be altered is replaced, and
with it everything that needs it.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ringfence.change import Change, diff
from ringfence.errors import Bug
from ringfence.kinds import Context, kind_of
from ringfence.model import Ref
from ringfence.step import Plan, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ringfence.model import Catalog, Fact

Stage = Literal["drop", "alter", "create"]
Node = tuple[Stage, Ref]

_RANK = {"drop": 0, "alter": 1, "create": 2}


def plan(old: Catalog, new: Catalog, *, executor: str = "") -> Plan:
    """The steps that turn a database with catalog `old` into one with catalog `new`.

    `executor` is the role that will run them: what it makes, it owns. Raises `Bug` when the
    objects' needs form a circle that no known decomposition breaks.
    """
    work = _Work(old, new, diff(old, new))
    work.decide()
    steps = tuple(work.steps(executor))
    return Plan(steps, old.fingerprint, new.fingerprint, new.server_version)


@dataclass
class _Work:
    old: Catalog
    new: Catalog
    changes: tuple[Change, ...]
    drops: set[Ref] = field(default_factory=set)
    creates: set[Ref] = field(default_factory=set)
    alters: dict[Ref, Change] = field(default_factory=dict)
    unfolded: set[Node] = field(default_factory=set)

    def decide(self) -> None:
        """Sort the changes into drops, creates and alterations; close replacement over dependents."""
        context = Context(self.old, self.new, {})
        for change in self.changes:
            if change.verb == "create":
                self.creates.add(change.ref)
            elif change.verb == "drop":
                self.drops.add(change.ref)
            elif kind_of(change.ref).alterable(change, context):
                self.alters[change.ref] = change
            else:
                self.drops.add(change.ref)
        todo = [*self.drops, *self.alters]
        while todo:
            ref = todo.pop()
            if ref in self.drops:
                lost = [f.ref for f in self.old.children.get(ref, ())]
                lost += [u for u in self.old.used_by.get(ref, ()) if not self._lets_go(u, ref)]
            else:
                blocked = kind_of(ref).blocked(self.alters[ref])
                lost = [
                    u
                    for u in (*self.old.used_by.get(ref, ()), *self._satellites(ref))
                    if u.kind in blocked
                ]
            for other in lost:
                if other not in self.drops:
                    self.drops.add(other)
                    self.alters.pop(other, None)
                    todo.append(other)
        self.creates |= {ref for ref in self.drops if ref in self.new.facts}

    def _satellites(self, ref: Ref) -> Iterator[Ref]:
        for child in self.old.children.get(ref, ()):
            yield child.ref

    def _lets_go(self, user: Ref, used: Ref) -> bool:
        """Whether `user` is altered so that it no longer needs `used`, which is dropped after."""
        return (
            user in self.alters
            and used not in self.new.uses.get(user, ())
            and used not in self.new.facts
        )

    # Order

    def steps(self, executor: str) -> Iterator[Step]:
        """The nodes in order, each rendered by its kind."""
        order, folded = self._ordered()
        context = Context(self.old, self.new, folded, executor)
        for stage, ref in order:
            kind = kind_of(ref)
            if stage == "drop":
                does = kind.drop(self.old.facts[ref], context)
            elif stage == "create":
                does = kind.create(self.new.facts[ref], context)
            else:
                does = kind.alter(self.alters[ref], context)
            for do in does:
                yield Step(do.sql, ref, stage, do.hazards, do.transactional, do.comment)

    def _ordered(self) -> tuple[list[Node], Mapping[Ref, tuple[Ref, ...]]]:
        """The leaders of the groups in order, and for each created one what it is created with."""
        while True:
            leader = self._groups()
            order, circle = _sorted(self._edges(leader), self._key)
            if not circle:
                folded: dict[Ref, list[Ref]] = {}
                for ref, fact in self.new.facts.items():  # catalog order: columns by position
                    node: Node = ("create", ref)
                    if ref in self.creates and leader.get(node, node) != node and fact.parent:
                        folded.setdefault(fact.parent, []).append(ref)
                return order, {ref: tuple(below) for ref, below in folded.items()}
            if not self._unfold(leader, set(circle)):
                path = " → ".join(f"{stage} {ref}" for stage, ref in circle)
                raise Bug(f"these need each other, and no way is known to part them: {path}")

    def _groups(self) -> dict[Node, Node]:
        """Node → the node it is done with: a column with its table's CREATE or DROP."""
        leader: dict[Node, Node] = {}
        context = Context(self.old, self.new, {})
        for ref in self.drops:
            fact = self.old.facts[ref]
            above = kind_of(ref).dies_with(fact, self.old)
            node: Node = ("drop", ref)
            if above in self.drops and node not in self.unfolded:
                assert above is not None
                leader[node] = ("drop", above)
        for ref in self.creates:
            fact = self.new.facts[ref]
            node = ("create", ref)
            if (
                fact.parent in self.creates
                and node not in self.unfolded
                and kind_of(ref).folds_into_parent(fact, context)
            ):
                assert fact.parent is not None
                leader[node] = ("create", fact.parent)

        def top(node: Node) -> Node:
            while node in leader:
                node = leader[node]
            return node

        return {node: top(node) for node in leader}

    def _unfold(self, leader: Mapping[Node, Node], circle: set[Node]) -> bool:
        """Part the groups in a circle: what in them touches the circle is done on its own."""
        edges = self._edges({})
        neighbours: dict[Node, set[Node]] = {}
        for a, bs in edges.items():
            for b in bs:
                neighbours.setdefault(a, set()).add(b)
                neighbours.setdefault(b, set()).add(a)
        found = False
        for node, top in leader.items():
            if top not in circle or node in self.unfolded:
                continue
            touched = {leader.get(n, n) for n in neighbours.get(node, ())}
            if (touched & circle) - {top}:
                self.unfolded.add(node)
                found = True
                if node[0] == "create" and node[1].kind == "column":
                    # Columns keep their order: those behind it are added after it too.
                    parent = self.new.facts[node[1]].parent
                    assert parent is not None
                    names = [f.ref for f in self.new.below(parent, "column")]
                    self.unfolded |= {("create", r) for r in names[names.index(node[1]) :]}
        return found

    def _edges(self, leader: Mapping[Node, Node]) -> dict[Node, set[Node]]:
        """Node → the nodes that come after it."""
        after: dict[Node, set[Node]] = {}
        stages: dict[Ref, list[Stage]] = {}
        for ref in self.drops:
            stages.setdefault(ref, []).append("drop")
        for ref in self.alters:
            stages.setdefault(ref, []).append("alter")
        for ref in self.creates:
            stages.setdefault(ref, []).append("create")

        def first(a: Node, b: Node) -> None:
            a, b = leader.get(a, a), leader.get(b, b)
            if a != b:
                after.setdefault(a, set()).add(b)

        for ref, its in stages.items():
            for stage in its:
                node: Node = (stage, ref)
                after.setdefault(leader.get(node, node), set())
                if stage == "drop":
                    for other in _needs(self.old, ref):
                        for also in stages.get(other, ()):
                            if also != "create":
                                first(node, (also, other))
                elif stage == "alter":
                    for other in _needs(self.old, ref):
                        if other in self.drops:
                            first(node, ("drop", other))
                    for other in _needs(self.new, ref):
                        for also in stages.get(other, ()):
                            if also != "drop":
                                first((also, other), node)
                else:
                    for other in _needs(self.new, ref):
                        for also in stages.get(other, ()):
                            if also != "drop":
                                first((also, other), node)
        self._part_names(first)
        return after

    def _part_names(self, first: object) -> None:
        """Whatever takes a name is made after what had it is gone."""
        assert callable(first)
        had: dict[tuple[str, ...], Ref] = {}
        for ref in self.drops:
            for name in kind_of(ref).namespaces(self.old.facts[ref]):
                had[name] = ref
        for ref in self.creates:
            for name in kind_of(ref).namespaces(self.new.facts[ref]):
                if name in had:
                    first(("drop", had[name]), ("create", ref))

    def _key(self, node: Node) -> tuple[object, ...]:
        """What is done first among what could be: drops, then by the outermost object's name."""
        stage, ref = node
        catalog = self.old if stage == "drop" else self.new
        chain = [ref]
        above = catalog.facts[ref].parent
        while above is not None:
            chain.append(above)
            above = catalog.facts[above].parent
        return (_RANK[stage], chain[-1].name, len(chain), ref.kind != "owner", ref.kind, ref.name)


def _needs(catalog: Catalog, ref: Ref) -> Iterable[Ref]:
    fact: Fact = catalog.facts[ref]
    used = catalog.uses.get(ref, frozenset())
    schema = _schema(ref, catalog)
    yield from used
    if fact.parent is not None:
        yield fact.parent
    if schema is not None:
        yield schema


def _schema(ref: Ref, catalog: Catalog) -> Ref | None:
    """The schema that an object without a parent is in: pg_depend names it, but not for public."""
    if len(ref.name) < 2 or ref.kind in ("owner", "comment", "grant", "security_label"):
        return None
    schema = Ref("schema", ref.name[:1])
    return schema if schema in catalog.facts else None


def _sorted(edges: Mapping[Node, set[Node]], key: object) -> tuple[list[Node], list[Node]]:
    """The nodes in order; when they form a circle, no order and the circle."""
    assert callable(key)
    waiting = dict.fromkeys(edges, 0)
    for nodes in edges.values():
        for node in nodes:
            waiting[node] = waiting.get(node, 0) + 1
    ready = [(key(node), node) for node, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    order: list[Node] = []
    while ready:
        _, node = heapq.heappop(ready)
        order.append(node)
        for later in edges.get(node, ()):
            waiting[later] -= 1
            if waiting[later] == 0:
                heapq.heappush(ready, (key(later), later))
    if len(order) == len(waiting):
        return order, []
    return [], _circle({n: edges.get(n, set()) for n, c in waiting.items() if c > 0})


def _circle(edges: Mapping[Node, set[Node]]) -> list[Node]:
    """One circle among nodes that all have something before them."""
    before: dict[Node, Node] = {}
    for a, bs in sorted(edges.items()):
        for b in bs:
            if b in edges and a in edges:
                before.setdefault(b, a)
    node = min(before)
    seen: list[Node] = []
    while node not in seen:
        seen.append(node)
        node = before[node]
    circle = seen[seen.index(node) :]
    return list(reversed(circle))

"""Changes become a plan: what has to be dropped, altered and made, in an order that works.

Order comes from what the objects need (pg_depend), in the old catalog for taking down and in the new
one for building up; no list of kinds says what goes first. What cannot be altered is replaced, and
with it everything that needs it.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from ringfence.change import Change, diff
from ringfence.errors import Bug
from ringfence.kinds import Context, Stage, kind_of
from ringfence.kinds._family import names
from ringfence.kinds.grant import lost_anew, revoke_defaults
from ringfence.model import Ref, quoted
from ringfence.renames import automatic
from ringfence.renames import steps as rename_steps
from ringfence.rings import opened
from ringfence.step import Plan, Step
from ringfence.takeover import taken_over
from ringfence.written_once import written_once

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ringfence.change import Verb
    from ringfence.model import Catalog, Fact

Node = tuple[Stage, Ref]


class _InARing(Bug):
    """Objects need each other, and no way is known to part them."""


_RANK = {"drop": 0, "alter": 2, "create": 3, "carry": 4, "discard": 5}
_EARLY = 1


def plan(
    old: Catalog,
    new: Catalog,
    *,
    executor: str = "",
    changes: tuple[Change, ...] | None = None,
    marked: bool = True,
    undoes: bool = False,
) -> Plan:
    """The steps that turn a database with catalog `old` into one with catalog `new`.

    `executor` is the role that will run them: what it makes, it owns. `changes` is their `diff`,
    where somebody has it already. A plan that is not `marked` has no fingerprints: nobody keeps it.
    One that `undoes` another keeps rows that came to a partition which goes, where another takes them.
    Raises `Bug` when the objects' needs form a circle that no known decomposition breaks.
    """
    if changes is None:
        changes = diff(old, new)
    before, renames = automatic(old, new, changes)
    work = _Work(before, new, diff(before, new) if renames else changes, undoes=undoes)
    ordered = taken_over(_ordered(work, executor), before, new)
    once = written_once(ordered, new)
    steps = _labels_first((*rename_steps(renames, old), *once))
    notes = (
        *_notes(before, new, work),
        *(note for _, note in empty(before, new, work.changes)),
        *_apart(before, new),
    )
    source = old.fingerprint if marked else ""
    target = (new.fingerprint if changes else source) if marked else ""
    return Plan(steps, source, target, new.server_version, notes, renames=renames)


def _ordered(work: _Work, executor: str) -> list[Step]:
    """The steps; by way of catalogs whose rings are open, where there is no other."""
    work.decide()
    try:
        return list(work.steps(executor))
    except _InARing:
        way = [work.old, opened(work.old, to_come=False), opened(work.new, to_come=True), work.new]
        if way[0] is way[1] and way[2] is way[3]:
            raise
    steps: list[Step] = []
    for one, other in pairwise(way):
        part = _Work(one, other, diff(one, other), undoes=work.undoes)
        part.decide()
        steps += part.steps(executor)
        work.carried |= part.carried
    return steps


def _labels_first(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """An enum's new values are committed before they are used: best while nothing has gone yet."""
    replaced = {s.ref for s in steps if s.verb == "drop"}
    last = {
        s.ref: at
        for at, s in enumerate(steps)
        if s.ref.kind == "enum" and s.transactional == "commit" and s.ref not in replaced
    }
    early = {at for at, s in enumerate(steps) if at <= last.get(s.ref, -1) and s.verb == "alter"}
    early |= {at for at, s in enumerate(steps) if s.verb == "rename" and early}
    return (
        *(s for at, s in enumerate(steps) if at in early),
        *(s for at, s in enumerate(steps) if at not in early),
    )


@dataclass
class _Work:
    old: Catalog
    new: Catalog
    changes: tuple[Change, ...]
    undoes: bool = False
    drops: set[Ref] = field(default_factory=set)
    creates: set[Ref] = field(default_factory=set)
    alters: dict[Ref, Change] = field(default_factory=dict)
    unfolded: set[Node] = field(default_factory=set)
    carried: set[Ref] = field(default_factory=set)
    aside: set[Ref] = field(default_factory=set)
    along: set[Node] = field(default_factory=set)
    apart: set[tuple[Node, Node]] = field(default_factory=set)
    worded: set[tuple[Node, Node]] = field(default_factory=set)
    positions: dict[Ref, dict[Ref, int]] = field(default_factory=dict)

    def decide(self) -> None:
        """Sort the changes into drops, creates and alterations; close replacement over dependents."""
        context = self._context()
        for change in self.changes:
            if change.verb == "create":
                self.creates.add(change.ref)
            elif change.verb == "drop":
                self.drops.add(change.ref)
            elif kind_of(change.ref).alterable(change, context):
                self.alters[change.ref] = change
            else:
                self.drops.add(change.ref)
        self.drops |= {above for ref in self.creates for above in self._hosts(ref, context)}
        for ref in self.creates:
            self.drops.update(self._displaced(ref, context))
        for ref in self.drops:
            self.alters.pop(ref, None)
        todo = [*self.drops, *self.alters]
        while todo:
            ref = todo.pop()
            if ref in self.drops:
                lost = [f.ref for f in self.old.children.get(ref, ())]
                for user in self.old.used_by.get(ref, ()):
                    if self._lets_go(user, ref, context):
                        continue
                    if kind_of(user).parted(self.old.facts[user], ref, context):
                        continue
                    if self._follows(user, ref, context):
                        todo.append(user)
                    else:
                        lost.append(user)
                lost += kind_of(ref).drags(self.old.facts[ref], context)
                lost += self._displaced(ref, context)
                lost += self._hosts(ref, context)
            elif ref in self.alters:
                lost = list(kind_of(ref).evicts(self.alters[ref], context))
            else:
                continue
            for other in lost:
                if other not in self.drops:
                    self.drops.add(other)
                    self.alters.pop(other, None)
                    todo.append(other)
        self.creates |= {ref for ref in self.drops if ref in self.new.facts}
        self.carried = {ref for ref in self.drops & self.creates if kind_of(ref).carries}
        self._put_aside(context)

    def _context(
        self, folded: Mapping[Ref, tuple[Ref, ...]] | None = None, executor: str = ""
    ) -> Context:
        alone = frozenset(ref for stage, ref in self.unfolded if stage == "drop")
        return Context(
            self.old,
            self.new,
            folded or {},
            executor,
            self.drops,
            self.creates,
            self.aside,
            alone,
            self.undoes,
        )

    def _hosts(self, ref: Ref, context: Context) -> Iterator[Ref]:
        """The parent of what is made, where that cannot be added to the parent as it stands."""
        new = self.new.facts.get(ref)
        above = new.parent if new is not None else None
        if new is None or above is None or above not in self.old.facts or above in self.drops:
            return
        if not kind_of(ref).addable(new, context):
            yield above

    def _displaced(self, ref: Ref, context: Context) -> Iterator[Ref]:
        """What is there and has to go meanwhile, for it to be made, where it is made again."""
        fact = self.new.facts.get(ref)
        if fact is not None:
            others = kind_of(ref).displaces(fact, context)
            yield from (other for other in others if other in self.old.facts)

    def _follows(self, user: Ref, used: Ref, context: Context) -> bool:
        """Whether `user` can be altered from what it used, put aside, to what takes its place."""
        new = self.new.facts.get(user)
        if user in self.drops or new is None or not kind_of(used).swaps_for(used, user, context):
            return False
        before = self.alters[user].old if user in self.alters else self.old.facts[user]
        assert before is not None
        led = kind_of(user).follow(before, used, context)
        if led is None or not kind_of(user).alterable(Change(user, led, new), context):
            return False
        self.alters[user] = Change(user, led, new)
        return True

    def _put_aside(self, context: Context) -> None:
        """What is replaced while others still use it, and the catalog in which it is put aside."""
        led: dict[Ref, Fact] = {}
        for ref in self.drops:
            for user in self.old.used_by.get(ref, ()):
                if not kind_of(ref).swaps_for(ref, user, context):
                    continue
                change = self.alters.get(user)
                if change is not None and change.old is not self.old.facts[user]:
                    assert change.old is not None
                    led[user] = change.old
                    self.aside.add(ref)
                elif self._holder(user, self.carried) is not None:
                    fact = kind_of(user).follow(led.get(user, self.old.facts[user]), ref, context)
                    if fact is not None:
                        led[user] = fact
                    self.aside.add(ref)
        todo = [*self.aside]
        while todo:
            top = todo.pop()
            for part in (top, *(f.ref for f in self.old.children.get(top, ()))):
                for used in self.old.uses.get(part, ()):
                    swaps = kind_of(used).swaps_for(used, part, context)
                    if used in self.drops and used not in self.aside and swaps:
                        self.aside.add(used)
                        todo.append(used)
        if led:
            self.old = replace(self.old, facts={**self.old.facts, **led})

    def _holder(self, ref: Ref, among: set[Ref]) -> Ref | None:
        """It, or what it is below, that is one of those."""
        above: Ref | None = ref
        while above is not None and above not in among:
            above = self.old.facts[above].parent
        return above

    def _lets_go(self, user: Ref, used: Ref, context: Context) -> bool:
        """Whether `user` is altered so that it no longer needs `used`, which is dropped after."""
        return (
            user in self.alters
            and kind_of(user).lets_go(self.alters[user], used)
            and used not in self.new.uses.get(user, ())
            and used not in self.new.facts
            and not kind_of(used).confuses(self.old.facts[used], context)
        )

    # Order

    def steps(self, executor: str) -> Iterator[Step]:
        """The nodes in order, each rendered by its kind."""
        order, folded, along = self._ordered()
        context = self._context(folded, executor)
        for stage, ref in order:
            kind = kind_of(ref)
            verb: Verb = "drop" if stage == "discard" else "alter" if stage == "carry" else stage
            if stage == "drop":
                does = kind.drop(self.old.facts[ref], context)
            elif stage == "create":
                does = kind.create(self.new.facts[ref], context)
            elif stage == "alter":
                does = kind.alter(self.alters[ref], context)
            elif stage == "discard":
                does = kind.discard(self.old.facts[ref], context)
            else:
                change = Change(ref, self.old.facts[ref], self.new.facts[ref])
                does = kind.carry(change, context)
            lost = lost_anew(ref, context) if stage == "create" and ref in self.drops else ()
            for do in does:
                hazards = (*do.hazards, *lost)
                yield Step(do.sql, ref, verb, hazards, do.transactional, do.comment)
                lost = ()
            if stage == "create" and context.standing:
                for do in revoke_defaults(ref, context):
                    yield Step(do.sql, ref, verb, do.hazards, do.transactional, do.comment)
            for other in along.get((stage, ref), ()):
                kind = kind_of(other)
                if stage == "create":
                    does = kind.afterwards(self.new.facts[other], context)
                elif stage == "alter":
                    does = kind.alter(self.alters[other], context)
                else:
                    continue
                for do in does:
                    yield Step(do.sql, other, verb, do.hazards, do.transactional, do.comment)

    def _ordered(
        self,
    ) -> tuple[list[Node], Mapping[Ref, tuple[Ref, ...]], Mapping[Node, tuple[Ref, ...]]]:
        """The leaders of the groups in order; what each is created with; what is done along."""
        while True:
            leader = self._groups()
            order, circle = _sorted(self._edges(leader), self._key)
            if not circle:
                folded: dict[Ref, list[Ref]] = {}
                for ref, fact in self.new.facts.items():  # catalog order: columns by position
                    node: Node = ("create", ref)
                    if (
                        ref in self.creates
                        and leader.get(node, node) != node
                        and fact.parent
                        and node not in self.along
                    ):
                        folded.setdefault(fact.parent, []).append(ref)
                along: dict[Node, list[Ref]] = {}
                for node in sorted(self.along):
                    along.setdefault(leader[node], []).append(node[1])
                return (
                    order,
                    {ref: tuple(sorted(below, key=_place)) for ref, below in folded.items()},
                    {node: tuple(others) for node, others in along.items()},
                )
            ways = (self._muddle, self._outlive, self._unfold, self._part)
            if not any(way(leader, set(circle)) for way in ways):
                path = " → ".join(f"{stage} {ref}" for stage, ref in circle)
                raise _InARing(f"these need each other, and no way is known to part them: {path}")

    def _groups(self) -> dict[Node, Node]:
        """Node → the node it is done with: a column with its table's CREATE or DROP."""
        leader: dict[Node, Node] = {}
        context = self._context()
        self.along = set()
        for ref in self.drops:
            fact = self.old.facts[ref]
            above = kind_of(ref).dies_with(fact, self.old)
            node: Node = ("drop", ref)
            with_it = kind_of(ref).along_with("drop", fact, context) if self.unfolded else ()
            alone = [other for other in with_it if ("drop", other) in self.unfolded]
            if alone:
                leader[node] = ("drop", alone[0])
                continue
            if node in self.unfolded:
                continue
            if above in self.drops:
                assert above is not None
                leader[node] = ("drop", above)
                continue
            for other in kind_of(ref).along_with("drop", fact, context):
                if other in self.carried:
                    if ref not in self.carried:
                        leader[node] = ("carry", other)
                elif other in self.drops:
                    leader[node] = ("drop", other)
                if node in leader:
                    break
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
                continue
            for other in kind_of(ref).along_with("create", fact, context):
                if other in self.creates and node not in self.unfolded:
                    leader[node] = ("create", other)
                    self.along.add(node)
                    break
        for ref, change in self.alters.items():
            assert change.new is not None
            for other in kind_of(ref).along_with("alter", change.new, context):
                if other in self.alters and ("alter", ref) not in self.unfolded:
                    leader["alter", ref] = ("alter", other)
                    self.along.add(("alter", ref))
                    break

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
        found: list[Node] = []
        for node, top in leader.items():
            if top not in circle or node in self.unfolded or self._holds_rows(node, top):
                continue
            touched = {leader.get(n, n) for n in neighbours.get(node, ())}
            if (touched & circle) - {top}:
                found.append(node)
        # Where foreign keys go on their own, what they are of may go as a whole.
        keys = [n for n in found if n[0] == "drop" and _refers(self.old.facts[n[1]])]
        for node in keys or found:
            self.unfolded.add(node)
            if node[0] == "create" and node[1].kind == "column":
                # Columns keep their order: those behind it are added after it too.
                parent = self.new.facts[node[1]].parent
                assert parent is not None
                names = [f.ref for f in self.new.below(parent, "column")]
                self.unfolded |= {("create", r) for r in names[names.index(node[1]) :]}
        return bool(found)

    def _holds_rows(self, node: Node, top: Node) -> bool:
        """Whether rows that are taken over would be lost, or be taken over too soon, by parting it."""
        stage, ref = node
        if top[1] not in self.carried:
            return False
        if stage == "drop" and ref.kind == "column":
            return not self.old.facts[ref]["generated"]
        return ref.kind in ("column", "inheritance") or (
            ref.kind in ("partition", "table") and ref.name != top[1].name
        )

    def _muddle(self, leader: Mapping[Node, Node], circle: set[Node]) -> bool:
        """Let go of an order that only some words need: most mean one thing beside others too."""
        found = {
            (a, b)
            for a, b in self.worded - self.apart
            if leader.get(a, a) in circle and leader.get(b, b) in circle
        }
        self.apart |= found
        return bool(found)

    def _outlive(self, leader: Mapping[Node, Node], circle: set[Node]) -> bool:
        """Let go of an order that is not needed: a part of something can go once its type is another.

        Its own statement does not name that, as those do that drop a routine or a cast.
        """
        context = self._context()
        found = False
        for ref in self.drops:
            node: Node = ("drop", ref)
            if leader.get(node, node) not in circle or self.old.facts[ref].parent is None:
                continue
            for used in self.old.uses.get(ref, frozenset()):
                if used not in self.aside | self.alters.keys() or self._holder(ref, {used}):
                    continue
                edge: tuple[Node, Node] = (node, ("drop" if used in self.aside else "alter", used))
                if edge[1] not in circle or edge in self.apart:
                    continue
                if used in self.alters and ref in kind_of(used).evicts(self.alters[used], context):
                    continue
                self.apart.add(edge)
                found = True
        return found

    def _part(self, leader: Mapping[Node, Node], circle: set[Node]) -> bool:
        """Let go of an order that is only customary: what is below an object and goes, goes first."""
        found = False
        for ref in self.drops - self.creates:
            above = self.old.facts[ref].parent
            node: Node = ("drop", ref)
            if above not in self.alters or leader.get(node, node) not in circle:
                continue
            edge: tuple[Node, Node] = (node, ("alter", above))
            forced = kind_of(above).evicts(self.alters[above], self._context())
            if edge not in self.apart and edge[1] in circle and ref not in forced:
                self.apart.add(edge)
                found = True
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
        for ref in self.carried:
            stages[ref].append("carry")
        context = self._context()
        # What is gone for good goes after all that is put aside and still uses it.
        gone = {r for r in self.drops - self.creates if self._holder(r, self.carried) is None}

        def first(a: Node, b: Node) -> None:
            if (a, b) in self.apart:
                return
            a, b = leader.get(a, a), leader.get(b, b)
            if a[0] == "carry" and b == ("drop", a[1]):
                return  # what goes with the rows goes after they were put aside
            if a != b:
                after.setdefault(a, set()).add(b)

        for ref, its in stages.items():
            for stage in its:
                node: Node = (stage, ref)
                after.setdefault(leader.get(node, node), set())
                fact = (self.old if stage == "drop" else self.new).facts[ref]
                for before in kind_of(ref).after(stage, fact, context):
                    if before[0] in stages.get(before[1], ()):
                        first(before, node)
                if stage == "carry":
                    first(("create", ref), node)
                elif stage == "drop":
                    holder = self._holder(ref, self.carried)
                    lead = leader.get(node, node)
                    for other in _needs(self.old, ref):
                        # What goes with the rows lets go, when they are put aside, of what is
                        # replaced, and of what would be taken for what is made.
                        wrong = other in gone and kind_of(other).confuses(
                            self.old.facts[other], context
                        )
                        free = lead[0] == "carry" and (wrong or other in self.creates)
                        before = ("drop", lead[1]) if free else node
                        for also in stages.get(other, ()):
                            if also in ("drop", "alter"):
                                first(before, (also, other))
                        if (
                            holder is not None
                            and other in gone
                            and not kind_of(ref).parted(fact, other, context)
                            and not wrong
                        ):
                            late: Stage = "discard" if holder in self.aside else "carry"
                            first((late, holder), ("drop", other))
                elif stage == "alter":
                    for other in _needs(self.old, ref):
                        if other in self.drops and other not in self.aside:
                            first(node, ("drop", other))
                    for other in self._needed(ref):
                        for also in stages.get(other, ()):
                            if also != "drop":
                                first((also, other), node)
                else:
                    for other in self._needed(ref):
                        for also in stages.get(other, ()):
                            if also in ("alter", "create"):
                                first((also, other), node)
                        whole = other if other in self.carried else self.new.facts[other].parent
                        if whole in self.carried and leader.get(node) != ("create", whole):
                            assert whole is not None
                            if kind_of(ref).before_rows(fact, whole, context):
                                first(node, ("carry", whole))
                            elif whole != ref:
                                first(("carry", whole), node)
        for ref in self.aside:
            first(("drop", ref), ("discard", ref))
            schema = _schema(ref, self.old)
            if schema in self.drops:
                assert schema is not None
                first(("discard", ref), ("drop", schema))
            for user in self.old.used_by.get(ref, ()):
                for stage, among in (("carry", self.carried), ("discard", self.aside)):
                    holder = self._holder(user, among)
                    if holder is not None:
                        first((stage, holder), ("discard", ref))
                if user in self.alters:
                    first(("alter", user), ("discard", ref))
                if user in self.drops:
                    first(("drop", user), ("discard", ref))
            if ref in self.carried:
                continue  # it lets go of what is in the way as it is put aside
            for part in (ref, *(f.ref for f in self.old.children.get(ref, ()))):
                if leader.get(("drop", part), ("drop", ref)) != ("drop", ref):
                    continue
                for used in self.old.uses.get(part, ()):
                    # Its shell, and the functions that a type is made of, go with it.
                    own = {ref, Ref("shell_type", ref.name)} & {used, *self.old.uses.get(used, ())}
                    if used in self.drops and not own and self._holder(used, self.aside) is None:
                        first(("discard", ref), ("drop", used))
        self._part_names(first)
        self._part_words(first, context)
        return after

    def _needed(self, ref: Ref) -> Iterator[Ref]:
        """What has to be as it will be before it is made, or altered, to be so too."""
        yield from _needs(self.new, ref)
        for used in self.new.uses.get(ref, ()):
            yield from kind_of(used).shows(used, self.new)

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

    def _part_words(self, first: object, context: Context) -> None:
        """Whatever is made from words is made after what else they may mean is gone."""
        assert callable(first)
        for ref in self.drops - self.creates:
            for other in kind_of(ref).taken_for(self.old.facts[ref], context):
                for user in self.new.used_by.get(other, ()):
                    if user in self.creates:
                        self.worded.add((("drop", ref), ("create", user)))
                        first(("drop", ref), ("create", user))

    def _key(self, node: Node) -> tuple[object, ...]:
        """What is done first among what could be: drops, then by the outermost object's name."""
        stage, ref = node
        catalog = self.old if stage in ("drop", "discard") else self.new
        chain = [ref]
        above = catalog.facts[ref].parent
        while above is not None:
            chain.append(above)
            above = catalog.facts[above].parent
        top = kind_of(chain[-1])
        last = any(kind_of(r).last for r in chain) and (-1 if stage == "drop" else 1)
        rank = _EARLY if top.first and stage in ("alter", "create") else _RANK[stage]
        return (
            last,
            rank,
            chain[-1].name,
            len(chain),
            ref.kind != "owner",
            ref.kind,
            ref.name[:-1],
            self._position(ref) if stage == "create" and ref.kind == "column" else 0,
            ref.name[-1],
        )

    def _position(self, column: Ref) -> int:
        """Where it stands among those of its table: in this order they are added."""
        table = self.new.facts[column].parent
        assert table is not None
        if table not in self.positions:
            below = enumerate(self.new.below(table, "column"))
            self.positions[table] = {fact.ref: at for at, fact in below}
        return self.positions[table][column]


def _refers(fact: Fact) -> bool:
    return fact.ref.kind == "constraint" and fact["type"] == "f"


def _place(ref: Ref) -> tuple[str, tuple[str, ...]]:
    """Where it stands in its parent's CREATE; those whose order says something keep it."""
    return ref.kind, () if kind_of(ref).placed else ref.name


def _notes(old: Catalog, new: Catalog, work: _Work) -> Iterator[str]:
    """New columns that do not come where they are wanted: nothing but a new table changes the order.

    Of columns that are there nothing is said: it would be said of every plan from then on.
    """
    before = _columns(old)
    for ref, wanted in _columns(new).items():
        has = before.get(ref)
        if has is None or ref in work.carried:
            continue
        if ref.kind not in ("table", "foreign_table"):
            continue
        stay = [c for c in has if c in new.facts and c not in work.drops]
        last = [c for c in wanted if c not in stay]
        if last != wanted[len(stay) :]:
            order = ", ".join(quoted(c.name[-1]) for c in (*stay, *last))
            anew = any(c in old.facts for c in last)
            do = "that are made anew come last" if anew else "stay in their order"
            yield f"the columns of {ref.path} {do}: {order}"


def empty(old: Catalog, new: Catalog, changes: Iterable[Change]) -> Iterator[tuple[Ref, str]]:
    """New columns that must have a value where nothing gives one to the rows that are there; and a note."""
    for change in changes:
        ref, fact = change.ref, change.new
        if change.verb != "create" or ref.kind != "column" or fact is None:
            continue
        table = fact.parent
        if table is None or table.kind != "table" or table not in old.facts or not fact["not_null"]:
            continue
        domains = (r for r in new.uses.get(ref, ()) if r.kind == "domain")
        given = (
            fact["identity"]
            or fact["generated"]
            or any(Ref("domain_default", d.name) in new.facts for d in domains)
        )
        if not given and Ref("default", ref.name) not in new.facts:
            note = (
                f"{ref.path} has no value for rows that are there, so {table.path} must be empty:"
                " give it a DEFAULT, or say beside it what they get: -- ringfence: filled-with …"
            )
            yield ref, note


def _apart(old: Catalog, new: Catalog) -> Iterator[str]:
    """Tables that stay, with their rows, and are not read by the name of a whole any more."""
    for part, whole in sorted(_wholes(old) - _wholes(new)):
        if part in new.facts and whole in new.facts:
            yield f"the rows of {part.path} are read by the name of {whole.path} no more"


def _wholes(catalog: Catalog) -> set[tuple[Ref, Ref]]:
    """Each partition or heir, and what it is one of."""
    found = set()
    for ref, fact in catalog.facts.items():
        if fact.parent is not None and ref.kind in ("partition", "inheritance"):
            listed = (
                [tuple(fact.list("whole"))] if ref.kind == "partition" else names(fact["parents"])
            )
            found |= {(fact.parent, Ref("table", name)) for name in listed}
    return found


def _columns(catalog: Catalog) -> dict[Ref, list[Ref]]:
    """The columns of each relation, by position."""
    found: dict[Ref, list[Ref]] = {}
    for ref, fact in catalog.facts.items():
        if ref.kind == "column" and fact.parent is not None:
            found.setdefault(fact.parent, []).append(ref)
    return found


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

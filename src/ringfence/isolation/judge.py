"""Whether what tenant A got says anything about tenant B's rows.

A cell is one probe of one role on one object. It passes only when three things hold: A gets nothing
of B's, the same statement reaches A's own twin, and who may everything does reach B's row with it.
Anything else is a state of its own, never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from ringfence.isolation import aims, probes, provoking, reading, writing
from ringfence.isolation.contexts import CONTEXTS, alike
from ringfence.isolation.prober import TIMEOUT
from ringfence.kinds._sql import ident

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ringfence.isolation.aims import Aim
    from ringfence.isolation.estate import Fixture, Row
    from ringfence.isolation.prober import Outcome, Prober
    from ringfence.isolation.probes import Probe
    from ringfence.isolation.surface import Relation, Role, Surface, Trigger
    from ringfence.model import Ref


class State(StrEnum):
    """What a cell has shown."""

    PASS = "pass"
    LEAK = "leak"
    DENIED_ALL = "denied-all"
    NO_GRANT = "no-grant"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Cell:
    """One probe of one role on one object, with what it has shown and why one may believe it.

    `context` is empty for a session that names tenant A as it should; `because` says what was seen,
    in words; `saw` is a value of B's that was shown; `count` rows were hit; `crossed` says that a
    row came to point across tenants; `become` is the role that was taken on first.
    """

    role: str
    ref: Ref
    oid: int
    probe: Probe
    state: State
    because: str = ""
    saw: str = ""
    count: int = 0
    context: str = ""
    crossed: bool = False
    become: str = ""
    aim: Aim | None = None
    follows: bool = False


ENDLESS = "57014"
"""What the server says when it stops a statement that took too long."""


def unknown(out: Outcome) -> str:
    """Why an outcome has shown nothing, in words."""
    if out.sqlstate == ENDLESS:
        return f"it did not end within {TIMEOUT}"
    return f"{out.message} [{out.sqlstate}]"


@dataclass
class Examiner:
    """Tries every probe and judges it."""

    prober: Prober
    fixture: Fixture
    surface: Surface
    roles: Sequence[Role]
    version: int
    cells: list[Cell] = field(default_factory=list)
    aims: dict[int, tuple[Aim | None, Mapping[str, tuple[str, str]]]] = field(default_factory=dict)
    enough: Callable[[Cell], bool] | None = None
    """Says of a leak that nothing else needs to be tried."""
    pairs: Mapping[int, Sequence[tuple[Row, Row]]] = field(default_factory=dict)
    """By relation, rows of A's and B's that policies for writing let through for what is in them."""

    @cached_property
    def contexts(self) -> Mapping[str, str]:
        """What a session may name instead of tenant A."""
        return {**CONTEXTS, **alike(self.fixture)} if self.prober.setting else {}

    @property
    def tenants(self) -> tuple[str, str]:
        """The keys of A and B."""
        return self.fixture.a, self.fixture.b

    def relations(self, *, sequences: bool = False) -> list[Relation]:
        """The relations that any of the roles may do anything to, by name."""
        names = {role.name for role in self.roles}
        return [
            r
            for r in self.surface.relations.values()
            if (sequences or r.kind != "S") and any(who in names for _, who in r.grants)
        ]

    def examine(self, only: frozenset[int] | None = None) -> list[Cell]:
        """Judge every probe of every role on these relations (all of them)."""
        self.prober.settle()
        # What lies on another server is not asked: a shadow's own rows are not there.
        relations = [
            r for r in self.relations() if r.kind != "f" and (only is None or r.oid in only)
        ]
        self.aims = {r.oid: self._aim(r) for r in relations}
        for role in self.roles:
            if not self._done():
                self._read(role, relations)
        for role in self.roles:
            self._write(role, relations)
        self._settle()
        return self.cells

    def _done(self) -> bool:
        said = self.enough
        return said is not None and any(c.state is State.LEAK and said(c) for c in self.cells)

    # Reading

    def _read(self, role: Role, relations: Sequence[Relation]) -> None:
        a, b = self.tenants
        model = self.fixture.estate.model
        names = (model.named(a), model.named(b))
        tried: list[tuple[Relation, Probe, str, str]] = []
        for relation in relations:
            aim = self.aims[relation.oid][0]
            setting = self.prober.setting
            found = list(reading.reads(relation, role.name, setting, names, aim))
            tried += [(relation, probe, "", "") for probe in found]
            plain = found[:1]
            for context in self.contexts:
                tried += [(relation, probe, context, "") for probe in plain]
            for other in role.becomes:
                if relation.may(other, "SELECT"):
                    tried += [
                        (relation, probe, "", other)
                        for probe in reading.reads(relation, other, "", self.tenants, None)
                        if probe.name == "select"
                    ]

        endless: dict[int, Outcome] = {}

        def ask(relation: Relation, probe: Probe, context: str, become: str, said: str) -> Outcome:
            if relation.oid in endless:
                return endless[relation.oid]
            out = self.prober.attempt(
                role.name,
                self.contexts[context] if context else a,
                said,
                setup=probe.setup,
                before=(*_becoming(become), *probe.before),
            )
            if out.sqlstate == ENDLESS:
                # What does not end is tried once: everything else there would not end either.
                endless[relation.oid] = out
            return out

        def run(*, control: bool = False) -> list[Outcome]:
            return [
                ask(
                    relation, probe, context, become, (control and probe.control) or probe.statement
                )
                for relation, probe, context, become in tried
            ]

        full = run()
        every = self._all(relations)
        with self.fixture.without(self.fixture.b):
            no_b, all_no_b = run(), self._all(relations)
        with self.fixture.without(self.fixture.a):
            no_a = run(control=True)
        mine = {
            index: ask(relation, probe, context, become, probe.control)
            for index, (relation, probe, context, become) in enumerate(tried)
            if probe.control
        }
        for index, (relation, probe, context, become) in enumerate(tried):
            depends = every[relation.oid].answer() != all_no_b[relation.oid].answer()
            shows_b = depends or bool(self.fixture.shown(every[relation.oid].values()))
            if not shows_b and not self.tenants_rows(relation):
                continue  # nothing of any tenant's is in there: no cell
            verdict = self._judge_read(
                full[index],
                no_b[index],
                no_a[index],
                mine.get(index, full[index]),
                probe,
                context,
                shows_b=shows_b,
            )
            if verdict[0] is not State.LEAK and not self.tenants_rows(relation):
                continue  # what keeps copies has no twins to show
            if probe.name == "explain" and verdict[0] is State.LEAK and not verdict[2]:
                probe = replace(probe, cause="explain-tells")
            self._add(role.name, relation, probe, *verdict, context=context, become=become)

    def tenants_rows(self, relation: Relation) -> bool:
        """Whether tenants' rows are meant to be found in a relation."""
        tables = self.fixture.estate.tables
        if self.fixture.estate.table(relation) is not None:
            return True
        return bool(self.surface.reads(relation.oid) & set(tables))

    def _all(self, relations: Iterable[Relation]) -> dict[int, Outcome]:
        """What there is in relations for who may read everything."""
        return {
            # In B's name: a view may work as an owner whom policies bind.
            r.oid: self.prober.attempt(None, self.fixture.b, f"SELECT * FROM {r.sql}")
            for r in relations
        }

    def _judge_read(
        self,
        full: Outcome,
        no_b: Outcome,
        no_a: Outcome,
        mine: Outcome,
        probe: Probe,
        context: str,
        *,
        shows_b: bool,
    ) -> tuple[State, str, str, int]:
        known = [*self.tenants, *self.contexts.values()]
        values = full.values()
        saw = self.fixture.shown(values, but=known)
        if context and not saw:
            saw = self.fixture.shown(values, own=True, but=known)
        if saw:
            return State.LEAK, "shows a value of B's rows", saw, len(full.rows)
        if full.answer() != no_b.answer():
            return State.LEAK, "the answer is another one when B has no rows", "", len(full.rows)
        if context and full.ok and full.answer() != no_a.answer():
            return State.LEAK, "the answer is another one when A has no rows", "", len(full.rows)
        if not full.ok and full.sqlstate in (ENDLESS, "54001", "40P01", "XX000"):
            return State.INCONCLUSIVE, unknown(full), "", 0
        if not shows_b:
            return State.INCONCLUSIVE, "no row of B's shows in it for anybody", "", 0
        if context:
            return State.PASS, full.sqlstate, "", 0
        if probe.name == "pg_stats" or (probe.name == "row_security off" and full.denied):
            return State.PASS, "refused", "", 0
        if mine.answer() != no_a.answer() or self.fixture.shown(mine.values(), own=True):
            return State.PASS, "", "", 0
        if _not_granted(mine):
            return State.NO_GRANT, mine.message, "", 0
        if mine.denied or mine.ok:
            return State.DENIED_ALL, mine.message or "A does not see its own rows", "", 0
        return State.INCONCLUSIVE, unknown(full), "", 0

    # Writing

    def _write(self, role: Role, relations: Sequence[Relation]) -> None:
        for relation in relations:
            if self._done():
                return
            aim, parents = self.aims[relation.oid]
            if aim is None:
                if self.tenants_rows(relation) and relation.kind in "rpv":
                    self._nothing_to_aim_at(role.name, relation)
                continue
            found = list(writing.writes(self.fixture, aim, role.name, self.version, parents))
            found += writing.crossing(self.fixture, aim, role.name)
            for probe in found:
                self._judge_write(role.name, relation, probe, aim)
            for mine, theirs in self.pairs.get(relation.oid, ()):
                other_aim = aims.aim_of(relation, aim.table, mine, theirs)
                for probe in writing.in_branch(self.fixture, other_aim, role.name, self.version):
                    self._judge_write(role.name, relation, probe, other_aim)
            self._ask_triggers(role.name, relation, aim)
            for other in role.becomes:
                self._as_another(role.name, relation, other, aim)

    def _aim(self, relation: Relation) -> tuple[Aim | None, Mapping[str, tuple[str, str]]]:
        """A row of A's and one of B's in a relation, and a view's columns that say whose one is."""
        aim = aims.aim_at(self.fixture, relation, self._seen_twins(relation))
        if aim is None and relation.kind in "vm" and self.tenants_rows(relation):
            return self._aim_through(relation)
        return aim, {}

    def _seen_twins(self, relation: Relation) -> tuple[Row, Row] | None:
        """Rows of A's and B's that each tenant may see itself: one that policies hide from everybody is
        no control."""
        table = self.fixture.estate.table(relation)
        role = next((r.name for r in self.roles if relation.may(r.name, "SELECT")), None)
        if table is None or role is None or not relation.row_security or relation.partition_of:
            return None
        found = []
        for tenant in self.tenants:
            said = f"SELECT tableoid::regclass::text, ctid::text FROM {relation.sql}"
            places = set(self.prober.attempt(role, tenant, said).rows)
            rows = self.fixture.rows[tenant].get(table.oid, ())
            found.append([row for row in rows if (row.leaf, row.ctid) in places])
        return (found[0][0], found[1][0]) if all(found) else None

    def _aim_through(self, relation: Relation) -> tuple[Aim | None, dict[str, tuple[str, str]]]:
        """Rows of a view that are there because of A, and because of B."""
        shows = []
        for tenant in self.tenants:
            every = self._named(relation, tenant)
            with self.fixture.without(tenant):
                others = self._named(relation, tenant)
            shows.append([row for row in every if row not in others])
        a, b = shows
        aim = aims.aim_through(relation, a, b)
        if aim is None:
            return None, {}
        if relation.kind == "v":
            aim = replace(aim, row_a=self._below(relation, aim.a, self.fixture.a),
                          row_b=self._below(relation, aim.b, self.fixture.b))  # fmt: skip
        settable = self._settable(relation)
        fixed = {c.name for c in relation.columns if c.updatable and c.name not in settable}
        aim = replace(
            aim,
            a={k: v for k, v in aim.a.items() if k not in fixed},
            b={k: v for k, v in aim.b.items() if k not in fixed},
        )
        parents = {}
        keys_a, keys_b = self._keys(self.fixture.a), self._keys(self.fixture.b)
        for column in relation.columns:
            mine, theirs = aim.a.get(column.name), aim.b.get(column.name)
            if column.updatable and mine in keys_a and theirs in keys_b:
                parents[column.name] = (str(mine), str(theirs))
        return aim, parents

    def _below(
        self, relation: Relation, shown: Mapping[str, str | None], tenant: str
    ) -> Row | None:
        """The row that a view shows, where it shows a table's key under its own names."""
        tables = self.fixture.estate.tables
        (oid, *more) = self.surface.reads(relation.oid) & set(tables) or (0,)
        names = {c.name for c in relation.columns if c.updatable}
        keys = [k.columns for k in tables[oid].keys if k.primary] if oid else []
        if more or not keys or not set(keys[0]) <= names:
            return None
        return next(
            (
                row
                for row in self.fixture.rows[tenant].get(oid, ())
                if all(row.values.get(c) == shown.get(c) for c in keys[0])
            ),
            None,
        )

    def _settable(self, relation: Relation) -> list[str]:
        """The columns of a view that one statement can give values: none that has an identity below
        it, none that is another column again."""
        found: list[str] = []
        for column in relation.columns:
            if column.updatable:
                given = ", ".join(f"{ident(c)} = {ident(c)}" for c in (*found, column.name))
                change = f"UPDATE {relation.sql} SET {given} WHERE false"
                if self.prober.attempt(None, self.fixture.b, change).ok:
                    found.append(column.name)
        return found

    def _named(self, relation: Relation, tenant: str) -> list[dict[str, str | None]]:
        names = [c.name for c in relation.columns]
        out = self.prober.attempt(None, tenant, f"SELECT * FROM {relation.sql}")
        return [dict(zip(names, row, strict=True)) for row in out.rows]

    def _keys(self, tenant: str) -> frozenset[str | None]:
        """What names rows of a tenant's, and nobody else's."""
        tokens = self.fixture.tokens if tenant == self.fixture.b else self.fixture.own_tokens
        targets = {
            (r.target, r.target_columns)
            for t in self.fixture.estate.tables.values()
            for r in t.references
            if len(r.columns) == 1
        }
        found = {
            row.values.get(columns[0])
            for oid, columns in targets
            for row in self.fixture.rows[tenant].get(oid, ())
        }
        return frozenset(v for v in found if v in tokens or v == tenant)

    def _nothing_to_aim_at(self, role: str, relation: Relation) -> None:
        for verb, bit in (("INSERT", 8), ("UPDATE", 4), ("DELETE", 16)):
            if relation.may(role, verb) and relation.events & bit:
                probe = probes.Probe(verb, verb.lower(), "")
                why = "there are no rows of both tenants in it"
                self._add(role, relation, probe, State.INCONCLUSIVE, why, "", 0)

    def _as_another(self, role: str, relation: Relation, other: str, aim: Aim) -> None:
        """What a role can do to rows when it has become another one that may not even read them."""
        if relation.may(other, "SELECT"):
            return  # reading tells
        for probe in writing.blind(aim, other):
            out = self._attempt(role, self.fixture.a, replace(probe, before=_becoming(other)))
            touched, _ = self.touches(out)
            if _by_reference(out):
                out = self._attempt(
                    role, self.fixture.a, replace(probe, before=_becoming(other)), replica=True
                )
                touched, _ = self.touches(out)
            if touched:
                why = "B's rows are others afterwards"
                self._add(role, relation, probe, State.LEAK, why, "", out.count, become=other)

    def _judge_write(self, role: str, relation: Relation, probe: Probe, aim: Aim) -> None:
        a, b = self.tenants
        out = self._attempt(role, a, probe)
        touched, crossed = self.touches(out)
        if probe.others == 0 and out.ok:
            # A statement over all rows: it hit B's where it hits fewer when B has none.
            with self.fixture.without(b):
                alone = self._attempt(role, a, probe)
            touched = touched or (alone.ok and alone.count < out.count)
        if not touched and _masked(out, probe):
            # A foreign key stood in the way of what row security had let through.
            again = self._attempt(role, a, probe, replica=True)
            touched, crossed = self.touches(again)
            out = again if touched or (probe.keyed and again.ok and again.count > 0) else out
        if (touched or (probe.keyed and out.ok and out.count > 0)) and out.prepared:
            why = "B's rows are others afterwards" if touched else "it hits B's row"
            by = None if probe.keyed or crossed else self._by_trigger(role, relation, probe)
            self._add(
                role,
                relation,
                by or probe,
                State.LEAK,
                why,
                "",
                max(out.count, 0),
                crossed=crossed,
                aim=aim,
            )
            return
        if out.sqlstate == "0A000":
            self._add(role, relation, probe, State.PASS, out.message, "", 0, aim=aim)
            return
        found = self._control(role, probe, out, relation)
        if found is None:
            return
        state, why = found
        self._add(role, relation, probe, state, why, "", 0, aim=aim)

    def _ask_triggers(self, role: str, relation: Relation, aim: Aim) -> None:
        """Whether a trigger does something to B's rows, or tells of them, for a value in a row of A's."""
        tried: dict[str, tuple[Probe, Outcome]] = {}
        for probe in provoking.for_triggers(self.fixture, aim, role, self._triggers(relation)):
            out = self._attempt(role, self.fixture.a, probe)
            why, saw = self._told(out, probe)
            if not why:
                if probe.verb not in tried or (out.ok and not tried[probe.verb][1].ok):
                    tried[probe.verb] = (probe, out)
                continue
            by = self._by_trigger(role, relation, probe)
            if by is not None:
                self._add(role, relation, by, State.LEAK, why, saw, max(out.count, 0), aim=aim)
                return
        for probe, out in tried.values():
            # One that is refused has shown something where the same with A's own value is not.
            mine = out if out.ok else self._mine(role, probe)
            if out.sqlstate == ENDLESS or not mine.ok:
                state = State.DENIED_ALL if mine.denied else State.INCONCLUSIVE
                self._add(role, relation, probe, state, unknown(mine), "", 0, aim=aim)
            else:
                self._add(role, relation, probe, State.PASS, out.message, "", 0, aim=aim)

    def _told(self, out: Outcome, probe: Probe) -> tuple[str, str]:
        """Whether B's rows are others after a statement, or a word of them was said that it did not
        say itself; and that word."""
        if self.touches(out)[0]:
            return "B's rows are others afterwards", ""
        words = (*out.said, out.message) if out.sqlstate in ("", "P0001") else out.said
        saw = self.fixture.said(words, but=(probe.statement, *self.tenants))
        return ("a trigger says a value of B's rows", saw) if saw else ("", "")

    def _triggers(self, relation: Relation) -> list[Trigger]:
        return [t for t in self.surface.triggers if t.relation == relation.oid and t.asks]

    def _by_trigger(self, role: str, relation: Relation, probe: Probe) -> Probe | None:
        """The probe, put down to the trigger without which it does no harm."""
        if relation.kind not in "rp":
            return None
        for trigger in self._triggers(relation):
            off = f"ALTER TABLE {relation.sql} DISABLE TRIGGER {ident(trigger.name)}"
            without = replace(probe, setup=(off, *probe.setup))
            out = self._attempt(role, self.fixture.a, without)
            if out.ok and not self._told(out, probe)[0]:
                return replace(probe, cause="trigger", by=trigger.name)
        return None

    def touches(self, out: Outcome) -> tuple[bool, bool]:
        """Whether B's rows are others now, and whether a row of A's points to one of B's."""
        a, b = self.tenants
        touched = any(owner == b or b in through for _, _, owner, through in (*out.lost, *out.made))
        crossed = any(owner == a and b in through for _, _, owner, through in out.made)
        return touched, crossed

    def _attempt(
        self,
        role: str | None,
        tenant: str,
        probe: Probe,
        *,
        replica: bool = False,
        writes: bool = True,
    ) -> Outcome:
        def attempt(setup: Sequence[str]) -> Outcome:
            return self.prober.attempt(
                role,
                tenant,
                probe.statement,
                setup=setup,
                before=probe.before,
                writes=writes,
                copied=probe.copied,
                replica=replica,
            )

        return _without_trace(attempt, probe.setup)

    def _mine(self, role: str, probe: Probe, *, replica: bool = False) -> Outcome:
        def attempt(setup: Sequence[str]) -> Outcome:
            return self.prober.attempt(
                role,
                self.fixture.a,
                probe.control or probe.statement,
                setup=setup,
                before=probe.control_before or (() if probe.control_before else probe.before),
                writes=False,
                copied=probe.control_copied,
                replica=replica,
            )

        return _without_trace(attempt, probe.control_setup)

    def _control(
        self, role: str, probe: Probe, out: Outcome, relation: Relation
    ) -> tuple[State, str] | None:
        """What a statement that did no harm has shown; None where nobody at all can do it."""
        if out.sqlstate == ENDLESS:
            return State.INCONCLUSIVE, unknown(out)
        whose = self.fixture.a if probe.name.startswith("give ") else self.fixture.b
        almighty = self._attempt(None, whose, probe, writes=False)
        if almighty.sqlstate[:2] == "P0" and whose != self.fixture.a:
            # A trigger that asks whose the row is refuses A's rows in B's name.
            almighty = self._attempt(None, self.fixture.a, probe, writes=False)
        if _masked(almighty, probe):
            almighty = self._attempt(None, whose, probe, replica=True, writes=False)
        if not almighty.ok or almighty.count == 0:
            if probe.edge is not None and almighty.sqlstate[:2] in ("23", "P0"):
                return State.PASS, f"the schema refuses it to everybody: {almighty.message}"
            if almighty.sqlstate[:2] == "P0" and relation.triggers and self._mine(role, probe).ok:
                return State.PASS, f"a trigger refuses it to everybody: {almighty.message}"
            if almighty.sqlstate == "44000":
                return State.PASS, f"the view refuses it to everybody: {almighty.message}"
            cannot = almighty.sqlstate[:2] == "23" or almighty.sqlstate in (
                "428C9",
                "55000",
                "42501",
            )
            if relation.kind == "v" and cannot and _makes(probe):
                return None
            why = almighty.message or "it hits no row"
            return State.INCONCLUSIVE, f"it does not work for a superuser either: {why}"
        mine = self._mine(role, probe)
        if _by_reference(mine):
            mine = self._mine(role, probe, replica=True)
        if mine.ok and mine.count != 0:
            return State.PASS, out.sqlstate
        if _not_granted(mine):
            return State.NO_GRANT, mine.message
        if mine.denied or mine.ok:
            return State.DENIED_ALL, mine.message or "A does not reach its own row"
        return State.INCONCLUSIVE, unknown(mine)

    # Cells

    def _add(
        self,
        role: str,
        relation: Relation,
        probe: Probe,
        state: State,
        because: str,
        saw: str,
        count: int,
        *,
        context: str = "",
        become: str = "",
        crossed: bool = False,
        aim: Aim | None = None,
    ) -> None:
        self.cells.append(
            Cell(
                role,
                relation.ref,
                relation.oid,
                probe,
                state,
                because,
                saw,
                count,
                context,
                crossed,
                become,
                aim,
            )
        )

    def _settle(self) -> None:
        """Where a role reaches nothing of its own at all, the session is not as it should be."""
        works = {c.role for c in self.cells if c.state is State.PASS and not c.context}
        works |= {c.role for c in self.cells if c.state is State.LEAK and not c.context}
        self.cells[:] = [
            c
            if c.state is not State.DENIED_ALL or c.role in works
            else Cell(
                c.role,
                c.ref,
                c.oid,
                c.probe,
                State.INCONCLUSIVE,
                f"this role reaches no row of its own anywhere: {c.because}",
                context=c.context,
                become=c.become,
            )
            for c in self.cells
        ]


def _without_trace(attempt: Callable[[Sequence[str]], Outcome], setup: Sequence[str]) -> Outcome:
    """What comes of a statement that makes a row anew. Where a trigger keeps another table in step,
    the row is to be taken away with its triggers at work: else its trace is in the way."""
    out = attempt(setup)
    if out.sqlstate == "23505" and setup:
        again = attempt([line for line in setup if "session_replication_role" not in line])
        if again.prepared and again.sqlstate != out.sqlstate:
            return again
    return out


def _becoming(role: str) -> tuple[str, ...]:
    return (f"SET LOCAL ROLE {ident(role)}",) if role else ()


def _not_granted(out: Outcome) -> bool:
    """Whether a privilege is missing further down: below a view or a function, for a column."""
    return out.sqlstate == "42501" and out.message.startswith("permission denied")


def _by_reference(out: Outcome) -> bool:
    return out.sqlstate in ("23503", "23001")


def _masked(out: Outcome, probe: Probe) -> bool:
    """Whether a foreign key stood in the way that a row nothing points to would not have met."""
    pointed_to = out.message.startswith("update or delete on table")
    return _by_reference(out) and (probe.edge is None or pointed_to)


def _makes(probe: Probe) -> bool:
    """Whether a statement makes a row or moves one, which a view's columns may not suffice for."""
    return probe.verb == "INSERT" or probe.name.startswith(("take ", "give "))

"""Leaks grouped by what lets them happen, each with its consequence and SQL that closes it.

One table without row security leaks in thirty ways; that is one thing to mend. The SQL was tried:
all of it together, on the shadow, with every probe run again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from ringfence.finding import Severity
from ringfence.isolation import fixes, surface
from ringfence.isolation.contexts import CONTEXTS
from ringfence.isolation.corners import STALE, around, numbered, unguessable
from ringfence.isolation.judge import Cell, State
from ringfence.kinds._sql import ident
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ringfence.isolation import Ground
    from ringfence.isolation.surface import Relation, Routine, Surface
    from ringfence.seed.shape import Reference, Table

_DOES = {
    "SELECT": "reads",
    "INSERT": "makes",
    "UPDATE": "changes",
    "DELETE": "deletes",
    "TRUNCATE": "empties",
}

_GRAVITY = {
    "sequence": Severity.WARNING,
    "sequence-tells": Severity.INFO,
    "explain-tells": Severity.INFO,
    "unscoped": Severity.WARNING,
    "large-object": Severity.WARNING,
    "disagreement": Severity.INFO,
    "second-setting": Severity.WARNING,
    "notify": Severity.WARNING,
    "tenantless": Severity.ERROR,
    "shared-cascade": Severity.ERROR,
}
"""Of causes that are no plain hole."""

_NAMELESS = ("", "unset", *CONTEXTS, *STALE)
"""Contexts but those of a session that names another tenant."""

_DEEPER = ("row-security-off", "policy", "partition", "owner", "helper", "definer")
"""Causes that other things leak because of."""


@dataclass
class Cause:
    """What lets some leaks happen. `order` says when its fix is applied among the others' fixes.

    `fixed` tells what trying the fix has shown: True, False, or None where it was not tried; `also`
    names what else leaks because of it.
    """

    code: str
    ref: Ref
    message: str
    help: str = ""
    severity: Severity = Severity.ERROR
    cells: list[Cell] = field(default_factory=list)
    fix: str = ""
    order: int = 0
    fixed: bool | None = None
    also: list[str] = field(default_factory=list)
    why_not: str = ""


class Sorter:
    """Finds the cause of each leak."""

    def __init__(self, ground: Ground, cells: Sequence[Cell], deletes: Mapping[str, str]) -> None:
        self.ground = ground
        self.surface: Surface = ground.surface
        self.leaks = [c for c in cells if c.state is State.LEAK]
        self.deletes = deletes
        self.causes: dict[tuple[str, Ref], Cause] = {}

    def sort(self) -> list[Cause]:
        """The causes, those that others follow from first."""
        later: list[tuple[Cell, Relation | Routine]] = []
        bypassing = {r.name for r in self.ground.who.roles if r.bypasses}
        for cell in self.leaks:
            if cell.role in bypassing:
                continue  # no policy binds it: that is said of the role
            if cell.probe.cause:
                self._known(cell)
                continue
            relation = self.surface.relations.get(cell.oid)
            routine = next((r for r in self.surface.routines if r.oid == cell.oid), None)
            if cell.become and relation is not None:
                self._role(cell)
            elif routine is not None:
                if routine.definer:
                    self._routine(cell, routine)
                else:
                    later.append((cell, routine))
            elif relation is None:
                continue
            elif relation.kind == "v":
                if relation.invoker or self._adds_nothing(relation):
                    later.append((cell, relation))
                else:
                    self._view(cell, relation)
            elif relation.kind == "m":
                self._matview(cell, relation)
            elif self._by_others(relation):
                later.append((cell, relation))
            else:
                self._table(cell, relation)
        for cell, what in later:
            self._follow(cell, what)
        self._helpers()
        for cause in self.causes.values():
            self._say(cause)
        return sorted(self.causes.values(), key=lambda c: (c.severity.rank, c.order, str(c.ref)))

    def _cause(self, code: str, ref: Ref, cell: Cell, **more: object) -> Cause:
        key = (code, ref)
        if key not in self.causes:
            self.causes[key] = Cause(f"isolation/{code}", ref, "", **more)  # type: ignore[arg-type]
        self.causes[key].cells.append(cell)
        return self.causes[key]

    def _known(self, cell: Cell) -> None:
        """A leak that says itself what it comes of."""
        kind, ref, fix, order = cell.probe.cause, cell.ref, "", 5
        relation = self.surface.relations.get(cell.oid)
        routine = next((r for r in self.surface.routines if r.oid == cell.oid), None)
        severity = _GRAVITY.get(kind, Severity.ERROR)
        if kind == "explain-tells" and (
            cell.context or cell.become or (relation is not None and self._open(relation))
        ):
            return
        if kind in ("sequence-tells", "explain-tells"):
            ref = Ref("schema", (cell.ref.name[0],))
        elif kind == "sequence" and relation is not None:
            fix = fixes.revoke("UPDATE", relation, [cell.role], "SEQUENCE ")
        elif kind == "unscoped" and relation is not None:
            fix = fixes.revoke("INSERT, UPDATE, DELETE", relation, [cell.role])
        elif kind == "shared-cascade" and relation is not None:
            fix = fixes.revoke(cell.probe.verb, relation, [cell.role])
            key = (kind, ref)
            if key in self.causes and fix not in self.causes[key].fix:
                self.causes[key].fix += f"\n{fix}"
        elif kind == "tenantless" and relation is not None:
            fix, order = fixes.tenantful(self.ground.estate, relation), 2
        elif kind == "copy" and relation is not None:
            fix = fixes.revoke("SELECT", relation, [cell.role])
        elif kind == "trigger" and relation is not None:
            ref = Ref("trigger", (relation.schema, relation.name, cell.probe.by))
            for one in self.surface.triggers:
                if (one.relation, one.name, one.definer) == (relation.oid, cell.probe.by, True):
                    fix = f"ALTER FUNCTION {one.function}() SECURITY INVOKER;"
        elif kind == "search-path" and routine is not None:
            fix = fixes.search_path(routine)
        elif kind == "leakproof" and routine is not None:
            fix = f"ALTER FUNCTION {routine.sql}({', '.join(routine.types)}) NOT LEAKPROOF;"
        elif kind == "disagreement" and relation is not None:
            ref, fix = self._disagreement(cell, relation)
        elif kind == "event-trigger":
            trigger = next(t for t in self.surface.event_triggers if t.oid == cell.oid)
            fix = f"ALTER EVENT TRIGGER {ident(trigger.name)} DISABLE;"
        self._cause(kind, ref, cell, severity=severity, fix=fix, order=order)

    def _disagreement(self, cell: Cell, relation: Relation) -> tuple[Ref, str]:
        estate = self.ground.estate
        table, edge = estate.tables[relation.oid], cell.probe.edge
        assert edge is not None
        ref = Ref("constraint", (table.schema, table.name, edge.name))
        said = cell.probe.name.removeprefix("disagree ")
        for straight, first, second in around(estate, table):
            if first == edge and said.startswith(f"{'.'.join(straight.columns)} with "):
                on_delete = self.deletes.get(str(ref), "")
                return ref, fixes.agreement(estate, table, straight, first, second, on_delete)
        return ref, ""

    def _adds_nothing(self, view: Relation) -> bool:
        """Whether a view's owner sees no more than the role: policies bind it, or nobody."""
        bases = [
            self.surface.relations[oid]
            for oid in self.surface.reads(view.oid)
            if oid in self.ground.estate.tables and oid in self.surface.relations
        ]
        bound = all(not b.row_security or b.forced or b.owner != view.owner for b in bases)
        return bound and not view.owner_exempt and any(b.row_security for b in bases)

    def _by_others(self, relation: Relation) -> bool:
        """Whether a table's policies go by another table's, which let something through."""
        if not relation.row_security:
            return False
        asked = {
            oid for p in self.surface.policies if p.relation == relation.oid for oid in p.reads
        }
        return any(
            c.oid in asked and c.probe.verb == "SELECT" and not c.become and not c.probe.cause
            for c in self.leaks
        )

    # Tables

    def _table(self, cell: Cell, relation: Relation) -> None:
        estate = self.ground.estate
        table = estate.table(relation)
        name = cell.probe.name
        role = next(r for r in self.ground.who.roles if r.name == cell.role)
        owns = relation.owner in (role.name, *role.inherits)
        if owns and relation.row_security and not relation.forced:
            fix = f"ALTER TABLE {relation.sql} FORCE ROW LEVEL SECURITY;"
            cause = self._cause("owner", relation.ref, cell, fix=fix, order=2)
            cause.help = f"role {role.name} has the rights of its owner, {relation.owner}"
            return
        if cell.probe.verb == "TRUNCATE":
            fix = fixes.revoke("TRUNCATE", relation, [cell.role])
            self._cause("truncate", relation.ref, cell, fix=fix, order=5)
        elif table is None:
            fix = fixes.revoke("SELECT", relation, [cell.role])
            self._cause("copy", relation.ref, cell, fix=fix, order=5)
        elif name.startswith("point "):
            column = Ref("column", (*relation.ref.name, name.split(" ")[1]))
            self._cause("soft-reference", column, cell, severity=Severity.WARNING)
        elif name.startswith("key "):
            self._key(cell, relation, table)
        elif name.startswith("ask for "):
            edge = _edge(estate.edges(table), name.removeprefix("ask for "))
            ref = Ref("constraint", (table.schema, table.name, edge.name)) if edge else relation.ref
            self._cause("reference-oracle", ref, cell, severity=Severity.INFO)
        elif self._crosses(cell, table):
            edge = cell.probe.edge
            assert edge is not None
            ref = Ref("constraint", (table.schema, table.name, edge.name))
            fix = fixes.reference(estate, table, edge, self.deletes.get(str(ref), ""))
            self._cause("foreign-key", ref, cell, fix=fix, order=3)
        elif relation.partition_of and not relation.row_security:
            self._cause(
                "partition", relation.ref, cell, fix=fixes.close_partition(relation), order=2
            )
        elif not relation.row_security:
            named = any(p.relation == relation.oid for p in self.surface.policies)
            fix = (fixes.enable if named else fixes.row_security)(estate, table)
            fix = fix if self.ground.who.model.setting else ""
            self._cause("row-security-off", relation.ref, cell, fix=fix, order=1)
        else:
            fix = fixes.floor(estate, table) if self.ground.who.model.setting else ""
            self._cause("policy", relation.ref, cell, fix=fix, order=2)

    def _crosses(self, cell: Cell, table: Table) -> bool:
        """Whether a row of A's came to point to one of B's, over a key that does not say whose it is."""
        edge = cell.probe.edge
        if edge is None or cell.probe.name.startswith("take "):
            return False
        return cell.crossed and self.ground.estate.model.path.get(table.oid) != edge

    def _key(self, cell: Cell, relation: Relation, table: Table) -> None:
        name = cell.probe.name.removeprefix("key ")
        key = next(k for k in table.keys if k.name == name)
        if self._open(relation):
            return  # who reads the rows needs no error to learn of them
        if unguessable(table, key):
            ref = Ref("schema", (relation.schema,))
            self._cause("unguessable-keys", ref, cell, severity=Severity.INFO)
        elif numbered(table, key):
            ref = Ref("schema", (relation.schema,))
            self._cause("counted-keys", ref, cell, severity=Severity.INFO)
        else:
            ref = Ref("constraint", (table.schema, table.name, name))
            self._cause("key-oracle", ref, cell, severity=Severity.WARNING)

    def _open(self, relation: Relation) -> bool:
        """Whether the rows themselves are read."""
        return any(
            c.oid == relation.oid and c.probe.verb == "SELECT" and not c.probe.cause
            for c in self.leaks
        )

    # What reads tables

    def _view(self, cell: Cell, relation: Relation) -> None:
        fix = fixes.invoker(relation) if self.ground.version >= 150000 else ""
        self._cause("view-owner-rights", relation.ref, cell, fix=fix, order=4)

    def _matview(self, cell: Cell, relation: Relation) -> None:
        fix = fixes.revoke("ALL", relation, [cell.role])
        self._cause("materialized-view", relation.ref, cell, fix=fix, order=5)

    def _routine(self, cell: Cell, routine: Routine) -> None:
        self._cause("definer", routine.ref, cell, fix=fixes.as_caller(routine), order=4)

    def _role(self, cell: Cell) -> None:
        fix = f"REVOKE {ident(cell.become)} FROM {ident(cell.role)};"
        self._cause("role", Ref("role", (cell.role,)), cell, fix=fix, order=9)

    def _follow(self, cell: Cell, what: Relation | Routine) -> None:
        """Something that works as its caller leaks because what it reaches does."""
        name = what.ref.path
        through = [
            cause
            for cause in self.causes.values()
            if cause.code.removeprefix("isolation/") in _DEEPER and self._reaches(what, cause)
        ]
        for cause in through:
            if name not in cause.also:
                cause.also.append(name)
            cause.cells.append(cell)
        if through:
            return
        if isinstance(what, surface.Routine):
            self._cause("routine", what.ref, cell)
        elif what.kind == "v":
            self._cause("view", what.ref, cell)
        else:
            self._table(cell, what)

    def _reaches(self, what: Relation | Routine, cause: Cause) -> bool:
        called = cause.code == "isolation/definer"
        table = cause.ref.name[1 if called else -1]
        if called and not isinstance(what, surface.Routine):
            return False
        if isinstance(what, surface.Routine):
            return re.search(rf"(?<![\w$]){re.escape(table)}(?![\w$])", what.body) is not None
        read = set(self.surface.reads(what.oid))
        read |= {o for p in self.surface.policies if p.relation == what.oid for o in p.reads}
        return any(
            self.surface.relations[o].ref == cause.ref for o in read if o in self.surface.relations
        )

    def _helpers(self) -> None:
        """Tables that leak only to sessions without their tenant, through one function of them all."""
        alike: dict[int, list[Cause]] = {}
        for cause in self.causes.values():
            plain = [c for c in cause.cells if not c.context and "planned" not in c.probe.name]
            if cause.code != "isolation/policy" or plain:
                continue
            oid = cause.cells[0].oid
            for called in {f for p in self.surface.policies if p.relation == oid for f in p.calls}:
                alike.setdefault(called, []).append(cause)
        for called, some in sorted(alike.items(), key=lambda pair: -len(pair[1])):
            routine = next((r for r in self.surface.routines if r.oid == called), None)
            mine = [c for c in some if ("policy", c.ref) in self.causes]
            if routine is None or len(mine) < 2:
                continue
            for cause in mine:
                del self.causes["policy", cause.ref]
                for cell in cause.cells:
                    helper = self._cause("helper", routine.ref, cell)
            self._ask(helper, routine)

    def _ask(self, helper: Cause, asked: Routine) -> None:
        """Functions that leak only to sessions without their tenant, and that ask the helper too."""
        for key, cause in list(self.causes.items()):
            said = next((r.body for r in self.surface.routines if r.ref == cause.ref), "")
            if (
                cause.code == "isolation/definer"
                and all(c.context for c in cause.cells)
                and re.search(rf"(?<![\w$]){re.escape(asked.name)}\"?\s*\(", said)
            ):
                del self.causes[key]
                helper.also.append(cause.ref.path)
                helper.cells += cause.cells

    # Words

    def _say(self, cause: Cause) -> None:
        kind = cause.code.removeprefix("isolation/")
        path = cause.ref.path
        own = [c for c in cause.cells if c.probe.verb != "EXECUTE"]
        does = _listed(
            dict.fromkeys(
                _DOES[v] for v in _DOES if any(c.probe.verb == v for c in own or cause.cells)
            )
        )
        unset = any(c.context and c.context in _NAMELESS for c in cause.cells)
        anyone = "; so does a session that names no tenant" if unset else ""
        like = dict.fromkeys(c.context for c in cause.cells if c.context not in _NAMELESS)
        if like:
            anyone += f"; so does a tenant whose key is like another's ({_listed(like)})"
        first = cause.cells[0]
        stolen = any(c.probe.name.startswith("take ") for c in cause.cells)
        if kind == "row-security-off":
            cause.message = f"a tenant {does} other tenants' rows of {path}: row security is off"
            cause.help = f"whoever may use the table uses everybody's rows{anyone}"
        elif kind == "helper":
            tables = _listed(
                dict.fromkeys(c.ref.path for c in cause.cells if c.ref.path not in cause.also)
            )
            ways = _listed(dict.fromkeys(c.context or c.probe.name for c in cause.cells))
            cause.message = (
                f"{path} names a tenant that the session does not: {tables} show its rows"
            )
            cause.help = f"seen with: {ways}; a helper is STABLE, and NULL where nothing is set"
        elif kind == "owner":
            cause.message = f"a tenant {does} other tenants' rows of {path}: its owner is not bound"
        elif kind == "policy":
            cause.message = f"a tenant {does} other tenants' rows of {path}: its policies let it"
            cause.help = (
                "the policies, taken together, allow more than the tenant's own rows"
                f" ({_listed(dict.fromkeys(c.probe.name for c in cause.cells))}){anyone}"
            )
        elif kind == "partition":
            cause.message = (
                f"a tenant {does} other tenants' rows of {path}, asking the partition itself"
            )
            cause.help = "the policies of the whole table do not bind who asks a partition of it"
        elif kind == "copy":
            cause.message = f"{path} holds copies of tenants' rows, and any tenant {does} them"
            cause.help = "nothing says whose a row of it is, so no policy can: keep it from tenants"
        elif kind == "second-setting":
            cause.message = (
                f"a session that sets a setting is shown other tenants' rows of {path}:"
                f" {first.because}"
            )
            cause.help = (
                "any session may set it, and so may an injected statement; where that is meant, say so"
                " under [[tool.ringfence.accepted]]"
            )
        elif kind == "view-owner-rights":
            owner = next(r.owner for r in self.surface.relations.values() if r.ref == cause.ref)
            cause.message = (
                f"a tenant {does} other tenants' rows through {path}: it works as {owner}"
            )
            cause.help = "the view's owner, whom no policy binds, reads on everybody's behalf"
            if stolen:
                cause.help += (
                    "; a row moved to oneself through it, with all its columns, is one's own"
                )
        elif kind == "view":
            cause.message = f"a tenant {does} other tenants' rows through {path}"
        elif kind == "materialized-view":
            cause.message = f"a tenant reads other tenants' rows in {path}"
            cause.help = "row security does not reach into a materialized view"
        elif kind in ("definer", "routine"):
            what = "shows" if first.saw or "answer" in first.because else "changes"
            cause.message = f"{path} {what} other tenants' rows"
            if "session" in first.because:
                cause.message = f"{path} makes a session another tenant's"
            if kind == "definer":
                cause.message += ": it works as its owner"
                cause.help = (
                    "a SECURITY DEFINER function sees what its owner sees, whoever calls it"
                )
            if all(c.context for c in cause.cells):
                cause.help += "; seen in a session that names no tenant"
        elif kind == "trigger":
            what = "tells" if first.saw else "changes"
            cause.message = f"trigger {path} {what} other tenants' rows"
            cause.help = (
                f"seen with: {first.probe.name}; a trigger sees what its function's owner sees, where"
                " that is a SECURITY DEFINER: let it ask for the tenant of its row"
            )
        elif kind == "foreign-key":
            edge = first.probe.edge
            assert edge is not None
            target = self.ground.estate.tables[edge.target]
            table = self.ground.estate.tables[edge.table]
            cause.message = (
                f"a row of {table.path} may point to another tenant's row of {target.path}"
            )
            cause.help = (
                "foreign keys look past row security: the other tenant's row is pinned, its existence"
                " is told, and what cascades crosses over"
            )
        elif kind == "soft-reference":
            target_name = first.probe.name.rpartition(" at ")[2]
            cause.message = (
                f"{path} names rows of {target_name} and takes another tenant's, or none's"
            )
            cause.help = "no foreign key holds it: what joins over it joins across tenants"
        elif kind == "key-oracle":
            cause.message = (
                f"{path} is unique across tenants: an error tells that another tenant has it"
            )
            cause.help = "make the key (tenant, …), or let it be a value that nobody can guess"
        elif kind == "unguessable-keys":
            names = _listed(dict.fromkeys(c.ref.path for c in cause.cells))
            cause.message = f"an error tells that a key is taken by another tenant's row: {names}"
            cause.help = "harmless while keys are drawn at random and never told to other tenants"
        elif kind == "counted-keys":
            names = _listed(dict.fromkeys(c.ref.path for c in cause.cells))
            cause.message = (
                f"an error tells that a number is taken by another tenant's row: {names}"
            )
            cause.help = (
                "such keys are counted, so anybody can guess them; harmless where it is no secret how"
                " many rows all tenants make together"
            )
        elif kind == "reference-oracle":
            cause.message = f"{path} tells by its error whether another tenant's row exists"
            cause.help = first.because
        elif kind == "truncate":
            cause.message = f"a tenant empties {path}, everybody's rows included"
            cause.help = "row security does not bind TRUNCATE"
        elif kind == "sequence":
            cause.message = f"a tenant sets {path}, which numbers every tenant's rows"
            cause.help = "turned back, it gives numbers out again, and no tenant's rows go in"
        elif kind == "explain-tells":
            names = _listed(dict.fromkeys(c.ref.path for c in cause.cells))
            cause.message = f"EXPLAIN ANALYZE tells how many rows a policy passed over: {names}"
            cause.help = (
                "PostgreSQL counts them for whoever may read the table; it shows none of them"
            )
        elif kind == "disagreement":
            edge = first.probe.edge
            assert edge is not None
            table = self.ground.estate.tables[edge.table]
            target = self.ground.estate.tables[edge.target]
            straight = first.probe.name.removeprefix("disagree ").partition(" with ")[0]
            cause.message = (
                f"a row of {table.path} may name one row by {straight}, and by"
                f" {', '.join(edge.columns)} a row of {target.path} that names another one"
            )
            cause.help = (
                "both are the tenant's own; where they must agree, a foreign key over both says so"
            )
        elif kind == "sequence-tells":
            names = _listed(dict.fromkeys(c.ref.path for c in cause.cells))
            cause.message = f"a counter tells how much other tenants count: {names}"
            cause.help = "harmless where it is no secret how many rows all tenants make together"
        elif kind == "unscoped":
            cause.message = (
                f"{path} belongs to no tenant, and any tenant changes what all read there"
            )
            cause.help = (
                "say whose its rows are by a foreign key, or that it is shared:"
                f' [tool.ringfence.tenancy] shared = ["{path}"]'
            )
        elif kind == "tenantless":
            cause.message = (
                f"rows of {path} that have no tenant are shown to every tenant, and any tenant {does}"
                " them"
            )
            cause.help = (
                "let no policy for writing take a row without a tenant; where rows of everybody's are"
                " everybody's to change, keep them in a table that is declared shared"
            )
        elif kind == "shared-cascade":
            cause.message = (
                f"a tenant {does} rows of {path}, which are nobody's, and with them rows of other"
                " tenants go or change"
            )
            cause.help = (
                "what cascades looks past row security: revoke the privilege, or let the foreign key"
                " RESTRICT"
            )
        elif kind == "large-object":
            cause.message = f"a tenant reads large objects that another tenant has made: {path}"
            cause.help = (
                "a large object is its role's, whom no policy binds; bytea in a row is bound"
            )
        elif kind == "event-trigger":
            cause.message = f"{path} works as its owner, on rows of every tenant"
            cause.help = "any session may make a temporary table, which sets it off"
        elif kind == "search-path":
            cause.message = f"{path} finds tables by bare names, and a session can be there first"
            cause.help = (
                "what a session makes in pg_temp is found before the schema's own, and its code runs"
                " with the function owner's rights: it reads other tenants' rows"
            )
            if "believes" in first.because:
                cause.help = f"what a session makes in pg_temp is found first: {first.because}"
        elif kind == "notify":
            cause.message = f"trigger {path} sends what is in a tenant's rows to whoever listens"
            cause.help = "any session may LISTEN to any channel: send the row's key, and let who hears it read"
        elif kind == "leakproof":
            cause.message = f"{path} is said to be LEAKPROOF, and tells what it is asked about"
            cause.help = (
                "the server asks such a function before it asks policies, about every tenant's rows"
            )
        elif kind == "role":
            becomes = _listed(dict.fromkeys(c.become for c in cause.cells))
            cause.message = f"role {first.role} can become {becomes}, who reads every tenant's rows"
            cause.help = "one SET ROLE in an injected statement is enough"


def resting(ground: Ground, cells: Sequence[Cell]) -> Iterator[tuple[Relation, list[str]]]:
    """Views that leak nothing as their owner is bound by policies: while these are forced on it."""
    relations = ground.surface.relations
    leaky = {c.oid for c in cells if c.state is State.LEAK and not c.probe.cause}
    for oid in dict.fromkeys(c.oid for c in cells):
        view = relations.get(oid)
        if view is None or view.kind != "v" or view.invoker or oid in leaky:
            continue
        bases = [
            relations[b].path
            for b in sorted(ground.surface.reads(oid))
            if b in ground.estate.tables and relations[b].owner == view.owner
        ]
        if bases:
            yield view, bases


def _edge(edges: Iterable[Reference], column: str) -> Reference | None:
    return next((e for e in edges if e.columns == (column,)), None)


def _listed(names: Iterable[str]) -> str:
    """Names as a sentence lists them.

    >>> _listed(["reads", "changes", "deletes"])
    'reads, changes and deletes'
    """
    found = list(names)
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} and {found[-1]}"


def deletes(ground: Ground) -> dict[str, str]:
    """What a foreign key of tenants' rows does when the row it points to goes, as SQL, by its name."""
    found = ground.conn.execute(
        "SELECT n.nspname, r.relname, c.conname, c.confdeltype::text, c.confupdtype::text,"
        " c.condeferrable, c.condeferred,"
        " ARRAY(SELECT quote_ident(a.attname) FROM unnest(c.conkey) AS k (n)"
        "  JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.n)"
        " FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid"
        " JOIN pg_namespace AS n ON n.oid = r.relnamespace WHERE c.contype = 'f'"
    )
    actions = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT", "r": "RESTRICT"}
    said = {}
    for schema, table, name, on_delete, on_update, deferrable, deferred, columns in found:
        text = ""
        if on_update in actions:
            text += f" ON UPDATE {actions[on_update]}"
        if on_delete in actions:
            text += f" ON DELETE {actions[on_delete]}"
            if on_delete in "nd" and ground.version >= 150000:
                text += f" ({', '.join(columns)})"
        if deferrable:
            text += " DEFERRABLE" + (" INITIALLY DEFERRED" if deferred else "")
        said[str(Ref("constraint", (schema, table, name)))] = text
    return said


def try_fixes(ground: Ground, causes: Sequence[Cause], before: Sequence[Cell]) -> None:
    """Apply every fix to the shadow, all in one transaction, and try everything again.

    A fix is one where nothing of it leaks any more, and what a role could do with its own tenant's
    rows, as `before` shows, it still can.
    """
    from ringfence.isolation import again

    conn = ground.conn
    tried = sorted((c for c in causes if c.fix and c.order < 9), key=lambda c: c.order)
    if not tried:
        return
    conn.execute("SAVEPOINT ringfence_fixes")
    try:
        for cause in tried:
            try:
                with conn.transaction():
                    conn.execute(cause.fix, prepare=False)
            except psycopg.Error as error:
                cause.fixed, cause.why_not = False, error.diag.message_primary or str(error)
        _, cells = again(ground)
        leaks = {_same(c) for c in cells if c.state is State.LEAK}
        broken = _working(before) - _working(cells)
        for cause in tried:
            if cause.fixed is None:
                still = [c for c in cause.cells if _same(c) in leaks]
                revoked = cause.fix.startswith("REVOKE") or cause.order == 2
                refs = {cause.ref, *(c.ref for c in cause.cells)}
                ends = sorted(
                    f"{verb} of {ref.path}"
                    for _, ref, verb in broken
                    if ref in refs and not revoked
                )
                cause.fixed = not still and not ends
                if still:
                    cause.why_not = f"{still[0].probe.name} leaks still"
                elif ends:
                    cause.why_not = (
                        f"with it {ends[0]} does not work any more, for one's own rows either"
                    )
    finally:
        conn.execute("ROLLBACK TO SAVEPOINT ringfence_fixes; RELEASE SAVEPOINT ringfence_fixes")


def _working(cells: Sequence[Cell]) -> set[tuple[str, Ref, str]]:
    """What roles can do: (role, object, verb)."""
    done = (State.PASS, State.LEAK)
    return {
        (c.role, c.ref, c.probe.verb)
        for c in cells
        # Of these, to be refused is to pass.
        if c.state in done
        and not c.context
        and c.probe.name not in ("pg_stats", "row_security off")
    }


def _same(cell: Cell) -> tuple[object, ...]:
    return cell.role, cell.ref, cell.probe.name, cell.context, cell.become

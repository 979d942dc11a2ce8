"""Isolation broken on purpose, one thing at a time, to see whether the probes notice.

A mutant is a change to the schema that takes something away which keeps tenants apart. It is applied
to the shadow within the transaction, what it concerns is tried again, and it is undone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from ringfence.isolation import aside, calls, changed, corners, look, trusted, unnamed
from ringfence.isolation.judge import State
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ringfence.isolation import Cell, Ground
    from ringfence.isolation.judge import Examiner
    from ringfence.isolation.surface import Policy, Relation, Routine

    Seen = frozenset[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A schema with something broken: what, in words, and the SQL that breaks it.

    `about` are the OIDs of the relations and routines whose probes are to notice. `anew` says that
    privileges, keys or roles change with it, which must be read again. `claim` looks at the one thing
    that was broken, where another claim than isolation is to notice, and says what it sees.
    """

    ref: Ref
    what: str
    sql: str
    about: frozenset[int]
    anew: bool = False
    claim: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a mutant: noticed, by whom; or not, and because of what else; or it could not be
    made, and why."""

    mutant: Mutant
    noticed: str = ""
    failed: str = ""
    because: str = ""


def run(ground: Ground) -> Iterator[Fate]:
    """Try every mutant. The transaction is open, and as it was afterwards."""
    examiner = ground.examiner()
    look(examiner)
    before = _seen(examiner.cells)
    owners = frozenset(r.oid for r, _ in corners.as_owner(examiner))
    open_ = {c.ref for c in examiner.cells if c.state is State.LEAK and not c.context}
    for mutant in mutants(ground):
        if mutant.ref.kind.endswith(("view", "function", "procedure")) and mutant.ref in open_:
            continue  # it leaks as it is: there is nothing to break
        yield _try(ground, mutant, before, owners)
    for mutant in behaviours(ground):
        yield _try(ground, mutant, before, owners)


def _try(ground: Ground, mutant: Mutant, before: Seen, owners: frozenset[int]) -> Fate:
    conn = ground.conn
    conn.execute("SAVEPOINT ringfence_mutant")
    try:
        try:
            with conn.transaction():
                conn.execute(mutant.sql.encode(), prepare=False)
        except psycopg.Error as error:
            return Fate(mutant, failed=error.diag.message_primary or str(error))
        if mutant.claim is not None:
            return Fate(mutant, mutant.claim())
        now = changed(ground) if mutant.anew else ground
        for only in (mutant.about, None):
            noticed = _noticed(now.examiner(), only, before, owners)
            if noticed:
                return Fate(mutant, noticed)
        return Fate(mutant, because=_instead(ground, mutant, before))
    finally:
        conn.execute("ROLLBACK TO SAVEPOINT ringfence_mutant; RELEASE SAVEPOINT ringfence_mutant")


def _instead(ground: Ground, mutant: Mutant, before: Seen) -> str:
    """What keeps tenants apart where a policy need not: the policies of the tables that it asks.

    Without row security there, the policy as it was keeps nothing apart either. Undoes the mutant.
    """
    asked = sorted(
        {
            o
            for p in ground.surface.policies
            if p.relation in mutant.about and mutant.ref.name[-1] == p.name
            for o in p.reads
            if o in ground.surface.relations and ground.surface.relations[o].row_security
        }
    )
    if not asked:
        return ""
    conn = ground.conn
    names = [ground.surface.relations[o] for o in asked]
    off = "; ".join(f"ALTER TABLE {r.sql} DISABLE ROW LEVEL SECURITY" for r in names)
    conn.execute(f"ROLLBACK TO SAVEPOINT ringfence_mutant; {off}")
    if _leaks(changed(ground), mutant) - before:
        return f"the policies of {', '.join(r.path for r in names)} keep the same apart"
    return ""


def _leaks(ground: Ground, mutant: Mutant) -> Seen:
    examiner = ground.examiner()
    examiner.examine(mutant.about)
    return _seen(examiner.cells)


def _noticed(
    examiner: Examiner, only: frozenset[int] | None, before: Seen, owners: frozenset[int]
) -> str:
    """What is seen that was not seen before; nothing where nothing is."""
    for role in examiner.roles:
        if role.bypasses:
            return f"role {role.name} bypasses row security"
    examiner.enough = lambda cell: _says(cell) and _key(cell) not in before
    examiner.examine(only)
    new = _new(examiner.cells, before)
    if new:
        return new
    for relation, _ in corners.as_owner(examiner):
        if relation.oid not in owners:
            return f"the owner of {relation.path} is not bound"
    calls.examine(examiner, only)
    corners.examine(examiner, only)
    unnamed.examine(examiner, only)
    trusted.examine(examiner, only)
    aside.examine(examiner, only)
    return _new(examiner.cells, before)


def _seen(cells: Sequence[Cell]) -> Seen:
    return frozenset(_key(c) for c in cells if _says(c))


def _says(cell: Cell) -> bool:
    """Whether a cell says that something is wrong, other than how rows are counted."""
    return cell.state in (State.LEAK, State.DENIED_ALL) and cell.probe.cause != "explain-tells"


def _key(cell: Cell) -> tuple[object, ...]:
    return cell.role, cell.ref, cell.probe.name, cell.context, cell.become, cell.state


def _new(cells: Sequence[Cell], before: Seen) -> str:
    for cell in cells:
        if _says(cell) and _key(cell) not in before:
            context = f" ({cell.context} context)" if cell.context else ""
            return f"{cell.probe.name} on {cell.ref.path}{context}: {cell.state}"
    return ""


def mutants(ground: Ground) -> Iterator[Mutant]:
    """Everything that can be broken."""
    relations = ground.surface.relations
    for policy in ground.surface.policies:
        relation = relations.get(policy.relation)
        if relation is not None and ground.estate.table(relation) is not None:
            yield from _policy(ground, relation, policy)
    for oid, relation in relations.items():
        if ground.estate.table(relation) is not None:
            yield from _table(ground, relation)
        elif relation.kind in "vm" and ground.surface.reads(oid) & set(ground.estate.tables):
            yield from _view(ground, relation)
        elif relation.kind == "S" and relation.owned_by in ground.estate.tables:
            yield from _granted(ground, relation, "UPDATE", "SEQUENCE ")
    yield from _references(ground)
    yield from _routines(ground)
    yield from _roles(ground)


def behaviours(ground: Ground) -> Iterator[Mutant]:
    """Constraints and triggers that are taken away: what was seen at work is not seen any more."""
    from ringfence.behaviour import constraints, rows, triggers

    fixture = ground.fixture
    made = rows.collect(ground.conn, ground.who.shape, ground.who.model, (fixture.a, fixture.b))

    def gone(one: constraints.Try) -> str:
        for seen in one.look():
            if seen.wrong or seen.unknown or seen.by:
                return f"claim constraints: {seen.wrong or seen.unknown or seen.by}"
        return ""

    def idle(shown: triggers.Shown) -> str:
        return "" if shown.again(made) else "claim triggers: it does nothing"

    for oid, table in made.shape.tables.items():
        if made.rows.get(oid):
            for one in constraints.tries(made, table):
                if one.sql and not gone(one):
                    what = "dropped" if one.ref.kind == "constraint" else "may be NULL"
                    yield Mutant(one.ref, what, one.sql, frozenset({oid}), claim=partial(gone, one))
    for trigger in triggers.triggers(made):
        oid = trigger.table.oid
        shown = triggers.at_work(made, trigger) if made.rows.get(oid) else None
        if shown is not None:
            off = triggers.off(trigger)
            yield Mutant(
                trigger.ref, "out of work", off, frozenset({oid}), claim=partial(idle, shown)
            )


def _policy(ground: Ground, relation: Relation, policy: Policy) -> Iterator[Mutant]:
    ref = Ref("policy", (*relation.ref.name, policy.name))
    about = frozenset({relation.oid})
    head = f"ALTER POLICY {ident(policy.name)} ON {relation.sql}"
    verbs = {"r": ("SELECT",), "a": ("INSERT",), "w": ("UPDATE",), "d": ("DELETE",)}
    wanted = verbs.get(policy.command, ("SELECT", "INSERT", "UPDATE", "DELETE"))
    names = [r.name for r in ground.who.roles]
    if not any(relation.may(n, v) for n in names for v in wanted):
        return  # nobody may do what it is about
    makes = any(relation.may(n, v) for n in names for v in wanted if v in ("INSERT", "UPDATE"))
    using = f"USING ({policy.using_expression})" if policy.using_expression else ""
    if not policy.permissive:
        yield Mutant(ref, "gone", f"DROP POLICY {ident(policy.name)} ON {relation.sql}", about)
    if using:
        check = "" if policy.command in "rd" else f" WITH CHECK ({policy.check_expression})"
        kept = check if policy.check_expression else ""
        yield Mutant(ref, "USING (true)", f"{head} USING (true){kept}", about)
        for said, weaker in _weaker(policy.using_expression):
            yield Mutant(ref, f"USING without {said}", f"{head} USING ({weaker}){kept}", about)
    if policy.command not in "rd" and makes:
        yield Mutant(ref, "WITH CHECK (true)", f"{head} {using} WITH CHECK (true)", about)
        for said, weaker in _weaker(policy.check_expression):
            yield Mutant(
                ref, f"WITH CHECK without {said}", f"{head} {using} WITH CHECK ({weaker})", about
            )
    setting = re.search(r"current_setting\([^()]*\)", policy.using_expression)
    if setting and using:
        other = literal(ground.fixture.b).strip()
        fallback = f"COALESCE(NULLIF({setting.group()}, ''), {other})"
        weaker = policy.using_expression.replace(setting.group(), fallback)
        yield Mutant(ref, "a tenant where none is named", f"{head} USING ({weaker})", about)


def _weaker(expression: str) -> Iterator[tuple[str, str]]:
    """The expression with one of its conditions left out: those joined by AND, at any depth."""
    for start, end, operand in _operands(expression):
        shown = re.sub(r"\s+", " ", operand.strip())
        yield (
            shown if len(shown) < 60 else f"{shown[:59]}…",
            (f"{expression[:start]} true {expression[end:]}"),
        )


def _operands(expression: str) -> Iterator[tuple[int, int, str]]:
    """Where the operands of AND are. The server puts each in parentheses, and the whole."""
    for match in re.finditer(r"\bAND\b", expression):
        before = expression[: match.start()].rstrip()
        after = expression[match.end() :]
        if before.endswith(")"):
            start = _opening(before)
            if start is not None:
                yield start, len(before), before[start:]
        offset = match.end() + len(after) - len(after.lstrip())
        if expression[offset : offset + 1] == "(":
            end = _closing(expression, offset)
            if end is not None:
                yield offset, end, expression[offset:end]
    for match in re.finditer(r"\bWHERE\s+\(", expression):
        end = _closing(expression, match.end() - 1)
        if end is not None:
            yield match.end() - 1, end, expression[match.end() - 1 : end]


def _opening(text: str) -> int | None:
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] == ")") - (text[at] == "(")
        if depth == 0:
            return at
    return None


def _closing(text: str, start: int) -> int | None:
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if depth == 0:
            return at + 1
    return None


def _table(ground: Ground, relation: Relation) -> Iterator[Mutant]:
    about = frozenset({relation.oid})
    at = relation.sql
    asked = any(who in {r.name for r in ground.who.roles} for _, who in relation.grants)
    if relation.partition_of and not asked:
        # Nobody asks it but through the whole table, whose policies bind: its own make no difference.
        if not relation.row_security:
            yield from _granted(ground, relation, "SELECT")
        return
    if relation.row_security:
        yield Mutant(
            relation.ref, "row security off", f"ALTER TABLE {at} DISABLE ROW LEVEL SECURITY", about
        )
        if relation.forced and not relation.owner_exempt:
            yield Mutant(
                relation.ref,
                "not forced",
                f"ALTER TABLE {at} NO FORCE ROW LEVEL SECURITY",
                about,
                anew=True,
            )
    if not relation.row_security:
        yield from _granted(ground, relation, "SELECT")
    for role in ground.who.roles:
        name = ident(role.name)
        if relation.partition_of and not relation.row_security:
            continue
        if relation.may(role.name, "DELETE") and not relation.may(role.name, "TRUNCATE"):
            # One that another table refers to is not emptied without it.
            referred = any(
                r.target == relation.oid and t.oid != relation.oid
                for t in ground.estate.shape.tables.values()
                for r in t.references
            )
            if not referred:
                yield Mutant(
                    relation.ref,
                    f"TRUNCATE granted to {role.name}",
                    f"GRANT TRUNCATE ON {at} TO {name}",
                    about,
                    anew=True,
                )


def _view(ground: Ground, relation: Relation) -> Iterator[Mutant]:
    about = frozenset({relation.oid})
    readers = [r.name for r in ground.who.roles if relation.may(r.name, "SELECT")]
    if relation.kind == "m" or (relation.owner_exempt and not relation.invoker):
        yield from _granted(ground, relation, "SELECT")
    if relation.kind == "m" or not readers:
        return
    become = f"ALTER VIEW {relation.sql} OWNER TO CURRENT_USER"
    if relation.invoker:
        reset = f"ALTER VIEW {relation.sql} RESET (security_invoker)"
        yield Mutant(relation.ref, "as its owner, a superuser", f"{reset}; {become}", about)
    elif not relation.owner_exempt:
        yield Mutant(relation.ref, "owned by a superuser", become, about)


def _granted(
    ground: Ground, relation: Relation, privilege: str, kind: str = ""
) -> Iterator[Mutant]:
    """A privilege too many, on what is kept from a role by nothing else."""
    for role in ground.who.roles:
        if not relation.may(role.name, privilege) and not role.bypasses:
            name = ident(role.name)
            yield Mutant(
                relation.ref,
                f"{privilege} granted to {role.name}",
                f"GRANT USAGE ON SCHEMA {ident(relation.schema)} TO {name};"
                f" GRANT {privilege} ON {kind}{relation.sql} TO {name}",
                frozenset({relation.oid}),
                anew=True,
            )


def _references(ground: Ground) -> Iterator[Mutant]:
    """Foreign keys that lose the column that keeps them within the tenant."""
    estate = ground.estate
    for oid, table in estate.tables.items():
        own = estate.model.path.get(oid)
        for edge in estate.edges(table):
            if edge == own or len(edge.columns) < 2:
                continue
            shared = {c for e in estate.edges(table) if e != edge for c in e.columns}
            kept = [
                (here, there)
                for here, there in zip(edge.columns, edge.target_columns, strict=True)
                if here not in shared
            ]
            target = estate.tables[edge.target]
            there = tuple(t for _, t in kept)
            unique = any(
                sorted(k.columns) == sorted(there) and not k.predicate for k in target.keys
            )
            if not kept or len(kept) == len(edge.columns):
                continue
            child, parent = (qualified((t.schema, t.name)) for t in (table, target))
            add = (
                ""
                if unique
                else f"ALTER TABLE {parent} ADD UNIQUE ({', '.join(map(ident, there))}); "
            )
            yield Mutant(
                Ref("constraint", (table.schema, table.name, edge.name)),
                f"without {', '.join(c for c in edge.columns if c in shared)}",
                f"{add}ALTER TABLE {child} DROP CONSTRAINT {ident(edge.name)},"
                f" ADD CONSTRAINT {ident(edge.name)} FOREIGN KEY"
                f" ({', '.join(ident(h) for h, _ in kept)}) REFERENCES {parent}"
                f" ({', '.join(map(ident, there))})",
                frozenset({oid}),
                anew=True,
            )


def _routines(ground: Ground) -> Iterator[Mutant]:
    touching = calls.touching(ground.surface, ground.fixture)
    called = {f for p in ground.surface.policies for f in p.calls}
    for routine in ground.surface.routines:
        about = frozenset({routine.oid})
        if routine.oid in called:
            yield from _helper(ground, routine)
        elif routine.oid in touching and routine.callers and not routine.definer:
            kind = "PROCEDURE" if routine.procedure else "FUNCTION"
            at = f"{kind} {routine.sql}({', '.join(routine.types)})"
            yield Mutant(
                routine.ref,
                "SECURITY DEFINER, a superuser's",
                f"ALTER {at} SECURITY DEFINER; ALTER {at} OWNER TO CURRENT_USER",
                about,
                anew=True,
            )


def _helper(ground: Ground, routine: Routine) -> Iterator[Mutant]:
    """The function that policies ask for the tenant: one that keeps its answer, one that makes one up."""
    at = f"{routine.sql}({', '.join(routine.types)})"
    tables = frozenset(p.relation for p in ground.surface.policies if routine.oid in p.calls)
    if routine.volatility != "i":
        yield Mutant(routine.ref, "IMMUTABLE", f"ALTER FUNCTION {at} IMMUTABLE", tables)
    found = ground.conn.execute("SELECT pg_get_functiondef(%s::oid)", [routine.oid]).fetchone()
    text = str(found[0]) if found else ""
    setting = re.search(r"current_setting\([^()]*\)", text)
    if setting:
        other = literal(ground.fixture.b).strip()
        said = f"coalesce(nullif({setting.group()}, ''), {other})"
        changed_text = text.replace(setting.group(), said)
        yield Mutant(routine.ref, "a tenant where none is named", changed_text, tables)


def _roles(ground: Ground) -> Iterator[Mutant]:
    owners = {r.owner for o, r in ground.surface.relations.items() if o in ground.estate.tables}
    for role in ground.who.roles:
        ref = Ref("role", (role.name,))
        name = ident(role.name)
        if not role.bypasses:
            yield Mutant(ref, "BYPASSRLS", f"ALTER ROLE {name} BYPASSRLS", frozenset(), anew=True)
        free = [o for o in sorted(owners) if o not in (role.name, *role.inherits)]
        bound = [
            r for o, r in ground.surface.relations.items() if o in ground.estate.tables and r.forced
        ]
        if free and bound:
            # The owner's rights alone are bound by FORCE; together with not being forced they are not.
            yield Mutant(
                ref,
                f"member of {free[0]}, {bound[0].path} not forced",
                f"GRANT {ident(free[0])} TO {name};"
                f" ALTER TABLE {bound[0].sql} NO FORCE ROW LEVEL SECURITY",
                frozenset({bound[0].oid}),
                anew=True,
            )

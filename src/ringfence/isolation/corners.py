"""Ways round that are no plain read or write: what errors tell, references by name alone, a session
that never named a tenant, the tables' owner.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg

from ringfence.isolation.estate import texts
from ringfence.isolation.judge import Cell, State
from ringfence.isolation.prober import TIMEOUT, Outcome
from ringfence.isolation.probes import Probe
from ringfence.kinds._sql import ident, literal
from ringfence.seed.soft import soft_references

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection

    from ringfence.isolation.aims import Aim
    from ringfence.isolation.estate import Estate
    from ringfence.isolation.judge import Examiner
    from ringfence.isolation.surface import Relation, Role
    from ringfence.seed.shape import Key, Reference, Table

UNKNOWN = {
    "uuid": "7f3c1e5a-9b64-4d0e-8a11-5c2d7e90ab43",
    "integer": "2147480001",
    "bigint": "2147480001",
    "smallint": "32001",
}
"""Values that name no row at all."""


def examine(examiner: Examiner, only: frozenset[int] | None = None) -> list[Cell]:
    """Judge what errors tell about B's keys, and whether references by name alone may name B's rows."""
    for role in examiner.roles:
        for relation in examiner.relations():
            aim = examiner.aims.get(relation.oid, (None, {}))[0]
            if aim is None or aim.table is None or relation.partition_of:
                continue
            if only is None or relation.oid in only:
                _keys(examiner, role, relation, aim, aim.table)
                _references(examiner, role, relation, aim, aim.table)
                _names(examiner, role, relation, aim, aim.table)
                _agreement(examiner, role, relation, aim, aim.table)
    return examiner.cells


def unguessable(table: Table, key: Key) -> bool:
    """Whether nobody can know the key's values without having seen them: drawn at random."""
    return any(table.column[c].sql == "uuid" for c in key.columns if c)


def numbered(table: Table, key: Key) -> bool:
    """Whether the key's values are counted: they tell how many there are, and nothing else."""
    columns = [table.column[c] for c in key.columns if c]
    return any(c.identity or c.sequence is not None for c in columns)


def _keys(examiner: Examiner, role: Role, relation: Relation, aim: Aim, table: Table) -> None:
    """A row of A's with a key of B's: where a key is everybody's, the error says that B has it."""
    fixture = examiner.fixture
    edges = fixture.estate.edges(table)
    column = fixture.estate.model.own(table)
    own = {column} if column else set(edges[0].columns) if edges else set()
    assert aim.row_a is not None
    for key in table.keys:
        names = _mentioned(table, key)
        theirs = {c: aim.b.get(c) for c in names}
        if not names or own & set(names) or None in theirs.values():
            continue
        if any(c in r.columns for r in edges for c in names):
            continue
        if table is fixture.estate.model.root and fixture.estate.model.column in names:
            continue
        probe = _bent(role, relation, aim, theirs, f"key {key.name}")
        if probe is None:
            continue
        out = examiner.prober.attempt(role.name, fixture.a, probe.statement, setup=probe.setup)
        if out.sqlstate == ("23P01" if key.operators else "23505"):
            _add(examiner, role, relation, probe, State.LEAK, out.message, aim)
        elif out.denied:
            _add(examiner, role, relation, probe, State.PASS, out.message, aim)


def _mentioned(table: Table, key: Key) -> list[str]:
    """The columns of a key, those in its expressions and its condition as well."""
    said = " ".join((*key.elements, key.predicate))
    return [
        c.name
        for c in table.columns
        if c.name in key.columns
        or re.search(rf"(?<![\w$\"']){re.escape(ident(c.name))}(?![\w$\"'])", said)
    ]


def _bent(
    role: Role, relation: Relation, aim: Aim, values: Mapping[str, str | None], name: str
) -> Probe | None:
    """A row of A's with some other values: made anew, or where that is not granted, changed."""
    probe = _insert(role, relation, aim, {**aim.a, **values}, name)
    may = {c.name for c in relation.open_to(role.name, "UPDATE")}
    if probe is not None or not set(values) <= may or not relation.may(role.name, "SELECT"):
        return probe
    change, back = (
        ", ".join(f"{ident(c)} = {literal(row[c]).strip()}" for c in values)
        for row in (values, aim.a)
    )
    head = f"UPDATE {relation.sql} SET"
    return Probe(
        "UPDATE", name, f"{head} {change} WHERE {aim.where_a}", f"{head} {back} WHERE {aim.where_a}"
    )


def _references(examiner: Examiner, role: Role, relation: Relation, aim: Aim, table: Table) -> None:
    """A row of A's that points to B's row, and one that points nowhere: the answers must be alike."""
    fixture = examiner.fixture
    own = fixture.estate.model.path.get(table.oid)
    tenants = set(own.columns) if own else set()
    for edge in fixture.estate.edges(table):
        # Of a key that has the tenant in it, the rest.
        asked = [
            (c, there)
            for c, there in zip(edge.columns, edge.target_columns, strict=True)
            if len(edge.columns) == 1 or c not in tenants
        ]
        if len(asked) != 1:
            continue
        ((column, key),) = asked
        unknown = UNKNOWN.get(table.column[column].sql)
        target = fixture.estate.tables[edge.target]
        rows = fixture.rows[fixture.b].get(target.oid, ())
        known = next((v for r in rows if (v := r.values.get(key))), None)
        if unknown is None or known is None:
            continue
        name = f"ask for {column}"
        there = _bent(role, relation, aim, {column: known}, name)
        nowhere = _bent(role, relation, aim, {column: unknown}, name)
        if there is None or nowhere is None:
            continue
        found, lost = (
            examiner.prober.attempt(role.name, fixture.a, p.statement, setup=p.setup)
            for p in (there, nowhere)
        )
        if found.ok or found.sqlstate == lost.sqlstate:
            # Where a row of B's is taken, that is the finding, and another one.
            continue
        why = f"{found.sqlstate} for a row of B's, {lost.sqlstate} for none"
        _add(examiner, role, relation, there, State.LEAK, why, aim)


def _agreement(examiner: Examiner, role: Role, relation: Relation, aim: Aim, table: Table) -> None:
    """A row that names another directly and through a third one, which both are A's: must they agree?"""
    fixture = examiner.fixture
    if aim.row_a is None:
        return
    for straight, first, second in around(fixture.estate, table):
        here = _values(aim.row_a.values, straight.columns)
        through = next(
            (
                row
                for row in fixture.rows[fixture.a].get(first.target, ())
                if (up := _values(row.values, second.columns)) is not None and up != here
            ),
            None,
        )
        values = through and _values(through.values, first.target_columns)
        if here is None or not values:
            continue
        change = {
            column: value
            for column, value in zip(first.columns, values, strict=True)
            if column not in straight.columns
        }
        if not change:
            continue
        name = f"disagree {'.'.join(straight.columns)} with {'.'.join(first.columns)}"
        probe = _bent(role, relation, aim, change, name)
        if probe is None:
            continue
        probe = replace(probe, edge=first, cause="disagreement")
        out = examiner.prober.attempt(role.name, fixture.a, probe.statement, setup=probe.setup)
        if out.ok and out.count > 0:
            _add(examiner, role, relation, probe, State.LEAK, "it is taken", aim)
        elif out.denied or out.sqlstate[:2] in ("23", "P0"):
            _add(examiner, role, relation, probe, State.PASS, out.message, aim)


def around(estate: Estate, table: Table) -> Iterator[tuple[Reference, Reference, Reference]]:
    """Foreign keys to a row that another foreign key's row refers to as well: (the one, the other, and
    that from there). The tenants' table is no such row, which is another question."""
    root = estate.model.root
    edges = [e for e in estate.edges(table) if root is None or e.target != root.oid]
    for straight in edges:
        for first in edges:
            if first is straight or first.target == table.oid:
                continue
            for second in estate.edges(estate.tables[first.target]):
                if second.target == straight.target:
                    yield straight, first, second


def _values(row: Mapping[str, str | None], columns: Sequence[str]) -> tuple[str, ...] | None:
    found = tuple(v for c in columns if (v := row.get(c)) is not None)
    return found if len(found) == len(columns) else None


def _names(examiner: Examiner, role: Role, relation: Relation, aim: Aim, table: Table) -> None:
    """References that only a name makes, pointed to rows of B's."""
    fixture = examiner.fixture
    bound = {c for r in table.references for c in r.columns}
    bound |= {c for k in table.keys for c in k.columns}
    may = {c.name for c in relation.open_to(role.name, "UPDATE")}
    for soft in soft_references(fixture.estate.shape, table, bound):
        target = fixture.estate.tables.get(soft.reference.target)
        if target is None or soft.column not in may or not relation.may(role.name, "SELECT"):
            continue
        key = soft.reference.target_columns[0]
        ends = [
            next((v for r in fixture.rows[t].get(target.oid, ()) if (v := r.values.get(key))), None)
            for t in (fixture.a, fixture.b)
        ]
        if None in ends:
            continue
        mine, theirs = ("{" + str(e) + "}" if soft.many else str(e) for e in ends)
        head = f"UPDATE {relation.sql} SET {ident(soft.column)} ="
        probe = Probe(
            "UPDATE",
            f"point {soft.column} at {target.path}",
            f"{head} {literal(theirs).strip()} WHERE {aim.where_a}",
            f"{head} {literal(mine).strip()} WHERE {aim.where_a}",
        )
        out = examiner.prober.attempt(role.name, fixture.a, probe.statement)
        if out.ok and out.count > 0:
            _add(examiner, role, relation, probe, State.LEAK, "it is taken", aim)
        else:
            control = examiner.prober.attempt(role.name, fixture.a, probe.control)
            if control.ok and control.count > 0:
                _add(examiner, role, relation, probe, State.PASS, out.message, aim)


def _insert(
    role: Role,
    relation: Relation,
    aim: Aim,
    values: dict[str, str | None],
    name: str,
) -> Probe | None:
    """Row A made anew with other values."""
    columns = [c for c in relation.open_to(role.name, "INSERT") if not c.generated]
    if aim.row_a is None or not relation.may(role.name, "INSERT") or not columns:
        return None
    names = ", ".join(ident(c.name) for c in columns)
    always = " OVERRIDING SYSTEM VALUE" if any(c.identity_always for c in columns) else ""
    given = ", ".join(literal(values.get(c.name)).strip() for c in columns)
    own = ", ".join(literal(aim.a.get(c.name)).strip() for c in columns)
    head = f"INSERT INTO {relation.sql} ({names}){always} VALUES"
    gone = (
        "SET LOCAL session_replication_role = replica",
        f"DELETE FROM ONLY {aim.row_a.leaf} WHERE ctid = {literal(aim.row_a.ctid)}",
        "SET LOCAL session_replication_role = origin",
    )
    return Probe("INSERT", name, f"{head} ({given})", f"{head} ({own})", gone, gone)


def _add(
    examiner: Examiner,
    role: Role,
    relation: Relation,
    probe: Probe,
    state: State,
    because: str,
    aim: Aim,
) -> None:
    examiner.cells.append(
        Cell(role.name, relation.ref, relation.oid, probe, state, because, aim=aim)
    )


def unset(examiner: Examiner, fresh: Connection[Any]) -> Iterator[Cell]:
    """What a session reads that has never named a tenant. `fresh` is such a session, a superuser's."""
    fixture = examiner.fixture
    for role in examiner.roles:
        for relation in examiner.relations():
            columns = relation.open_to(role.name, "SELECT")
            if not columns or examiner.aims.get(relation.oid, (None, {}))[0] is None:
                continue
            names = ", ".join(ident(c.name) for c in columns)
            probe = Probe("SELECT", "select", f"SELECT {names} FROM {relation.sql}")
            out = _fresh(fresh, role.name, probe.statement)
            saw = fixture.shown(out.values()) or fixture.shown(out.values(), own=True)
            state = State.LEAK if saw else State.PASS
            if out.sqlstate == "57014":
                state = State.INCONCLUSIVE
            yield Cell(
                role.name,
                relation.ref,
                relation.oid,
                probe,
                state,
                "shows a tenant's rows" if saw else out.sqlstate,
                saw,
                len(out.rows),
                "unset",
            )


STALE = ("after COMMIT", "in the next transaction")
"""What a session shows that worked for B before: with no tenant named, with A named."""


def stale(examiner: Examiner, fresh: Connection[Any]) -> Iterator[Cell]:
    """What a session shows in transactions after one that worked for B, as a pool hands it on."""
    fixture, setting = examiner.fixture, examiner.prober.setting
    if not setting:
        return
    for role in examiner.roles:
        probes = {}
        for relation in examiner.relations():
            columns = relation.open_to(role.name, "SELECT")
            if columns and examiner.aims.get(relation.oid, (None, {}))[0] is not None:
                names = ", ".join(ident(c.name) for c in columns)
                said = f"SELECT {names} FROM {relation.sql}"
                probes[relation] = Probe("SELECT", "select", said)
        said_ = [(r, p.statement) for r, p in probes.items()]
        a, b = (fixture.estate.model.named(t) for t in (fixture.a, fixture.b))
        theirs = _transaction(fresh, role.name, setting, b, said_)
        for context, tenant in zip(STALE, (None, a), strict=True):
            if context == STALE[1]:
                _transaction(fresh, role.name, setting, b, said_)
            found = _transaction(fresh, role.name, setting, tenant, said_)
            for relation, probe in probes.items():
                out = found[relation.oid]
                if not fixture.shown(theirs[relation.oid].values()):
                    continue  # B itself is shown nothing there that one could keep
                saw = fixture.shown(out.values(), but=(fixture.a, fixture.b))
                state = State.LEAK if saw else State.PASS
                if out.sqlstate == "57014":
                    state = State.INCONCLUSIVE
                why = "shows B's rows, whose transaction is over" if saw else out.sqlstate
                yield Cell(
                    role.name, relation.ref, relation.oid, probe, state, why, saw,
                    len(out.rows), context,
                )  # fmt: skip
        fresh.execute("DISCARD ALL")


def _transaction(
    conn: Connection[Any],
    role: str,
    setting: str,
    tenant: str | None,
    statements: Sequence[tuple[Relation, str]],
) -> dict[int, Outcome]:
    """A transaction of a role's that is committed, for a tenant, or for none."""
    found = {}
    with conn.transaction():
        conn.execute(
            f"SET LOCAL statement_timeout = '{TIMEOUT}'; SET LOCAL timezone = 'UTC';"
            f" SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL SESSION AUTHORIZATION {ident(role)}"
        )
        if tenant is not None:
            conn.execute(f"SELECT set_config({literal(setting)}, {literal(tenant)}, true)")
        for relation, statement in statements:
            try:
                with conn.transaction():
                    out = Outcome(rows=tuple(texts(conn.execute(statement, prepare=False))))
            except psycopg.Error as error:
                out = Outcome(error.sqlstate or "XX000", error.diag.message_primary or "")
            found[relation.oid] = out
    return found


def _fresh(conn: Connection[Any], role: str, statement: str) -> Outcome:
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(
                f"SET LOCAL statement_timeout = '{TIMEOUT}'; SET LOCAL timezone = 'UTC';"
                " SET LOCAL datestyle = 'ISO, MDY';"
                f" SET LOCAL SESSION AUTHORIZATION {ident(role)}"
            )
            return Outcome(rows=tuple(texts(conn.execute(statement, prepare=False))))
    except psycopg.Error as error:
        return Outcome(error.sqlstate or "XX000", error.diag.message_primary or "")


def as_owner(examiner: Examiner) -> Iterator[tuple[Relation, str]]:
    """Tables with row security that does not bind their owner, and a value that it saw of B's."""
    for oid, table in examiner.fixture.estate.tables.items():
        relation = examiner.surface.relations.get(oid)
        if relation is None or not relation.row_security or relation.forced:
            continue
        if relation.owner_exempt:
            continue  # nothing binds it, forced or not
        out = examiner.prober.attempt(
            relation.owner, examiner.fixture.a, f"SELECT * FROM {relation.sql}"
        )
        if saw := examiner.fixture.shown(out.values()):
            yield relation, saw
        del table

"""Ways round that are no plain read or write: what errors tell, references by name alone, a session
that never named a tenant, the tables' owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from ringfence.isolation.estate import texts
from ringfence.isolation.judge import Cell, State
from ringfence.isolation.prober import TIMEOUT, Outcome
from ringfence.isolation.probes import Probe
from ringfence.kinds._sql import ident, literal
from ringfence.seed.soft import soft_references

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from ringfence.isolation.judge import Examiner
    from ringfence.isolation.probes import Aim
    from ringfence.isolation.surface import Relation, Role
    from ringfence.seed.shape import Key, Table

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
    return examiner.cells


def unguessable(table: Table, key: Key) -> bool:
    """Whether nobody can know the key's values without having seen them: drawn, or counted."""
    columns = [table.column[c] for c in key.columns if c]
    return any(c.sql == "uuid" or c.identity or c.sequence is not None for c in columns)


def _keys(examiner: Examiner, role: Role, relation: Relation, aim: Aim, table: Table) -> None:
    """A row of A's with a key of B's: where a key is everybody's, the error says that B has it."""
    fixture = examiner.fixture
    edges = fixture.estate.edges(table)
    own = set(edges[0].columns) if edges else set()
    assert aim.row_a is not None
    for key in table.keys:
        if key.operators or not all(key.columns) or own & set(key.columns):
            continue
        theirs = {c: aim.b.get(c) for c in key.columns}
        if None in theirs.values() or any(c in r.columns for r in edges for c in key.columns):
            continue
        if table is fixture.estate.model.root and fixture.estate.model.column in key.columns:
            continue
        probe = _insert(role, relation, aim, {**aim.a, **theirs}, f"key {key.name}")
        if probe is None:
            continue
        out = examiner.prober.attempt(role.name, fixture.a, probe.statement, setup=probe.setup)
        if out.sqlstate == "23505":
            _add(examiner, role, relation, probe, State.LEAK, out.message, aim)
        elif out.denied:
            _add(examiner, role, relation, probe, State.PASS, out.message, aim)


def _references(examiner: Examiner, role: Role, relation: Relation, aim: Aim, table: Table) -> None:
    """A row of A's that points to B's row, and one that points nowhere: the answers must be alike."""
    fixture = examiner.fixture
    for edge in fixture.estate.edges(table):
        if len(edge.columns) != 1:
            continue
        column = edge.columns[0]
        unknown = UNKNOWN.get(table.column[column].sql)
        target = fixture.estate.tables[edge.target]
        rows = fixture.rows[fixture.b].get(target.oid, ())
        known = next((v for r in rows if (v := r.values.get(edge.target_columns[0]))), None)
        if unknown is None or known is None:
            continue
        name = f"ask for {column}"
        there = _insert(role, relation, aim, {**aim.a, column: known}, name)
        nowhere = _insert(role, relation, aim, {**aim.a, column: unknown}, name)
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

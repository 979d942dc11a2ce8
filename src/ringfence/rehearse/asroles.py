"""What roles do with rows, done as those roles: policies that look at rows, and what triggers, defaults
and functions need the rights of whoever writes for.

What a role may do at all is looked up; this is what it could do all the same, and cannot any more. It
is done in one statement, however many roles there are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ringfence.finding import Coverage
from ringfence.model import Ref
from ringfence.rehearse import alter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from psycopg import Connection

    from ringfence.rehearse.compat import Known, Right

    Session = Connection[tuple[Any, ...]]

    Deed = tuple[str, str, str, str]
    """A schema, a table, a role, and SELECT, INSERT, UPDATE or DELETE."""

_DONE = """
DO $as_roles$
DECLARE
    deed record;
    many bigint;
    there boolean;
    refused jsonb := '[]';
BEGIN
    FOR deed IN
        SELECT * FROM jsonb_to_recordset({deeds})
            AS d (number integer, role text, emptied text, query text, rows text)
    LOOP
        BEGIN
            IF deed.emptied <> '' THEN
                PERFORM set_config('session_replication_role', 'replica', true);
                EXECUTE deed.emptied;
            END IF;
            PERFORM set_config('session_replication_role', 'origin', true);
            PERFORM set_config('role', deed.role, true);
            EXECUTE deed.query;
            GET DIAGNOSTICS many = ROW_COUNT;
            PERFORM set_config('role', 'none', true);
            IF many = 0 THEN
                EXECUTE deed.rows INTO there;
                IF there THEN
                    RAISE insufficient_privilege USING MESSAGE = 'row-level security lets none of its rows through';
                END IF;
            END IF;
            RAISE EXCEPTION 'as it was';
        EXCEPTION
            WHEN insufficient_privilege THEN
                refused := refused || jsonb_build_array(jsonb_build_array(deed.number, SQLERRM));
            WHEN OTHERS THEN
                NULL;
        END;
    END LOOP;
    PERFORM set_config('ringfence.refused', refused::text, true);
END
$as_roles$
"""

_LARGE = """
    SELECT n.nspname, c.relname
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE
        c.relkind IN ('r', 'p')
        AND (
            SELECT coalesce(sum(pg_relation_size(t.relid)), 0)
            FROM (SELECT c.oid AS relid UNION SELECT relid::oid FROM pg_partition_tree(c.oid)) AS t
        ) > 1048576
"""
"""Tables with so much in them that nobody does with all of it what each role may."""

_MOST = 1000
"""What is done at most: the more roles and tables there are, the fewer of them."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What roles may do with tables and cannot, and why; and the tables that nobody tried all of it with."""

    refused: Mapping[Deed, str]
    untried: tuple[str, ...] = ()


def tried(session: Session, relations: Iterable[Known], rights: Iterable[Right]) -> Tried | None:
    """What roles can do; None where there is nobody to try it as.

    Nothing is left behind. The session is a superuser's.
    """
    rights = sorted((r for r in rights if r.kind in "rp" and r.role != "PUBLIC"), key=_order)
    if not rights:
        return None
    large = set(session.execute(_LARGE).fetchall())
    known = {
        (r.schema, r.name): r
        for r in relations
        if r.row is not None and not r.afar and (r.schema, r.name) not in large
    }
    reads = {(r.schema, r.name, r.role) for r in rights if r.right == "SELECT" and not r.columns}
    deeds = [
        (_order(r), _deed(known[r.schema, r.name], r, reads=(r.schema, r.name, r.role) in reads))
        for r in rights
        if (r.schema, r.name) in known
    ]
    many = {deed[:2] for deed, _ in deeds[_MOST:]}
    many |= {(r.schema, r.name) for r in rights} & large
    deeds = deeds[:_MOST]
    listed = [
        {"number": number, "role": deed[2], **statements}
        for number, (deed, statements) in enumerate(deeds)
        if statements
    ]
    with session.transaction(force_rollback=True):
        session.execute("SET LOCAL track_counts = off")
        session.execute(sql.SQL(_DONE).format(deeds=sql.Literal(json.dumps(listed))))
        row = session.execute("SELECT current_setting('ringfence.refused')").fetchone()
    assert row is not None
    return Tried(
        {deeds[number][0]: message for number, message in json.loads(row[0])},
        tuple(Ref("table", name).path for name in sorted(many)),
    )


def _order(right: Right) -> Deed:
    return right.schema, right.name, right.role, right.right


def _deed(relation: Known, right: Right, *, reads: bool) -> dict[str, str]:
    """What is done to a table by a right, with the columns it is for; `reads`: the role may, too."""
    table = sql.Identifier(relation.schema, relation.name)
    may = [c.name for c in relation.columns if right.columns is None or c.name in right.columns]
    writable = [c.name for c in relation.columns if c.writable and c.name in may]
    emptied: sql.Composable = sql.SQL("")
    query: sql.Composable
    if right.right == "SELECT":
        query = sql.SQL("SELECT {} FROM {} LIMIT 1").format(_names(may), table)
    elif right.right == "INSERT":
        emptied = alter.delete(table, every=True)
        given = {n: v for n, v in relation.given("whole").items() if n in writable}
        query = alter.insert(table, given)
    elif right.right == "UPDATE":
        if not writable:
            return {}
        query = sql.SQL("UPDATE {} SET {}").format(
            table,
            sql.SQL(", ").join(
                sql.SQL("{} = {}").format(
                    sql.Identifier(n), sql.Identifier(n) if reads else sql.Literal(v)
                )
                for n, v in relation.given("whole").items()
                if n in writable
            ),
        )
    else:
        query = alter.delete(table, every=True)
    return {
        "emptied": emptied.as_string(None),
        "query": query.as_string(None),
        "rows": sql.SQL("SELECT EXISTS (SELECT FROM {})").format(table).as_string(None),
    }


def _names(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def lost(before: Tried | None, after: Tried | None) -> Iterator[tuple[Deed, str]]:
    """What could be done and cannot be any more."""
    for deed, message in (after.refused if after is not None else {}).items():
        if before is not None and deed not in before.refused:
            yield deed, message


def coverage(before: Tried | None) -> list[Coverage]:
    """That nobody knows what roles can do with these tables."""
    if before is None or not before.untried:
        return []
    names = ", ".join(before.untried[:_SHOWN]) + ", …" * (len(before.untried) > _SHOWN)
    reason = f"too many rows to try it with, or more than {_MOST} things to try: {names}"
    return [Coverage("deeds", "what roles can do with every table", skipped=reason)]


_SHOWN = 10

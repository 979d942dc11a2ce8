"""What the tests of the seeder ask a seeded database, in ways that the seeder itself does not use."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ringfence.seed import Shape

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
HERE = Path(__file__).parent


def shared(*parts: str) -> Path:
    """A file of the schemas that are not part of the project; skips the test without them."""
    named = os.environ.get("RINGFENCE_SHARED")
    folders = [Path(named)] if named else [parent / "shared" for parent in HERE.parents]
    for folder in folders:
        if folder.joinpath(*parts).exists():
            return folder.joinpath(*parts)
    pytest.skip(f"no {'/'.join(parts)} here; RINGFENCE_SHARED names the folder it is in")


def tables(conn: Connection) -> list[tuple[str, str]]:
    """Every ordinary and partitioned table that is nobody's partition: (schema, name)."""
    return conn.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_'"
        " AND n.nspname <> 'information_schema'"
        " AND c.relname NOT IN ('seeds', 'seed_rows') AND NOT EXISTS (SELECT FROM pg_depend d"
        " WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
        " ORDER BY 1, 2"
    ).fetchall()


def counts(conn: Connection) -> dict[str, int]:
    """How many rows each table has."""
    found = {}
    for schema, name in tables(conn):
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))
        found[f"{schema}.{name}"] = one(conn, query)
    return found


def digests(
    conn: Connection, *, without: Mapping[str, Iterable[str]] | None = None
) -> dict[str, str]:
    """A digest of each table's rows, whatever their order; `without` names columns left out."""
    found = {}
    for schema, name in tables(conn):
        path = f"{schema}.{name}"
        row: sql.Composable = sql.SQL("to_jsonb(t)")
        for column in (without or {}).get(path, ()):
            row = sql.SQL("{} - {}").format(row, sql.Literal(column))
        query = sql.SQL(
            "SELECT coalesce(md5(string_agg(r, E'\\n' ORDER BY r)), '') FROM"
            " (SELECT ({})::text AS r FROM {} AS t) AS rows"
        ).format(row, sql.Identifier(schema, name))
        found[path] = one(conn, query)
    return found


def one(conn: Connection, query: str | sql.SQL | sql.Composed, *arguments: object) -> Any:
    """The only value of the only row."""
    answer = conn.execute(query, arguments or None).fetchone()
    assert answer is not None
    return answer[0]


def violations(conn: Connection) -> list[str]:
    """Constraints that do not hold, each added again under another name so that the server looks."""
    broken = []
    found = conn.execute(
        "SELECT c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid), c.contype::text"
        " FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid"
        " WHERE c.contype IN ('c', 'f') AND c.conparentid = 0 AND c.conislocal"
        " AND NOT r.relispartition AND c.connamespace::regnamespace::text !~ '^(pg_|information_)'"
    ).fetchall()
    for table, name, definition, _ in found:
        text = str(definition).removesuffix(" NOT VALID")
        try:
            with conn.transaction(force_rollback=True):
                conn.execute(f"ALTER TABLE {table} ADD CONSTRAINT again_ {text}")
        except psycopg.Error as error:
            broken.append(f"{table} {name}: {error}")
    assert found
    return broken


def strangers(conn: Connection, root: str) -> list[set[str]]:
    """Sets of tenants that foreign keys join together: nothing but the keys themselves decides.

    Rows are joined along every foreign key. Rows of tables that no path leads to from the root
    belong to nobody, and join nobody.
    """
    edges = conn.execute(
        "SELECT conrelid::regclass::text, confrelid::regclass::text,"
        " ARRAY(SELECT quote_ident(attname) FROM unnest(conkey) WITH ORDINALITY k(n, o)"
        "   JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY o),"
        " ARRAY(SELECT quote_ident(attname) FROM unnest(confkey) WITH ORDINALITY k(n, o)"
        "   JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY o)"
        " FROM pg_constraint WHERE contype = 'f' AND conparentid = 0"
    ).fetchall()
    scoped = {root}
    while more := {child for child, parent, *_ in edges if parent in scoped} - scoped:
        scoped |= more
    joined: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for child, parent, columns, targets in edges:
        if child not in scoped or parent not in scoped:
            continue
        on = " AND ".join(f"c.{c} = p.{t}" for c, t in zip(columns, targets, strict=True))
        for mine, theirs in conn.execute(
            f"SELECT c.tableoid::text || c.ctid::text, p.tableoid::text || p.ctid::text"
            f" FROM {child} c JOIN {parent} p ON {on}"
        ).fetchall():
            joined[child, mine].add((parent, theirs))
            joined[parent, theirs].add((child, mine))
    return [
        met for group in _components(joined) if len(met := {r for t, r in group if t == root}) > 1
    ]


def _components(
    joined: Mapping[tuple[str, str], set[tuple[str, str]]],
) -> Iterator[set[tuple[str, str]]]:
    seen: set[tuple[str, str]] = set()
    for start in joined:
        if start in seen:
            continue
        group, todo = {start}, [start]
        while todo:
            for other in joined[todo.pop()] - group:
                group.add(other)
                todo.append(other)
        seen |= group
        yield group


def unsatisfied(conn: Connection, shape: Shape) -> list[str]:
    """Checks and domains whose own expression is false for some row."""
    found = []
    for table in shape.tables.values():
        for check in table.checks:
            if check.partition or check.no_inherit:
                continue
            test = sql.SQL("({})").format(sql.SQL(check.expression))
            if check.column:
                test = sql.SQL("(SELECT {} FROM (SELECT {} AS value) AS d)").format(
                    test, sql.Identifier(check.column)
                )
            query = sql.SQL("SELECT count(*) FROM {} WHERE {} IS FALSE").format(
                sql.Identifier(table.schema, table.name), test
            )
            answer = conn.execute(query).fetchone()
            if answer and answer[0]:
                found.append(f"{table.path} {check.name}: {answer[0]} rows")
    return found

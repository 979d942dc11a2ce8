"""A leak as a script that psql runs: the fewest rows it takes, the role, the tenant, the statement.

A script is shown only if it was run on tables without rows and did there what it says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg

from ringfence.isolation.corners import STALE
from ringfence.isolation.probes import HELPERS
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.step import remark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.isolation.estate import Fixture, Row
    from ringfence.isolation.judge import Cell, Examiner
    from ringfence.isolation.prober import Outcome


def script(examiner: Examiner, cell: Cell) -> str:
    """SQL that shows a leak, or nothing where none was found that does on its own."""
    fixture = examiner.fixture
    known = cell.probe.cause and cell.probe.cause != "trigger"
    if cell.context in STALE or (known and cell.probe.verb != "EXECUTE"):
        return ""  # it takes more than one transaction, or tells no rows
    for much in range(3):
        inserts = [_insert(fixture, row, much) for row in _rows(fixture, cell, much)]
        tried = _run(examiner, cell, inserts)
        if tried is not None:
            return "\n".join(
                [
                    "BEGIN;",
                    *inserts,
                    *_session(examiner, cell),
                    f"{cell.probe.statement};",
                    tried,
                    "ROLLBACK;",
                ]
            )
    return ""


def _session(examiner: Examiner, cell: Cell) -> list[str]:
    helpers = [f"{made};" for name, made in HELPERS.items() if name in cell.probe.statement]
    return [
        *(f"{line};" for line in _setup(cell)),
        *helpers,
        f"SET LOCAL ROLE {ident(cell.role)};",
        *(f"{line};{said}" for line, said in _steps(examiner, cell)),
    ]


def _steps(examiner: Examiner, cell: Cell) -> list[tuple[str, str]]:
    """What the role does first, each with a remark."""
    lines = []
    if cell.become:
        lines.append((f"SET LOCAL ROLE {ident(cell.become)}", ""))
    if cell.context != "unset" and examiner.prober.setting:
        tenant = examiner.contexts.get(cell.context, "") if cell.context else examiner.fixture.a
        held = examiner.fixture.estate.model.named(tenant)
        setting = ".".join(map(ident, examiner.prober.setting.split(".")))
        whose = f"tenant {cell.context}" if cell.context else "tenant A"
        lines.append((f"SET LOCAL {setting} = {literal(held).strip()}", f"  -- {whose}"))
    return [*lines, *((line, "") for line in cell.probe.before)]


def _setup(cell: Cell) -> list[str]:
    """What must be there first; rows are simply not inserted, instead of taken away."""
    return [
        line
        for line in cell.probe.setup
        if not line.startswith(("DELETE FROM ONLY ", "SET LOCAL session_replication_role"))
    ]


def _run(examiner: Examiner, cell: Cell, inserts: list[str]) -> str | None:
    """What the script ends up with as a comment, or None where it does not work."""
    conn, fixture = examiner.prober.conn, examiner.fixture
    tables = [t for t in fixture.estate.shape.tables.values() if t.takes_rows]
    deletes = [f"DELETE FROM {qualified((t.schema, t.name))}" for t in tables]
    conn.execute("SAVEPOINT ringfence_repro")
    try:
        conn.execute(
            "; ".join(
                [
                    "SET LOCAL session_replication_role = replica",
                    *deletes,
                    "SET LOCAL session_replication_role = origin",
                ]
            )
        )
        out = examiner.prober.attempt(
            cell.role,
            None,
            cell.probe.statement,
            copied=cell.probe.copied,
            setup=[line.rstrip(";") for line in inserts] + list(cell.probe.setup),
            before=[line for line, _ in _steps(examiner, cell)],
            writes=cell.probe.cause == "trigger",
        )
    except psycopg.Error:
        return None
    finally:
        conn.execute("ROLLBACK TO SAVEPOINT ringfence_repro; RELEASE SAVEPOINT ringfence_repro")
    if cell.probe.cause == "trigger":
        return _by_trigger(examiner, cell, out)
    if cell.probe.name.startswith("key "):
        return remark(f"{out.sqlstate}: {out.message}") if out.sqlstate == "23505" else None
    if not out.ok or (out.count == 0 and not out.rows):
        return None
    if cell.probe.verb == "SELECT" and not fixture.shown(out.values()):
        return None
    if cell.probe.verb == "SELECT":
        return "-- shows what belongs to tenant B"
    return f"-- done{f', {out.count} row' if out.count == 1 else ''}: it should have been refused"


def _by_trigger(examiner: Examiner, cell: Cell, out: Outcome) -> str | None:
    """What a trigger did or said, as a comment, or None where it did not."""
    if cell.saw:
        words = [*out.said, out.message]
        told = next((w for w in words if cell.saw in w), "")
        return remark(f"says what belongs to tenant B: {told}") if told else None
    if not examiner.touches(out)[0]:
        return None
    return remark(f"trigger {cell.probe.by} has changed a row of tenant B's")


def rows_for(fixture: Fixture, statements: Sequence[str], body: str) -> Iterator[list[str]]:
    """INSERTs for what statements need, from few rows to many: of those that they name, of the tables
    that `body` speaks of, and of all; each with what they point to."""
    mine = [*_all(fixture), *(row for rows in fixture.nobody.values() for row in rows)]
    tables = fixture.estate.shape.tables
    said = "\n".join(statements)
    spoken = {oid for oid, t in tables.items() if re.search(rf"\b{re.escape(t.name)}\b", body)}
    named = [r for r in mine if r.table in spoken and _key_of(fixture, r, said)]
    for wanted in (named, [r for r in mine if r.table in spoken], mine):
        yield [_insert(fixture, row, 2) for row in _closed(fixture, wanted, 2)]


def _key_of(fixture: Fixture, row: Row, said: str) -> bool:
    table = fixture.estate.shape.tables[row.table]
    keys = {c for k in table.keys for c in k.columns}
    keys |= {c for r in table.references for c in r.columns}
    return any(f"'{v}'" in said for c in keys if (v := row.values.get(c)) is not None)


def _rows(fixture: Fixture, cell: Cell, much: int) -> list[Row]:
    """The rows of B's and of A's that the statement is about, with all rows they point to."""
    tables = fixture.estate.tables
    said = cell.probe.statement
    everything = _all(fixture)
    made = [row for row in everything if _taken_away(cell, row)]
    named = [row for row in everything if row not in made and _named(fixture, row, said)]
    if cell.probe.cause == "trigger":
        # A trigger finds a row by any value that it is given.
        named += [
            row
            for rows in fixture.rows[fixture.b].values()
            for row in rows
            if row not in named
            and any(v in fixture.tokens and f"'{v}'" in said for v in row.values.values() if v)
        ]
    wanted = list(named)
    if not named or (cell.aim is not None and cell.aim.table is None):
        # Nothing is named, so any row of B's will do; of a view, whichever it shows.
        reads = fixture.surface.reads(cell.oid) | {cell.oid}
        table = cell.aim.table if cell.aim is not None else None
        for oid in (
            [table.oid] if table else [oid for oid in tables if oid in reads] or list(tables)
        ):
            mine = list(fixture.rows[fixture.b].get(oid, ()))
            wanted += mine[:1] if table else mine
    # A row that the statement makes needs its parents to be there, not itself.
    closed = _closed(fixture, [*wanted, *made], much)
    return [row for row in closed if row not in made]


def _taken_away(cell: Cell, row: Row) -> bool:
    return any(
        line.startswith(f"DELETE FROM ONLY {row.leaf} ") and row.ctid in line
        for line in cell.probe.setup
    )


def _all(fixture: Fixture) -> list[Row]:
    return [
        row
        for tenant in (fixture.a, fixture.b)
        for rows in fixture.rows[tenant].values()
        for row in rows
    ]


def _named(fixture: Fixture, row: Row, statement: str) -> bool:
    table = fixture.estate.tables[row.table]
    key = next((k for k in table.keys if k.primary), None)
    if key is None or not all(key.columns):
        return False
    values = [row.values.get(c) for c in key.columns]
    return all(v is not None and f"'{v}'" in statement for v in values)


def _closed(fixture: Fixture, wanted: list[Row], much: int) -> list[Row]:
    """The rows and all that they point to, parents first."""
    shape = fixture.estate.shape
    everything: dict[int, list[Row]] = {}
    for row in _all(fixture):
        everything.setdefault(row.table, []).append(row)
    for oid, rows in fixture.nobody.items():
        everything.setdefault(oid, []).extend(rows)
    done: list[Row] = []
    doing: set[int] = set()

    def add(row: Row) -> None:
        if id(row) in doing:
            return
        doing.add(id(row))
        for edge in shape.tables[row.table].references:
            values = [row.values.get(c) for c in edge.columns]
            if None in values or not set(edge.columns) <= _needed(fixture, row, much):
                continue
            for parent in everything.get(edge.target, ()):
                if [parent.values.get(c) for c in edge.target_columns] == values:
                    add(parent)
                    break
        done.append(row)

    for row in wanted:
        add(row)
    return done


def _needed(fixture: Fixture, row: Row, much: int) -> set[str]:
    """The columns to insert: those that a row cannot do without, more, or all."""
    table = fixture.estate.shape.tables[row.table]
    given = [c for c in table.columns if not c.generated and row.values.get(c.name) is not None]
    if much == 2:
        return {c.name for c in given}
    bound = {c for k in table.keys if k.primary for c in k.columns}
    bound.add(fixture.estate.model.own(table))
    if own := fixture.estate.model.path.get(table.oid):
        bound |= set(own.columns)
    if much == 1:
        bound |= {c for r in table.references for c in r.columns}
    return {c.name for c in given if c.name in bound or (c.not_null and not c.default)}


def _insert(fixture: Fixture, row: Row, much: int) -> str:
    table = fixture.estate.shape.tables[row.table]
    needed = _needed(fixture, row, much)
    names = [c for c in table.columns if c.name in needed]
    columns = ", ".join(ident(c.name) for c in names)
    values = ", ".join(literal(row.values[c.name]).strip() for c in names)
    always = " OVERRIDING SYSTEM VALUE" if any(c.identity == "a" for c in names) else ""
    name = qualified((table.schema, table.name))
    return f"INSERT INTO {name} ({columns}){always} VALUES\n    ({values});"

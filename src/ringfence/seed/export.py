"""Planned rows as files: one of SQL that fills an empty database, or one of CSV a table."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ringfence.errors import Misuse, Refused
from ringfence.seed.loading import in_a_ring
from ringfence.seed.order import written_by_triggers
from ringfence.seed.place import SHARED
from ringfence.seed.session import STEADY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from psycopg import Connection

    from ringfence.seed.order import Group
    from ringfence.seed.planning import Plan
    from ringfence.seed.rows import Row
    from ringfence.seed.shape import Table

_AT_ONCE = 500
"""How many rows one INSERT holds."""


def to_sql(conn: Connection[Any], plan: Plan) -> Iterator[str]:
    """The plan as SQL text, in pieces that end with a newline: one transaction, parents first."""
    _refuse_load(plan)
    yield f"-- Seed {plan.seed}: {sum(map(len, plan.rows.values()))} rows.\nBEGIN;\n"
    for line in _settings(conn):
        yield f"{line}\n"
    # Before the rows, so that triggers already get free numbers.
    for statement in plan.restarts():
        yield f"{_text(conn, statement)};\n"
    for group in plan.groups:
        yield from _group(conn, plan, group)
    yield "COMMIT;\n"


def to_csv(conn: Connection[Any], plan: Plan, folder: Path) -> list[Path]:
    """Write `folder` with a CSV file a table, numbered in their order, and `load.sql` for psql.

    Raises `Misuse` where the folder holds something already, `Refused` where tables point at each
    other so that no order will do.
    """
    _refuse_load(plan)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Misuse(f"{folder} is not an empty folder", hint="name a new one")
    for group in plan.groups:
        if group.late and not all(reference.deferrable for reference in group.late):
            them = ", ".join(table.path for table in group.tables)
            raise Refused(
                f"{them} point at each other, and no file can be loaded before the other",
                hint="write SQL instead: --to-sql FILE",
            )
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    script = ["BEGIN;", *_settings(conn), "SET CONSTRAINTS ALL DEFERRED;"]
    script += [f"{_text(conn, statement)};" for statement in plan.restarts()]
    tables = [table for group in plan.groups for table in group.tables]
    inserted = written_by_triggers(plan.shape) | _with_rules(conn)
    for number, table in enumerate(tables, 1):
        safe = re.sub(r"[^\w.-]", "_", f"{table.schema}.{table.name}")
        path = folder / f"{number:03}_{safe}.csv"
        names = [column.name for column in table.columns if not column.generated]
        with path.open("w", encoding="utf-8", newline="") as file:
            # PostgreSQL tells NULL from an empty string by the quotes.
            writer = csv.writer(file, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
            writer.writerow(names)
            for row in plan.rows[table.oid]:
                file.write(",".join(_cell(row.values.get(name)) for name in names) + "\n")
        written.append(path)
        target = sql.Identifier(table.schema, table.name)
        listed = sql.SQL(", ").join(map(sql.Identifier, names))
        if not names or table.oid in inserted:
            script += _staged(conn, plan, table, path.name, listed)
            continue
        copied = sql.SQL("{} ({})").format(target, listed)
        script.append(f"\\copy {_text(conn, copied)} FROM '{path.name}' (FORMAT csv, HEADER)")
    loader = folder / "load.sql"
    loader.write_text("\n".join([*script, "COMMIT;", ""]), encoding="utf-8")
    return [*written, loader]


def _settings(conn: Connection[Any]) -> list[str]:
    """What makes the files mean the same in every session."""
    wanted = {"client_encoding": "UTF8", "standard_conforming_strings": "on", **STEADY}
    return [
        f"SET LOCAL {_text(conn, sql.SQL('{} = {}').format(sql.SQL(name), sql.Literal(value)))};"
        for name, value in wanted.items()
    ]


def _staged(
    conn: Connection[Any], plan: Plan, table: Table, file: str, names: sql.Composed
) -> list[str]:
    """What INSERT must write: COPY passes rules by, trips over rows that triggers wrote before, and
    knows no tables without columns."""
    target = sql.Identifier(table.schema, table.name)
    if not table.columns or not any(not column.generated for column in table.columns):
        count = sql.Literal(len(plan.rows[table.oid]))
        made = sql.SQL("INSERT INTO {} SELECT FROM generate_series(1, {})").format(target, count)
        return [f"{_text(conn, made)};"]
    stage = sql.Identifier("pg_temp", "ringfence_stage")
    created = sql.SQL("CREATE TEMP TABLE ringfence_stage AS SELECT {} FROM {} WITH NO DATA").format(
        names, target
    )
    overriding = any(column.identity for column in table.columns)
    moved = sql.SQL("INSERT INTO {} ({}){} SELECT {} FROM {}{}").format(
        target,
        names,
        sql.SQL(" OVERRIDING SYSTEM VALUE" if overriding else ""),
        names,
        stage,
        # A rule's table takes no ON CONFLICT, and no trigger's rows are in its way.
        sql.SQL(" ON CONFLICT DO NOTHING" if table.oid in written_by_triggers(plan.shape) else ""),
    )
    return [
        f"{_text(conn, created)};",
        f"\\copy {_text(conn, stage)} FROM '{file}' (FORMAT csv, HEADER)",
        f"{_text(conn, moved)};",
        f"{_text(conn, sql.SQL('DROP TABLE {}').format(stage))};",
    ]


def _with_rules(conn: Connection[Any]) -> set[int]:
    """The tables, by OID, with rules on INSERT, which COPY passes by."""
    found = conn.execute(
        "SELECT ev_class::BIGINT FROM pg_rewrite WHERE ev_type = '3' AND ev_enabled <> 'D'"
    ).fetchall()
    return {oid for (oid,) in found}


def _cell(text: str | None) -> str:
    if text is None:
        return ""
    # A lone \. would end the data.
    if text == "" or text == "\\." or re.search(r'[",\n\r]|^\s|\s$', text):
        return '"' + text.replace('"', '""') + '"'
    return text


def _refuse_load(plan: Plan) -> None:
    if plan.wishes.profile == "load":
        raise Misuse(
            "the load profile writes to a server, not to files",
            hint="write files with --profile minimal or demo, as many --rows as you like",
        )


def _group(conn: Connection[Any], plan: Plan, group: Group) -> Iterator[str]:
    together = bool(group.late) and not all(reference.deferrable for reference in group.late)
    if group.late and not together:
        yield "SET CONSTRAINTS ALL DEFERRED;\n"
    whose = sorted({row.tenant for table in group.tables for row in plan.rows[table.oid]})
    if together:
        for tenant in whose:
            yield from _become(conn, plan, tenant)
            parts = []
            for number, table in enumerate(group.tables):
                rows = [row for row in plan.rows[table.oid] if row.tenant == tenant]
                if rows:
                    parts.append(f"t{number} AS (\n{_insert(conn, table, rows)}\n)")
            yield f"WITH {', '.join(parts)} SELECT;\n"
        return
    before = written_by_triggers(plan.shape)
    for table in group.tables:
        # What a trigger wrote before stays; a row with the same key is not needed any more.
        clause = "\nON CONFLICT DO NOTHING" if table.oid in before else ""
        for tenant in whose:
            rows = [row for row in plan.rows[table.oid] if row.tenant == tenant]
            if rows:
                yield from _become(conn, plan, tenant)
            most = len(rows) if in_a_ring(rows) else _AT_ONCE
            for first in range(0, len(rows), max(1, most)):
                yield f"{_insert(conn, table, rows[first : first + most])}{clause};\n"


def _become(conn: Connection[Any], plan: Plan, tenant: int) -> Iterator[str]:
    name, ids = plan.model.setting, plan.tenant_ids
    if name and plan.model.column:
        value = ids[0 if tenant == SHARED else tenant]
        set_ = sql.SQL("SELECT set_config({}, {}, true)").format(
            sql.Literal(name), sql.Literal(plan.model.named(value))
        )
        yield f"{_text(conn, set_)};\n"


def _insert(conn: Connection[Any], table: Table, rows: Sequence[Row]) -> str:
    columns = [column for column in table.columns if not column.generated]
    if not columns:
        head = sql.SQL("INSERT INTO {}").format(sql.Identifier(table.schema, table.name))
        return f"{_text(conn, head)} SELECT FROM generate_series(1, {len(rows)})"
    overriding = any(column.identity for column in columns)
    head = sql.SQL("INSERT INTO {} ({}){} VALUES").format(
        sql.Identifier(table.schema, table.name),
        sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
        sql.SQL(" OVERRIDING SYSTEM VALUE" if overriding else ""),
    )
    lines = (
        "(" + ", ".join(_literal(row.values.get(column.name)) for column in columns) + ")"
        for row in rows
    )
    return _text(conn, head) + "\n" + ",\n".join(lines)


def _literal(text: str | None) -> str:
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def _text(conn: Connection[Any], composed: sql.Composable) -> str:
    return composed.as_string(conn)

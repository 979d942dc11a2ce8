"""Planned rows written to the server: all of them, or none.

One transaction, parents first, triggers firing. Each tenant's rows are written under the tenant's
setting, which policies and triggers may read, and where there are policies as the runtime role.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
from psycopg import sql

from ringfence.errors import Misuse, Refused, ServerError
from ringfence.model import quoted
from ringfence.seed.numbers import is_number
from ringfence.seed.place import SHARED
from ringfence.seed.probe import ask, parameters, verbatim
from ringfence.seed.session import acquaint, steady

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from psycopg import Connection

    from ringfence.seed.order import Group
    from ringfence.seed.planning import Plan
    from ringfence.seed.rows import Row
    from ringfence.seed.shape import Column, Shape, Table
    from ringfence.seed.tenancy import Model

BATCH = 2000
"""How many rows travel in one statement."""

MANY = 1000
"""Of a table with more rows than these the planner is told before others point to them."""

Listener: TypeAlias = "Callable[[str, int, int, float], None]"
"""Told of a table: its name, how many rows are written, how many there will be, the seconds."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A table that the runtime role was not let write, and what the server said."""

    table: str
    role: str
    said: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did beyond its plan.

    `surplus` counts by table the rows that triggers wrote, `kept` by OID those from before. `role` is the runtime role, if any, that
    wrote the tables in `guarded`; `refusals` are those it was not let write.
    """

    surplus: Counter[str]
    role: str = ""
    guarded: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    kept: Mapping[int, int] = field(default_factory=dict)


class Rejected(ServerError):
    """The server refused a planned row.

    `table` is the table's name, `columns` those that the refusal is about as far as it tells.
    """

    status = 1

    def __init__(self, message: str, *, table: str, columns: tuple[str, ...], **more: Any) -> None:
        self.table = table
        self.columns = columns
        super().__init__(message, **more)


def occupied(conn: Connection[Any], shape: Shape) -> list[str]:
    """The tables that have rows already."""
    tests = [
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM ONLY {})").format(
            sql.Literal(table.path), _name(table)
        )
        if not table.partitioned
        else sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(
            sql.Literal(table.path), _name(table)
        )
        for table in shape.tables.values()
        if table.takes_rows
    ]
    if not tests:
        return []
    return [path for (path,) in conn.execute(sql.SQL(" UNION ALL ").join(tests)).fetchall()]


def counting_on(conn: Connection[Any], shape: Shape, taken: Collection[str]) -> Shape:
    """The shape with sequences that begin behind the numbers in the tables that have rows."""
    tables = dict(shape.tables)
    for table in shape.tables.values():
        if table.path not in taken:
            continue
        columns = []
        for column in table.columns:
            sequence = column.sequence
            if sequence is not None:
                furthest = sql.SQL("max" if sequence.increment > 0 else "min")
                answer = conn.execute(
                    sql.SQL("SELECT {}({}) FROM {}").format(
                        furthest, sql.Identifier(column.name), _name(table)
                    )
                ).fetchone()
                if answer is not None and is_number(str(answer[0])):
                    start = int(answer[0]) + sequence.increment
                    column = replace(column, sequence=replace(sequence, start=start))
            columns.append(column)
        tables[table.oid] = replace(table, columns=tuple(columns))
    return replace(shape, tables=tables)


def load(
    conn: Connection[Any],
    plan: Plan,
    *,
    as_owner: bool = False,
    progress: Listener | None = None,
) -> Loaded:
    """Write the rows of a plan. Tables may have rows already, which stay.

    Tables with row-level security are written as the tenants' runtime role, where there is one that
    who is connected can become and that may insert there, unless `as_owner`. `progress` is told of
    every table: its name, the rows written, those there will be, and the seconds.

    Raises `Rejected` for a row that the server refuses, naming row, constraint and SQLSTATE, and
    `Refused` when rows vanish on the way in; nothing is written then.
    """
    with steady(conn):
        loader = _Loader(conn, plan, as_owner=as_owner, progress=progress or (lambda *_: None))
        loader.sequences()
        for group in plan.groups:
            loader.write(group)
        loader.check()
        tables = plan.shape.tables
        return Loaded(
            surplus(conn, plan, loader.kept, {}),
            loader.role if loader.guarded else "",
            tuple(tables[oid].path for oid in tables if oid in loader.guarded),
            tuple(loader.refusals),
            loader.kept,
        )


def surplus(
    conn: Connection[Any],
    plan: Plan,
    kept: Mapping[int, int],
    more: Mapping[int, Counter[int]],
    whose: sql.Composable | None = None,
) -> Counter[str]:
    """By table how many more rows there are than were planned and, in `more`, added by tenant.

    Only rows that are `whose`, a condition, count.
    """
    found: Counter[str] = Counter()
    for oid, rows in plan.rows.items():
        table = plan.shape.tables[oid]
        known = kept[oid] + len(rows) + sum(more.get(oid, Counter()).values())
        extra = _count(conn, table, only=True, whose=whose) - known
        if extra > 0:
            found[table.path] = extra
    return found


def _count(
    conn: Connection[Any],
    table: Table,
    *,
    only: bool = False,
    whose: sql.Composable | None = None,
) -> int:
    source = sql.SQL("ONLY {}" if only and not table.partitioned else "{}").format(_name(table))
    query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(source, whose or sql.SQL("true"))
    answer = conn.execute(query).fetchone()
    assert answer is not None
    return int(answer[0])


def runtime_role(conn: Connection[Any], model: Model) -> str:
    """The first of the tenancy's roles that who is connected can become; "" where there is none.

    Raises `Misuse` for a configured role that does not exist.
    """
    if not model.setting or not model.column:
        return ""
    member = "SET" if conn.info.server_version >= 160000 else "MEMBER"
    for name in model.roles:
        answer = conn.execute(
            "SELECT r.rolname = current_user OR pg_has_role(current_user, r.oid, %s)"
            " FROM pg_roles AS r WHERE r.rolname = %s",
            (member, name),
        ).fetchone()
        if answer is None:
            raise Misuse(
                f"[tool.ringfence.tenancy] roles names {name}, and there is no such role",
                hint="create it, or take it out of the list",
            )
        if answer[0]:
            return name
    return ""


def guarded(conn: Connection[Any], plan: Plan, role: str) -> set[int]:
    """The tables with row-level security that the role may insert into, by OID."""
    oids = [t.oid for t in plan.shape.tables.values() if t.row_security and t.oid in plan.rows]
    if not role or not oids:
        return set()
    found = conn.execute(
        "SELECT c.oid::BIGINT FROM pg_class AS c WHERE c.oid = ANY(%s::OID[])"
        " AND has_table_privilege(%s, c.oid, 'INSERT')"
        " AND has_schema_privilege(%s, c.relnamespace, 'USAGE')",
        (oids, role, role),
    ).fetchall()
    return {oid for (oid,) in found}


class _Loader:
    def __init__(
        self, conn: Connection[Any], plan: Plan, *, as_owner: bool, progress: Listener
    ) -> None:
        self.conn = conn
        self.plan = plan
        self.shape = plan.shape
        self.setting: str | None = None
        self.progress = progress
        self.role = "" if as_owner else runtime_role(conn, plan.model)
        self.guarded = guarded(conn, plan, self.role)
        self.refusals: list[Refusal] = []
        self.playing = False
        self.rewritten = _rewritten(self.shape)
        self.moved: set[int] = set()
        self.pointed = {r.target for table in self.shape.tables.values() for r in table.references}
        self.kept = {
            table.oid: self._count(table, only=True)
            for table in self.shape.tables.values()
            if table.oid in plan.rows
        }

    def sequences(self) -> None:
        """Set every sequence to go on behind the rows, so that triggers already get free numbers."""
        for statement in self.plan.restarts():
            self.conn.execute(statement)

    def write(self, group: Group) -> None:
        """Write the rows of a group of tables."""
        if group.late and not all(reference.deferrable for reference in group.late):
            for tenant in self._tenants(group.tables):
                self._together(group.tables, tenant)
            return
        for reference in group.late:
            self.conn.execute(
                sql.SQL("SET CONSTRAINTS {} DEFERRED").format(
                    sql.Identifier(reference.schema, reference.name)
                )
            )
        for table in group.tables:
            began = time.perf_counter()
            started = self._count(table) if table.triggers or table.has_children else 0
            before = not self.kept[table.oid] and self._any(table)
            written = 0
            if self.moved & {reference.target for reference in table.references}:
                self.moved.add(table.oid)
                for row in self.plan.rows[table.oid]:
                    row.adopt()
            for tenant in self._tenants([table]):
                rows = [row for row in self.plan.rows[table.oid] if row.tenant == tenant]
                most = len(rows) if in_a_ring(rows) else BATCH
                for first in range(0, len(rows), max(1, most)):
                    self._play(table)
                    written += self._insert(table, rows[first : first + most], before)
                    self._play(None)
            if written > MANY and table.oid in self.pointed:
                self._play(None)
                acquaint(self.conn, [table])
            self.progress(table.path, written, written, time.perf_counter() - began)
            if written < len(self.plan.rows[table.oid]) and not before:
                self._explain_loss(table, self._count(table) - started)

    def check(self) -> None:
        """Let the server check what it was told to check later."""
        try:
            self.conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.Error as error:
            named = (t for t in self.shape.tables.values() if t.name == error.diag.table_name)
            table = next(named, self.plan.groups[-1].tables[-1])
            raise _rejected(table, None, error) from error

    def _tenants(self, tables: Iterable[Table]) -> Iterator[int]:
        for tenant in sorted({row.tenant for t in tables for row in self.plan.rows[t.oid]}):
            self._become(tenant)
            yield tenant

    def _become(self, tenant: int) -> None:
        """Name the tenant in the setting. Rows of nobody are written in the first one's name."""
        ids = self.plan.tenant_ids
        name = self.plan.model.setting
        if not name or not self.plan.model.column:
            return
        value = ids[0 if tenant == SHARED else tenant]
        if value != self.setting:
            held = self.plan.model.named(value)
            self.conn.execute("SELECT set_config(%s, %s, true)", (name, held))
            self.setting = value

    def _play(self, table: Table | None) -> None:
        """Write as the runtime role where the table's policies are for it; else as who is connected."""
        wanted = table is not None and table.oid in self.guarded
        if wanted != self.playing:
            name = self.role if wanted else "none"
            self.conn.execute("SELECT set_config('role', %s, true)", (name,))
            self.playing = wanted

    def _insert(self, table: Table, rows: Sequence[Row], before: bool) -> int:
        """Insert rows, and give how many were."""
        # What a trigger wrote before us stays; a row with the same key is not needed any more.
        clause = sql.SQL(" ON CONFLICT DO NOTHING") if before else sql.SQL("")
        statement = _statement(self.shape, table, clause, 1)
        told = self.rewritten.get(table.oid, [])
        if told:
            names = [sql.SQL("{}::TEXT").format(sql.Identifier(name)) for name in told]
            statement += sql.SQL(" RETURNING {}").format(sql.SQL(", ").join(names))
        try:
            with self.conn.transaction():
                cursor = ask(self.conn, statement, _arguments(table, rows))
                written = cursor.rowcount
                if told and written == len(rows):
                    # The children point to what the triggers made of the keys.
                    for row, answer in zip(rows, cursor.fetchall(), strict=True):
                        row.values.update(zip(told, answer, strict=True))
                    self.moved.add(table.oid)
                return written
        except psycopg.Error as error:
            if self.playing and error.sqlstate == "42501" and told:
                # Perhaps it may write and not read.
                del self.rewritten[table.oid]
                return self._insert(table, rows, before)
            if self.playing and error.sqlstate == "42501":
                # The role may not: who is connected writes the table, and the report says so.
                said = (error.diag.message_primary or str(error)).strip()
                self.refusals.append(Refusal(table.path, self.role, said))
                self.guarded.discard(table.oid)
                self._play(None)
                return self._insert(table, rows, before)
            if len(rows) == 1:
                raise _rejected(table, rows[0], error) from error
            whole = error
        for row in rows:
            self._insert(table, [row], before)
        raise _rejected(table, None, whole) from whole

    def _together(self, tables: Sequence[Table], tenant: int) -> None:
        """Insert rows that point to each other in circles: foreign keys look at the end of a
        statement, so one statement takes them all."""
        parts: list[sql.Composable] = []
        arguments: list[list[str | None]] = []
        for number, table in enumerate(tables):
            rows = [row for row in self.plan.rows[table.oid] if row.tenant == tenant]
            if rows:
                inner = _statement(self.shape, table, sql.SQL(""), len(arguments) + 1)
                parts.append(sql.SQL("{} AS ({})").format(sql.Identifier(f"t{number}"), inner))
                arguments += _arguments(table, rows)
        if not parts:
            return
        statement = sql.SQL("WITH {} SELECT").format(sql.SQL(", ").join(parts))
        try:
            with self.conn.transaction():
                ask(self.conn, statement, arguments)
        except psycopg.Error as error:
            name = error.diag.table_name
            table = next((t for t in tables if t.name == name), tables[0])
            raise _rejected(table, None, error) from error

    def _count(self, table: Table, *, only: bool = False) -> int:
        return _count(self.conn, table, only=only)

    def _any(self, table: Table) -> bool:
        source = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(_name(table))
        answer = self.conn.execute(source).fetchone()
        return answer is not None and bool(answer[0])

    def _explain_loss(self, table: Table, arrived: int) -> None:
        """Complain about rows that vanished without an error; not about rows that moved."""
        planned = len(self.plan.rows[table.oid])
        if arrived >= planned and (table.triggers or table.has_children):
            return
        names = ", ".join(quoted(t.name) for t in table.triggers if t.before_row)
        raise Refused(
            f"{planned - max(arrived, 0)} of {planned} rows for {table.path} vanished on the way in",
            detail=f"triggers that may have dropped them: {names}" if names else "",
            hint="nothing was written; a trigger or rule that returns nothing drops its row",
        )


def _rewritten(shape: Shape) -> dict[int, list[str]]:
    """By table the columns of keys that a trigger sets before a row is written."""
    found: dict[int, list[str]] = {}
    pointed = {(r.target, c) for t in shape.tables.values() for r in t.references
               for c in r.target_columns}  # fmt: skip
    for table in shape.tables.values():
        bodies = "\n".join(trigger.body for trigger in table.triggers if trigger.before_row)
        own = {c for key in table.keys if key.primary for c in key.columns}
        assigned = {
            name.strip('"')
            for name in re.findall(r'\bnew\s*\.\s*("[^"]+"|\w+)\s*:?=', bodies, re.IGNORECASE)
        }
        names = [
            column.name
            for column in table.columns
            if {column.name, column.name.lower()} & (assigned | {a.lower() for a in assigned})
            and (column.name in own or (table.oid, column.name) in pointed)
        ]
        if names:
            found[table.oid] = names
    return found


def in_a_ring(rows: Iterable[Row]) -> bool:
    """Whether some row points to a later one of its table, so that one statement must take both."""
    return any(
        parent is not None and parent.table.oid == row.table.oid and parent.number > row.number
        for row in rows
        for parent in row.parents.values()
    )


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(table.schema, table.name)


def _written(table: Table) -> list[Column]:
    return [column for column in table.columns if not column.generated]


def _statement(shape: Shape, table: Table, clause: sql.SQL, first: int) -> sql.Composed:
    """INSERT of rows that travel as one array a column, in parameters numbered from `first`."""
    columns = _written(table)
    if not columns:
        return sql.SQL("INSERT INTO {} SELECT FROM unnest({}){}").format(
            _name(table), parameters(1, first), clause
        )
    aliases = [sql.Identifier(f"c{number}") for number in range(len(columns))]
    overriding = any(column.identity for column in columns)
    return sql.SQL(
        "INSERT INTO {table} ({names}){overriding} SELECT {typed}"
        " FROM unnest({arrays}) WITH ORDINALITY AS r ({aliases}, n) ORDER BY n{clause}"
    ).format(
        table=_name(table),
        names=sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
        overriding=sql.SQL(" OVERRIDING SYSTEM VALUE" if overriding else ""),
        typed=sql.SQL(", ").join(
            sql.SQL("r.{}::{}").format(alias, verbatim(shape.base(shape.types[column.type])[0].sql))
            for alias, column in zip(aliases, columns, strict=True)
        ),
        arrays=parameters(len(columns), first),
        aliases=sql.SQL(", ").join(aliases),
        clause=clause,
    )


def _arguments(table: Table, rows: Sequence[Row]) -> list[list[str | None]]:
    columns = _written(table)
    if not columns:
        return [[str(row.number) for row in rows]]
    return [[row.values.get(column.name) for row in rows] for column in columns]


def _rejected(table: Table, row: Row | None, error: psycopg.Error) -> Rejected:
    """The server's refusal of a row, with the row and the constraint."""
    diag = error.diag
    which = ""
    if row is not None:
        whose = "" if row.tenant == SHARED else f" of tenant {row.tenant + 1}"
        which = f"row {row.number + 1}{whose} for "
    key = next((k for k in table.keys if k.name == diag.constraint_name), None)
    linked = {name for reference in table.references for name in reference.columns}
    linked |= {name for k in table.keys if k.primary for name in k.columns}
    # A trigger's refusal does not say which values it is about; hardly ever about the row's identity.
    free = tuple(c.name for c in table.columns if c.sequence is None and c.name not in linked)
    columns = tuple(name for name in key.columns if name) if key else free
    detail = diag.message_detail or ""
    if row is not None and not detail:
        shown = ", ".join(
            f"{quoted(k)} = {v if v is not None else 'NULL'}" for k, v in row.values.items()
        )
        detail = shown if len(shown) < 500 else f"{shown[:499]}…"
    constraint = f" ({quoted(diag.constraint_name)})" if diag.constraint_name else ""
    said = diag.message_primary or str(error).strip()
    return Rejected(
        f"{which}{table.path} was refused{constraint}: {said} [SQLSTATE {error.sqlstate}]",
        table=table.path,
        columns=columns,
        sqlstate=error.sqlstate or "",
        detail=f"{detail}\n{diag.context or ''}".strip(),
        hint=diag.message_hint or "nothing was written",
    )

"""The load profile: planned rows first, then their generations by COPY, in one transaction or many.

A few rows of a table's first, middle and last generation are tried before the rest, and taken back:
what a constraint refuses of them is refused before much is written. A table of which there can be no
more rows keeps its planned ones, and the report says why.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ringfence.model import quoted
from ringfence.seed.bulk import put_aside, put_back
from ringfence.seed.desk import Shortfall
from ringfence.seed.ground import NotMore
from ringfence.seed.loading import Rejected
from ringfence.seed.multiply import HEADER, TRAILER, Multiplier, tenants_of
from ringfence.seed.place import SHARED
from ringfence.seed.record import source, written_by
from ringfence.seed.session import acquaint, steady

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from psycopg import Connection

    from ringfence.seed.bulk import Aside
    from ringfence.seed.loading import Listener
    from ringfence.seed.planning import Plan
    from ringfence.seed.shape import Table

_AT_ONCE = 1 << 18
"""About how many bytes go to the server in one piece."""

_STAGED = 50_000
"""How many rows are staged at once where COPY itself is refused."""

_TAKEN = ("23505", "23P01")
"""What the server says of a row that another one excludes."""

_POURING = {"enable_seqscan": "off"}
"""While rows are poured: what is looked up in a table that is small yet is looked up in it when it
is large, by the same plan."""


@dataclass(slots=True)
class Poured:
    """What was added to the planned rows: by table (OID) and tenant; and what could not be."""

    more: dict[int, Counter[int]] = field(default_factory=dict)
    shortfalls: list[Shortfall] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a load stands: the generations of a table's tenant before `generation` are written.

    `still` are tables that have their planned rows only, `unmoved` those whose moments do not move
    on, `shaped` those whose text takes no number: what was found by trying, which cannot be tried
    again.
    """

    table: str
    tenant: int
    generation: int
    still: tuple[str, ...] = ()
    unmoved: tuple[str, ...] = ()
    shaped: tuple[str, ...] = ()


class Pouring:
    """A load of one plan whose planned rows are written already.

    `batch` rows at least are written between two calls of `reached`, which may commit; without it
    all are. `after` is where an earlier load had come to. Between batches others may write: rows of
    none of the transactions in `ours` are theirs.
    """

    def __init__(
        self,
        conn: Connection[Any],
        plan: Plan,
        *,
        progress: Listener,
        bulk: bool = False,
        batch: int = 0,
        after: Cursor | None = None,
        reached: Callable[[Cursor], None] = lambda _: None,
        ours: Sequence[int] | None = None,
    ) -> None:
        self.conn = conn
        self.plan = plan
        self.multiplier = Multiplier(conn, plan)
        self.progress = progress
        self.bulk = bulk
        self.batch = batch
        self.after = after
        self.reached = reached
        self.ours = ours
        self.poured = Poured()
        self.still: list[str] = list(after.still) if after else []
        self.unmoved: list[str] = list(after.unmoved) if after else []
        self.shaped: list[str] = list(after.shaped) if after else []
        self.paths = [table.path for group in plan.groups for table in group.tables]

    def run(self) -> Poured:
        """Write every generation of every table."""
        aside: list[Aside] = []
        if self.bulk:
            every = [table for group in self.plan.groups for table in group.tables]
            with steady(self.conn):
                aside = put_aside(self.conn, [t for t in every if self._wanted(t)])
        pointed = self._pointed_to()
        with steady(self.conn):
            acquaint(self.conn, (t for t in pointed.values() if self.plan.rows.get(t.oid)))
        for table in self._tables({(a.table[0], a.name) for a in aside if a.kind == "foreign key"}):
            # Parents first, and wholly: how many there are decides what children point to.
            with steady(self.conn):
                ready = self._ready(table)
            if ready:
                self._pour(table)
            if ready and table.oid in pointed:
                with steady(self.conn):
                    acquaint(self.conn, [table])
        if aside:
            with steady(self.conn):
                put_back(self.conn, aside, self.progress)
        return self.poured

    def _pointed_to(self) -> dict[int, Table]:
        """The tables that those point to of which more rows are wanted."""
        tables = self.plan.shape.tables
        found = {
            reference.target
            for table in tables.values()
            if self._wanted(table)
            for reference in table.references
        }
        return {oid: tables[oid] for oid in sorted(found) if oid in tables}

    def _wanted(self, table: Table) -> bool:
        wanted = sum(self.plan.wanted.get(table.oid, {}).values())
        return wanted > len(self.plan.rows.get(table.oid, ()))

    def _tables(self, aside: Collection[tuple[int, str]]) -> Iterator[Table]:
        """Every table that COPY can write, without the foreign keys that are put aside."""
        for group in self.plan.groups:
            if any(not r.deferrable and (r.table, r.name) not in aside for r in group.late):
                # Rows that point at each other were written in one statement; COPY writes one table.
                why = "it is in a circle of foreign keys that are not deferrable"
                for table in group.tables:
                    self._short(table, why if self.bulk else f"{why}; --bulk can write it")
                continue
            yield from group.tables

    def _ready(self, table: Table) -> bool:
        """Whether more rows of a table are wanted and can be had."""
        try:
            return self.multiplier.prepare(table)
        except NotMore as error:
            self._short(table, str(error))
            return False

    def _short(self, table: Table, why: str) -> None:
        planned = Counter(row.tenant for row in self.plan.rows.get(table.oid, ()))
        wanted = self.plan.wanted.get(table.oid, {})
        asked = sum(max(count, planned[tenant]) for tenant, count in wanted.items())
        got = sum(planned.values())
        if asked > got and all(s.table != table.path for s in self.poured.shortfalls):
            self.poured.shortfalls.append(Shortfall(table.path, asked, got, why))

    def _pour(self, table: Table) -> None:
        self.multiplier.forget()
        if not self._tried(table):
            return
        crops = self.multiplier.crops[table.oid]
        total = sum(crop.total for crop in crops.values())
        done = sum(len(crop.rows) for crop in crops.values())
        wanted = sum(self.plan.wanted[table.oid].values())
        if total < wanted:
            why = self.multiplier.grounds[table.oid].why
            self.poured.shortfalls.append(Shortfall(table.path, wanted, total, why))
        more = self.poured.more[table.oid] = Counter()
        began = time.perf_counter()
        fresh = 0
        for tenant in tenants_of(crops):
            crop = crops[tenant]
            size = len(crop.rows)
            last = -(-crop.total // size)
            generation = 1
            while generation < last:
                until = last
                if self.batch:
                    until = min(last, generation + max(1, self.batch // size))
                rows = min(crop.total, until * size) - generation * size
                if not self._behind(table, tenant, until):
                    with self._explained(table, tenant), steady(self.conn, **_POURING):
                        self._become(tenant)
                        self._copy(table, tenant, generation, until, done, total, began, fresh)
                        if self.batch:
                            how = (tuple(self.still), tuple(self.unmoved), tuple(self.shaped))
                            self.reached(Cursor(table.path, tenant, until, *how))
                    fresh += rows
                more[tenant] += rows
                done += rows
                generation = until
        self.progress(table.path, total, total, time.perf_counter() - began)

    @contextmanager
    def _explained(self, table: Table, tenant: int) -> Iterator[None]:
        """Tell of a row that is refused among many which one it is, and why."""
        try:
            yield
        except psycopg.Error as error:
            raise self._rejected(table, tenant, error) from error

    def _rejected(self, table: Table, tenant: int, error: psycopg.Error) -> Rejected:
        diag = error.diag
        name = f" ({quoted(diag.constraint_name)})" if diag.constraint_name else ""
        whose = "" if tenant == SHARED else f" of tenant {tenant + 1}"
        said = (diag.message_primary or str(error)).strip()
        parts = (diag.message_detail, diag.context)
        hint = "ringfence seed --resume goes on" if self.batch else "nothing was written"
        if error.sqlstate in _TAKEN and mixed(self.conn, self.plan, table.path, self.ours):
            hint = (
                "another session has written rows there: remove what is in the way, then"
                " ringfence seed --resume"
            )
        return Rejected(
            f"a row{whose} for {table.path} was refused{name}: {said} [SQLSTATE {error.sqlstate}]",
            table=table.path,
            columns=(),
            sqlstate=error.sqlstate or "",
            detail="\n".join(part for part in parts if part),
            hint=diag.message_hint or hint,
        )

    def _behind(self, table: Table, tenant: int, until: int) -> bool:
        """Whether an earlier load has written this."""
        if self.after is None:
            return False
        at = self.after
        if table.path != at.table:
            return self.paths.index(table.path) < self.paths.index(at.table)
        order = list(tenants_of(self.multiplier.crops[table.oid]))
        if tenant != at.tenant:
            return order.index(tenant) < order.index(at.tenant)
        return until <= at.generation

    def _become(self, tenant: int) -> None:
        model, ids = self.plan.model, self.plan.tenant_ids
        if model.setting and model.column:
            value = ids[0 if tenant == SHARED else tenant]
            self.conn.execute(
                "SELECT set_config(%s, %s, true)", (model.setting, model.named(value))
            )

    def _tried(self, table: Table) -> bool:
        """Whether the server takes rows of the first, middle and last generation of each tenant."""
        if self.after and self.paths.index(table.path) <= self.paths.index(self.after.table):
            shift, shaped = table.path not in self.unmoved, table.path in self.shaped
            if not shift or shaped:
                self.multiplier.prepare(table, shift=shift, shaped=shaped)
            if table.path in self.still:
                self._short(table, "tried before, and refused")
                self.multiplier.give_up(table)
            return table.path not in self.still
        error = self._try(table)
        if error is not None and self.multiplier.grounds[table.oid].shifted:
            # Perhaps the moments may not move on.
            self.multiplier.forget()
            self.multiplier.prepare(table, shift=False)
            self.unmoved.append(table.path)
            error = self._try(table)
        if error is not None and self.multiplier.grounds[table.oid].numbered:
            # Perhaps text may not have a number added.
            shift = table.path not in self.unmoved
            self.multiplier.forget()
            try:
                self.multiplier.prepare(table, shift=shift, shaped=True)
                again = self._try(table)
            except NotMore:
                again = error
            if again is None:
                self.shaped.append(table.path)
            error = again
        if error is None:
            return True
        if error.sqlstate in _TAKEN and mixed(self.conn, self.plan, table.path, self.ours):
            # Not for want of room: it goes on when that row is away.
            tenant = next(tenants_of(self.multiplier.crops[table.oid]))
            raise self._rejected(table, tenant, error) from error
        self.still.append(table.path)
        diag = error.diag
        name = diag.constraint_name or ""
        said = (diag.message_primary or str(error)).strip()
        self._short(table, f"{name}: {said}" if name else said)
        self.multiplier.give_up(table)
        return False

    def _try(self, table: Table) -> psycopg.Error | None:
        crops = self.multiplier.crops[table.oid]
        whole = {tenant: -(-crop.total // len(crop.rows)) for tenant, crop in crops.items()}
        deferred = self._deferred(table)
        try:
            with (
                steady(self.conn, **_POURING),
                self.conn.transaction(force_rollback=True),
            ):
                for tenant, last in whole.items():
                    if last < 2:
                        continue
                    self._become(tenant)
                    picked = sorted({1, (last + 1) // 2, last - 1})
                    pieces = [self.multiplier.rows(table, tenant, g)[1] for g in picked]
                    self._send(table, iter([*pieces]), staged=self._staged(table))
                if deferred:
                    self.conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.Error as error:
            return error
        return None

    def _deferred(self, table: Table) -> bool:
        return any(reference.deferrable for reference in table.references)

    def _staged(self, table: Table) -> bool:
        """Whether row-level security binds who is connected, so that COPY is refused."""
        answer = self.conn.execute("SELECT row_security_active(%s::OID)", (table.oid,)).fetchone()
        return answer is not None and bool(answer[0])

    def _copy(
        self,
        table: Table,
        tenant: int,
        generation: int,
        until: int,
        done: int,
        total: int,
        began: float,
        fresh: int,
    ) -> None:
        """Write the generations from `generation` to before `until`."""
        staged = self._staged(table)
        size = len(self.multiplier.crops[table.oid][tenant].rows)
        most = max(1, _STAGED // size) if staged else until
        for first in range(generation, until, most):

            def pieces(first: int = first) -> Iterator[bytes]:
                nonlocal done, fresh
                held: list[bytes] = []
                length = 0
                for g in range(first, min(until, first + most)):
                    count, made = self.multiplier.rows(table, tenant, g)
                    held.append(made)
                    length += len(made)
                    done += count
                    fresh += count
                    if length >= _AT_ONCE:
                        yield b"".join(held)
                        held.clear()
                        length = 0
                        seconds = time.perf_counter() - began
                        # The rate is of what is being written now, not of what an earlier run wrote.
                        self.progress(table.path, done, total, seconds * done / max(1, fresh))
                yield b"".join(held)

            self._send(table, pieces(), staged=staged)

    def _send(self, table: Table, pieces: Iterator[bytes], *, staged: bool) -> None:
        if not staged:
            self._stream(self.multiplier.statement(table), pieces)
            return
        stage = sql.Identifier("pg_temp", "ringfence_stage")
        names = sql.SQL(", ").join(sql.Identifier(c.name) for c in table.columns if not c.generated)
        self.conn.execute(
            sql.SQL(
                "CREATE TEMP TABLE ringfence_stage ON COMMIT DROP AS SELECT {} FROM {} WHERE false"
            ).format(names, sql.Identifier(table.schema, table.name))
        )
        self._stream(self.multiplier.statement(table, stage), pieces)
        overriding = any(column.identity for column in table.columns)
        self.conn.execute(
            sql.SQL("INSERT INTO {} ({}){} SELECT {} FROM {}").format(
                sql.Identifier(table.schema, table.name),
                names,
                sql.SQL(" OVERRIDING SYSTEM VALUE" if overriding else ""),
                names,
                stage,
            )
        )
        self.conn.execute("DROP TABLE pg_temp.ringfence_stage")

    def _stream(self, statement: sql.Composed, pieces: Iterator[bytes]) -> None:
        with self.conn.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(HEADER)
            for piece in pieces:
                copy.write(piece)
            copy.write(TRAILER)


def mixed(conn: Connection[Any], plan: Plan, path: str, ours: Sequence[int] | None) -> bool:
    """Whether a table has rows that none of our transactions wrote."""
    if ours is None:
        return False
    table = next(table for table in plan.shape.tables.values() if table.path == path)
    query = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE NOT {})")
    answer = conn.execute(query.format(source(table), written_by(ours))).fetchone()
    return answer is not None and bool(answer[0])


def visible(
    conn: Connection[Any], plan: Plan, role: str, written: Mapping[int, Counter[int]]
) -> list[tuple[str, int, int, int]]:
    """(table, tenant, rows written, rows seen) where the runtime role does not see a tenant's rows.

    COPY as the owner meets no policy: this looks afterwards, as the role, in every tenant's name.
    """
    wrong: list[tuple[str, int, int, int]] = []
    if not role:
        return wrong
    with steady(conn):
        for oid, counts in written.items():
            table = plan.shape.tables[oid]
            if not table.row_security or not plan.model.scoped(table):
                continue
            for tenant in sorted(counts):
                conn.execute(
                    "SELECT set_config(%s, %s, true)",
                    (plan.model.setting, plan.model.named(plan.tenant_ids[tenant])),
                )
                try:
                    with conn.transaction():
                        conn.execute("SELECT set_config('role', %s, true)", (role,))
                        query = sql.SQL("SELECT count(*) FROM {}").format(
                            sql.Identifier(table.schema, table.name)
                        )
                        answer = conn.execute(query).fetchone()
                        conn.execute("SELECT set_config('role', 'none', true)")
                except psycopg.errors.InsufficientPrivilege:
                    break
                assert answer is not None
                if answer[0] != counts[tenant]:
                    wrong.append((table.path, tenant, counts[tenant], int(answer[0])))
    return wrong

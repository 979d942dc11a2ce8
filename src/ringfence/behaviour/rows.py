"""A shadow with rows in every table, and statements tried on it that leave nothing behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from ringfence.isolation.estate import texts
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.seed import Model, Shape, model, read, seed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

    from ringfence.config import Tenancy
    from ringfence.pg.connect import Target
    from ringfence.seed.shape import Table

TIMEOUT = "2s"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: where it lies, what is in it as text, and whose it is (empty: nobody's)."""

    leaf: str
    ctid: str
    values: Mapping[str, str | None]
    owner: str = ""

    @property
    def where(self) -> str:
        """A condition that only this row meets, while it lies where it lies."""
        return f"ctid = {literal(self.ctid)} AND tableoid = {literal(self.leaf)}::regclass"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the server said no with; an empty `sqlstate` where it did what it was told.

    `rows` is what the statement gave, or the query after it; `column` is what may not be NULL, as the
    schema, the relation and the column that the server named.
    """

    sqlstate: str = ""
    constraint: str = ""
    message: str = ""
    count: int = -1
    rows: tuple[tuple[str | None, ...], ...] = ()
    column: tuple[str | None, str | None, str | None] = (None, None, None)


@dataclass(frozen=True)
class Rows:
    """The shadow's tables with their rows."""

    conn: Connection[Any]
    shape: Shape
    model: Model
    tenants: tuple[str, ...]
    rows: Mapping[int, Sequence[Row]] = field(default_factory=dict)
    constraints: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """The names of each table's constraints: a unique key may be an index alone."""
    target: Target | None = None

    def attempt(self, statement: str, *, before: Sequence[str] = (), then: str = "") -> Refusal:
        """Run a statement with constraints checked at once, and undo it."""
        conn = self.conn
        try:
            # The savepoint apart: a text that cannot be parsed would not even set it.
            conn.execute("SAVEPOINT ringfence_try; SET CONSTRAINTS ALL IMMEDIATE")
            # In one message: of thousands of attempts it is the round trips that take time.
            text = ";\n".join([*before, statement, *([then] if then else [])])
            cursor = conn.execute(text.encode(), prepare=False)
            for _ in before:
                cursor.nextset()
            count, found = cursor.rowcount, texts(cursor)
            if then:
                cursor.nextset()
                found = texts(cursor)
            return Refusal(count=count, rows=tuple(found))
        except psycopg.Error as error:
            said = error.diag
            return Refusal(
                error.sqlstate or "XX000",
                said.constraint_name or "",
                said.message_primary or "",
                column=(said.schema_name, said.table_name, said.column_name),
            )
        finally:
            conn.execute("ROLLBACK TO SAVEPOINT ringfence_try; RELEASE SAVEPOINT ringfence_try")

    def change(
        self, table: Table, row: Row, values: Mapping[str, str], *, then: str = ""
    ) -> Refusal:
        """Give a row other values, as SQL."""
        given = ", ".join(f"{ident(name)} = {value}" for name, value in values.items())
        return self.attempt(f"UPDATE {at(table)} SET {given} WHERE {row.where}", then=then)


def at(table: Table) -> str:
    """A table's name as statements have it."""
    return qualified((table.schema, table.name))


def make(conn: Connection[Any], tenancy: Tenancy, exclude: Sequence[str], rows: int = 4) -> Rows:
    """Fill the empty shadow that `conn`, a superuser's, is in; then a transaction is open on it.

    Raises what `seed` raises where no rows can be found for a table.
    """
    conn.prepare_threshold = None
    seeded = seed(conn, tenants=2, rows=rows, seed=1, tenancy=tenancy, exclude_schemas=exclude)
    shape = read(conn, exclude_schemas=exclude)
    found = model(shape, tenancy)
    conn.execute(
        f"BEGIN; SET LOCAL statement_timeout = '{TIMEOUT}'; SET LOCAL lock_timeout = '{TIMEOUT}';"
        " SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL jit = off;"
        " SET LOCAL lc_messages = 'C'"
    )
    return collect(conn, shape, found, seeded.tenants)


def collect(conn: Connection[Any], shape: Shape, who: Model, tenants: Sequence[str]) -> Rows:
    """The rows as they lie now."""
    from ringfence.isolation.estate import Estate

    estate = Estate(shape, who)
    rows: dict[int, list[Row]] = {}
    for oid, table in shape.tables.items():
        owner = estate.owner(table, "rf0") if oid in estate.tables and who.column else "NULL"
        only = "" if table.partitioned else "ONLY "
        cursor = conn.execute(
            f"SELECT rf0.tableoid::regclass::text, rf0.ctid::text, {owner}, rf0.*"
            f" FROM {only}{at(table)} AS rf0 ORDER BY rf0.ctid"
        )
        names = [d.name for d in (cursor.description or ())[3:]]
        rows[oid] = [
            Row(str(leaf), str(ctid), dict(zip(names, values, strict=True)), str(whose or ""))
            for leaf, ctid, whose, *values in texts(cursor)
        ]
    named = conn.execute(
        "SELECT conrelid::bigint, array_agg(conname::text) FROM pg_constraint"
        " WHERE conrelid <> 0 GROUP BY conrelid"
    )
    constraints = {int(str(oid)): tuple(names) for oid, names in named}
    return Rows(conn, shape, who, tuple(tenants), rows, constraints)

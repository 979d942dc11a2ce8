"""What a seed is to be, beyond what the catalog says: how much, for whom, in which words."""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg import sql

from ringfence.errors import Misuse
from ringfence.model import quoted
from ringfence.seed import expression, names
from ringfence.seed.lexicon import pool_of
from ringfence.seed.probe import ask, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from ringfence.config import Column as Wish
    from ringfence.seed.draw import Draw
    from ringfence.seed.place import Place
    from ringfence.seed.shape import Column, Shape, Table

Profile = Literal["minimal", "demo", "load"]
PROFILES: Mapping[Profile, int] = {"minimal": 1, "demo": 5, "load": 10_000}
"""The profiles, each with how many rows a table gets for a tenant where nobody says."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a seed is to be.

    `rows` are for each table and tenant, but for the tables in `rows_of`; 0 leaves it to the
    profile. With `skew` the first tenant has more than the others. `columns` are overrides, by the
    column's name. `twins` gives every tenant the same values where no key forbids it, `leaves`
    every table a last row that nothing points to: both are for those who look whether one tenant
    sees the other's.
    """

    tenants: int = 2
    rows: int = 0
    seed: int = 1
    profile: Profile = "demo"
    locale: str = ""
    skew: float = 0.0
    rows_of: Mapping[str, int] = field(default_factory=dict)
    columns: Mapping[str, Wish] = field(default_factory=dict)
    twins: bool = False
    leaves: bool = False

    def count(self, tenant: int, of_table: int = 0) -> int:
        """How many rows a table is to have for a tenant, where `of_table` is what is said of it.

        Skew shares out the same number of rows by 1, 1/2, 1/3 … to the power of the skew, in whole
        thousandths, so that it is the same number on every machine.
        """
        base = of_table or self.rows or PROFILES[self.profile]
        if not self.skew or self.tenants < 2:
            return base
        exponent = Decimal(str(self.skew))
        shares = [int(1_000_000 / (Decimal(n + 1) ** exponent)) or 1 for n in range(self.tenants)]
        return max(1, base * self.tenants * shares[tenant] // sum(shares))

    @property
    def asked(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return asdict(self)

    @property
    def covers(self) -> bool:
        """Whether every literal of a CHECK and every label of an enum is to occur."""
        return self.profile == "minimal"


class Overrides:
    """The wishes that are about one table or one column, found in the shape.

    `fickle` are (column, function) where SQL calls what gives another answer the next time.

    Raises `Misuse` for tables, columns and providers there are none of, and for values that the
    column's type or its own checks refuse.
    """

    def __init__(self, conn: Connection[Any], shape: Shape, wishes: Wishes) -> None:
        self.locale = wishes.locale
        self.rows = {_table(shape, name).oid: count for name, count in wishes.rows_of.items()}
        self.columns: dict[tuple[int, str], Wish] = {}
        for name, wish in wishes.columns.items():
            table, column = _column(shape, name)
            where = f"{table.path}.{quoted(column.name)}"
            _refuse_bound(table, column, where)
            if wish.provider:
                self._provider(wish.provider)
            if wish.values:
                _try(conn, shape, table, column, wish, where)
            self.columns[table.oid, column.name] = wish
        self.fickle = _fickle(conn, shape, self.columns)

    def of(self, table: Table, column: str) -> Wish | None:
        """What is wished of a column."""
        return self.columns.get((table.oid, column))

    def value(self, wish: Wish, column: Column, place: Place) -> str:
        """A value as wished; not for those that are SQL."""
        draw = place.draw()
        if wish.values:
            if place.key:
                return wish.values[(place.ordinal + place.attempt) % len(wish.values)]
            return _weighted(wish, draw) if wish.weights else draw.choice(wish.values)
        if wish.provider:
            made = self._provider(wish.provider)
            text = str(draw.choice(made) if isinstance(made, tuple) else made(place, draw))
            if place.key and place.attempt:
                text += f" {place.ordinal + 1 + (place.attempt - 1) * 1000}"
            return text
        return _distributed(wish, draw, whole=column.sql in ("integer", "bigint", "smallint"))

    def _provider(self, name: str) -> Any:
        if name.startswith("faker:"):
            return pool_of(name.removeprefix("faker:"), self.locale)
        found = names.PROVIDERS.get(name)
        if found is None:
            near = difflib.get_close_matches(name, names.PROVIDERS, n=1)
            known = f"known: {', '.join(names.PROVIDERS)}, and faker:NAME"
            raise Misuse(
                f"[tool.ringfence.seed.columns] names the provider {name}, and there is none",
                hint=f"did you mean {near[0]}?" if near else known,
            )
        return found


def _fickle(
    conn: Connection[Any], shape: Shape, columns: Mapping[tuple[int, str], Wish]
) -> tuple[tuple[str, str], ...]:
    calls = {
        (f"{shape.tables[oid].path}.{quoted(name)}", call): None
        for (oid, name), wish in columns.items()
        if wish.sql
        for call in expression.called(wish.sql)
    }
    if not calls:
        return ()
    named = list(dict.fromkeys(call for _, call in calls))
    found = conn.execute(
        "SELECT proname::TEXT FROM pg_proc WHERE proname = ANY(%s::TEXT[])"
        " GROUP BY proname HAVING bool_and(provolatile = 'v')",
        (named,),
    ).fetchall()
    fickle = {name for (name,) in found} | expression.CLOCKS
    return tuple((path, call) for path, call in calls if call in fickle)


def _weighted(wish: Wish, draw: Draw) -> str:
    at = draw.below(sum(wish.weights))
    for value, weight in zip(wish.values, wish.weights, strict=True):
        if at < weight:
            return value
        at -= weight
    return wish.values[-1]


_STEPS = 1 << 32


def _distributed(wish: Wish, draw: Draw, *, whole: bool) -> str:
    """A number of a distribution, in exact arithmetic: the same on every machine."""
    if wish.distribution == "uniform":
        low, high = Decimal(str(wish.low)), Decimal(str(wish.high))
        number = low + (high - low) * draw.below(_STEPS + 1) / _STEPS
    elif wish.distribution == "normal":
        # Twelve uniform numbers add up to one that is as good as normal, without a logarithm.
        spread = sum(draw.below(_STEPS) for _ in range(12)) - 6 * _STEPS
        number = Decimal(str(wish.mean)) + Decimal(str(wish.deviation)) * spread / _STEPS
    else:
        number = -Decimal(str(wish.mean)) * (Decimal(draw.below(_STEPS) + 1) / _STEPS).ln()
    if wish.low is not None:
        number = max(number, Decimal(str(wish.low)))
    if wish.high is not None:
        number = min(number, Decimal(str(wish.high)))
    return f"{number:.0f}" if whole else f"{number:.2f}"


def _table(shape: Shape, name: str) -> Table:
    found = shape.named(name)
    if len(found) == 1:
        return found[0]
    paths = [t.path for t in found or shape.tables.values()]
    near = difflib.get_close_matches(name, paths, n=1)
    said = "there is no such table" if not found else f"there are {len(found)} such tables"
    other = f"name one of {', '.join(paths)}" if found else "name it schema.table"
    raise Misuse(
        f"[tool.ringfence.seed.rows] names {name}, and {said}",
        hint=f"did you mean {near[0]}?" if near and not found else other,
    )


def _column(shape: Shape, name: str) -> tuple[Table, Column]:
    exact: list[tuple[Table, Column]] = []
    loose: list[tuple[Table, Column]] = []
    every: dict[str, None] = {}
    for table in shape.tables.values():
        for column in table.columns:
            path = f"{table.path}.{quoted(column.name)}"
            every[path] = None
            plain = f"{table.schema}.{table.name}.{column.name}"
            if name == path:
                exact.append((table, column))
            elif name in (plain, f"{table.name}.{column.name}"):
                loose.append((table, column))
    found = exact or loose
    if len(found) == 1:
        return found[0]
    near = difflib.get_close_matches(name, every, n=1)
    if found:
        paths = ", ".join(f"{t.path}.{quoted(c.name)}" for t, c in found)
        said, hint = f"there are {len(found)} such columns", f"name one of {paths}"
    else:
        said = "there is no such column"
        hint = f"did you mean {near[0]}?" if near else "name it schema.table.column"
    raise Misuse(f"[tool.ringfence.seed.columns] names {name}, and {said}", hint=hint)


def _refuse_bound(table: Table, column: Column, where: str) -> None:
    reference = next((r for r in table.references if column.name in r.columns), None)
    if column.generated:
        why = "the server computes it"
    elif reference is not None:
        why = (
            f"it is a foreign key ({quoted(reference.name)}), and follows from the row it points to"
        )
    else:
        return
    raise Misuse(
        f"[tool.ringfence.seed.columns] sets {where}, and {why}",
        hint="leave it out"
        if column.generated
        else f"set columns of {reference.target_name}"
        if reference is not None
        else "",
    )


def _try(
    conn: Connection[Any], shape: Shape, table: Table, column: Column, wish: Wish, where: str
) -> None:
    """Have the server say whether the type and the column's own checks take every value."""
    cast = verbatim(shape.below_domains(column))
    for value in dict.fromkeys(wish.values):
        query = sql.SQL("SELECT $1::TEXT::{}").format(cast)
        try:
            with conn.transaction():
                ask(conn, query, [value])
        except psycopg.Error as error:
            raise Misuse(
                f"[tool.ringfence.seed.columns] gives {where} the value '{value}', which its type"
                f" {column.sql} does not take",
                detail=error.diag.message_primary or "",
                hint="take it out of the list",
            ) from error
        for check in table.checks:
            if check.partition or (check.column and check.column != column.name):
                continue
            name = "value" if check.column else column.name
            test = sql.SQL("SELECT ({}) FROM (SELECT $1::TEXT::{} AS {}) AS t").format(
                verbatim(check.expression), cast, sql.Identifier(name)
            )
            try:
                with conn.transaction():
                    answer = ask(conn, test, [value]).fetchone()
            except psycopg.Error:
                continue  # it reads other columns as well: the rows will tell
            if answer is not None and answer[0] is False:
                raise Misuse(
                    f"[tool.ringfence.seed.columns] gives {where} the value '{value}', which violates"
                    f" {quoted(check.name)}",
                    detail=check.expression,
                    hint="take it out of the list",
                )

"""Tenants with data that obeys every constraint.

`seed` fills a database; what it stands on is here for those who need a part: `read` gives the shape
of a database, `model` its tenancy, `plan` the rows, `load` writes them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ringfence.config import Tenancy
from ringfence.errors import Refused
from ringfence.seed.loading import Rejected, counting_on, load, occupied
from ringfence.seed.place import SHARED
from ringfence.seed.planning import Plan, Shortfall, plan
from ringfence.seed.shape import Shape, read
from ringfence.seed.tenancy import Model, model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

__all__ = [
    "Filled",
    "Model",
    "Plan",
    "Rejected",
    "Seeded",
    "Shape",
    "Shortfall",
    "load",
    "model",
    "occupied",
    "plan",
    "read",
    "seed",
]

REPAIRS = 12
"""How often rows that only a trigger refuses are thought up anew."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A table and its rows: `rows` by tenant, or one number where they belong to nobody.

    `by_triggers` counts rows beyond those, which triggers wrote.
    """

    table: str
    scoped: bool
    rows: tuple[int, ...]
    by_triggers: int = 0

    @property
    def total(self) -> int:
        """All rows of the table."""
        return sum(self.rows) + self.by_triggers


@dataclass(frozen=True, slots=True)
class Seeded:
    """What a seed wrote, or would write.

    `tenants` are the tenants' keys, in order; `root`, `setting` and `inferred` say who the tenants
    are, by which setting they are told apart and whether that was found out rather than configured.
    `empty` are tables that no row can be in. `written` is False after a dry run.
    """

    seed: int
    tenants: tuple[str, ...]
    root: str
    setting: str
    inferred: bool
    tables: tuple[Filled, ...]
    shortfalls: tuple[Shortfall, ...]
    empty: tuple[str, ...]
    written: bool

    @property
    def rows(self) -> int:
        """All rows of all tables."""
        return sum(filled.total for filled in self.tables)


def seed(
    conn: Connection[Any],
    *,
    tenants: int = 2,
    rows: int = 5,
    seed: int = 1,
    tenancy: Tenancy | None = None,
    exclude_schemas: Sequence[str] = ("ringfence",),
    dry_run: bool = False,
    force: bool = False,
) -> Seeded:
    """Fill every table with `rows` rows for each of `tenants` tenants, in one transaction.

    The same `seed` and schema give the same bytes. Tables of `exclude_schemas` and of extensions
    are left alone. Nothing is written in a `dry_run`.

    Raises `Misuse` for numbers and names that make no sense, `Refused` when tables have rows
    already (unless `force`) or a table can have none, `Rejected` when the server refuses a row
    after all. Nothing is written then.
    """
    shape = read(conn, exclude_schemas=exclude_schemas)
    if not shape.tables:
        raise Refused("there is no table to fill", hint="migrate the database first")
    who = model(shape, tenancy or Tenancy())
    taken = occupied(conn, shape)
    if taken and not force:
        shown = ", ".join(taken[:5]) + (f" and {len(taken) - 5} more" if len(taken) > 5 else "")
        raise Refused(
            f"the database is not empty: {shown}",
            hint="seed a fresh database, or add to this one with --force and another --seed",
        )
    shape = counting_on(conn, shape, taken)
    refused: Counter[tuple[str, str]] = Counter()
    first: dict[str, Rejected] = {}
    last = ""
    for _ in range(REPAIRS):
        planned = plan(conn, shape, who, tenants=tenants, rows=rows, seed=seed, refused=refused)
        if dry_run:
            return _seeded(planned, Counter(), written=False)
        try:
            surplus = load(conn, planned)
        except Rejected as error:
            # A table's first refusal is about a row as it should have been: that is the one to tell.
            last = error.table
            first.setdefault(last, error)
            if not _worth_another(error):
                break
            for column in error.columns:
                refused[error.table, column] += 1
        else:
            return _seeded(planned, surplus, written=True)
    raise first[last]


def _worth_another(error: Rejected) -> bool:
    """Whether other values may help: not against missing functions, privileges or locks."""
    return bool(error.columns) and error.sqlstate[:2] in ("22", "23", "P0")


def _seeded(planned: Plan, surplus: Counter[str], *, written: bool) -> Seeded:
    filled = []
    for group in planned.groups:
        for table in group.tables:
            counts = Counter(row.tenant for row in planned.rows[table.oid])
            scoped = planned.model.scoped(table)
            by_tenant = (
                tuple(counts[n] for n in range(planned.tenants)) if scoped else (counts[SHARED],)
            )
            filled.append(Filled(table.path, scoped, by_tenant, surplus[table.path]))
    root = planned.model.root
    return Seeded(
        seed=planned.seed,
        tenants=planned.tenant_ids,
        root=root.path if root else "",
        setting=planned.model.setting,
        inferred=planned.model.inferred,
        tables=tuple(sorted(filled, key=lambda f: f.table)),
        shortfalls=planned.shortfalls,
        empty=tuple(t.path for t in planned.shape.tables.values() if not t.takes_rows),
        written=written,
    )

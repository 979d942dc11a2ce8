"""Tenants with data that obeys every constraint.

`seed` fills a database; what it stands on is here for those who need a part: `read` gives the shape
of a database, `model` its tenancy, `plan` the rows, `load` writes them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ringfence.config import Seed as Settings
from ringfence.config import Tenancy
from ringfence.errors import Misuse, Refused
from ringfence.seed.export import to_csv, to_sql
from ringfence.seed.loading import Loaded, Refusal, Rejected, counting_on, load, occupied
from ringfence.seed.mark import disposable, mark_disposable, need_disposable
from ringfence.seed.place import SHARED
from ringfence.seed.planning import Plan, Shortfall, plan
from ringfence.seed.record import Cleaned, Record, clean, kept_tables
from ringfence.seed.shape import Shape, read
from ringfence.seed.tenancy import Model, model
from ringfence.seed.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from ringfence.seed.loading import Listener
    from ringfence.seed.wishes import Profile

__all__ = [
    "Cleaned",
    "Filled",
    "Loaded",
    "Model",
    "Plan",
    "Refusal",
    "Rejected",
    "Seeded",
    "Settings",
    "Shape",
    "Shortfall",
    "Wishes",
    "clean",
    "disposable",
    "load",
    "mark_disposable",
    "model",
    "need_disposable",
    "occupied",
    "plan",
    "read",
    "seed",
    "survey",
    "to_csv",
    "to_sql",
    "wishes_of",
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
    `empty` are tables that no row can be in. `written` is False after a dry run. `roles` are the
    runtime roles, `shared` the tables declared to be nobody's. `role` wrote the tables in `guarded`,
    `refusals` are those it was not let write. `uncovered` are (table, column, literal) for which no
    row could be found, where all were to be covered. `recorded` says that `clean` can undo it.
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
    roles: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    role: str = ""
    guarded: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    uncovered: tuple[tuple[str, str, str], ...] = ()
    recorded: bool = False

    @property
    def rows(self) -> int:
        """All rows of all tables."""
        return sum(filled.total for filled in self.tables)


def seed(
    conn: Connection[Any],
    *,
    tenants: int = 2,
    rows: int | None = None,
    seed: int = 1,
    profile: Profile = "demo",
    tenancy: Tenancy | None = None,
    settings: Settings | None = None,
    exclude_schemas: Sequence[str] = ("ringfence",),
    dry_run: bool = False,
    force: bool = False,
    as_owner: bool = False,
    record: str = "",
    progress: Listener | None = None,
) -> Seeded:
    """Fill every table with `rows` rows for each of `tenants` tenants, in one transaction.

    The same `seed`, schema and `settings` give the same bytes. Tables of `exclude_schemas` and of
    extensions are left alone. Nothing is written in a `dry_run`. `record` names the schema in which
    is kept what was written, for `clean`.

    Raises `Misuse` for numbers and names that make no sense, `Refused` when tables have rows
    already (unless `force`) or a table can have none, `Rejected` when the server refuses a row
    after all. Nothing is written then. Whether the database may be filled at all is for the caller
    to know: see `need_disposable`.
    """
    wishes = wishes_of(settings, tenants=tenants, rows=rows, seed=seed, profile=profile)
    shape, who, taken = survey(conn, tenancy, exclude_schemas)
    if taken and not force and not dry_run:
        raise Refused(
            f"the database is not empty: {_some(taken)}",
            hint="seed a fresh database, or add to this one with --force and another --seed",
        )
    shape = counting_on(conn, shape, taken)
    refused: Counter[tuple[str, str]] = Counter()
    first: dict[str, Rejected] = {}
    last = ""
    for _ in range(REPAIRS):
        planned = plan(conn, shape, who, wishes, refused=refused)
        if dry_run:
            return _seeded(planned, Loaded(Counter()), written=False)
        try:
            return _write(conn, planned, taken, as_owner=as_owner, record=record, progress=progress)
        except Rejected as error:
            # A table's first refusal is about a row as it should have been: that is the one to tell.
            last = error.table
            first.setdefault(last, error)
            if not _worth_another(error):
                break
            for column in error.columns:
                refused[error.table, column] += 1
    raise first[last]


def wishes_of(
    settings: Settings | None,
    *,
    tenants: int = 2,
    rows: int | None = None,
    seed: int = 1,
    profile: Profile = "demo",
) -> Wishes:
    """What is asked for and what the project's `[tool.ringfence.seed]` says, together.

    Raises `Misuse` for numbers that make no sense.
    """
    said = settings or Settings()
    if rows is not None and rows < 1:
        raise Misuse(f"{rows} rows were asked for", hint="ask for one at least: --rows 1")
    return Wishes(
        tenants, rows or 0, seed, profile, said.locale, said.skew, said.rows, said.columns
    )


def survey(
    conn: Connection[Any], tenancy: Tenancy | None, exclude_schemas: Sequence[str]
) -> tuple[Shape, Model, list[str]]:
    """A database's shape, its tenancy and the tables that have rows. Raises `Refused`, `Misuse`."""
    shape = read(conn, exclude_schemas=exclude_schemas)
    if not shape.tables:
        raise Refused("there is no table to fill", hint="migrate the database first")
    return shape, model(shape, tenancy or Tenancy()), occupied(conn, shape)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _write(
    conn: Connection[Any],
    planned: Plan,
    taken: Sequence[str],
    *,
    as_owner: bool,
    record: str,
    progress: Listener | None,
) -> Seeded:
    with conn.transaction():
        book = Record(conn, record) if record else None
        noted = book is not None and book.open()
        loaded = load(conn, planned, as_owner=as_owner, progress=progress)
        if book is not None and noted:
            run = book.begin(planned.seed, planned.wishes.asked)
            book.finish(run, planned, kept_tables(planned.shape, taken))
    return replace(_seeded(planned, loaded, written=True), recorded=noted)


def _worth_another(error: Rejected) -> bool:
    """Whether other values may help: not against missing functions, privileges or locks."""
    return bool(error.columns) and error.sqlstate[:2] in ("22", "23", "P0")


def _seeded(planned: Plan, loaded: Loaded, *, written: bool) -> Seeded:
    filled = []
    surplus = loaded.surplus
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
        roles=planned.model.roles,
        shared=planned.model.shared,
        role=loaded.role,
        guarded=loaded.guarded,
        refusals=loaded.refusals,
        uncovered=planned.uncovered,
    )

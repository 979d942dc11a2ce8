"""Tenants with data that obeys every constraint.

`seed` fills a database; what it stands on is here for those who need a part: `read` gives the shape
of a database, `model` its tenancy, `plan` the rows, `load` writes them.
"""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ringfence.config import Column, Tenancy
from ringfence.config import Seed as Settings
from ringfence.errors import Busy, Misuse, Refused
from ringfence.model import quoted
from ringfence.seed.export import to_csv, to_sql
from ringfence.seed.loading import (
    Loaded,
    Refusal,
    Rejected,
    counting_on,
    load,
    occupied,
    runtime_role,
    surplus,
)
from ringfence.seed.mark import disposable, mark_disposable, need_disposable
from ringfence.seed.multiply import reach
from ringfence.seed.place import SHARED
from ringfence.seed.planning import Plan, Shortfall, plan
from ringfence.seed.pouring import Cursor, Poured, Pouring, mixed, visible
from ringfence.seed.record import Cleaned, Record, clean, kept_tables, writers, written_by
from ringfence.seed.session import alone, snapshot
from ringfence.seed.shape import Shape, read
from ringfence.seed.synthesis import Path, Synthesis, Synthetic, synthesise
from ringfence.seed.tenancy import Model, model
from ringfence.seed.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from psycopg import Connection

    from ringfence.seed.loading import Listener
    from ringfence.seed.wishes import Profile

__all__ = [
    "Cleaned",
    "Filled",
    "Loaded",
    "Model",
    "Path",
    "Plan",
    "Refusal",
    "Rejected",
    "Seeded",
    "Settings",
    "Shape",
    "Shortfall",
    "Synthesis",
    "Synthetic",
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
    "resume",
    "seed",
    "survey",
    "synthesise",
    "to_csv",
    "to_sql",
    "wishes_of",
]

MOST_SKEWED = 100
"""The greatest skew: the second tenant has nothing compared with the first long before."""

MOST_TENANTS = 100_000
"""How many tenants there can be."""

MOST_THOUGHT_UP = 5_000_000
"""How many rows of a table are thought up one by one."""

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
    row could be found, where all were to be covered. `unseen` are (table, tenant's number, rows, rows
    that the runtime role sees in the tenant's name) where a load's rows are not all seen. `recorded` says that `clean` can undo it.
    `column` is what the column is called that says whose a row is, where no table's rows are the
    tenants, `columns` all of them by their paths; `rootless` are (column, setting) that policies
    compare where nothing can be made of that. `fickle` are (column, function) of overrides whose SQL
    gives other values the next time.
    `value` is what the setting holds besides a tenant's key, which `{tenant}` stands for in it.
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
    unseen: tuple[tuple[str, int, int, int], ...] = ()
    rootless: tuple[tuple[str, str], ...] = ()
    column: str = ""
    columns: tuple[str, ...] = ()
    fickle: tuple[tuple[str, str], ...] = ()
    value: str = ""

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
    bulk: bool = False,
    batch: int = 0,
    record: str = "",
    progress: Listener | None = None,
    announce: Callable[[Seeded], None] | None = None,
    only: Collection[int] | None = None,
) -> Seeded:
    """Fill every table with `rows` rows for each of `tenants` tenants, in one transaction.

    The same `seed`, schema and `settings` give the same bytes. Tables of `exclude_schemas` and of
    extensions are left alone. Nothing is written in a `dry_run`. `record` names the schema in which
    is kept what was written, for `clean`. With `as_owner` the runtime role writes nothing.
    `announce` is told what is going to be written, before anything is. `only` are the OIDs of the
    tables that are filled then, and with them what they refer to.

    The profile `load` writes by COPY; with `bulk` secondary indexes and foreign keys are dropped for
    that long, with `batch` it commits whenever so many rows are written, and `resume` goes on from
    there after an interruption.

    Raises `Misuse` for numbers and names that make no sense, `Refused` when tables have rows
    already (unless `force`) or a table can have none, `Rejected` when the server refuses a row
    after all. Nothing is written then. Whether the database may be filled at all is for the caller
    to know: see `need_disposable`.
    """
    if (bulk or batch) and profile != "load":
        which = "bulk" if bulk else "batch"
        raise Misuse(f"--{which} is for loads", hint=f"--profile load --{which}")
    if bulk and batch:
        raise Misuse(
            "--bulk and --batch do not go together",
            detail="an interruption would leave the tables without their indexes",
            hint="take one of them",
        )
    how = _How(as_owner, bulk, batch, record, progress, announce, only)
    wishes = wishes_of(settings, tenants=tenants, rows=rows, seed=seed, profile=profile)
    with nullcontext() if dry_run else alone(conn):
        return _seed(conn, wishes, tenancy, exclude_schemas, how, dry_run=dry_run, force=force)


def _seed(
    conn: Connection[Any],
    wishes: Wishes,
    tenancy: Tenancy | None,
    exclude_schemas: Sequence[str],
    how: _How,
    *,
    dry_run: bool,
    force: bool,
) -> Seeded:
    shape, who, taken = survey(conn, tenancy, exclude_schemas, how.only)
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
            return _seeded(planned, Loaded(Counter()), Poured(), written=False)
        if how.announce is not None and not refused:
            how.announce(_seeded(planned, Loaded(Counter()), Poured(), written=False))
        try:
            return _write(conn, planned, taken, refused, how)
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
    if not 0 <= said.skew <= MOST_SKEWED:
        raise Misuse(
            f"the skew is {said.skew:g}", hint=f"from 0, all alike, to {MOST_SKEWED}: --skew 1"
        )
    if tenants > MOST_TENANTS:
        raise Misuse(
            f"{tenants:,} tenants were asked for",
            hint=f"{MOST_TENANTS:,} are the most there can be",
        )
    most = max([rows or 0, *said.rows.values()])
    if profile != "load" and tenants * most > MOST_THOUGHT_UP:
        raise Misuse(
            f"{tenants * most:,} rows of a table were asked for, and the profile {profile} thinks"
            " them up one by one",
            hint="--profile load writes that many",
        )
    return Wishes(
        tenants, rows or 0, seed, profile, said.locale, said.skew, said.rows, said.columns
    )


def survey(
    conn: Connection[Any],
    tenancy: Tenancy | None,
    exclude_schemas: Sequence[str],
    only: Collection[int] | None = None,
) -> tuple[Shape, Model, list[str]]:
    """A database's shape, its tenancy and the tables that have rows. Raises `Refused`, `Misuse`."""
    shape = read(conn, exclude_schemas=exclude_schemas)
    if only is not None:
        said = tenancy or Tenancy()
        known = {t.oid for name in (said.root, *said.shared) if name for t in shape.named(name)}
        shape = shape.within({*only, *known})
    if not shape.tables:
        raise Refused("there is no table to fill", hint="migrate the database first")
    return shape, model(shape, tenancy or Tenancy()), occupied(conn, shape)


@dataclass(frozen=True, slots=True)
class _How:
    as_owner: bool
    bulk: bool
    batch: int
    record: str
    progress: Listener | None
    announce: Callable[[Seeded], None] | None
    only: Collection[int] | None = None


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def resume(
    conn: Connection[Any],
    *,
    tenancy: Tenancy | None = None,
    exclude_schemas: Sequence[str] = ("ringfence",),
    record: str = "ringfence",
    seed: int | None = None,
    progress: Listener | None = None,
) -> Seeded:
    """Go on with the load that was interrupted between two batches, from where it stands.

    Raises `Refused` where there is none, or where `seed` is another than its number.
    """
    with alone(conn):
        return _resume(conn, tenancy, exclude_schemas, record, seed, progress)


def _resume(
    conn: Connection[Any],
    tenancy: Tenancy | None,
    exclude_schemas: Sequence[str],
    record: str,
    number: int | None,
    progress: Listener | None,
) -> Seeded:
    book = Record(conn, record)
    run = next((run for run in book.runs() if not run.finished), None)
    if run is None:
        raise Refused(
            "no seed was interrupted here",
            hint="only a load in batches can be resumed: ringfence seed --profile load --batch 100000",
        )
    if number is not None and number != run.seed:
        raise Refused(
            f"the seed that was interrupted here is {run.seed}, not {number}",
            hint="ringfence seed --resume",
        )
    asked = dict(run.asked)
    batch = int(asked.pop("batch"))
    refused = {(table, column): count for table, column, count in asked.pop("refused")}
    asked["columns"] = {name: _column(said) for name, said in asked["columns"].items()}
    shape, who, _ = survey(conn, tenancy, exclude_schemas)
    planned = plan(conn, shape, who, Wishes(**asked), refused=refused)
    if planned.tenant_ids != run.tenants:
        raise Refused(
            f"seed {run.seed} would not be the same any more: the schema has changed since",
            hint="ringfence seed --clean --force, then seed anew",
        )
    ours: list[int] | None = run.cursor.get("ours")
    at: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in run.cursor.items() if k != "ours"
    }
    after = Cursor(**at) if at else None
    kept = dict.fromkeys(planned.rows, 0)
    return _in_batches(
        conn, planned, book, run.id, Loaded(Counter(), kept=kept), after, ours, batch, progress
    )


def _column(said: Mapping[str, Any]) -> Column:
    """A column's override as JSON has it, which knows no tuples."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in said.items()}
    return Column(**values)


def _write(
    conn: Connection[Any],
    planned: Plan,
    taken: Sequence[str],
    refused: Mapping[tuple[str, str], int],
    how: _How,
) -> Seeded:
    if planned.wishes.profile == "load":
        planned = replace(planned, reach=reach(planned))
    book = Record(conn, how.record) if how.record else None
    if how.batch:
        return _begin_batches(conn, planned, book, taken, refused, how)
    with snapshot(conn):
        _refuse_new(conn, planned, taken)
        noted = book is not None and book.open()
        loaded = load(conn, planned, as_owner=how.as_owner, progress=how.progress)
        poured = Poured()
        if planned.wishes.profile == "load":
            listener = how.progress or (lambda *_: None)
            poured = Pouring(conn, planned, progress=listener, bulk=how.bulk).run()
            loaded = replace(loaded, surplus=surplus(conn, planned, loaded.kept, poured.more))
        if book is not None and noted:
            run = book.begin(planned.seed, planned.wishes.asked)
            book.finish(run, planned, kept_tables(planned.shape, taken))
        unseen = _unseen(conn, planned, poured) if not taken else ()
    return replace(_seeded(planned, loaded, poured, written=True), recorded=noted, unseen=unseen)


def _refuse_new(conn: Connection[Any], planned: Plan, taken: Sequence[str]) -> None:
    """Raise `Busy` where tables that were empty when the rows were thought up are so no more."""
    new = [path for path in occupied(conn, planned.shape) if path not in taken]
    if new:
        raise Busy(
            f"another session has written to {_some(new)} meanwhile",
            hint="nothing was written; run it again when the other is done",
        )


def _begin_batches(
    conn: Connection[Any],
    planned: Plan,
    book: Record | None,
    taken: Sequence[str],
    refused: Mapping[tuple[str, str], int],
    how: _How,
) -> Seeded:
    if taken:
        raise Refused(
            f"the database is not empty: {_some(taken)}",
            hint="a load in batches begins with an empty one, so that it can be resumed",
        )
    with snapshot(conn):
        _refuse_new(conn, planned, taken)
        if book is None or not book.open():
            raise Refused(
                "where a load in batches stands cannot be recorded here",
                hint="let the role create tables in the schema ringfence, or load without --batch",
            )
        loaded = load(conn, planned, as_owner=how.as_owner, progress=how.progress)
        said = [[table, column, count] for (table, column), count in refused.items()]
        asked = {**planned.wishes.asked, "batch": how.batch, "refused": said}
        run = book.begin(planned.seed, asked)
        # Nobody else's rows are to be seen here: those that are were written by us.
        takes = [table for table in planned.shape.tables.values() if table.takes_rows]
        ours = writers(conn, takes)
        book.reach(run, {"ours": ours}, planned.tenant_ids)
    return _in_batches(conn, planned, book, run, loaded, None, ours, how.batch, how.progress)


def _in_batches(
    conn: Connection[Any],
    planned: Plan,
    book: Record,
    run: int,
    loaded: Loaded,
    after: Cursor | None,
    ours: list[int] | None,
    batch: int,
    progress: Listener | None,
) -> Seeded:
    def reached(cursor: Cursor) -> None:
        said = asdict(cursor)
        if ours is not None:
            # What others write between the batches is not ours, and a row says who wrote it.
            answer = conn.execute("SELECT pg_current_xact_id()::XID::TEXT").fetchone()
            assert answer is not None
            ours.append(int(answer[0]))
            said["ours"] = ours
        book.reach(run, said, planned.tenant_ids)

    poured = Pouring(
        conn, planned, progress=progress or (lambda *_: None), batch=batch, after=after,
        reached=reached, ours=ours,
    ).run()  # fmt: skip
    with conn.transaction():
        whose = None if ours is None else written_by(ours)
        loaded = replace(loaded, surplus=surplus(conn, planned, loaded.kept, poured.more, whose))
        book.finish(run, planned, (), ours)
        unseen = tuple(
            found
            for found in _unseen(conn, planned, poured)
            # More rows may be those that others have written meanwhile.
            if found[3] < found[2] or not mixed(conn, planned, found[0], ours)
        )
    return replace(_seeded(planned, loaded, poured, written=True), recorded=True, unseen=unseen)


def _unseen(
    conn: Connection[Any], planned: Plan, poured: Poured
) -> tuple[tuple[str, int, int, int], ...]:
    if not poured.more:
        return ()
    written = {
        oid: Counter(row.tenant for row in planned.rows[oid]) + more
        for oid, more in poured.more.items()
    }
    return tuple(visible(conn, planned, runtime_role(conn, planned.model), written))


def _worth_another(error: Rejected) -> bool:
    """Whether other values may help: not against missing functions, privileges or locks."""
    return bool(error.columns) and error.sqlstate[:2] in ("22", "23", "P0")


def _shortfalls(planned: Plan, poured: Poured) -> tuple[Shortfall, ...]:
    """What there is no room for, measured by what was wanted rather than by what was planned."""
    wanted = {
        planned.shape.tables[oid].path: sum(counts.values())
        for oid, counts in planned.wanted.items()
    }
    found = {short.table: short for short in poured.shortfalls}
    more = {planned.shape.tables[oid].path: added.total() for oid, added in poured.more.items()}
    for short in planned.shortfalls:
        # Of few that were thought up there may be many copies.
        asked = max(short.asked, wanted.get(short.table, 0))
        got = short.got + more.get(short.table, 0)
        if got < asked:
            found[short.table] = replace(short, asked=asked, got=got)
    return tuple(found.values())


def _seeded(planned: Plan, loaded: Loaded, poured: Poured, *, written: bool) -> Seeded:
    filled = []
    load_ = planned.wishes.profile == "load"
    for group in planned.groups:
        for table in group.tables:
            counts = Counter(row.tenant for row in planned.rows[table.oid])
            counts += poured.more.get(table.oid, Counter())
            if load_ and not written:
                counts |= Counter(planned.wanted[table.oid])
            scoped = planned.model.scoped(table)
            by_tenant = (
                tuple(counts[n] for n in range(planned.tenants)) if scoped else (counts[SHARED],)
            )
            filled.append(Filled(table.path, scoped, by_tenant, loaded.surplus[table.path]))
    root = planned.model.root
    return Seeded(
        seed=planned.seed,
        tenants=planned.tenant_ids,
        root=root.path if root else "",
        setting=planned.model.setting,
        inferred=planned.model.inferred,
        tables=tuple(sorted(filled, key=lambda f: f.table)),
        shortfalls=_shortfalls(planned, poured) if not load_ or written else (),
        empty=tuple(t.path for t in planned.shape.tables.values() if not t.takes_rows),
        written=written,
        roles=planned.model.roles,
        shared=planned.model.shared,
        role=loaded.role,
        guarded=loaded.guarded,
        refusals=loaded.refusals,
        uncovered=planned.uncovered,
        rootless=planned.model.rootless,
        fickle=planned.fickle,
        column=planned.model.column if planned.model.columns else "",
        columns=tuple(
            sorted(
                f"{planned.shape.tables[oid].path}.{quoted(name)}"
                for oid, name in planned.model.columns.items()
            )
        ),
        value=planned.model.value,
    )

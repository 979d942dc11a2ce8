"""Rows for those who look whether one tenant sees the other's, and whose each of them is.

Twins: every tenant has the same rows, equal but for what must differ. Of every table there is a row
for each literal of a CHECK and each label of an enum, one in every partition, and a last one that
nothing points to. Of each row it is known whose it is, by every path of foreign keys to the root,
and of each telling value whose rows alone hold it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ringfence.seed.loading import Rejected, load
from ringfence.seed.place import SHARED
from ringfence.seed.planning import plan
from ringfence.seed.record import key_of
from ringfence.seed.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg import Connection

    from ringfence.seed.loading import Loaded
    from ringfence.seed.planning import Plan
    from ringfence.seed.rows import Row
    from ringfence.seed.shape import Shape
    from ringfence.seed.tenancy import Model

_TELLING = 8
"""Shorter values than that may well occur by chance."""

_REPAIRS = 12


@dataclass(frozen=True, slots=True)
class Path:
    """A way from a row up to the tenants' table: its foreign keys by name, and where it ends."""

    keys: tuple[str, ...]
    tenant: int


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A row. `tenant` is its tenant's number, None for a row of nobody; `number` that of the row
    among the tenant's: twins have the same.

    `values` are in PostgreSQL's notation, None for NULL; `key` are those that tell it from others.
    `leaf` says that no other row points to it, `paths` are all its ways to the tenants' table, the
    shortest first.
    """

    table: str
    tenant: int | None
    number: int
    values: Mapping[str, str | None]
    key: Mapping[str, str | None]
    leaf: bool
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Synthesis:
    """Rows with their provenance. `plan` is what they are from, `written` what writing it did."""

    plan: Plan = field(repr=False)
    written: Loaded | None = None

    @property
    def tenants(self) -> tuple[str, ...]:
        """The tenants' keys."""
        return self.plan.tenant_ids

    @cached_property
    def rows(self) -> tuple[Synthetic, ...]:
        """All rows, parents first."""
        pointed = {
            id(parent)
            for rows in self.plan.rows.values()
            for row in rows
            for parent in row.parents.values()
            if parent is not None and parent is not row
        }
        return tuple(
            _synthetic(row, id(row) not in pointed, self.plan.model)
            for group in self.plan.groups
            for table in group.tables
            for row in self.plan.rows[table.oid]
        )

    def of(self, table: str, tenant: int | None = None) -> tuple[Synthetic, ...]:
        """A table's rows: one tenant's, or those of nobody."""
        return tuple(r for r in self.rows if r.table == table and r.tenant == tenant)

    @cached_property
    def marks(self) -> Mapping[str, int]:
        """By value the number of the only tenant whose rows hold it: who reads it reads that
        tenant's rows, wherever it stands. Values that are short or shared by chance are not here."""
        holders: dict[str, set[int | None]] = {}
        for row in self.rows:
            for text in row.values.values():
                if text is not None and len(text) >= _TELLING:
                    holders.setdefault(text, set()).add(row.tenant)
        return {
            text: owner
            for text, owners in holders.items()
            if len(owners) == 1 and (owner := next(iter(owners))) is not None
        }

    def taint(self, text: str) -> frozenset[int]:
        """The tenants whose marks occur in a text: a cell, an error, a document."""
        return frozenset(owner for mark, owner in self.marks.items() if mark in text)


def synthesise(
    conn: Connection[Any],
    shape: Shape,
    model: Model,
    *,
    tenants: int = 2,
    rows: int = 2,
    seed: int = 1,
    write: bool = True,
) -> Synthesis:
    """Think up twins for every table, and with `write` put them into the database, which is empty.

    Everything is written in one transaction, or in that of the caller. Raises what `seed` does.
    """
    wishes = Wishes(tenants, rows, seed, "minimal", twins=True, leaves=True)
    refused: Counter[tuple[str, str]] = Counter()
    first: dict[str, Rejected] = {}
    last = ""
    for _ in range(_REPAIRS):
        planned = plan(conn, shape, model, wishes, refused=refused)
        if not write:
            return Synthesis(planned)
        try:
            # As who is connected: what the policies let pass is for the reader to find out.
            return Synthesis(planned, load(conn, planned, as_owner=True))
        except Rejected as error:
            last = error.table
            first.setdefault(last, error)
            if not error.columns or error.sqlstate[:2] not in ("22", "23", "P0"):
                break
            for column in error.columns:
                refused[error.table, column] += 1
    raise first[last]


def _synthetic(row: Row, leaf: bool, model: Model) -> Synthetic:
    names = key_of(row.table) or tuple(row.values)
    return Synthetic(
        table=row.table.path,
        tenant=None if row.tenant == SHARED else row.tenant,
        number=row.number,
        values=dict(row.values),
        key={name: row.values.get(name) for name in names},
        leaf=leaf,
        paths=tuple(
            sorted(_paths(row, model, frozenset()), key=lambda path: (len(path.keys), path.keys))
        ),
    )


def _paths(row: Row, model: Model, seen: frozenset[int]) -> Iterator[Path]:
    if row.table.oid in model.columns:
        yield Path((), row.tenant)
    if model.root is not None and row.table.oid == model.root.oid:
        yield Path((), row.tenant)
        return
    for reference, parent in row.parents.items():
        if parent is None or parent.table.oid in seen or parent.table.oid == row.table.oid:
            continue
        for path in _paths(parent, model, seen | {row.table.oid}):
            yield Path((reference.name, *path.keys), path.tenant)

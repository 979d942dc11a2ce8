"""Rows made for the branches of policies: like ones that are there, but for what a branch asks.

The server says whether a row fits, and whether it is in the branch then.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import psycopg

from ringfence.isolation.branches import Branch, Reader, alias_of, here, place
from ringfence.isolation.estate import by_key
from ringfence.isolation.trials import Chooser, Wanted
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.seed.rules import Constants
from ringfence.seed.values import Values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ringfence.isolation.estate import Fixture, Row
    from ringfence.isolation.surface import Role

_TRIALS = 240
"""How many rows are tried for one branch, before it is given up."""


def make(fixture: Fixture, roles: Sequence[Role]) -> None:
    """Give each branch a row of each tenant's; one that is for rows of nobody, one of those."""
    conn, estate = fixture.conn, fixture.estate
    reader = Reader(conn, estate, fixture.surface, roles)
    wanted = [b for b in reader.branches() if b.leaves and not b.open_ended]
    wanted += _without_tenant(fixture)
    if not wanted:
        return
    constants = Constants(conn, estate.shape, reader.now)
    values = Values(estate.shape, constants.domains(estate.shape))
    maker = _Maker(fixture, Chooser(fixture, constants, values))
    for branch in wanted:
        for tenant in (None,) if branch.lone else (fixture.a, fixture.b):
            if not place(fixture, branch, tenant):
                maker.make(Wanted(branch, estate.tables[branch.table], tenant))


def _without_tenant(fixture: Fixture) -> Iterator[Branch]:
    """Tables under row security whose rows need not have a tenant: one is to have none."""
    shape, model = fixture.estate.shape, fixture.estate.model
    for oid, table in fixture.estate.tables.items():
        relation = fixture.surface.relations.get(oid)
        if relation is None or not relation.row_security or (model.root and oid == model.root.oid):
            continue
        edge = model.path.get(oid)
        names = (model.own(table),) if model.own(table) else edge.columns if edge else ()
        if any(not shape.not_null(table.column[name]) for name in names):
            yield Branch(oid, oid, "", "*", (), (), lone=True)


class _Maker:
    """Makes rows that are wanted."""

    def __init__(self, fixture: Fixture, chooser: Chooser) -> None:
        self.fixture = fixture
        self.chooser = chooser

    def make(self, wanted: Wanted) -> bool:
        """Whether a row came to be in the branch."""
        table = wanted.table
        rows = self.fixture.rows[wanted.tenant or self.fixture.b].get(table.oid, ())
        if not rows:
            return False
        root = self.fixture.estate.model.root
        for trial in islice(self.chooser.trials(wanted), _TRIALS):
            if root is not None and root.oid == table.oid:
                if self._changed(wanted, rows[0], trial):
                    return True
            elif self._copied(wanted, rows[-1], trial):
                return True
        again = islice(self.chooser.trials(wanted), _TRIALS // 4)
        return len(rows) > 1 and any(self._changed(wanted, rows[-1], trial) for trial in again)

    def _copied(self, wanted: Wanted, row: Row, trial: Mapping[str, str | None]) -> bool:
        table = wanted.table
        self.chooser.number += 1
        keyed = {c for k in table.keys for c in k.columns if c}
        bound = {c for r in table.references for c in r.columns}
        bound.add(self.fixture.estate.model.own(table))
        given: dict[str, str | None] = {}
        for column in table.columns:
            if column.generated:
                continue
            if column.name in trial:
                given[column.name] = trial[column.name]
            elif column.name not in keyed or column.name in bound:
                given[column.name] = row.values.get(column.name)
            elif not (column.default or column.identity):
                given[column.name] = self.chooser.fresh(table, column)
        names = ", ".join(map(ident, given))
        values = ", ".join(literal(value).strip() for value in given.values())
        at = qualified((table.schema, table.name))
        head = f"INSERT INTO {at} AS {alias_of(self.fixture, wanted.branch)} ({names})"
        return self._done(wanted, f"{head} OVERRIDING SYSTEM VALUE VALUES ({values})")

    def _changed(self, wanted: Wanted, row: Row, trial: Mapping[str, str | None]) -> bool:
        table = wanted.table
        where = by_key(table, row)
        if where is None or not trial:
            return False
        to = ", ".join(f"{ident(n)} = {literal(v).strip()}" for n, v in trial.items())
        at = qualified((table.schema, table.name))
        head = f"UPDATE {at} AS {alias_of(self.fixture, wanted.branch)} SET {to} WHERE {where}"
        return self._done(wanted, head)

    def _done(self, wanted: Wanted, statement: str) -> bool:
        tenant = wanted.tenant
        conn, model = self.fixture.conn, self.fixture.estate.model
        with suppress(psycopg.Error), conn.transaction():
            if model.setting and tenant is not None:
                named = literal(model.named(tenant))
                conn.execute(f"SELECT set_config({literal(model.setting)}, {named}, true)")
            asked = here(self.fixture, wanted.branch, tenant)
            found = conn.execute(f"{statement} RETURNING {asked}".encode(), prepare=False)
            if [row[0] for row in found.fetchall()] != [True]:
                raise psycopg.Rollback
            return True
        return False

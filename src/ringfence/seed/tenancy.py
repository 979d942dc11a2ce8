"""Whose rows are whose: the tenants' table, and every table that hangs from it by foreign keys."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ringfence.errors import Misuse
from ringfence.model import quoted
from ringfence.seed import expression

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ringfence.config import Tenancy
    from ringfence.seed.shape import Reference, Shape, Table


@dataclass(frozen=True)
class Model:
    """The tenants of a database.

    `root` is the table whose rows are the tenants, None where there are none; `setting` the
    configuration parameter that policies read the tenant from, `column` the column of `root` it
    holds. `path` gives for every table below the root the foreign key that leads up to it the
    shortest way, over keys that are never NULL where there is such a way. `roles` are the runtime
    roles, `shared` the tables whose rows are declared to be nobody's. `inferred` says that the root
    was found out rather than configured. `rootless` are (column, setting) that policies compare
    where no table's rows are the tenants: nobody's rows are told apart then.
    """

    root: Table | None = None
    setting: str = ""
    column: str = ""
    inferred: bool = False
    path: Mapping[int, Reference] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    rootless: tuple[tuple[str, str], ...] = ()

    def scoped(self, table: Table) -> bool:
        """Whether the table's rows belong to tenants."""
        return self.root is not None and (table.oid == self.root.oid or table.oid in self.path)


def model(shape: Shape, tenancy: Tenancy) -> Model:
    """The tenancy that the configuration names, completed from policies and foreign keys.

    Without a root in the configuration it is the table that most policies reach: where the foreign
    keys end that begin with a column a policy compares with a setting. Raises `Misuse` for a root
    or a shared table that does not exist.
    """
    nobodys = {(t := _known(shape, name, "shared")).oid: t.path for name in tenancy.shared}
    votes, rootless = _votes(shape)
    if tenancy.root:
        root = _known(shape, tenancy.root, "root")
    else:
        policies: dict[int, set[int]] = {}
        for vote in votes:
            if vote.last:
                policies.setdefault(vote.table, set()).add(vote.policy)
        if not policies:
            return Model(setting=tenancy.setting, roles=tenancy.roles, rootless=tuple(rootless))
        below = {oid: len(_paths(shape, shape.tables[oid], set(nobodys))) for oid in policies}
        best = min(policies, key=lambda o: (-len(policies[o]), -below[o], shape.tables[o].path))
        root = shape.tables[best]
    seen = Counter(
        (vote.column, vote.setting)
        for vote in votes
        if vote.table == root.oid and (not tenancy.setting or vote.setting == tenancy.setting)
    )
    column, setting = max(seen, key=lambda pair: (seen[pair], pair), default=("", tenancy.setting))
    if not column:
        primary = next((key for key in root.keys if key.primary), None)
        column = primary.columns[0] if primary and len(primary.columns) == 1 else ""
    paths = _paths(shape, root, set(nobodys))
    return Model(
        root, setting, column, not tenancy.root, paths,
        tenancy.roles or _roles(shape, {root.oid, *paths}), tuple(sorted(nobodys.values())),
    )  # fmt: skip


def _roles(shape: Shape, scoped: set[int]) -> tuple[str, ...]:
    """The roles that may write tenants' rows, those first that may write the most tables."""
    counts = Counter(role for oid, role in shape.grants if oid in scoped)
    return tuple(sorted(counts, key=lambda role: (-counts[role], role)))


def _known(shape: Shape, name: str, key: str) -> Table:
    found = shape.named(name)
    if len(found) > 1:
        raise Misuse(
            f"[tool.ringfence.tenancy] {key} names {name}, and there are {len(found)} such tables",
            hint=f"name one of {', '.join(table.path for table in found)}",
        )
    if not found:
        paths = [t.path for t in shape.tables.values()]
        near = difflib.get_close_matches(name, paths, n=1)
        raise Misuse(
            f"[tool.ringfence.tenancy] {key} names {name}, and there is no such table",
            hint=f"did you mean {near[0]}?" if near else "name it schema.table",
        )
    return found[0]


class _Vote(NamedTuple):
    """A policy's word for a table: the setting names a row of it by `column`. `last` where the column
    is not itself taken from another table."""

    table: int
    column: str
    setting: str
    policy: int
    last: bool


def _votes(shape: Shape) -> tuple[list[_Vote], dict[tuple[str, str], None]]:
    """What policies say of tables, and the (column, setting) that lead to none.

    What a policy compares with the setting counts; where no policy shows that, all it reads.
    """
    conditions = {(r.visible, r.allowed, r.reader) for r in shape.settings}
    compared = {
        said: expression.compared(said[0], said[2]) | expression.compared(said[1], said[2])
        for said in conditions
    }
    known = [reading for reading in shape.settings if reading.table in shape.tables]
    direct = [r for r in known if r.column in compared[r.visible, r.allowed, r.reader]]
    votes: list[_Vote] = []
    rootless: dict[tuple[str, str], None] = {}
    for reading in direct or known:
        led = False
        todo, seen = [(reading.table, reading.column, True)], set[tuple[int, str]]()
        while todo:
            oid, column, first = todo.pop()
            if (oid, column) in seen:
                continue
            seen.add((oid, column))
            table = shape.tables[oid]
            further = [
                (r.target, r.target_columns[r.columns.index(column)], False)
                for r in table.references
                if column in r.columns and r.target in shape.tables and r.target != oid
            ]
            todo += further
            if any(key.columns == (column,) and not key.predicate for key in table.keys) and (
                not first or any(key.primary and key.columns == (column,) for key in table.keys)
            ):
                last = not further
                led |= last
                votes.append(_Vote(oid, column, reading.setting, reading.policy, last))
        if not led and direct:
            path = f"{shape.tables[reading.table].path}.{quoted(reading.column)}"
            rootless[path, reading.setting] = None
    return votes, rootless


def _paths(shape: Shape, root: Table, shared: set[int]) -> dict[int, Reference]:
    """For every table below the root its best foreign key towards it."""
    # A key that may be NULL costs more than any way around it.
    distance: dict[int, int] = {root.oid: 0}
    best: dict[int, Reference] = {}
    changed = True
    while changed:
        changed = False
        for table in shape.tables.values():
            if table.oid == root.oid or table.oid in shared:
                continue
            for reference in table.references:
                if reference.target not in distance or reference.target == table.oid:
                    continue
                step = 1000 if table.nullable(reference) else 1
                length = distance[reference.target] + step
                if length < distance.get(table.oid, 1 << 30):
                    distance[table.oid] = length
                    best[table.oid] = reference
                    changed = True
    return best

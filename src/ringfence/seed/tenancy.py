"""Whose rows are whose: the tenants' table, and every table that hangs from it by foreign keys."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ringfence.errors import Misuse

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
    was found out rather than configured.
    """

    root: Table | None = None
    setting: str = ""
    column: str = ""
    inferred: bool = False
    path: Mapping[int, Reference] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    def scoped(self, table: Table) -> bool:
        """Whether the table's rows belong to tenants."""
        return self.root is not None and (table.oid == self.root.oid or table.oid in self.path)


def model(shape: Shape, tenancy: Tenancy) -> Model:
    """The tenancy that the configuration names, completed from policies and foreign keys.

    Without a root in the configuration it is the table that most policies reach: the target of the
    foreign keys on columns that a policy reads together with a setting. Raises `Misuse` for a root
    or a shared table that does not exist.
    """
    nobodys = {(t := _known(shape, name, "shared")).oid: t.path for name in tenancy.shared}
    votes = _votes(shape)
    if tenancy.root:
        root = _known(shape, tenancy.root, "root")
    else:
        counts: Counter[int] = Counter()
        for oid, _, _ in votes:
            counts[oid] += 1
        if not counts:
            return Model(setting=tenancy.setting, roles=tenancy.roles)
        best = min(counts, key=lambda oid: (-counts[oid], shape.tables[oid].path))
        root = shape.tables[best]
    seen = Counter(
        (column, setting)
        for oid, column, setting in votes
        if oid == root.oid and (not tenancy.setting or setting == tenancy.setting)
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


def _votes(shape: Shape) -> list[tuple[int, str, str]]:
    """(target table, its column, setting) for every column that a policy reads with a setting."""
    votes = []
    for oid, column, setting in shape.settings:
        table = shape.tables.get(oid)
        if table is None:
            continue
        for reference in table.references:
            if column in reference.columns and reference.target in shape.tables:
                target = reference.target_columns[reference.columns.index(column)]
                votes.append((reference.target, target, setting))
        if any(key.primary and key.columns == (column,) for key in table.keys):
            votes.append((oid, column, setting))
    return votes


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

"""Whose rows are whose: the tenants' table, and every table that hangs from it by foreign keys."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ringfence.errors import Misuse
from ringfence.model import quoted
from ringfence.seed import expression, naming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ringfence.config import Tenancy
    from ringfence.seed.shape import Reference, Shape, Table


@dataclass(frozen=True, slots=True)
class Members:
    """Where it stands which tenants a person belongs to, and the setting that names the person.

    `person` is the column of the table (by OID) that holds the person, `tenant` the foreign key to the
    tenant; `value` is what else is in the setting.
    """

    table: int
    person: str
    tenant: Reference
    setting: str
    value: str = ""


@dataclass(frozen=True)
class Model:
    """The tenants of a database.

    `root` is the table whose rows are the tenants, None where there are none; `setting` the
    configuration parameter that policies read the tenant from, `column` the column of `root` it
    holds, `value` what else is in it, with `{tenant}` for that (nothing else where it is empty).
    `path` gives for every table below the root the foreign key that leads up to it the shortest way, over keys that are never NULL where there is such a way. `roles` are the runtime
    roles, `shared` the tables whose rows are declared to be nobody's. `inferred` says that the root
    was found out rather than configured.

    Where no table's rows are the tenants, `columns` gives by table the column that says whose a row
    is, and `column` is what most of them are called. `rootless` are (column, setting) that policies
    compare where nothing can be made of that: nobody's rows are told apart then.

    Where sessions name persons, `members` says which tenants a person belongs to, and `names` the person
    who stands for a tenant, by its key. `setting` is empty as long as nobody does.
    """

    root: Table | None = None
    setting: str = ""
    column: str = ""
    inferred: bool = False
    path: Mapping[int, Reference] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    rootless: tuple[tuple[str, str], ...] = ()
    columns: Mapping[int, str] = field(default_factory=dict)
    value: str = ""
    members: Members | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def named(self, key: str) -> str:
        """What the setting holds for the tenant `key`."""
        return naming.named(self.value, self.names.get(key, key))

    @property
    def tenanted(self) -> bool:
        """Whether there are tenants whose rows are told apart."""
        return self.root is not None or bool(self.columns)

    def own(self, table: Table) -> str:
        """The column of a table that holds the tenant itself, as the tenants' table has it or where
        there is none; empty where foreign keys lead there."""
        if self.root is not None and table.oid == self.root.oid:
            return self.column
        return self.columns.get(table.oid, "")

    def scoped(self, table: Table) -> bool:
        """Whether the table's rows belong to tenants."""
        if table.oid in self.columns or table.oid in self.path:
            return True
        return self.root is not None and table.oid == self.root.oid


def model(shape: Shape, tenancy: Tenancy) -> Model:
    """The tenancy that the configuration names, completed from policies and foreign keys.

    Without a root in the configuration it is the table that most policies reach: where the foreign
    keys end that begin with a column a policy compares with a setting. Where they end nowhere, the
    column alone says whose a row is. Raises `Misuse` for a root, a column or a shared table that
    does not exist.
    """
    nobodys = {(t := _known(shape, name, "shared")).oid: t.path for name in tenancy.shared}
    if tenancy.root and tenancy.column:
        raise Misuse(
            f"[tool.ringfence.tenancy] names both the root {tenancy.root} and the column"
            f" {tenancy.column}",
            hint="take column out: a tenant is a row of the root",
        )
    votes, rootless = _votes(shape)
    if tenancy.column:
        return _by_column(shape, tenancy, nobodys, rootless)
    policies: dict[int, set[int]] = {}
    members, through = _members(shape, tenancy, nobodys)
    if members is not None:
        direct = {v.policy for v in votes if v.relation != members.table} - through
        if tenancy.members or tenancy.root or len(through) > len(direct):
            return _by_members(shape, tenancy, nobodys, members)
    if tenancy.root:
        root = _known(shape, tenancy.root, "root")
    else:
        for vote in votes:
            if vote.last:
                policies.setdefault(vote.table, set()).add(vote.policy)
        if not policies:
            return _by_column(shape, tenancy, nobodys, rootless)
        below = {oid: len(_paths(shape, {oid}, set(nobodys))) for oid in policies}
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
    own = {r.policy for r in shape.settings if r.table == root.oid}
    apart = {lone.policy for lone in rootless if lone.setting == setting}
    if not tenancy.root and len(apart) > len(policies[root.oid] - own):
        # That table is one of many with the tenant's name in it, and no other points there.
        lone = [_Lone(v.table, v.column, v.setting, v.policy) for v in votes if v.last]
        return _by_column(shape, tenancy, nobodys, [*rootless, *lone])
    paths = _paths(shape, {root.oid}, set(nobodys))
    return Model(
        root, setting, column, not tenancy.root, paths,
        tenancy.roles or _roles(shape, {root.oid, *paths}), tuple(sorted(nobodys.values())),
        value=naming.checked(tenancy.value) or _template(shape, setting),
    )  # fmt: skip


def _members(
    shape: Shape, tenancy: Tenancy, nobodys: Mapping[int, str]
) -> tuple[Members | None, set[int]]:
    """Where policies look up which tenants a person belongs to, with the policies that do.

    That is a table which policies of others read, by a column that they compare with a setting, and in
    which that column and one that refers to a tenant are a key together. Raises `Misuse` for a column
    that does not exist, or that stands beside no reference.
    """
    named = _named_members(shape, tenancy)
    found: dict[tuple[int, str, Reference], tuple[set[int], Counter[str]]] = {}
    below: dict[int, set[int]] = {}

    def note(table: Table, person: str, relation: int, policy: int, setting: str) -> None:
        if any(e.target == table.oid for e in shape.tables[relation].references):
            return  # the row that a row belongs to
        for edge in _to_tenants(shape, tenancy, table, person):
            if edge.target not in below:
                paths = _paths(shape, {edge.target}, set(nobodys))
                below[edge.target] = {edge.target, *paths}
            if relation in below[edge.target] and edge.target not in nobodys:
                key = (table.oid, person, edge)
                policies, settings = found.setdefault(key, (set(), Counter()))
                policies.add(policy)
                settings[setting] += 1

    readings = [
        r
        for r in shape.settings
        if r.table in shape.tables
        and any(r.column in expression.compared(c, r.reader) for c in (r.visible, r.allowed))
    ]
    # What names its tenant itself looks nothing up, or something else.
    itself = {r.policy for r in readings if r.table == r.relation}
    for r in readings:
        if r.table != r.relation and r.relation in shape.tables and r.policy not in itself:
            note(shape.tables[r.table], r.column, r.relation, r.policy, r.setting)
    for relation, policy, body in shape.callers:
        setting = _setting_in(shape, body)
        if not setting or relation not in shape.tables or policy in itself:
            continue
        for table in shape.tables.values():
            if relation == table.oid or not _said(body, table.name):
                continue
            for person in table.column:
                if _said(body, person):
                    note(table, person, relation, policy, setting)
    if named is not None:
        table, column = named
        edges = list(_to_tenants(shape, tenancy, table, column, keyed=False))
        if not edges:
            raise Misuse(
                f"[tool.ringfence.tenancy] members names {tenancy.members}, and no foreign key beside it"
                " refers to a tenant",
                hint="name the tenants' table as root",
            )
        best = (table.oid, column, edges[0])
    elif found:
        best = max(found, key=lambda k: (len(found[k][0]), shape.tables[k[0]].path, k[1]))
    else:
        return None, set()
    policies, said = found.get(best, (set(), Counter(r.setting for r in shape.settings)))
    oid, column, edge = best
    setting = tenancy.setting or max(said, key=lambda name: (said[name], name), default="")
    value = naming.checked(tenancy.value) or _template(shape, setting)
    return Members(oid, column, edge, setting, value), policies


def _said(body: str, name: str) -> bool:
    """Whether a function's body speaks of something."""
    return re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", body) is not None


def _setting_in(shape: Shape, body: str) -> str:
    """The setting that a function reads, itself or through one that it calls."""
    for text in (body, *(b for name, b in shape.routines.items() if _said(body, name))):
        if match := re.search(r"current_setting\s*\(\s*'([^']+)'", text, re.IGNORECASE):
            return match.group(1)
    return ""


def _named_members(shape: Shape, tenancy: Tenancy) -> tuple[Table, str] | None:
    if not tenancy.members:
        return None
    name, _, column = tenancy.members.rpartition(".")
    table = _known(shape, name, "members")
    if column not in table.column:
        near = difflib.get_close_matches(column, table.column, n=1)
        raise Misuse(
            f"[tool.ringfence.tenancy] members names {tenancy.members}, and {table.path} has no such"
            " column",
            hint=f"did you mean {near[0]}?" if near else "name it schema.table.column",
        )
    return table, column


def _to_tenants(
    shape: Shape, tenancy: Tenancy, table: Table, person: str, *, keyed: bool = True
) -> Iterator[Reference]:
    """The foreign keys of a table of members that may lead to the tenant."""
    root = _known(shape, tenancy.root, "root").oid if tenancy.root else 0
    for edge in table.references:
        if person in edge.columns or len(edge.columns) != 1 or edge.target == table.oid:
            continue
        if edge.target not in shape.tables or (root and edge.target != root):
            continue
        pair = {person, edge.columns[0]}
        if not keyed or any(set(k.columns) == pair and not k.predicate for k in table.keys):
            yield edge


def _by_members(
    shape: Shape, tenancy: Tenancy, nobodys: Mapping[int, str], members: Members
) -> Model:
    """The tenancy in which sessions name persons."""
    root = shape.tables[members.tenant.target]
    paths = _paths(shape, {root.oid}, set(nobodys))
    return Model(
        root, "", members.tenant.target_columns[0], not tenancy.root, paths,
        tenancy.roles or _roles(shape, {root.oid, *paths}), tuple(sorted(nobodys.values())),
        members=members,
    )  # fmt: skip


class _Lone(NamedTuple):
    """A column (of `table`, by OID) that a policy compares with a setting and that leads nowhere."""

    table: int
    column: str
    setting: str
    policy: int


def _by_column(
    shape: Shape, tenancy: Tenancy, nobodys: Mapping[int, str], lone: Sequence[_Lone]
) -> Model:
    """The tenancy without a table of tenants: what stands in a column says whose a row is.

    Columns that foreign keys join to it say the same, and so do those of its name and type, but where
    it is unique by itself: then it is some name that a row has.
    """
    known = [found for found in lone if found.table not in nobodys]
    counts = Counter(found.setting for found in {(f.setting, f.policy): f for f in known}.values())
    setting = tenancy.setting or max(counts, key=lambda s: (counts[s], s), default="")
    start = [(f.table, f.column) for f in known if f.setting == setting]
    if tenancy.column:
        start += [(t.oid, tenancy.column) for t in shape.tables.values()]
        if not any(tenancy.column in table.column for table in shape.tables.values()):
            every = {name: None for table in shape.tables.values() for name in table.column}
            near = difflib.get_close_matches(tenancy.column, every, n=1)
            raise Misuse(
                f"[tool.ringfence.tenancy] column names {tenancy.column}, and no table has such a"
                " column",
                hint=f"did you mean {near[0]}?" if near else "name it as tables have it",
            )
    elif start and not all(_alone(shape.tables[oid], name) for oid, name in start):
        alike = {(name, _base(shape, shape.tables[oid], name)) for oid, name in start}
        start += [
            (table.oid, name)
            for table in shape.tables.values()
            for name in table.column
            if (name, _base(shape, table, name)) in alike
        ]
    columns: dict[int, str] = {}
    while start:
        oid, name = start.pop(0)
        table = shape.tables.get(oid)
        if table is None or oid in nobodys or oid in columns or not table.takes_rows:
            continue
        if name not in table.column or table.column[name].generated:
            continue
        columns[oid] = name
        for other in shape.tables.values():
            for reference in other.references:
                if other.oid == oid and name in reference.columns:
                    at = reference.columns.index(name)
                    start.append((reference.target, reference.target_columns[at]))
                if reference.target == oid and name in reference.target_columns:
                    at = reference.target_columns.index(name)
                    start.append((other.oid, reference.columns[at]))
    if not columns:
        unsettled = {
            (f"{shape.tables[f.table].path}.{quoted(f.column)}", f.setting): None for f in known
        }
        return Model(setting=tenancy.setting, roles=tenancy.roles, rootless=tuple(unsettled))
    paths = _paths(shape, set(columns), set(nobodys))
    names = Counter(columns.values())
    return Model(
        None, setting, tenancy.column or max(names, key=lambda name: (names[name], name)),
        not tenancy.column, paths, tenancy.roles or _roles(shape, {*columns, *paths}),
        tuple(sorted(nobodys.values())), columns=columns,
        value=naming.checked(tenancy.value) or _template(shape, setting),
    )  # fmt: skip


def _alone(table: Table, column: str) -> bool:
    return any(key.columns == (column,) and not key.operators for key in table.keys)


def _base(shape: Shape, table: Table, column: str) -> int:
    return shape.base(shape.types[table.column[column].type])[0].oid


def _template(shape: Shape, setting: str) -> str:
    """What is in the setting besides the tenant, as most policies take it apart."""
    readings = {r.policy: r for r in shape.settings if r.setting == setting}.values()
    paths = Counter(
        naming.path(f"({r.visible}) AND ({r.allowed})", r.reader, r.body, setting) for r in readings
    )
    return naming.template(max(paths, key=lambda p: (paths[p], p), default=()))


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
    relation: int = 0


def _votes(shape: Shape) -> tuple[list[_Vote], list[_Lone]]:
    """What policies say of tables, and the columns that lead to none.

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
    rootless: list[_Lone] = []
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
                votes.append(
                    _Vote(oid, column, reading.setting, reading.policy, last, reading.relation)
                )
        if not led and direct and _names(shape, shape.tables[reading.table], reading.column):
            rootless.append(_Lone(reading.table, reading.column, reading.setting, reading.policy))
    return votes, rootless


def _names(shape: Shape, table: Table, column: str) -> bool:
    """Whether a column can be a name: what has parts is compared by one of them."""
    type_ = shape.types.get(table.column[column].type)
    return type_ is None or shape.base(type_)[0].name not in ("json", "jsonb", "hstore")


def untold(shape: Shape, model: Model) -> dict[int, str]:
    """Tables whose policies ask the setting that names tenants, or where nothing names them any setting,
    and of whose rows nobody knows whose they are; with that setting."""
    if model.members is not None:
        return {}
    return {
        r.relation: r.setting
        for r in shape.settings
        if (table := shape.tables.get(r.relation)) is not None
        and r.setting == (model.setting or r.setting)
        and table.path not in model.shared
        and not model.scoped(table)
    }


def _paths(shape: Shape, roots: set[int], shared: set[int]) -> dict[int, Reference]:
    """For every table below the roots its best foreign key towards them."""
    # A key that may be NULL costs more than any way around it.
    distance: dict[int, int] = dict.fromkeys(roots, 0)
    best: dict[int, Reference] = {}
    changed = True
    while changed:
        changed = False
        for table in shape.tables.values():
            if table.oid in roots or table.oid in shared:
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

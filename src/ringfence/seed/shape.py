"""The part of a database's catalog that rows must obey: tables, types, constraints, partitions.

Read in a few statements whatever the number of tables; each is a `.sql` file beside this one, whose
columns are named like the fields they fill. Names and expressions come out fully qualified, so that
they mean the same under any `search_path`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import dict_row

from ringfence.model import Ref
from ringfence.seed.session import steady

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from psycopg import Connection


@dataclass(frozen=True, slots=True)
class Check:
    """A condition on a row, or (`column` set) on one column's value, named VALUE in it.

    `partition` is the OID of the only partition it holds for, 0 when it holds for all.
    """

    name: str
    expression: str
    column: str = ""
    partition: int = 0
    no_inherit: bool = False


@dataclass(frozen=True, slots=True)
class Type:
    """A data type. `kind` is pg_type's: b base, c composite, d domain, e enum, r range, m multirange.

    `base`, `element` and `subtype` are OIDs, 0 where there is none; `sql` is its name in SQL, `below`
    that of a domain's base type with its modifier.
    """

    oid: int
    name: str
    schema: str
    sql: str
    kind: str
    category: str
    base: int = 0
    below: str = ""
    typmod: int = -1
    not_null: bool = False
    element: int = 0
    delimiter: str = ","
    subtype: int = 0
    labels: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    attribute_types: tuple[int, ...] = ()
    attribute_typmods: tuple[int, ...] = ()
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence that a column counts with."""

    schema: str
    name: str
    start: int
    increment: int
    lowest: int
    highest: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `generated` and `default` are expressions, empty where there is none; `sql` is the
    type with its modifier."""

    name: str
    type: int
    typmod: int
    sql: str
    not_null: bool
    generated: str = ""
    default: str = ""
    identity: str = ""
    sequence: Sequence | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A unique index, or with `operators` an exclusion constraint.

    `elements` are columns or expressions as SQL; `columns` names those that are plain columns and
    is empty in the place of the others.
    """

    name: str
    elements: tuple[str, ...]
    columns: tuple[str, ...]
    primary: bool = False
    nulls_distinct: bool = True
    operators: tuple[str, ...] = ()
    predicate: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key from `table` to `target`, both by OID. `target` may be unknown to the shape.

    One that is `inherited` is the parent's alone: nothing holds the rows of `table` to it, and yet
    they mean the same by it. `leaves` are the partitions of the target, by OID, that it points to
    alone; none where it points to all.
    """

    name: str
    schema: str
    table: int
    target: int
    target_name: str
    columns: tuple[str, ...]
    target_columns: tuple[str, ...]
    deferrable: bool = False
    match_full: bool = False
    inherited: bool = False
    leaves: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition that holds rows itself; `bound` is what it asks of a row, as an expression."""

    oid: int
    name: str
    bound: str


class Trigger(NamedTuple):
    """A trigger on INSERT; `body` is the source of its function."""

    name: str
    function: str
    body: str
    before_row: bool


class Reading(NamedTuple):
    """A column (of `table`, by OID) that a policy reads together with a setting, which the policy
    asks for by calling `reader`, whose text is `body` if it is not built in. The policy is one of
    `relation`; `visible` and `allowed` are its conditions."""

    table: int
    column: str
    setting: str
    reader: str
    body: str
    policy: int
    relation: int
    visible: str
    allowed: str


@dataclass(frozen=True)
class Table:
    """A table with everything that decides which rows it takes."""

    oid: int
    schema: str
    name: str
    partitioned: bool = False
    has_children: bool = False
    afar: bool = False
    row_security: bool = False
    columns: tuple[Column, ...] = ()
    checks: tuple[Check, ...] = ()
    keys: tuple[Key, ...] = ()
    references: tuple[Reference, ...] = ()
    partitions: tuple[Partition, ...] = ()
    triggers: tuple[Trigger, ...] = ()

    @cached_property
    def path(self) -> str:
        """The table's name as messages show it, and as values are derived from it."""
        return Ref("table", (self.schema, self.name)).path

    @cached_property
    def column(self) -> Mapping[str, Column]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    @cached_property
    def takes_rows(self) -> bool:
        """False where no row can ever be: no partition, or a parent that is closed to rows.

        Nor where a partition or heir is another server's: what is read and written here would be there.
        """
        if self.afar:
            return False
        if self.partitioned:
            return bool(self.partitions)
        return not any(c.no_inherit and c.expression == "false" for c in self.checks)

    def nullable(self, reference: Reference) -> bool:
        """Whether the foreign key can be left empty."""
        nulls = [not self.column[name].not_null for name in reference.columns]
        return all(nulls) if reference.match_full else any(nulls)


@dataclass(frozen=True)
class Shape:
    """All tables by OID, in the order of their names, and all types by OID.

    `settings` are the columns that policies read together with settings, `grants` (table, role)
    that may insert, `callers` (table, policy, body) the functions that policies call.
    """

    tables: Mapping[int, Table]
    types: Mapping[int, Type]
    routines: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[Reading, ...] = ()
    grants: tuple[tuple[int, str], ...] = ()
    server_version: int = 0
    callers: tuple[tuple[int, int, str], ...] = ()

    def named(self, path: str) -> list[Table]:
        """The tables that a name may mean: one for `schema.table`, perhaps several for `table`."""
        exact = [t for t in self.tables.values() if t.path == path]
        loose = [t for t in self.tables.values() if path in (t.name, f"{t.schema}.{t.name}")]
        return exact or loose

    def within(self, oids: Iterable[int]) -> Shape:
        """Those of the tables, and what they refer to."""
        todo = [oid for oid in oids if oid in self.tables]
        kept = {*todo}
        while todo:
            for reference in self.tables[todo.pop()].references:
                if reference.target in self.tables and reference.target not in kept:
                    kept.add(reference.target)
                    todo.append(reference.target)
        return replace(self, tables={o: t for o, t in self.tables.items() if o in kept})

    def base(self, type_: Type, typmod: int = -1) -> tuple[Type, int]:
        """The type below all domains, and the type modifier that binds."""
        while type_.base:
            if typmod == -1:
                typmod = type_.typmod
            type_ = self.types[type_.base]
        return type_, typmod

    def below_domains(self, column: Column) -> str:
        """The column's type in SQL with its modifier, or that below its domains."""
        type_, sql = self.types[column.type], column.sql
        while type_.base:
            type_, sql = self.types[type_.base], type_.below
        return sql

    def domain_checks(self, type_: Type) -> Iterator[Check]:
        """The checks of a domain and of the domains below it."""
        while type_.base:
            yield from type_.checks
            type_ = self.types[type_.base]

    def not_null(self, column: Column) -> bool:
        """Whether the column, or its domain, refuses NULL."""
        if column.not_null:
            return True
        type_ = self.types[column.type]
        while type_.base:
            if type_.not_null:
                return True
            type_ = self.types[type_.base]
        return False


def read(conn: Connection[Any], *, exclude_schemas: Iterable[str] = ()) -> Shape:
    """Read the shape of a database. Writes nothing; `search_path` is as before afterwards."""
    excluded = set(exclude_schemas)
    with steady(conn, search_path="pg_catalog"):
        rows = {name: _rows(conn, name) for name in _QUERIES}
    sequences = {
        (row["table"], row["column"]): Sequence(
            row["schema"],
            row["name"],
            row["start"],
            row["increment"],
            row["lowest"],
            row["highest"],
        )
        for row in rows["sequences"]
    }
    columns: dict[int, list[Column]] = {}
    for row in rows["columns"]:
        column = Column(
            row["name"], row["type"], row["typmod"], row["sql"], row["not_null"], row["generated"] or "",
            row["default_expression"], row["identity"], sequences.get((row["table"], row["name"])),
        )  # fmt: skip
        columns.setdefault(row["table"], []).append(column)
    domain_checks: dict[int, list[Check]] = {}
    checks: dict[int, list[Check]] = {}
    for row in rows["checks"]:
        check = Check(row["name"], row["expression"], "", row["partition"], row["no_inherit"])
        where, owner = (domain_checks, "domain") if row["domain"] else (checks, "table")
        where.setdefault(row[owner], []).append(check)
    types = {
        row["oid"]: replace(
            Type(**_with_tuples(row)),
            checks=tuple(domain_checks.get(row["oid"], ())),
        )
        for row in rows["types"]
    }
    tables = {}
    its = {what: _by_table(rows[what]) for what in ("keys", "references", "partitions", "triggers")}
    for row in rows["tables"]:
        if row["schema"] in excluded:
            continue
        oid = row["oid"]
        own = columns.get(oid, [])
        tables[oid] = Table(
            **row,
            columns=tuple(own),
            checks=tuple(checks.get(oid, ())) + tuple(_on_columns(own, types)),
            keys=tuple(_keys(its["keys"].get(oid, ()))),
            references=tuple(_references(its["references"].get(oid, ()))),
            partitions=tuple(
                Partition(r["oid"], r["name"], r["bound"]) for r in its["partitions"].get(oid, ())
            ),
            triggers=tuple(
                Trigger(r["name"], r["function"], r["body"], r["before_row"])
                for r in its["triggers"].get(oid, ())
            ),
        )
    parents: dict[int, list[int]] = {}
    for row in rows["inherits"]:
        parents.setdefault(row["child"], []).append(row["parent"])
    return Shape(
        tables={oid: _inheriting(table, tables, parents) for oid, table in tables.items()},
        types=types,
        routines={row["name"]: row["body"] for row in rows["routines"]},
        settings=tuple(Reading(**r) for r in rows["policies"]),
        grants=tuple((r["table"], r["role"]) for r in rows["grants"]),
        server_version=conn.info.server_version,
        callers=tuple((r["relation"], r["policy"], r["body"]) for r in rows["callers"]),
    )


def _by_table(rows: Iterable[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["table"], []).append(row)
    return found


_QUERIES = (
    "tables", "columns", "types", "checks", "references", "keys", "partitions", "sequences",
    "policies", "triggers", "routines", "grants", "inherits", "callers",
)  # fmt: skip


def _rows(conn: Connection[Any], name: str) -> list[dict[str, Any]]:
    text = files("ringfence.seed").joinpath(f"{name}.sql").read_bytes()
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(text).fetchall()


def _with_tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}


def _on_columns(columns: Iterable[Column], types: Mapping[int, Type]) -> Iterator[Check]:
    """The checks of the columns' domains, each bound to its column."""
    shape = Shape({}, types)
    for column in columns:
        for check in shape.domain_checks(types[column.type]):
            yield replace(check, column=column.name)


def _inheriting(
    table: Table, tables: Mapping[int, Table], parents: Mapping[int, list[int]]
) -> Table:
    """The table with the foreign keys of those it inherits from, which it does not inherit."""
    own = {(r.target, r.columns) for r in table.references}
    more: list[Reference] = []
    todo, seen = list(parents.get(table.oid, ())), set[int]()
    while todo:
        oid = todo.pop(0)
        if oid in seen or oid not in tables:
            continue
        seen.add(oid)
        todo += parents.get(oid, ())
        for reference in tables[oid].references:
            if (reference.target, reference.columns) not in own:
                own.add((reference.target, reference.columns))
                more.append(replace(reference, table=table.oid, inherited=True))
    return replace(table, references=(*table.references, *more)) if more else table


def _keys(rows: Iterable[dict[str, Any]]) -> Iterator[Key]:
    seen = set()
    for row in rows:
        key = Key(
            row["name"], tuple(row["elements"]), tuple(row["columns"]), row["is_primary"],
            row["nulls_distinct"], tuple(row["operators"]) if row["is_exclusion"] else (),
            row["predicate"],
        )  # fmt: skip
        # Partitions that were attached one by one have the same index many times over.
        identity = replace(key, name="", primary=False)
        if identity not in seen:
            seen.add(identity)
            yield key


def _references(rows: Iterable[dict[str, Any]]) -> Iterator[Reference]:
    seen = set()
    for row in rows:
        reference = Reference(
            row["name"], row["schema"], row["table"], row["target"], row["target_name"],
            tuple(row["columns"]), tuple(row["target_columns"]), row["deferrable"],
            row["match_full"], leaves=tuple(row["leaves"]),
        )  # fmt: skip
        identity = (
            reference.target, reference.columns, reference.target_columns, reference.leaves,
        )  # fmt: skip
        if identity not in seen:
            seen.add(identity)
            yield reference

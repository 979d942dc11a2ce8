"""What roles can reach in a database: relations, columns, routines, and who may do what to them.

Privileges are the server's word (`has_table_privilege` and its like), inherited ones and PUBLIC's
included. Each query is a `.sql` file beside this one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from ringfence.kinds._sql import qualified
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

_KINDS = {
    "r": "table",
    "p": "table",
    "v": "view",
    "m": "materialized_view",
    "f": "foreign_table",
    "S": "sequence",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `grants` are pairs of a privilege and a role."""

    name: str
    type: str
    generated: bool
    identity_always: bool
    updatable: bool
    grants: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Relation:
    """A relation. `kind` is pg_class's letter, `events` the bits of `pg_relation_is_updatable`.

    `partition_of` is the topmost table of a partition, `owned_by` the table of a column's sequence,
    both 0 for others; `triggers` says whether it has any, or rules for writing.
    """

    oid: int
    schema: str
    name: str
    kind: str
    owner: str
    owner_exempt: bool
    owner_logs_in: bool
    row_security: bool
    forced: bool
    partition_of: int
    invoker: bool
    events: int
    owned_by: int
    triggers: bool
    grants: frozenset[tuple[str, str]]
    columns: tuple[Column, ...] = ()

    @cached_property
    def sql(self) -> str:
        """The name as a statement has it."""
        return qualified((self.schema, self.name))

    @cached_property
    def ref(self) -> Ref:
        """What findings call it."""
        return Ref(_KINDS[self.kind], (self.schema, self.name))

    @property
    def path(self) -> str:
        """The name as messages have it."""
        return self.ref.path

    @property
    def holds_rows(self) -> bool:
        """Whether it is a table of some sort, rather than a query or a counter."""
        return self.kind in "rpf"

    def may(self, role: str, privilege: str) -> bool:
        """Whether a role may do this to the relation, or to a column of it."""
        return (privilege, role) in self.grants

    def may_any(self, role: str, *privileges: str) -> bool:
        """Whether a role may do any of these."""
        return any(self.may(role, privilege) for privilege in privileges)

    def open_to(self, role: str, privilege: str) -> tuple[Column, ...]:
        """The columns that a role may do this to."""
        return tuple(c for c in self.columns if (privilege, role) in c.grants)


@dataclass(frozen=True)
class Routine:
    """A function, procedure or aggregate. `types` and `names` are those of its arguments, `callers`
    the roles that may call it, `path` the search_path that it sets. `any_number`: the last one is an array
    of any length; `leakproof`: it is said to tell nothing; `opens_cursor`: what it returns names a cursor."""

    oid: int
    schema: str
    name: str
    signature: str
    procedure: bool
    aggregate: bool
    definer: bool
    owner: str
    volatility: str
    path: str
    returns_set: bool
    any_number: bool
    leakproof: bool
    opens_cursor: bool
    pseudo: bool
    body: str
    types: tuple[str, ...]
    names: tuple[str, ...]
    callers: frozenset[str]
    public: bool

    @property
    def sql(self) -> str:
        """The name as a statement has it."""
        return qualified((self.schema, self.name))

    @cached_property
    def ref(self) -> Ref:
        """What findings call it."""
        kind = "procedure" if self.procedure else "aggregate" if self.aggregate else "function"
        return Ref(kind, (self.schema, self.name, f"({', '.join(self.types)})"))


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy; `command` is pg_policy's letter, `*` for all, `reads` the other tables
    and `calls` the functions it asks."""

    relation: int
    name: str
    command: str
    permissive: bool
    roles: tuple[str, ...]
    using_expression: str
    check_expression: str
    reads: tuple[int, ...]
    calls: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger that is at work on a relation. `whole`: it is given all rows as a table; `definer`:
    its function has its owner's rights."""

    relation: int
    name: str
    on_insert: bool
    on_update: bool
    whole: bool
    definer: bool
    function: str
    language: str
    body: str

    @property
    def asks(self) -> bool:
        """Whether it does more than to set columns of its own row."""
        return self.language != "plpgsql" or re.search(_ASKS, self.body) is not None

    def looks_at(self, column: str) -> bool:
        """Whether a value of the column can make a difference to more than the row itself."""
        if not self.asks:
            return False
        if self.whole or self.language != "plpgsql":
            return True
        if re.search(r"(?i)\bNEW\b(?!\s*[.;])|\bTG_ARGV\b", self.body):
            return True
        said = rf"(?i)\bNEW\s*\.\s*\"?{re.escape(column)}(?![\w$])"
        return re.search(said, self.body) is not None


_ASKS = (
    r"(?i)\b(SELECT|INSERT|UPDATE\s|DELETE\s|PERFORM|EXECUTE|RAISE|MERGE)\b|\w\"?\.\"?\w+\"?\s*\("
)


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """An event trigger that is at work. `definer`: its function has its owner's rights."""

    oid: int
    name: str
    event: str
    definer: bool
    owner: str
    body: str


@dataclass(frozen=True, slots=True)
class Role:
    """A role, the roles it can become with SET ROLE, and those whose rights it has."""

    name: str
    superuser: bool
    bypasses: bool
    logs_in: bool
    becomes: tuple[str, ...]
    inherits: tuple[str, ...]


@dataclass(frozen=True)
class Surface:
    """Everything that could be reached, by OID."""

    relations: Mapping[int, Relation]
    routines: tuple[Routine, ...]
    policies: tuple[Policy, ...]
    event_triggers: tuple[EventTrigger, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    bases: Mapping[int, frozenset[int]] = field(default_factory=dict)

    def reads(self, oid: int) -> frozenset[int]:
        """The relations that a view reads, directly or through other views."""
        found: set[int] = set()
        todo = [oid]
        while todo:
            for base in self.bases.get(todo.pop(), ()):
                if base not in found:
                    found.add(base)
                    todo.append(base)
        return frozenset(found)


def rows(conn: Connection[Any], name: str, **given: Sequence[object]) -> list[dict[str, Any]]:
    """The rows of one of the queries beside this module.

    What it is given it reads from settings, `ringfence.roles` and the like, so that psql can run it.
    """
    for key, values in given.items():
        conn.execute(
            "SELECT pg_catalog.set_config(%s, (%s::text[])::text, false)",
            [f"ringfence.{key}", [str(value) for value in values]],
        )
    text = files(__package__).joinpath(f"{name}.sql").read_bytes()
    return conn.cursor(row_factory=dict_row).execute(text).fetchall()


def read(conn: Connection[Any], roles: Sequence[str], exclude: Sequence[str]) -> Surface:
    """What the roles can reach; schemas in `exclude` are left out."""
    given = {"roles": list(roles), "exclude": list(exclude)}
    found = rows(conn, "relations", **given)
    columns: dict[int, list[Column]] = {}
    for row in rows(conn, "columns", roles=list(roles), relations=[r["oid"] for r in found]):
        oid = row.pop("relation")
        columns.setdefault(oid, []).append(Column(**row | {"grants": _pairs(row["grants"])}))
    bases: dict[int, set[int]] = {}
    for row in rows(conn, "views"):
        bases.setdefault(row["view"], set()).add(row["base"])
    return Surface(
        relations={
            row["oid"]: Relation(
                **row | {"grants": _pairs(row["grants"])},
                columns=tuple(columns.get(row["oid"], ())),
            )
            for row in found
        },
        routines=tuple(
            Routine(
                **row
                | {"callers": frozenset(row["callers"])}
                | {key: tuple(row[key]) for key in ("types", "names")}
            )
            for row in rows(conn, "routines", **given)
        ),
        policies=tuple(
            Policy(**row | {key: tuple(row[key]) for key in ("roles", "reads", "calls")})
            for row in rows(conn, "policies")
        ),
        event_triggers=tuple(EventTrigger(**row) for row in rows(conn, "event_triggers")),
        triggers=tuple(Trigger(**row) for row in rows(conn, "triggers")),
        bases={view: frozenset(found) for view, found in bases.items()},
    )


def roles(conn: Connection[Any]) -> dict[str, Role]:
    """The cluster's roles by name."""
    return {
        r["name"]: Role(**r | {key: tuple(r[key]) for key in ("becomes", "inherits")})
        for r in rows(conn, "roles")
    }


def _pairs(grants: Sequence[str]) -> frozenset[tuple[str, str]]:
    pairs = (grant.split(" ", 1) for grant in grants)
    return frozenset((privilege, role) for privilege, role in pairs)

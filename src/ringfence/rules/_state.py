"""What is known of a database from the text of what ran before: tables, their columns, what they prove."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ringfence.rules._parse import Name, Type, columns_of, listed, nodes, not_null_by, pb, string

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping


@dataclass(slots=True)
class Column:
    """What is known of a column. `type` is None where nobody said."""

    type: Type | None = None
    not_null: bool = False
    default: bool = False
    generated: str = ""
    """`s` where its expression is stored, `v` where it is virtual."""
    made_by: str = ""
    """The file that added it, "" where none of those at hand did."""


@dataclass(slots=True)
class Constraint:
    """What is known of a constraint. `kind` is its letter in pg_constraint: p u f c x n."""

    kind: str
    valid: bool
    columns: tuple[str, ...] = ()
    target: Name | None = None
    expression: Any = None


@dataclass(slots=True)
class Index:
    """What is known of an index; `columns` holds "" for an expression.

    `computes` are the columns that its expressions and its condition name.
    """

    table: Name
    columns: tuple[str, ...]
    unique: bool = False
    partial: bool = False
    computes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Domain:
    """What is known of a domain: its base type, whether it refuses values, what volatile function is
    its default, "" for none."""

    base: Type | None
    limited: bool = False
    volatile: str = ""


@dataclass(slots=True)
class Relation:
    """What is known of a table, view or materialized view.

    `made_by` is the file that made it, "" where none of those at hand did; `whole` is whether all of
    its columns are known.
    """

    made_by: str = ""
    kind: str = "table"
    whole: bool = False
    columns: dict[str, Column] = field(default_factory=dict)
    constraints: dict[str, Constraint] = field(default_factory=dict)
    policies: dict[str, bool] = field(default_factory=dict)
    """Whether each is permissive."""
    row_security: bool = False
    forced: bool = False
    options: frozenset[str] = frozenset()
    """What a view says of those who read and write by it: security_invoker, check_option …"""
    unlogged: bool = False
    partitioned: bool = False
    partition_of: Name | None = None
    partition_key: tuple[str, ...] = ()
    default_partition: Name | None = None


@dataclass(slots=True)
class State:
    """Everything that the statements so far have made, as far as their text tells."""

    relations: MutableMapping[Name, Relation] = field(default_factory=dict)
    indexes: MutableMapping[Name, Index] = field(default_factory=dict)
    domains: dict[Name, Domain] = field(default_factory=dict)
    domain_users: dict[Name, bool] = field(default_factory=dict)
    enums: dict[Name, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    """By which file a function was made first."""
    for_triggers: set[str] = field(default_factory=set)
    """The functions that only triggers call."""
    others: dict[tuple[str, Name], str] = field(default_factory=dict)
    """By which file a schema, a sequence, a type or an extension was made."""
    gone: dict[Name, frozenset[str]] = field(default_factory=dict)
    """The options of views that the present file has dropped so far."""
    path: tuple[str, ...] = ()
    utc: bool = False
    whole: bool = False
    """Whether every file that ran before is at hand."""

    def partitions(self, table: Name) -> Mapping[Name, Relation]:
        """The partitions of a table that are known."""
        return {n: r for n, r in self.relations.items() if r.partition_of == table}

    def begin(self) -> None:
        """Forget what the file before has set for its own statements."""
        self.path, self.utc, self.gone = (), False, {}

    def named(self, schema: str, name: str) -> Name:
        """A name as a statement writes it, with the schema it is found in."""
        if schema:
            return Name(schema, name)
        for folder in (*self.path, "public"):
            if (found := Name(folder, name)) in self.relations or found in self.indexes:
                return found
        same = [found for found in self.relations if found.name == name]
        if len(same) == 1:
            return same[0]
        return Name(self.path[0] if self.path else "public", name)

    def relation(self, name: Name) -> Relation:
        """What is known of a relation; of one nobody made, that it is there."""
        return self.relations.setdefault(name, Relation())


def proved_not_null(relation: Relation, column: str) -> bool:
    """Whether PostgreSQL need not look at a single row to know that a column holds no NULL."""
    known = relation.columns.get(column)
    if known is not None and known.not_null:
        return True
    return any(
        each.valid
        and (
            (each.kind == "c" and column in not_null_by(each.expression))
            or (each.kind in "np" and column in each.columns)
        )
        for each in relation.constraints.values()
    )


def domain_of(kind: Type | None, state: State) -> Domain | None:
    """What is known of a domain; None for what is no domain."""
    name = domain_named(kind, state) if kind is not None else None
    return state.domains[name] if name is not None else None


def domain_named(kind: Type, state: State) -> Name | None:
    for name in state.domains:
        if name.name == kind.name and (not kind.schema or name.schema in ("", kind.schema)):
            return name
    return None


def index_of(table: Name, tree: Any) -> Index:
    """The index that CREATE INDEX makes."""
    columns = tuple(p.index_elem.name for p in tree.index_params)
    computed = [p.index_elem.expr for p in tree.index_params if p.index_elem.HasField("expr")]
    partial = tree.HasField("where_clause")
    computes = [columns_of(each) for each in (*computed, *([tree.where_clause] * partial))]
    return Index(table, columns, tree.unique, partial, frozenset().union(*computes))


def constraint_of(node: Any, state: State, column: str = "") -> Constraint | None:
    """What a constraint in a parse tree says; None for what is no constraint in the catalog."""
    letter = _LETTERS.get(node.contype)
    if letter is None:
        return None
    keys = node.fk_attrs if letter == "f" else node.keys
    columns = tuple(string(k) for k in keys) or ((column,) if column else ())
    target = None
    if letter == "f":
        target = state.named(node.pktable.schemaname, node.pktable.relname)
    expression = node.raw_expr if letter == "c" else None
    valid = not node.skip_validation and (letter not in "cf" or node.is_enforced)
    return Constraint(letter, valid, columns, target, expression)


_LETTERS = {
    pb.CONSTR_PRIMARY: "p",
    pb.CONSTR_UNIQUE: "u",
    pb.CONSTR_FOREIGN: "f",
    pb.CONSTR_CHECK: "c",
    pb.CONSTR_EXCLUSION: "x",
    pb.CONSTR_NOTNULL: "n",
}


def volatile(expression: Any, state: State) -> str:
    """The first function in an expression that gives every row a value of its own, or ""."""
    for call in nodes(expression, "func_call"):
        found = listed(call.funcname)
        said = state.functions.get(found.name)
        if found.schema in ("", "pg_catalog") and found.name in _VOLATILE:
            return found.name
        if said == "volatile" or (said is None and found.schema not in ("", "pg_catalog")):
            return found.name if not found.schema else f"{found.schema}.{found.name}"
    return ""


_VOLATILE = frozenset(
    {
        "random", "random_normal", "setseed", "clock_timestamp", "timeofday", "gen_random_uuid",
        "uuidv4", "uuidv7", "uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4", "nextval",
        "setval", "currval", "lastval", "gen_salt", "gen_random_bytes", "pg_sleep", "set_config",
        "pg_notify", "txid_current", "pg_current_xact_id", "query_to_xml", "dblink", "dblink_exec",
        "lo_create", "lo_creat", "pg_advisory_lock", "pg_try_advisory_lock", "pg_read_file",
    }
)  # fmt: skip

"""Migrations as rules see them: what each statement does to what was there before it.

A file is parsed once, by PostgreSQL's own parser. Its statements are taken apart into `Action`s, and
a `State` follows what they make: which tables exist, of which columns and types, what proves that a
column holds no NULL. So a rule can tell a table that this very file makes, which nobody reads yet,
from one that has been in use for years.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import postgast

from ringfence.errors import Error
from ringfence.model import Ref
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules import SqlFile

pb = postgast.pg_query_pb2

_BLANK = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*(?:[^*]|\*(?!/))*\*/)*")


class Name(NamedTuple):
    """A schema and a name in it."""

    schema: str
    name: str

    def ref(self, kind: str = "table") -> Ref:
        """The object of that name, for a finding."""
        return Ref(kind, tuple(self) if self.schema else (self.name,))

    @property
    def path(self) -> str:
        """As a message shows it."""
        return self.ref().path


class Type(NamedTuple):
    """A column's type: PostgreSQL's own name of it, its modifiers, how many dimensions."""

    name: str
    mods: tuple[int, ...] = ()
    array: bool = False
    schema: str = ""

    @property
    def shown(self) -> str:
        """As a message shows it."""
        shown = _SPOKEN.get(self.name, self.name)
        mods = f"({', '.join(map(str, self.mods))})" if self.mods else ""
        return f"{shown}{mods}{'[]' * self.array}"


_SPOKEN = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "bpchar": "char",
}


@dataclass(slots=True)
class Column:
    """What is known of a column. `type` is None where nobody said."""

    type: Type | None = None
    not_null: bool = False
    default: bool = False


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
    """What is known of an index; `columns` holds "" for an expression."""

    table: Name
    columns: tuple[str, ...]
    unique: bool = False
    partial: bool = False


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
    policies: set[str] = field(default_factory=set)
    row_security: bool = False
    unlogged: bool = False
    partitioned: bool = False
    partition_of: Name | None = None
    partition_key: tuple[str, ...] = ()
    default_partition: Name | None = None


@dataclass(slots=True)
class State:
    """Everything that the statements so far have made, as far as their text tells."""

    relations: dict[Name, Relation] = field(default_factory=dict)
    indexes: dict[Name, Index] = field(default_factory=dict)
    domains: dict[Name, tuple[Type | None, bool]] = field(default_factory=dict)
    domain_users: dict[Name, bool] = field(default_factory=dict)
    enums: dict[Name, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    """By which file a function was made first."""
    path: tuple[str, ...] = ()
    utc: bool = False

    def begin(self) -> None:
        """Forget what the file before has set for its own statements."""
        self.path, self.utc = (), False

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


@dataclass(frozen=True)
class Statement:
    """One statement of a migration. `tree` is its parse tree, `at` its offset in bytes."""

    migration: Migration
    kind: str
    tree: Any
    at: int
    end: int
    base: int = 0
    """Where the places in the tree are counted from."""

    @cached_property
    def text(self) -> str:
        """The statement as it stands in the file."""
        return self.migration.raw[self.at : self.end].decode()

    @cached_property
    def fingerprint(self) -> str:
        """The same however it is laid out."""
        try:
            return str(postgast.fingerprint(self.text).hex)
        except postgast.PgQueryError:
            return ""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a statement does, and `state`: how things were before it.

    `verb` says what is done, `name` to which relation, type or other object, `node` is the part of
    the parse tree that says how.
    """

    verb: str
    statement: Statement
    name: Name
    node: Any
    state: State

    @property
    def migration(self) -> Migration:
        """The migration that the statement stands in."""
        return self.statement.migration

    @property
    def relation(self) -> Relation:
        """What is known of the relation."""
        return self.state.relations.get(self.name) or Relation()

    @property
    def new(self) -> bool:
        """Whether this very migration made the relation, so that nobody uses it yet."""
        return self.relation.made_by == self.migration.shown

    def place(self, node: Any) -> int:
        """Where a part of the tree stands in the file, in bytes."""
        at: int = node.location
        return self.statement.base + at if at >= 0 else -1

    @property
    def definition(self) -> Any:
        """The column or constraint that a part of ALTER TABLE gives."""
        node = getattr(self.node, "def")
        return getattr(node, node.WhichOneof("node"))

    @property
    def ref(self) -> Ref:
        """The relation, for a finding."""
        return self.name.ref()

    @property
    def table(self) -> str:
        """The relation, for a message."""
        return self.name.path


@dataclass
class Migration:
    """A file of statements.

    `managed` is whether ringfence runs it, in one transaction unless it says otherwise; `undo`
    whether it takes back another one. Where nothing is known, statements run one by one. `beside`
    are the revisions that follow the same one as this, `merged` whether one has them all below it.
    `batched` is whether its one statement runs over the keys a little at a time.
    """

    shown: str
    raw: bytes
    statements: list[Statement]
    error: tuple[str, int] | None = None
    managed: bool = False
    undo: bool = False
    transactional: bool = False
    beside: tuple[str, ...] = ()
    merged: bool = False
    batched: bool = False
    actions: list[Action] = field(default_factory=list)
    heavy: list[Action] = field(default_factory=list)
    """Those that were found to go over every row of a table that was there before."""

    def together(self) -> Iterator[list[Action]]:
        """The actions of each transaction that the migration runs in."""
        block: list[Action] = []
        open_ = self.transactional
        for action in self.actions:
            if action.verb == "transaction":
                if block:
                    yield block
                block = []
                kind = action.node.kind
                open_ = kind in (pb.TRANS_STMT_BEGIN, pb.TRANS_STMT_START) or (
                    open_ and kind not in (pb.TRANS_STMT_COMMIT, pb.TRANS_STMT_ROLLBACK)
                )
            elif open_:
                block.append(action)
        if block:
            yield block

    def limited(self, action: Action) -> bool:
        """Whether a statement before an action's has set how long to wait for a lock."""
        limit = 0.0
        for statement in self.statements:
            if statement is action.statement:
                break
            said = lock_limit(statement)
            if said is not None:
                limit = said
        return limit > 0

    def later(self, action: Action, verb: str) -> bool:
        """Whether a statement behind an action's makes an object of the same name again."""
        seen = False
        for statement in self.statements:
            if seen and any(
                each.verb == verb and each.name == action.name
                for each in actions(statement, action.state)
            ):
                return True
            seen = seen or statement is action.statement
        return False


def parsed(file: SqlFile, *, managed: bool = False, undo: bool = False) -> Migration:
    """A file taken apart. What PostgreSQL's parser refuses is said in `error`."""
    raw = file.text.encode()
    migration = Migration(file.shown, raw, [], managed=managed, undo=undo)
    try:
        tree = postgast.parse(file.text)
    except postgast.PgQueryError:
        _piecewise(migration, file.text)
    else:
        for each in tree.stmts:
            end = each.stmt_location + each.stmt_len if each.stmt_len else len(raw)
            _add(migration, each, each.stmt_location, end)
    if managed:
        try:
            script = Script(file.shown, file.text)
            migration.transactional = script.transactional
            migration.batched = bool(script.backfill)
        except Error:
            migration.transactional = True
    return migration


def _piecewise(migration: Migration, text: str) -> None:
    """Statement by statement: data below a COPY, or a file that is wrong in places."""
    try:
        statements = Script(migration.shown, text).statements
    except Error as wrong:
        at = 0
        if wrong.span is not None:
            lines = text.split("\n")[: wrong.span.line - 1]
            at = sum(len(line) + 1 for line in lines) + max(wrong.span.column - 1, 0)
        migration.error = (wrong.message, len(text[:at].encode()))
        return
    for statement in statements:
        at = len(text[: statement.start].encode())
        try:
            tree = postgast.parse(statement.text)
        except postgast.PgQueryError as wrong:
            if migration.error is None:
                before = statement.text[: max(wrong.cursorpos - 1, 0)]
                migration.error = (wrong.message, at + len(before.encode()))
            continue
        for each in tree.stmts:
            _add(migration, each, at, at + len(statement.text.encode()), at)


def _add(migration: Migration, each: Any, start: int, end: int, base: int = 0) -> None:
    text = migration.raw[start:end].decode(errors="replace")
    blank = _BLANK.match(text)
    skip = len(text[: blank.end()].encode()) if blank else 0
    kind = each.stmt.WhichOneof("node")
    if kind is None:
        return
    tree = getattr(each.stmt, kind)
    migration.statements.append(Statement(migration, kind, tree, start + skip, end, base))


# Taking statements apart ------------------------------------------------------------------------


def actions(statement: Statement, state: State) -> Iterator[Action]:
    """What a statement does, in order. The state is that of the moment each is asked for."""
    tree, kind = statement.tree, statement.kind

    def act(verb: str, name: Name, node: Any = None) -> Action:
        return Action(verb, statement, name, tree if node is None else node, state)

    if kind == "alter_table_stmt":
        name = state.named(tree.relation.schemaname, tree.relation.relname)
        if tree.objtype == pb.OBJECT_INDEX:
            for cmd in tree.cmds:
                verb = _COMMANDS.get(cmd.alter_table_cmd.subtype, "alter_table")
                yield act(
                    "attach_index" if verb == "attach_partition" else "alter_index",
                    name,
                    cmd.alter_table_cmd,
                )
            return
        for cmd in tree.cmds:
            node = cmd.alter_table_cmd
            yield act(_COMMANDS.get(node.subtype, "alter_table"), name, node)
    elif kind == "create_stmt":
        yield act("create_table", _of(tree.relation, state))
    elif kind == "index_stmt":
        yield act("create_index", state.named(tree.relation.schemaname, tree.relation.relname))
    elif kind == "drop_stmt":
        verb = _DROPPED.get(tree.remove_type, "drop")
        for each in tree.objects:
            yield act(verb, _dropped(each, state), tree)
    elif kind == "rename_stmt":
        relation = tree.relation
        name = (
            state.named(relation.schemaname, relation.relname) if relation.relname else Name("", "")
        )
        yield act("rename", name)
    elif kind in _RELATIONS:
        verb, attribute = _RELATIONS[kind]
        relation = getattr(tree, attribute)
        yield act(verb, state.named(relation.schemaname, relation.relname))
    elif kind == "truncate_stmt":
        for each in tree.relations:
            yield act(
                "truncate", state.named(each.range_var.schemaname, each.range_var.relname), tree
            )
    elif kind == "lock_stmt":
        for each in tree.relations:
            relation = each.range_var
            yield act("lock_table", state.named(relation.schemaname, relation.relname), tree)
    elif kind == "vacuum_stmt":
        for each in tree.rels:
            relation = each.vacuum_relation.relation
            yield act("vacuum", state.named(relation.schemaname, relation.relname), tree)
        if not tree.rels:
            yield act("vacuum", Name("", ""))
    elif kind == "create_table_as_stmt":
        yield act("create_table_as", _of(tree.into.rel, state))
    elif kind == "view_stmt":
        yield act("create_view", _of(tree.view, state))
    elif kind in _TYPES:
        names = getattr(tree, _TYPES[kind][1])
        yield act(_TYPES[kind][0], listed(names))
    elif kind not in _WRITES and not (kind == "explain_stmt" and switched(tree.options, "analyze")):
        yield act(kind.removesuffix("_stmt"), Name("", ""))
    for each in _written(kind, tree):
        relation = each.relation
        verb = each.DESCRIPTOR.name.removesuffix("Stmt").lower()
        yield act(verb, state.named(relation.schemaname, relation.relname), each)


def _written(kind: str, tree: Any) -> Iterator[Any]:
    """The statements that write rows when one runs: itself, those in its WITH, what it explains."""
    inner = _INNER.get(kind)
    if inner is not None:
        node = getattr(tree, inner)
        found = node.WhichOneof("node") if node is not None else None
        if found is not None and (kind != "explain_stmt" or switched(tree.options, "analyze")):
            yield from _written(found, getattr(node, found))
        return
    if kind not in (*_WRITES, "select_stmt"):
        return
    for each in tree.with_clause.ctes:
        query = each.common_table_expr.ctequery
        within = query.WhichOneof("node")
        if within in _WRITES:
            yield from _written(within, getattr(query, within))
    if kind in _WRITES:
        yield tree


_WRITES = ("insert_stmt", "update_stmt", "delete_stmt", "merge_stmt")
_INNER = {
    "explain_stmt": "query",
    "copy_stmt": "query",
    "create_table_as_stmt": "query",
    "prepare_stmt": "query",
}


def switched(options: Any, name: str) -> bool:
    """Whether an option of a statement is on, as the server reads it: `(FULL false)` is not.

    The last word counts.
    """
    on = False
    for option in options:
        if option.def_elem.defname == name:
            said = option.def_elem
            on = not said.HasField("arg") or _true(said.arg)
    return on


def _true(value: Any) -> bool:
    kind = value.WhichOneof("node")
    if kind == "integer":
        return bool(value.integer.ival)
    if kind == "boolean":
        return bool(value.boolean.boolval)
    return kind != "string" or value.string.sval.lower() not in ("false", "off")


def lock_limit(statement: Statement) -> float | None:
    """The milliseconds that a statement sets lock_timeout to; 0 is no limit, None that it sets none.

    What takes it back, RESET or TO DEFAULT, leaves the server's own, which is no limit either.
    """
    kind, tree = statement.kind, statement.tree
    if kind == "discard_stmt":
        return 0 if tree.target == pb.DISCARD_ALL else None
    if kind == "select_stmt":
        for target in tree.target_list:
            call = target.res_target.val.func_call
            if call.funcname and listed(call.funcname).name == "set_config":
                given = [arg.a_const for arg in call.args]
                if given[0].sval.sval.lower() == "lock_timeout" and len(given) > 1:
                    return _milliseconds(given[1])
        return None
    if kind != "variable_set_stmt" or (tree.name and tree.name.lower() != "lock_timeout"):
        return None
    if tree.kind in (pb.VAR_SET_DEFAULT, pb.VAR_RESET, pb.VAR_RESET_ALL):
        return 0
    if tree.kind != pb.VAR_SET_VALUE or not tree.args:
        return None
    return _milliseconds(tree.args[0].a_const)


def _milliseconds(value: Any) -> float | None:
    if value.HasField("ival"):
        return int(value.ival.ival)
    said = value.fval.fval if value.HasField("fval") else value.sval.sval
    match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(us|ms|s|min|h|d|)\s*", said)
    return round(float(match[1]) * _UNITS[match[2]]) if match else None


_UNITS = {"us": 0.001, "": 1, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


_RELATIONS = {
    "alter_object_schema_stmt": ("set_schema", "relation"),
    "cluster_stmt": ("cluster", "relation"),
    "reindex_stmt": ("reindex", "relation"),
    "refresh_mat_view_stmt": ("refresh", "relation"),
    "create_policy_stmt": ("create_policy", "table"),
    "alter_policy_stmt": ("alter_policy", "table"),
    "create_trig_stmt": ("create_trigger", "relation"),
    "rule_stmt": ("create_rule", "relation"),
}
_TYPES = {
    "create_domain_stmt": ("create_domain", "domainname"),
    "alter_domain_stmt": ("alter_domain", "type_name"),
    "create_enum_stmt": ("create_enum", "type_name"),
    "alter_enum_stmt": ("alter_enum", "type_name"),
    "create_function_stmt": ("create_function", "funcname"),
}
_COMMANDS = {
    pb.AT_AddColumn: "add_column",
    pb.AT_DropColumn: "drop_column",
    pb.AT_ColumnDefault: "column_default",
    pb.AT_SetNotNull: "set_not_null",
    pb.AT_DropNotNull: "drop_not_null",
    pb.AT_AlterColumnType: "alter_type",
    pb.AT_AddConstraint: "add_constraint",
    pb.AT_DropConstraint: "drop_constraint",
    pb.AT_ValidateConstraint: "validate",
    pb.AT_AttachPartition: "attach_partition",
    pb.AT_DetachPartition: "detach_partition",
    pb.AT_SetLogged: "set_logged",
    pb.AT_SetUnLogged: "set_unlogged",
    pb.AT_SetAccessMethod: "set_access_method",
    pb.AT_SetTableSpace: "set_tablespace",
    pb.AT_SetExpression: "set_expression",
    pb.AT_EnableRowSecurity: "enable_row_security",
    pb.AT_DisableRowSecurity: "disable_row_security",
    pb.AT_ForceRowSecurity: "force_row_security",
    pb.AT_NoForceRowSecurity: "no_force_row_security",
    pb.AT_DisableTrig: "disable_trigger",
    pb.AT_DisableTrigAll: "disable_trigger",
    pb.AT_DisableTrigUser: "disable_trigger",
    pb.AT_ChangeOwner: "change_owner",
    pb.AT_AddIdentity: "add_identity",
    pb.AT_AlterConstraint: "alter_constraint",
}
_DROPPED = {
    pb.OBJECT_TABLE: "drop_table",
    pb.OBJECT_INDEX: "drop_index",
    pb.OBJECT_POLICY: "drop_policy",
    pb.OBJECT_TRIGGER: "drop_trigger",
}


def _of(relation: Any, state: State) -> Name:
    """The name that a CREATE gives."""
    return Name(
        relation.schemaname or (state.path[0] if state.path else "public"), relation.relname
    )


def listed(names: Any) -> Name:
    """A name that the parse tree holds as a list of strings."""
    parts = [part.string.sval for part in names]
    return Name(parts[-2] if len(parts) > 1 else "", parts[-1] if parts else "")


def _dropped(each: Any, state: State) -> Name:
    kind = each.WhichOneof("node")
    if kind == "list":
        found = listed(each.list.items)
    elif kind == "string":
        found = Name("", each.string.sval)
    elif kind == "type_name":
        found = listed(each.type_name.names)
    else:
        found = listed(each.object_with_args.objname)
    return state.named(found.schema, found.name)


# What expressions and definitions say -----------------------------------------------------------

_VOLATILE = frozenset(
    {
        "random", "random_normal", "setseed", "clock_timestamp", "timeofday", "gen_random_uuid",
        "uuidv4", "uuidv7", "uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4", "nextval",
        "setval", "currval", "lastval", "gen_salt", "gen_random_bytes", "pg_sleep", "set_config",
        "pg_notify", "txid_current", "pg_current_xact_id", "query_to_xml", "dblink", "dblink_exec",
        "lo_create", "lo_creat", "pg_advisory_lock", "pg_try_advisory_lock", "pg_read_file",
    }
)  # fmt: skip


def nodes(node: Any, kind: str) -> Iterator[Any]:
    """Every node of one kind in a part of a parse tree."""
    for descriptor, value in node.ListFields():
        if descriptor.message_type is None:
            continue
        for each in value if descriptor.is_repeated else (value,):
            if descriptor.name == kind:
                yield each
            yield from nodes(each, kind)


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


def type_of(said: Any) -> Type:
    """The type that a parse tree names."""
    found = listed(said.names)
    mods = tuple(m.a_const.ival.ival for m in said.typmods if m.HasField("a_const"))
    schema = "" if found.schema == "pg_catalog" else found.schema
    name = found.name
    if name == "bpchar" and not mods and found.schema != "pg_catalog":
        mods = ()
    return Type(name, mods, len(said.array_bounds) > 0, schema)


def string(node: Any) -> str:
    """A string or a name that a parse tree holds as a node."""
    return str(node.string.sval)


def is_null(expression: Any) -> bool:
    """Whether an expression is NULL as it stands, of whatever type: such a default is none."""
    while expression.HasField("type_cast"):
        expression = expression.type_cast.arg
    return bool(expression.HasField("a_const") and expression.a_const.isnull)


def columns_of(node: Any) -> set[str]:
    """The columns that an expression names."""
    found = set()
    for ref in nodes(node, "column_ref"):
        if ref.fields and ref.fields[-1].HasField("string"):
            found.add(ref.fields[-1].string.sval)
    if node.DESCRIPTOR.name == "Node" and node.HasField("column_ref"):
        ref = node.column_ref
        if ref.fields and ref.fields[-1].HasField("string"):
            found.add(ref.fields[-1].string.sval)
    return found


def not_null_by(expression: Any) -> set[str]:
    """The columns that a CHECK proves to hold no NULL: `a IS NOT NULL AND …`."""
    if expression is None:
        return set()
    if expression.HasField("null_test"):
        test = expression.null_test
        if test.nulltesttype == pb.IS_NOT_NULL and test.arg.HasField("column_ref"):
            return {test.arg.column_ref.fields[-1].string.sval}
    if expression.HasField("bool_expr") and expression.bool_expr.boolop == pb.AND_EXPR:
        return set().union(*(not_null_by(arg) for arg in expression.bool_expr.args))
    return set()


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


_LETTERS = {
    pb.CONSTR_PRIMARY: "p",
    pb.CONSTR_UNIQUE: "u",
    pb.CONSTR_FOREIGN: "f",
    pb.CONSTR_CHECK: "c",
    pb.CONSTR_EXCLUSION: "x",
    pb.CONSTR_NOTNULL: "n",
}


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


def enforced(column: Any, constraint: Any) -> bool:
    """Whether a column's constraint is in force: NOT ENFORCED stands behind it as one of its own."""
    said = [each.constraint for each in column.constraints]
    behind = [each.contype for each in said[said.index(constraint) + 1 :]]
    for kind in behind:
        if kind == pb.CONSTR_ATTR_NOT_ENFORCED:
            return False
        if kind not in _ATTRIBUTES:
            break
    return True


_ATTRIBUTES = (
    pb.CONSTR_ATTR_DEFERRABLE, pb.CONSTR_ATTR_NOT_DEFERRABLE, pb.CONSTR_ATTR_DEFERRED,
    pb.CONSTR_ATTR_IMMEDIATE, pb.CONSTR_ATTR_ENFORCED,
)  # fmt: skip


def constraints_in(column: Any, contype: int) -> Iterator[Any]:
    """A column definition's constraints of one kind."""
    for each in column.constraints:
        if each.constraint.contype == contype:
            yield each.constraint


# What actions leave behind ----------------------------------------------------------------------


def apply(action: Action) -> None:
    """Bring the state to what it is after an action."""
    done = _APPLY.get(action.verb)
    if done is not None:
        done(action, action.state)


def _create_table(action: Action, state: State) -> None:
    tree = action.statement.tree
    if action.name in state.relations and (
        tree.if_not_exists and state.relations[action.name].made_by
    ):
        return
    made = Relation(made_by=action.migration.shown, whole=True)
    made.unlogged = tree.relation.relpersistence == "u"
    state.relations[action.name] = made
    for element in tree.table_elts:
        kind = element.WhichOneof("node")
        if kind == "column_def":
            _new_column(made, element.column_def, state)
        elif kind == "constraint":
            _new_constraint(made, element.constraint, state)
        else:
            made.whole = False
    if tree.HasField("partspec"):
        made.partitioned = True
        made.partition_key = tuple(p.partition_elem.name for p in tree.partspec.part_params)
    if tree.inh_relations:
        made.whole = False
        parent = tree.inh_relations[0].range_var
        name = state.named(parent.schemaname, parent.relname)
        if tree.HasField("partbound"):
            made.partition_of = name
            made.columns = {
                k: Column(c.type, c.not_null, c.default)
                for k, c in state.relation(name).columns.items()
            }
            if tree.partbound.is_default:
                state.relation(name).default_partition = action.name


def _new_column(made: Relation, definition: Any, state: State) -> None:
    kind = type_of(definition.type_name)
    domain = _domain(kind, state)
    if domain is not None:
        state.domain_users[domain] = True
    column = Column(kind)
    if kind.name.endswith("serial") or kind.name in ("serial2", "serial4", "serial8"):
        column = Column(Type(_SERIAL.get(kind.name, "int4")), not_null=True, default=True)
    for each in definition.constraints:
        said = each.constraint
        if said.contype in (pb.CONSTR_NOTNULL, pb.CONSTR_PRIMARY, pb.CONSTR_IDENTITY):
            column.not_null = True
        if said.contype in (pb.CONSTR_DEFAULT, pb.CONSTR_IDENTITY, pb.CONSTR_GENERATED):
            column.default = not is_null(said.raw_expr)
        if said.contype != pb.CONSTR_NOTNULL:
            _new_constraint(made, said, state, definition.colname)
    made.columns[definition.colname] = column


_SERIAL = {"bigserial": "int8", "serial8": "int8", "smallserial": "int2", "serial2": "int2"}


def _domain(kind: Type, state: State) -> Name | None:
    for name in state.domains:
        if name.name == kind.name and (not kind.schema or name.schema in ("", kind.schema)):
            return name
    return None


def domain_of(kind: Type | None, state: State) -> tuple[Type | None, bool] | None:
    """The base type of a domain, and whether it has constraints; None for what is no domain."""
    name = _domain(kind, state) if kind is not None else None
    return state.domains[name] if name is not None else None


def _new_constraint(made: Relation, node: Any, state: State, column: str = "") -> None:
    found = constraint_of(node, state, column)
    if found is None:
        return
    name = node.conname or f"?{len(made.constraints)}"
    if node.indexname:
        index = next((i for n, i in state.indexes.items() if n.name == node.indexname), None)
        if index is not None:
            found.columns = index.columns
    made.constraints[name] = found
    if found.kind in "pn" and found.valid:
        for each in found.columns:
            if each in made.columns:
                made.columns[each].not_null = True


def _add_column(action: Action, state: State) -> None:
    relation = state.relation(action.name)
    definition = getattr(action.node, "def").column_def
    if action.node.missing_ok and definition.colname in relation.columns:
        return
    _new_column(relation, definition, state)


def _drop_column(action: Action, state: State) -> None:
    relation = state.relation(action.name)
    relation.columns.pop(action.node.name, None)
    for name, each in list(relation.constraints.items()):
        if action.node.name in each.columns:
            del relation.constraints[name]


def _alter_type(action: Action, state: State) -> None:
    relation = state.relation(action.name)
    column = relation.columns.setdefault(action.node.name, Column())
    column.type = type_of(getattr(action.node, "def").column_def.type_name)


def _set_not_null(action: Action, state: State) -> None:
    column = state.relation(action.name).columns.setdefault(action.node.name, Column())
    column.not_null = action.verb == "set_not_null"


def _default(action: Action, state: State) -> None:
    column = state.relation(action.name).columns.setdefault(action.node.name, Column())
    column.default = action.node.HasField("def") and not is_null(getattr(action.node, "def"))


def _add_constraint(action: Action, state: State) -> None:
    _new_constraint(state.relation(action.name), getattr(action.node, "def").constraint, state)


def _drop_constraint(action: Action, state: State) -> None:
    state.relation(action.name).constraints.pop(action.node.name, None)


def _validate(action: Action, state: State) -> None:
    relation = state.relation(action.name)
    found = relation.constraints.get(action.node.name)
    if found is None:
        return
    found.valid = True
    if found.kind == "n":
        for each in found.columns:
            relation.columns.setdefault(each, Column()).not_null = True


def _create_index(action: Action, state: State) -> None:
    tree = action.node
    if not tree.idxname:
        return
    columns = tuple(p.index_elem.name for p in tree.index_params)
    name = Name(action.name.schema, tree.idxname)
    if not (tree.if_not_exists and name in state.indexes):
        state.indexes[name] = Index(
            action.name, columns, tree.unique, tree.HasField("where_clause")
        )


def _forget(action: Action, state: State) -> None:
    state.relations.pop(action.name, None)
    for name, index in list(state.indexes.items()):
        if index.table == action.name or name == action.name:
            del state.indexes[name]


def _drop_policy(action: Action, state: State) -> None:
    parts = [part.string.sval for part in action.node.objects[0].list.items]
    table = state.named(parts[-3] if len(parts) > 2 else "", parts[-2]) if len(parts) > 1 else None
    if table is not None and table in state.relations:
        state.relations[table].policies.discard(parts[-1])


def _rename(action: Action, state: State) -> None:
    tree = action.node
    if tree.rename_type == pb.OBJECT_COLUMN:
        relation = state.relation(action.name)
        if tree.subname in relation.columns:
            relation.columns[tree.newname] = relation.columns.pop(tree.subname)
    elif tree.rename_type in (pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW):
        new = Name(action.name.schema, tree.newname)
        if action.name in state.relations:
            state.relations[new] = state.relations.pop(action.name)
        for index in state.indexes.values():
            if index.table == action.name:
                index.table = new
    elif tree.rename_type == pb.OBJECT_TABCONSTRAINT:
        found = state.relation(action.name).constraints
        if tree.subname in found:
            found[tree.newname] = found.pop(tree.subname)
    elif tree.rename_type == pb.OBJECT_INDEX and action.name in state.indexes:
        state.indexes[Name(action.name.schema, tree.newname)] = state.indexes.pop(action.name)
    elif tree.rename_type == pb.OBJECT_SCHEMA:
        for name in [n for n in state.relations if n.schema == tree.subname]:
            state.relations[Name(tree.newname, name.name)] = state.relations.pop(name)
        for name in [n for n in state.indexes if n.schema == tree.subname]:
            state.indexes[Name(tree.newname, name.name)] = state.indexes.pop(name)


def _set_schema(action: Action, state: State) -> None:
    if action.name in state.relations:
        new = Name(action.node.newschema, action.name.name)
        state.relations[new] = state.relations.pop(action.name)


def _logged(action: Action, state: State) -> None:
    state.relation(action.name).unlogged = action.verb == "set_unlogged"


def _row_security(action: Action, state: State) -> None:
    state.relation(action.name).row_security = action.verb.startswith("enable")


def _create_policy(action: Action, state: State) -> None:
    state.relation(action.name).policies.add(action.node.policy_name)


def _attach(action: Action, state: State) -> None:
    command = getattr(action.node, "def").partition_cmd
    part = state.named(command.name.schemaname, command.name.relname)
    state.relation(part).partition_of = action.name
    if command.bound.is_default:
        state.relation(action.name).default_partition = part


def _view(action: Action, state: State) -> None:
    made = Relation(made_by=action.migration.shown, kind="view")
    if action.name not in state.relations:
        state.relations[action.name] = made


def _table_as(action: Action, state: State) -> None:
    kind = "matview" if action.node.objtype == pb.OBJECT_MATVIEW else "table"
    state.relations[action.name] = Relation(made_by=action.migration.shown, kind=kind)


def _create_domain(action: Action, state: State) -> None:
    tree = action.node
    limited = any(
        c.constraint.contype in (pb.CONSTR_CHECK, pb.CONSTR_NOTNULL) for c in tree.constraints
    )
    state.domains[action.name] = (type_of(tree.type_name), limited)


def _alter_domain(action: Action, state: State) -> None:
    if action.node.subtype in ("C", "O"):
        base = state.domains.get(action.name, (None, False))[0]
        state.domains[action.name] = (base, True)


def _create_enum(action: Action, state: State) -> None:
    state.enums[action.name] = action.migration.shown


def _create_function(action: Action, state: State) -> None:
    label = "volatile"
    for option in action.node.options:
        if option.def_elem.defname == "volatility":
            label = option.def_elem.arg.string.sval
    state.functions[action.name.name] = label
    state.made.setdefault(action.name.name, action.migration.shown)


def _set(action: Action, state: State) -> None:
    tree = action.node
    values = [v.a_const.sval.sval for v in tree.args if v.HasField("a_const")]
    if tree.name == "search_path":
        state.path = tuple(values)
    elif tree.name == "timezone":
        state.utc = [v.upper() for v in values] in (["UTC"], ["GMT"], ["ETC/UTC"])


_APPLY = {
    "create_table": _create_table,
    "create_table_as": _table_as,
    "create_view": _view,
    "create_index": _create_index,
    "drop_table": _forget,
    "drop_index": _forget,
    "drop": _forget,
    "drop_policy": _drop_policy,
    "rename": _rename,
    "set_schema": _set_schema,
    "add_column": _add_column,
    "drop_column": _drop_column,
    "alter_type": _alter_type,
    "set_not_null": _set_not_null,
    "drop_not_null": _set_not_null,
    "column_default": _default,
    "add_constraint": _add_constraint,
    "drop_constraint": _drop_constraint,
    "validate": _validate,
    "attach_partition": _attach,
    "enable_row_security": _row_security,
    "disable_row_security": _row_security,
    "set_logged": _logged,
    "set_unlogged": _logged,
    "create_policy": _create_policy,
    "create_domain": _create_domain,
    "alter_domain": _alter_domain,
    "create_enum": _create_enum,
    "create_function": _create_function,
    "variable_set": _set,
}

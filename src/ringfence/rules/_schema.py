"""The schema as rules see it: a catalog's facts, with the SQL in them taken apart.

Everything here is read from a `Catalog`; definitions that the server prints are parsed by its own
parser. What a definition says in words that the parser does not know is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import postgast

from ringfence.config import Tenancy
from ringfence.kinds._acl import OWNER
from ringfence.model import Ref
from ringfence.rules._parse import columns_of, listed, nodes, pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ringfence.model import Catalog, Fact

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_SETTING = re.compile(r"current_setting\s*\(\s*'([^']+)'", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A foreign key. `target` is a table's ref, which may not be in the schema."""

    ref: Ref
    table: Ref
    columns: tuple[str, ...]
    target: Ref
    target_columns: tuple[str, ...]
    on_delete: str


@dataclass(frozen=True, slots=True)
class Index:
    """An index, or a key's. `columns` holds "" for an expression; `owned` is whether a key's.

    `options` says of each column how it is sorted and compared. `attached` is one that is part of
    a partitioned table's.
    """

    ref: Ref
    columns: tuple[str, ...]
    unique: bool = False
    predicate: str = ""
    method: str = "btree"
    owned: bool = False
    options: tuple[str, ...] = ()
    included: frozenset[str] = frozenset()
    attached: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy. `using` and `check` are expressions as parse trees, None where there is none."""

    ref: Ref
    command: str
    restrictive: bool
    roles: tuple[str, ...]
    using: Any
    check: Any
    text: str


@dataclass
class Table:
    """A table with what hangs on it."""

    ref: Ref
    fact: Fact
    columns: dict[str, Fact] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    primary: tuple[str, ...] = ()
    uniques: list[tuple[Ref, tuple[str, ...]]] = field(default_factory=list)
    foreign: list[Foreign] = field(default_factory=list)
    checks: list[tuple[Ref, Any]] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    triggers: list[Fact] = field(default_factory=list)
    partition_of: Ref | None = None
    parents: tuple[Ref, ...] = ()
    owner: str = ""

    @property
    def path(self) -> str:
        """As messages show it."""
        return self.ref.path

    @property
    def row_security(self) -> bool:
        """Whether row-level security is on."""
        return bool(self.fact["row_security"])

    @property
    def forced(self) -> bool:
        """Whether it binds the owner."""
        return bool(self.fact["force_row_security"])

    def nullable(self, column: str) -> bool:
        """Whether a column may be NULL."""
        fact = self.columns.get(column)
        return fact is not None and not fact["not_null"] and column not in self.primary

    def type(self, column: str) -> str:
        """A column's type, "" for a column there is not."""
        fact = self.columns.get(column)
        return fact.text("type") if fact is not None else ""

    def column_ref(self, column: str) -> Ref:
        """A column's ref."""
        return Ref("column", (*self.ref.name, column))

    def checked(self, column: str) -> list[Any]:
        """The CHECKs that name a column."""
        return [expression for _, expression in self.checks if column in columns_of(expression)]


@dataclass(frozen=True, slots=True)
class View:
    """A view or materialized view. `reads` are the tables and views it depends on."""

    ref: Ref
    fact: Fact
    owner: str
    definition: str
    options: tuple[str, ...]
    reads: frozenset[Ref]

    def has(self, option: str) -> bool:
        """Whether a boolean option is set: `security_invoker`."""
        return f"{option}=true" in self.options or f"{option}=on" in self.options


@dataclass(frozen=True, slots=True)
class Routine:
    """A function or procedure. `body` is its source; `head` what its definition says before it."""

    ref: Ref
    owner: str
    language: str
    definer: bool
    volatility: str
    leakproof: bool
    settings: str
    body: str
    result: str
    head: str


class Schema:
    """A catalog as rules look at it."""

    def __init__(self, catalog: Catalog, tenancy: Tenancy | None = None) -> None:
        self.catalog = catalog
        self.tenancy = tenancy or Tenancy()

    # Objects --------------------------------------------------------------------------------

    @cached_property
    def tables(self) -> dict[Ref, Table]:
        """Every table by its ref."""
        facts = self.catalog.facts
        found = {
            ref: Table(ref, fact, owner=self._owner(ref))
            for ref, fact in sorted(facts.items())
            if ref.kind == "table"
        }
        for fact in facts.values():
            table = found.get(fact.parent) if fact.parent is not None else None
            kind = fact.ref.kind
            if kind == "default" and fact.parent is not None and fact.parent.kind == "column":
                table = found.get(Ref("table", fact.parent.name[:-1]))
                if table is not None:
                    table.defaults[fact.parent.name[-1]] = fact.text("expression")
            elif table is None:
                continue
            elif kind == "column":
                table.columns[fact.ref.name[-1]] = fact
            elif kind == "trigger":
                table.triggers.append(fact)
            elif kind == "policy":
                table.policies.append(_policy(fact))
            elif kind == "partition":
                table.partition_of = _table(fact["whole"])
            elif kind == "inheritance" and isinstance(parents := fact["parents"], tuple):
                table.parents = tuple(filter(None, (_table(each) for each in parents)))
        self._constraints(found)
        self._indexes(found)
        return found

    def table_of(self, ref: Ref) -> Table | None:
        """The table that an object is, or hangs on."""
        seen: Ref | None = ref
        while seen is not None and seen not in self.tables:
            fact = self.catalog.facts.get(seen)
            seen = fact.parent if fact is not None else None
        return self.tables[seen] if seen is not None else None

    def _owner(self, ref: Ref) -> str:
        return next((f.text("owner") for f in self.catalog.below(ref, "owner")), "")

    def _constraints(self, tables: Mapping[Ref, Table]) -> None:
        facts = [
            fact
            for fact in self.catalog.facts.values()
            if fact.ref.kind == "constraint" and fact.parent in tables
        ]
        trees = _parsed([f"ALTER TABLE x ADD {fact.text('definition')}" for fact in facts])
        for fact, tree in zip(facts, trees, strict=True):
            assert fact.parent is not None
            table = tables[fact.parent]
            if tree is None:
                continue
            node = getattr(tree.cmds[0].alter_table_cmd, "def").constraint
            columns = tuple(k.string.sval for k in node.keys)
            letter = fact.text("type")
            if letter == "p":
                table.primary = columns
                table.indexes.append(_key(fact.ref, node, columns))
            elif letter == "u":
                table.uniques.append((fact.ref, columns))
                table.indexes.append(_key(fact.ref, node, columns))
            elif letter == "c":
                table.checks.append((fact.ref, node.raw_expr))
            elif letter == "f":
                target = Ref("table", (node.pktable.schemaname, node.pktable.relname))
                own = tuple(k.string.sval for k in node.fk_attrs)
                theirs = tuple(k.string.sval for k in node.pk_attrs)
                action = _ACTIONS.get(node.fk_del_action, "NO ACTION")
                table.foreign.append(Foreign(fact.ref, table.ref, own, target, theirs, action))

    def _indexes(self, tables: Mapping[Ref, Table]) -> None:
        facts = [
            fact
            for fact in self.catalog.facts.values()
            if fact.ref.kind == "index" and fact.parent in tables
        ]
        for fact, tree in zip(facts, _parsed([f.text("definition") for f in facts]), strict=True):
            assert fact.parent is not None
            if tree is None:
                continue
            elements = [each.index_elem for each in tree.index_params]
            tables[fact.parent].indexes.append(
                Index(
                    fact.ref,
                    tuple(e.name for e in elements),
                    tree.unique,
                    fact.text("predicate"),
                    tree.access_method,
                    options=tuple(map(_option, elements)),
                    included=_included(tree.index_including_params),
                    attached=bool(fact["attached"]),
                )
            )
            if tree.unique and not fact.text("predicate") and all(e.name for e in elements):
                tables[fact.parent].uniques.append((fact.ref, tuple(e.name for e in elements)))

    @cached_property
    def views(self) -> dict[Ref, View]:
        """Every view and materialized view by its ref."""
        return {
            ref: View(
                ref,
                fact,
                self._owner(ref),
                fact.text("definition"),
                fact.list("options"),
                frozenset(self._relations(ref)),
            )
            for ref, fact in sorted(self.catalog.facts.items())
            if ref.kind in ("view", "materialized_view")
        }

    def _relations(self, ref: Ref) -> Iterator[Ref]:
        """The tables and views that an object names."""
        for used in self.catalog.uses.get(ref, ()):
            if used.kind in ("table", "view", "materialized_view", "foreign_table"):
                yield used
            elif used.kind == "column":
                fact = self.catalog.facts.get(used)
                if fact is not None and fact.parent is not None:
                    yield fact.parent

    def reached(self, view: View) -> set[Ref]:
        """The tables that a view shows rows of, through other views too."""
        found: set[Ref] = set()
        waiting = list(view.reads)
        while waiting:
            ref = waiting.pop()
            if ref not in found:
                found.add(ref)
                waiting += self.views[ref].reads if ref in self.views else ()
        return {ref for ref in found if ref in self.tables}

    @cached_property
    def routines(self) -> dict[Ref, Routine]:
        """Every function and procedure by its ref."""
        return {
            ref: _routine(ref, fact, self._owner(ref))
            for ref, fact in sorted(self.catalog.facts.items())
            if ref.kind == "routine"
        }

    def function_of(self, trigger: Fact) -> Routine | None:
        """The function that a trigger calls."""
        for used in self.catalog.uses.get(trigger.ref, ()):
            if used in self.routines:
                return self.routines[used]
        return None

    def named_in(self, text: str) -> set[Ref]:
        """The tables that the body of a routine reads or writes, as far as its text shows."""
        plain = code(text)
        found = set()
        for ref in self.tables:
            schema, name = ref.name
            pattern = rf"(?<![\w.])(?:\"?{re.escape(schema)}\"?\.)?\"?{re.escape(name)}\"?(?![\w(])"
            if re.search(pattern, plain):
                found.add(ref)
        return found

    # Roles ----------------------------------------------------------------------------------

    def grants(self, ref: Ref) -> dict[str, str]:
        """Who has which privileges on an object, as letters; its columns' count as its own.

        The owner is left out: its privileges are its own to change.
        """
        found: dict[str, str] = {}
        for owner in (ref, *(f.ref for f in self.catalog.below(ref, "column"))):
            for fact in self.catalog.below(owner, "grant"):
                role = fact.ref.name[-1]
                if role != OWNER:
                    found[role] = found.get(role, "") + fact.text("privileges")
        return found

    def called_by(self, routine: Routine) -> tuple[str, ...]:
        """Who may call a routine, but its owner; PUBLIC may unless somebody took it away."""
        held = {
            f.ref.name[-1]: f.text("privileges") for f in self.catalog.below(routine.ref, "grant")
        }
        found = {role for role, letters in held.items() if "X" in letters} - {OWNER}
        return tuple(sorted(found if "public" in held else {"public", *found}))

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """The runtime roles: those of the configuration, else whoever was granted a table."""
        if self.tenancy.roles:
            return self.tenancy.roles
        owners = {table.owner for table in self.tables.values()}
        found = {
            role
            for ref in (*self.tables, *self.views)
            for role, letters in self.grants(ref).items()
            if set(letters) & set("rawd") and role not in owners
        }
        return tuple(sorted(found))

    def role(self, name: str) -> Fact | None:
        """What is known of a role."""
        return self.catalog.facts.get(Ref("role", (name,)))

    def may(self, ref: Ref, letters: str) -> tuple[str, ...]:
        """The runtime roles, and PUBLIC, that have one of some privileges on an object."""
        found = self.grants(ref)
        return tuple(
            sorted(
                role
                for role in found
                if (role in self.roles or role == "public") and set(found[role]) & set(letters)
            )
        )

    # Tenants --------------------------------------------------------------------------------

    @cached_property
    def root(self) -> Ref | None:
        """The table whose rows are the tenants: the configured one, else what most policies lead to."""
        if self.tenancy.root:
            schema, _, name = self.tenancy.root.rpartition(".")
            same = [r for r in self.tables if r.name[-1] == name and schema in ("", r.name[0])]
            return same[0] if same else None
        votes: dict[Ref, int] = {}
        for table in self.tables.values():
            for policy in table.policies:
                for column in self.compared(policy, settings=True):
                    targets = [f.target for f in table.foreign if f.columns == (column,)]
                    if not targets and table.primary == (column,):
                        targets = [table.ref]
                    for target in targets:
                        votes[target] = votes.get(target, 0) + 1
        return min(votes, key=lambda ref: (-votes[ref], ref)) if votes else None

    def compared(self, policy: Policy, *, settings: bool = False) -> set[str]:
        """The columns that a policy compares with who is asking: a setting or, without `settings`,
        the role; either may come from a function."""
        found = set()
        for tree in (policy.using, policy.check):
            for node in _expressions(tree):
                sides = (node.lexpr, node.rexpr)
                for one, other in (sides, sides[::-1]):
                    if one.HasField("column_ref") and self.sets_apart(other, settings=settings):
                        found.add(one.column_ref.fields[-1].string.sval)
        return found

    def sets_apart(self, node: Any, *, settings: bool) -> bool:
        """Whether an expression depends on who is asking: a setting, a role, a function of these."""
        if not settings and (
            next(nodes(node, "sqlvalue_function"), None) is not None
            or (node.DESCRIPTOR.name == "Node" and node.HasField("sqlvalue_function"))
        ):
            return True
        calls = [listed(call.funcname) for call in nodes(node, "func_call")]
        if node.DESCRIPTOR.name == "Node" and node.HasField("func_call"):
            calls.append(listed(node.func_call.funcname))
        for call in calls:
            if call.name == "current_setting":
                return True
            if any(ref.name[1] == call.name for ref in self.asking):
                return True
        return False

    @cached_property
    def asking(self) -> set[Ref]:
        """The routines whose source asks who is calling: a setting, the session's user, or another
        routine that asks."""
        bodies = {ref: code(routine.body) for ref, routine in self.routines.items()}
        asks = re.compile(r"\b(current_setting\s*\(|session_user\b)", re.IGNORECASE)
        found = {ref for ref, body in bodies.items() if asks.search(body)}
        names = set[str]()
        while names != (names := {ref.name[1] for ref in found}):
            calls = re.compile(rf"(?<![\w$])\"?(?:{'|'.join(map(re.escape, names))})\"?\s*\(")
            found |= {ref for ref, body in bodies.items() if calls.search(body)}
        return found

    @cached_property
    def shared(self) -> set[Ref]:
        """The tables whose rows belong to nobody."""
        return {
            ref
            for ref in self.tables
            for said in self.tenancy.shared
            if said in (ref.path, ref.name[-1])
        }

    @cached_property
    def scoped(self) -> dict[Ref, Foreign | None]:
        """The tables whose rows belong to tenants, each with the foreign key that leads to the root."""
        if self.root is None:
            return {}
        found: dict[Ref, Foreign | None] = {self.root: None}
        distance = {self.root: 0}
        changed = True
        while changed:
            changed = False
            for table in self.tables.values():
                if table.ref == self.root or table.ref in self.shared:
                    continue
                for key in table.foreign:
                    if key.target not in distance or key.target == table.ref:
                        continue
                    weak = any(table.nullable(column) for column in key.columns)
                    far = distance[key.target] + (1000 if weak else 1)
                    if far < distance.get(table.ref, 1 << 30):
                        distance[table.ref] = far
                        found[table.ref] = key
                        changed = True
        return {ref: key for ref, key in found.items() if distance[ref] < 1000 or ref == self.root}

    def belongs(self, table: Table) -> bool:
        """Whether a table's rows belong to tenants; the root's own do too."""
        return table.ref in self.scoped

    def tenant_column(self, table: Table) -> str:
        """The column that holds the tenant itself, "" where a table has none."""
        if table.ref == self.root:
            return table.primary[0] if len(table.primary) == 1 else ""
        for key in table.foreign:
            if key.target == self.root and len(key.columns) == 1:
                return key.columns[0]
        for policy in table.policies:
            for column in sorted(self.compared(policy)):
                return column
        return ""

    @cached_property
    def settings(self) -> dict[str, list[Policy]]:
        """The settings that policies read, each with them."""
        found: dict[str, list[Policy]] = {}
        for table in self.tables.values():
            for policy in table.policies:
                for name in dict.fromkeys(_SETTING.findall(policy.text)):
                    found.setdefault(name, []).append(policy)
        return found


def _option(element: Any) -> str:
    """How an index sorts and compares a column; "" for one that says nothing of it."""
    plain = element.ordering <= pb.SORTBY_ASC and element.nulls_ordering <= pb.SORTBY_NULLS_DEFAULT
    said = f"{listed(element.opclass).name} {listed(element.collation).name}".strip()
    return said if plain else f"{element.ordering} {element.nulls_ordering} {said}"


def _included(elements: Iterable[Any]) -> frozenset[str]:
    return frozenset(each.index_elem.name for each in elements)


def _key(ref: Ref, node: Any, columns: tuple[str, ...]) -> Index:
    """The index of a primary key or unique constraint."""
    included = frozenset(each.string.sval for each in node.including)
    plain = ("",) * len(columns)
    return Index(ref, columns, unique=True, owned=True, options=plain, included=included)


def _parsed(texts: list[str]) -> list[Any]:
    """Parse trees of statements, None for one that the parser does not take."""
    try:
        found = postgast.parse(";\n".join(texts)).stmts
        if len(found) == len(texts):
            return [_node(each.stmt) for each in found]
    except postgast.PgQueryError:
        pass
    trees: list[Any] = []
    for text in texts:
        try:
            trees.append(_node(postgast.parse(text).stmts[0].stmt))
        except (postgast.PgQueryError, IndexError):
            trees.append(None)
    return trees


def parsed(text: str) -> Any:
    """The parse tree of one statement, None for what the parser does not take."""
    return _parsed([text.strip().rstrip(";")])[0]


def _node(tree: Any) -> Any:
    return getattr(tree, tree.WhichOneof("node"))


def _table(said: object) -> Ref | None:
    return Ref("table", tuple(map(str, said))) if isinstance(said, tuple) else None


_COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


def _policy(fact: Fact) -> Policy:
    using, check = fact.text("using_expression"), fact.text("check_expression")
    return Policy(
        fact.ref,
        _COMMANDS.get(fact.text("command"), "ALL"),
        bool(fact["restrictive"]),
        fact.list("roles"),
        expression(using),
        expression(check),
        f"{using} {check}",
    )


def expression(text: str) -> Any:
    """An expression's parse tree, None for none."""
    if not text:
        return None
    tree = _parsed([f"SELECT {text}"])[0]
    return tree.target_list[0].res_target.val if tree is not None else None


def _expressions(tree: Any) -> Iterator[Any]:
    """The comparisons for equality in an expression, but for those inside its subqueries."""
    if tree is None:
        return
    if tree.HasField("a_expr"):
        expr = tree.a_expr
        if expr.name and expr.name[-1].string.sval == "=":
            yield expr
    elif tree.HasField("bool_expr"):
        for each in tree.bool_expr.args:
            yield from _expressions(each)


def _routine(ref: Ref, fact: Fact, owner: str) -> Routine:
    definition = fact.text("definition")
    match = re.search(
        r"^AS (?:'[^']*', )?(\$\w*\$)(.*)\1\s*\Z", definition, re.DOTALL | re.MULTILINE
    )
    head = definition[: match.start()] if match else definition
    body = match[2] if match else re.sub(r"(?s)^.*?\n(?=BEGIN ATOMIC|\s*RETURN)", "", definition)
    language = re.search(r"^ LANGUAGE (\S+)", head, re.MULTILINE)
    labels = re.findall(r"\b(IMMUTABLE|STABLE)\b", head)
    return Routine(
        ref,
        owner,
        language[1] if language else "sql",
        "SECURITY DEFINER" in head,
        labels[0] if labels else "VOLATILE",
        "LEAKPROOF" in head and "NOT LEAKPROOF" not in head,
        "\n".join(re.findall(r"^ SET .*$", head, re.MULTILINE)),
        body,
        fact.text("result"),
        head,
    )


def code(text: str) -> str:
    """Source without its comments."""
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)


NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)(?:\.(?:"(?:[^"]|"")+"|[\w$]+))*'
"""A name in SQL as a regular expression, its schema included."""


def writes(body: str) -> list[tuple[str, str]]:
    """What a routine's source writes: the verb and the name as it stands there."""
    pattern = rf"\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?({NAME})"
    return [
        (re.sub(r"\s.*", "", verb.upper(), flags=re.DOTALL), name)
        for verb, name in re.findall(pattern, code(body), re.IGNORECASE)
        if name.upper() not in ("SET", "OF", "OR")
    ]


def values_of(tree: Any) -> tuple[str, tuple[str, ...]]:
    """The column and the values of `column IN ('a', 'b')`, as the server prints it; else empty."""
    if tree is None or not tree.HasField("a_expr"):
        return "", ()
    expr = tree.a_expr
    columns = columns_of(expr.lexpr)
    values = tuple(c.sval.sval for c in nodes(expr.rexpr, "a_const") if c.HasField("sval"))
    if expr.kind == pb.AEXPR_OP_ANY and len(columns) == 1 and values:
        return next(iter(columns)), values
    return "", ()


def matching(tables: Iterable[Table], name: str) -> list[Table]:
    """The tables that a name in a routine's source may mean."""
    parts = re.findall(r'"((?:[^"]|"")+)"|([\w$]+)', name)
    plain = tuple(quoted.replace('""', '"') or bare.lower() for quoted, bare in parts)
    return [t for t in tables if t.ref.name[-len(plain) :] == plain]

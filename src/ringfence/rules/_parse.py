"""What PostgreSQL's parser makes of a statement, said in words: names, types, conditions, options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import postgast

from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Statement

pb = postgast.pg_query_pb2


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


def nodes(node: Any, kind: str) -> Iterator[Any]:
    """Every node of one kind in a part of a parse tree."""
    for descriptor, value in node.ListFields():
        if descriptor.message_type is None:
            continue
        for each in value if descriptor.is_repeated else (value,):
            if descriptor.name == kind:
                yield each
            yield from nodes(each, kind)


def listed(names: Any) -> Name:
    """A name that the parse tree holds as a list of strings."""
    parts = [part.string.sval for part in names]
    return Name(parts[-2] if len(parts) > 1 else "", parts[-1] if parts else "")


def string(node: Any) -> str:
    """A string or a name that a parse tree holds as a node."""
    return str(node.string.sval)


def type_of(said: Any) -> Type:
    """The type that a parse tree names."""
    found = listed(said.names)
    mods = tuple(m.a_const.ival.ival for m in said.typmods if m.HasField("a_const"))
    schema = "" if found.schema == "pg_catalog" else found.schema
    name = found.name
    if name == "bpchar" and not mods and found.schema != "pg_catalog":
        mods = ()
    return Type(name, mods, len(said.array_bounds) > 0, schema)


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


def constraints_in(column: Any, contype: int) -> Iterator[Any]:
    """A column definition's constraints of one kind."""
    for each in column.constraints:
        if each.constraint.contype == contype:
            yield each.constraint


def called(constraint: Any) -> str:
    """What a constraint is called behind its kind: its name, or the columns it is on."""
    if constraint.conname:
        return f" {constraint.conname}"
    keys = [string(each) for each in (*constraint.keys, *constraint.fk_attrs)]
    columns = keys or sorted(columns_of(constraint.raw_expr))
    return f" on {', '.join(columns)}" if columns else ""


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
    if kind == "type_name":  # as the parser takes a word that is no keyword: off, no
        word = listed(value.type_name.names).name
    else:
        word = value.string.sval.lower() if kind == "string" else "true"
    return word != "0" and not any(no.startswith(word) for no in ("false", "no", "off"))


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


def always_true(tree: Any) -> bool:
    """Whether an expression holds for every row: true, 1 = 1, or an OR with one of these."""
    if tree is None:
        return False
    if tree.HasField("a_const"):
        return bool(tree.a_const.boolval.boolval)
    if tree.HasField("bool_expr"):
        parts = [always_true(each) for each in tree.bool_expr.args]
        if tree.bool_expr.boolop == pb.OR_EXPR:
            return any(parts)
        return tree.bool_expr.boolop == pb.AND_EXPR and all(parts)
    if tree.HasField("a_expr"):
        expr = tree.a_expr
        one, other = expr.lexpr, expr.rexpr
        same = one.HasField("a_const") and other.HasField("a_const")
        equal = bool(expr.name) and expr.name[-1].string.sval == "="
        return same and equal and _value(one) == _value(other)
    return False


def _value(node: Any) -> str:
    const = node.a_const
    kind = const.WhichOneof("val")
    return f"{kind}:{getattr(const, kind)}".partition("location")[0] if kind else "null"

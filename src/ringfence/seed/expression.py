"""SQL conditions as trees, read for hints on which values would satisfy them.

A hint may be wrong or missing without harm: the server has the last word on every row before it is
written. So casts are dropped, names lose their schema, and what has no use here stays text.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import postgast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

pb = postgast.pg_query_pb2


@dataclass(frozen=True, slots=True)
class Expr:
    """A node. What `value` and `args` hold depends on `kind`:

    ========  ==================================  ==========================================
    kind      value                               args
    ========  ==================================  ==========================================
    column    its name
    const     its text in PostgreSQL's notation
    null
    fixed     SQL without columns, not computed
    and, or                                       the conditions
    not                                           the condition
    op        the operator                        left and right, or right alone
    any, all  the operator                        left, then the members of the list
    is        true, false or null                 the operand
    call      the function's name                 its arguments
    case                                          condition, result, …, the result otherwise
    other     SQL                                 the columns in it
    ========  ==================================  ==========================================

    `volatile` marks a constant that is computed from the clock; `sql` is the node as the server
    would read it.
    """

    kind: str
    value: str = ""
    args: tuple[Expr, ...] = ()
    volatile: bool = False
    sql: str = field(default="", compare=False)

    def columns(self) -> Iterator[str]:
        """The columns in it, again and again where they stand more than once."""
        if self.kind == "column":
            yield self.value
        for arg in self.args:
            yield from arg.columns()

    def literals(self) -> Iterator[str]:
        """The constants in it, but for the patterns that text is matched with."""
        if self.kind == "const":
            yield self.value
        matched = self.kind in ("op", "any", "all") and self.value in _MATCHING
        for arg in self.args[:1] if matched else self.args:
            yield from arg.literals()

    def fixed(self) -> Iterator[str]:
        """The SQL of the constants in it that the server must compute."""
        if self.kind == "fixed":
            yield self.value
        for arg in self.args:
            yield from arg.fixed()

    def replaced(self, change: Callable[[Expr], Expr]) -> Expr:
        """The tree with `change` applied to every node, leaves first."""
        return change(replace(self, args=tuple(arg.replaced(change) for arg in self.args)))


_MATCHING = {"~", "~*", "!~", "!~*", "~~", "~~*", "!~~", "!~~*", "@?", "@@"}


def parse(sql: str, *, value: str = "", now: datetime | None = None) -> Expr:
    """The tree of a condition as the server shows it.

    `value` is the column that VALUE stands for in a domain's check. `now` is put in the place of
    the clock, so that the same seed gives the same bounds tomorrow.
    """
    try:
        tree = postgast.parse(f"SELECT {sql}")
        node = tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val
    except (postgast.PgQueryError, IndexError):
        return Expr("other", sql)
    if now is not None:
        _stop_clock(node, now)
    expr = _node(node)
    if now is not None:
        expr = expr.replaced(
            lambda e: (
                replace(e, volatile=True)
                if e.kind in ("const", "fixed") and now.isoformat() in e.value
                else e
            )
        )
    if value:
        expr = expr.replaced(
            lambda e: Expr("column", value) if e.kind == "column" and e.value == "value" else e
        )
    return expr


def compared(sql: str, reader: str) -> set[str]:
    """The columns that a condition compares, at any depth, with what calling `reader` gives."""
    try:
        tree = postgast.parse(f"SELECT {sql}")
    except postgast.PgQueryError:
        return set()
    found: set[str] = set()
    for node in within(tree):
        if not isinstance(node, pb.A_Expr) or [n.string.sval for n in node.name] != ["="]:
            continue
        for one, other in ((node.lexpr, node.rexpr), (node.rexpr, node.lexpr)):
            names, calls = _mentioned(one), _mentioned(other)
            if len(names[0]) == 1 and not calls[0] and reader in calls[1]:
                found |= names[0]
    return found


def called(sql: str) -> tuple[str, ...]:
    """The functions that an expression calls, the clock's keywords among them, in their order."""
    try:
        tree = postgast.parse(f"SELECT {sql}")
    except postgast.PgQueryError:
        return ()
    found: dict[str, None] = {}
    for node in within(tree):
        if isinstance(node, pb.FuncCall):
            found[node.funcname[-1].string.sval] = None
        elif isinstance(node, pb.SQLValueFunction) and node.op in _CLOCK_KEYWORDS:
            found[pb.SQLValueFunctionOp.Name(node.op).removeprefix("SVFOP_").lower()] = None
    return tuple(found)


def within(message: Any) -> Iterator[Any]:
    """A node and all nodes in it."""
    yield message
    for _, value in message.ListFields():
        for each in value if hasattr(value, "__len__") and not isinstance(value, str) else (value,):
            if hasattr(each, "ListFields"):
                yield from within(each)


def _mentioned(node: Any) -> tuple[set[str], set[str]]:
    """The columns and the functions that a node mentions."""
    columns, calls = set(), set()
    for each in within(node):
        if isinstance(each, pb.ColumnRef):
            columns.add(each.fields[-1].string.sval)
        elif isinstance(each, pb.FuncCall):
            calls.add(each.funcname[-1].string.sval)
    return columns, calls


def _node(node: Any) -> Expr:
    kind = node.WhichOneof("node")
    build = _BUILDERS.get(kind)
    expr = build(getattr(node, kind)) if build else None
    if expr is None:
        expr = _other(node)
    if expr.kind in ("op", "call", "other", "case") and not any(True for _ in expr.columns()):
        return Expr("fixed", _sql(node))
    return replace(expr, sql=_sql(node))


def _other(node: Any) -> Expr:
    """A node left as SQL, with the columns that stand in it."""
    names = []
    for message in postgast.find_nodes(node, pb.ColumnRef):
        last = message.fields[-1]
        names.append(last.string.sval if last.HasField("string") else "*")
    return Expr("other", _sql(node), tuple(Expr("column", name) for name in names))


def _sql(node: Any) -> str:
    tree = pb.ParseResult(version=180000)
    target = tree.stmts.add().stmt.select_stmt.target_list.add()
    target.res_target.val.CopyFrom(node)
    try:
        return str(postgast.deparse(tree)).removeprefix("SELECT ")
    except postgast.PgQueryError:
        return ""


def _stop_clock(message: Any, now: datetime) -> None:
    """Put a constant in the place of every call of the clock."""
    if message.DESCRIPTOR.name == "Node":
        kind = ""
        which = message.WhichOneof("node")
        if which == "func_call" and message.func_call.funcname:
            name = message.func_call.funcname[-1].string.sval
            kind = "timestamptz" if name in _CLOCKS else ""
        elif which == "sqlvalue_function":
            kind = _CLOCK_KEYWORDS.get(message.sqlvalue_function.op, "")
        if kind:
            stopped = postgast.parse(f"SELECT '{now.isoformat()}'::{kind}")
            message.CopyFrom(stopped.stmts[0].stmt.select_stmt.target_list[0].res_target.val)
            return
    for descriptor, content in message.ListFields():
        if descriptor.message_type is not None:
            for inner in [content] if hasattr(content, "ListFields") else content:
                _stop_clock(inner, now)


_CLOCKS = {"now", "transaction_timestamp", "statement_timestamp", "clock_timestamp"}
_CLOCK_KEYWORDS = {
    pb.SVFOP_CURRENT_DATE: "date",
    pb.SVFOP_CURRENT_TIME: "timetz",
    pb.SVFOP_CURRENT_TIMESTAMP: "timestamptz",
    pb.SVFOP_CURRENT_TIMESTAMP_N: "timestamptz",
    pb.SVFOP_LOCALTIME: "time",
    pb.SVFOP_LOCALTIMESTAMP: "timestamp",
    pb.SVFOP_LOCALTIMESTAMP_N: "timestamp",
}
CLOCKS = _CLOCKS | {
    pb.SQLValueFunctionOp.Name(op).removeprefix("SVFOP_").lower() for op in _CLOCK_KEYWORDS
}
"""What tells the time, by the names that `called` gives."""


def _const(node: Any) -> Expr:
    which = node.WhichOneof("val")
    if node.isnull or which is None:
        return Expr("null")
    if which == "ival":
        return Expr("const", str(node.ival.ival))
    if which == "boolval":
        return Expr("const", "true" if node.boolval.boolval else "false")
    inner = getattr(node, which)
    return Expr("const", str(getattr(inner, which)))


def _cast(node: Any) -> Expr | None:
    inner = _node(node.arg)
    if inner.kind in ("const", "null", "column", "op", "call") or node.type_name.array_bounds:
        return inner
    # The type of a computed constant matters when the server computes it.
    return None if inner.kind in ("fixed", "other", "case") else inner


def _column(node: Any) -> Expr | None:
    last = node.fields[-1]
    return Expr("column", last.string.sval) if last.HasField("string") else None


def _bool(node: Any) -> Expr:
    kind = {pb.AND_EXPR: "and", pb.OR_EXPR: "or", pb.NOT_EXPR: "not"}[node.boolop]
    return Expr(kind, "", tuple(_node(arg) for arg in node.args))


def _operation(node: Any) -> Expr | None:
    name = node.name[-1].string.sval
    right = _node(node.rexpr)
    if not node.HasField("lexpr"):
        if name == "-" and right.kind == "const":
            return Expr("const", f"-{right.value}")
        return Expr("op", name, (right,))
    left = _node(node.lexpr)
    if node.kind == pb.AEXPR_OP:
        return Expr("op", name, (left, right))
    if node.kind == pb.AEXPR_DISTINCT:
        return Expr("op", "<>", (left, right))
    if node.kind == pb.AEXPR_NOT_DISTINCT:
        return Expr("op", "=", (left, right))
    if node.kind in (pb.AEXPR_OP_ANY, pb.AEXPR_OP_ALL):
        kind = "any" if node.kind == pb.AEXPR_OP_ANY else "all"
        if right.kind == "array":
            return Expr(kind, name, (left, *right.args))
        if right.kind == "const" and right.value.startswith("{"):
            members = (Expr("const", text) for text in split_array(right.value))
            return Expr(kind, name, (left, *members))
        if right.kind == "column" and left.kind in ("const", "fixed"):
            return Expr("op", f"{kind} {name}", (right, left))
    return None


def _indirection(node: Any) -> Expr | None:
    """A member of an array, or of a composite."""
    if len(node.indirection) != 1:
        return None
    subject, (step,) = _node(node.arg), node.indirection
    if step.HasField("string"):
        return Expr("call", "field", (subject, Expr("const", step.string.sval)))
    if step.HasField("a_indices") and not step.a_indices.is_slice:
        at = _node(step.a_indices.uidx)
        if at.kind == "const":
            return Expr("call", "subscript", (subject, at))
    return None


def _array(node: Any) -> Expr:
    return Expr("array", "", tuple(_node(element) for element in node.elements))


def _null_test(node: Any) -> Expr:
    test = Expr("is", "null", (_node(node.arg),))
    return test if node.nulltesttype == pb.IS_NULL else Expr("not", "", (test,))


def _boolean_test(node: Any) -> Expr:
    operand = (_node(node.arg),)
    true, false = Expr("is", "true", operand), Expr("is", "false", operand)
    return {
        pb.IS_TRUE: true,
        pb.IS_NOT_TRUE: Expr("not", "", (true,)),
        pb.IS_FALSE: false,
        pb.IS_NOT_FALSE: Expr("not", "", (false,)),
        pb.IS_UNKNOWN: Expr("is", "null", operand),
    }.get(node.booltesttype, Expr("not", "", (Expr("is", "null", operand),)))


def _call(node: Any) -> Expr:
    name = node.funcname[-1].string.sval
    return Expr("call", name, tuple(_node(arg) for arg in node.args))


def _coalesce(node: Any) -> Expr:
    return Expr("call", "coalesce", tuple(_node(arg) for arg in node.args))


def _case(node: Any) -> Expr:
    subject = _node(node.arg) if node.HasField("arg") else None
    args: list[Expr] = []
    for when in node.args:
        condition = _node(when.case_when.expr)
        if subject is not None:
            condition = Expr("op", "=", (subject, condition))
        args += [condition, _node(when.case_when.result)]
    args.append(_node(node.defresult) if node.HasField("defresult") else Expr("null"))
    return Expr("case", "", tuple(args))


_BUILDERS: dict[str | None, Callable[[Any], Expr | None]] = {
    "a_const": _const,
    "type_cast": _cast,
    "column_ref": _column,
    "bool_expr": _bool,
    "a_expr": _operation,
    "a_array_expr": _array,
    "a_indirection": _indirection,
    "null_test": _null_test,
    "boolean_test": _boolean_test,
    "func_call": _call,
    "coalesce_expr": _coalesce,
    "case_expr": _case,
}


def split_array(text: str) -> list[str]:
    """The members of an array literal of one dimension, NULLs left out.

    >>> split_array('{a,"b, c",NULL}')
    ['a', 'b, c']
    """
    members: list[str] = []
    current, quoted, inside = "", False, False
    escaped = False
    for character in text[1:-1] + ",":
        if escaped:
            current += character
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            inside = not inside
            quoted = True
        elif character == "," and not inside:
            if quoted or (current and current.upper() != "NULL"):
                members.append(current)
            current, quoted = "", False
        else:
            current += character
    return members

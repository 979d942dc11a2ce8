"""Which statements go over all rows of a table, and which over some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ringfence.rules._migration import nodes, pb

if TYPE_CHECKING:
    from ringfence.rules._migration import Action


def works(action: Action) -> bool:
    """Whether an action may take long on a table that was there before."""
    verb, node = action.verb, action.node
    if verb in ("update", "delete"):
        return not action.new and not pinned(node)
    if verb == "insert":
        return node.HasField("select_stmt") and any(
            True for _ in nodes(node.select_stmt.select_stmt, "from_clause")
        )
    if verb == "create_index":
        return not action.new and not node.concurrent and not action.relation.partitioned
    return verb == "refresh" and not action.new


def pinned(tree: Any) -> bool:
    """Whether a condition limits an UPDATE or DELETE to rows that it names, or to so many."""
    return bool(tree.HasField("where_clause")) and _pins(tree.where_clause)


def _pins(condition: Any) -> bool:
    kind = condition.WhichOneof("node")
    if kind == "bool_expr":
        each = [_pins(arg) for arg in condition.bool_expr.args]
        if condition.bool_expr.boolop == pb.AND_EXPR:
            return any(each)
        return condition.bool_expr.boolop == pb.OR_EXPR and all(each)
    if kind == "a_expr":
        expr = condition.a_expr
        operator = expr.name[-1].string.sval if expr.name else ""
        if not expr.lexpr.HasField("column_ref"):
            return False
        if expr.kind in (pb.AEXPR_BETWEEN, pb.AEXPR_IN, pb.AEXPR_OP_ANY):
            return operator != "<>" and _constant(expr.rexpr)
        return operator == "=" and _constant(expr.rexpr)
    if kind == "sub_link":
        select = condition.sub_link.subselect.select_stmt
        return bool(select.HasField("limit_count"))
    return bool(kind == "current_of_expr")


def _constant(node: Any) -> bool:
    """Whether an expression names no column: a value, a parameter, or several."""
    kind = node.WhichOneof("node")
    return kind != "column_ref" and not any(True for _ in nodes(node, "column_ref"))

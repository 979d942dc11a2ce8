"""Which statements go over all rows of a table, and which over some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ringfence.rules._parse import nodes, pb

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ringfence.rules._migration import Action


def works(action: Action) -> bool:
    """Whether an action may take long on a table that was there before."""
    verb, node = action.verb, action.node
    if verb in ("update", "delete"):
        return not action.new and not pinned(action)
    if verb == "merge":
        return not pinned(action)
    if verb == "insert":
        return node.HasField("select_stmt") and any(
            True for _ in nodes(node.select_stmt.select_stmt, "from_clause")
        )
    if verb == "create_index":
        return not action.new and not node.concurrent and not action.relation.partitioned
    if verb == "create_table_as":
        rows = node.query.select_stmt
        return not node.into.skip_data and bool(rows.from_clause) and not _limited(rows)
    return verb == "refresh" and not action.new


def written(action: Action) -> tuple[str, ...]:
    """What is done to rows that are there: updated, deleted, or both by a MERGE."""
    if action.verb == "insert":
        conflict = action.node.on_conflict_clause
        return ("updated",) if conflict.action == pb.ONCONFLICT_UPDATE else ()
    if action.verb != "merge":
        return (f"{action.verb.removesuffix('e')}ed",)
    clauses = [each.merge_when_clause for each in action.node.merge_when_clauses]
    done = {_DONE[c.command_type] for c in clauses if c.command_type in _DONE}
    return tuple(sorted(done, reverse=True))


_DONE = {pb.CMD_UPDATE: "updated", pb.CMD_DELETE: "deleted"}


def pinned(action: Action) -> bool:
    """Whether a condition limits what writes to rows that it names, or to so many."""
    tree = action.node
    few = set(_few_ctes(action.statement.tree)) | set(_few_ctes(tree))
    if action.verb == "insert":
        rows = tree.select_stmt.select_stmt
        few |= set(_few_ctes(rows))
        return _limited(rows, few) or (
            rows.HasField("where_clause") and _pins(rows.where_clause, few)
        )
    if action.verb == "merge":
        clauses = [each.merge_when_clause for each in tree.merge_when_clauses]
        if any(
            each.match_kind == pb.MERGE_WHEN_NOT_MATCHED_BY_SOURCE
            and each.command_type in _DONE
            and not (each.HasField("condition") and _pins(each.condition, few))
            for each in clauses
        ):
            return False
        few |= set(_few_of(tree.source_relation, few))
        return _one_of(tree.source_relation, few) or _pins(tree.join_condition, few)
    for each in tree.from_clause if action.verb == "update" else tree.using_clause:
        few |= set(_few_of(each, few))
    return bool(tree.HasField("where_clause")) and _pins(tree.where_clause, few)


def _few_ctes(tree: Any) -> Iterator[str]:
    """The names that WITH gives to so many rows."""
    if not tree.DESCRIPTOR.fields_by_name.get("with_clause"):
        return
    for each in tree.with_clause.ctes:
        query = each.common_table_expr.ctequery
        if query.HasField("select_stmt") and _limited(query.select_stmt):
            yield each.common_table_expr.ctename


def _few_of(source: Any, few: Collection[str]) -> Iterator[str]:
    """The names under which a FROM has so many rows."""
    if source.HasField("range_subselect"):
        if _limited(source.range_subselect.subquery.select_stmt):
            yield source.range_subselect.alias.aliasname
    elif source.HasField("range_var"):
        table = source.range_var
        if table.relname in few and not table.schemaname:
            yield table.alias.aliasname or table.relname


def _one_of(source: Any, few: Collection[str]) -> bool:
    return any(name in few for name in _few_of(source, few))


def _limited(select: Any, few: Collection[str] = ()) -> bool:
    """Whether a query says itself how many rows it has at most: LIMIT, VALUES, or no table at all."""
    if select.HasField("limit_count"):
        limit = select.limit_count.a_const
        return not limit.isnull  # LIMIT ALL, LIMIT NULL
    if select.op != pb.SETOP_NONE:
        return _limited(select.larg, few) and _limited(select.rarg, few)
    if select.from_clause:
        return all(_one_of(each, few) for each in select.from_clause)
    return True


def _pins(condition: Any, few: Collection[str]) -> bool:
    kind = condition.WhichOneof("node")
    if kind == "bool_expr":
        each = [_pins(arg, few) for arg in condition.bool_expr.args]
        if condition.bool_expr.boolop == pb.AND_EXPR:
            return any(each)
        return condition.bool_expr.boolop == pb.OR_EXPR and all(each)
    if kind == "a_expr":
        expr = condition.a_expr
        operator = expr.name[-1].string.sval if expr.name else ""
        named, value = expr.lexpr, expr.rexpr
        if expr.kind == pb.AEXPR_OP and not _names(named):
            named, value = value, named  # 5 = id
        if not _names(named):
            return False
        if expr.kind in (pb.AEXPR_BETWEEN, pb.AEXPR_IN, pb.AEXPR_OP_ANY):
            return operator != "<>" and _constant(value, few)
        return operator == "=" and (_constant(value, few) or _of_few(named, value, few))
    if kind == "sub_link":
        link = condition.sub_link
        return link.sub_link_type == pb.ANY_SUBLINK and _limited(link.subselect.select_stmt, few)
    return bool(kind == "current_of_expr")


def _names(node: Any) -> bool:
    """Whether an expression is a column, or several: (a, b)."""
    if node.HasField("row_expr"):
        return all(each.HasField("column_ref") for each in node.row_expr.args)
    return bool(node.HasField("column_ref"))


def _of_few(one: Any, other: Any, few: Collection[str]) -> bool:
    """Whether one of two columns is one of so many rows: t.id = batch.id."""
    for each in (one, other):
        fields = each.column_ref.fields if each.HasField("column_ref") else None
        if fields and len(fields) > 1 and fields[0].string.sval in few:
            return True
    return False


def _constant(node: Any, few: Collection[str]) -> bool:
    """Whether an expression names no column: a value, a parameter, several, or so many found."""
    kind = node.WhichOneof("node")
    if kind == "sub_link" and node.sub_link.sub_link_type == pb.ARRAY_SUBLINK:
        return _limited(node.sub_link.subselect.select_stmt, few)
    return kind != "column_ref" and not any(True for _ in nodes(node, "column_ref"))

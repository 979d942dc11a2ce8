"""Statements taken apart: what each does, in order, and to what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ringfence.rules._migration import Action
from ringfence.rules._parse import Name, listed, pb, switched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Statement
    from ringfence.rules._state import State


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
                yield act(_OF_INDEXES.get(verb, "alter_index"), name, cmd.alter_table_cmd)
            return
        # No rows hang on a type's attributes but by columns of it, which refuse, or typed tables.
        plain = tree.objtype != pb.OBJECT_TYPE
        for cmd in tree.cmds:
            node = cmd.alter_table_cmd
            if not plain and node.subtype != pb.AT_DropColumn and node.behavior != pb.DROP_CASCADE:
                yield act("alter_attribute", name, node)
                continue
            yield act(_COMMANDS.get(node.subtype, "alter_table"), name, node)
    elif kind == "create_foreign_table_stmt":
        yield act("create_foreign_table", made_as(tree.base_stmt.relation, state))
    elif kind == "create_stmt":
        yield act("create_table", made_as(tree.relation, state))
    elif kind == "index_stmt":
        yield act("create_index", state.named(tree.relation.schemaname, tree.relation.relname))
    elif kind == "drop_stmt":
        verb = _DROPPED.get(tree.remove_type, "drop")
        for each in tree.objects:
            bare = tree.remove_type in _WITHOUT_SCHEMA
            name = Name("", each.string.sval) if bare else of_object(each, state)
            yield act(verb, name, tree)
    elif kind == "rename_stmt":
        relation = tree.relation
        name = (
            state.named(relation.schemaname, relation.relname) if relation.relname else Name("", "")
        )
        yield act("rename", name)
    elif kind == "do_stmt":
        yield act("do", Name("", ""))
        for inner in statement.inner:
            if not (inner.kind in _WRITES and inner.tree.HasField("where_clause")):
                yield from actions(inner, state)
    elif kind == "alter_object_schema_stmt" and not tree.relation.relname:
        yield act("move", of_object(tree.object, state))
    elif kind in _RELATIONS:
        verb, attribute = _RELATIONS[kind]
        relation = getattr(tree, attribute)
        yield act(verb, state.named(relation.schemaname, relation.relname))
    elif kind == "alter_function_stmt":
        name = listed(tree.func.objname)
        yield act("alter_function", state.named(name.schema, name.name))
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
        yield act("create_table_as", made_as(tree.into.rel, state))
    elif kind == "view_stmt":
        yield act("create_view", made_as(tree.view, state))
    elif kind in _TYPES:
        names = getattr(tree, _TYPES[kind][1])
        yield act(_TYPES[kind][0], listed(names))
    elif kind not in _WRITES and not (kind == "explain_stmt" and switched(tree.options, "analyze")):
        yield act(kind.removesuffix("_stmt"), Name("", ""))
    for each in _written(kind, tree):
        relation = each.relation
        verb = each.DESCRIPTOR.name.removesuffix("Stmt").lower()
        yield act(verb, state.named(relation.schemaname, relation.relname), each)


def made_again(action: Action, verb: str) -> Literal["", "at once", "later"]:
    """Whether a statement behind an action's makes an object of the same name again.

    `later`: in another transaction, so that it is not there in between.
    """
    migration = action.migration
    every = migration.statements
    for statement in every[every.index(action.statement.top) + 1 :]:
        for each in actions(statement, action.state):
            if each.verb == verb and each.name == action.name:
                at_once = migration.at_once(action.statement, statement)
                return "at once" if at_once else "later"
    return ""


def taken_over(action: Action, column: str) -> bool:
    """Whether a column that came later gets this one's name before anybody can miss it."""
    every = action.migration.statements
    return any(
        each.verb == "rename"
        and each.name == action.name
        and each.node.rename_type == pb.OBJECT_COLUMN
        and each.node.newname == column
        and came_later(action, each.node.subname)
        for statement in every[every.index(action.statement.top) + 1 :]
        if action.migration.at_once(action.statement, statement)
        for each in actions(statement, action.state)
    )


def came_later(action: Action, column: str) -> bool:
    """Whether a column was added to the table that an action is about, by a file behind its own."""
    known = action.relation.columns.get(column)
    return known is not None and known.made_by not in ("", action.relation.made_by)


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
    pb.AT_EnableReplicaTrig: "disable_trigger",  # but for what a subscription writes
    pb.AT_ChangeOwner: "change_owner",
    pb.AT_AddIdentity: "add_identity",
    pb.AT_DropIdentity: "drop_identity",
    pb.AT_AlterConstraint: "alter_constraint",
    pb.AT_SetRelOptions: "set_options",
    pb.AT_ResetRelOptions: "reset_options",
}
_OF_INDEXES = {"attach_partition": "attach_index", "set_tablespace": "move_index"}
_DROPPED = {
    pb.OBJECT_TABLE: "drop_table",
    pb.OBJECT_INDEX: "drop_index",
    pb.OBJECT_POLICY: "drop_policy",
    pb.OBJECT_TRIGGER: "drop_trigger",
}


_WITHOUT_SCHEMA = (pb.OBJECT_SCHEMA, pb.OBJECT_EXTENSION)


def made_as(relation: Any, state: State) -> Name:
    """The name that a CREATE gives."""
    return Name(
        relation.schemaname or (state.path[0] if state.path else "public"), relation.relname
    )


def view_options(view: Any) -> frozenset[str]:
    """What a CREATE VIEW says that holds for who reads and writes by it, by the options' names."""
    checks = view.with_check_option in (pb.LOCAL_CHECK_OPTION, pb.CASCADED_CHECK_OPTION)
    return switched_on(view.options) | ({"check_option"} if checks else frozenset())


def switched_on(options: Any) -> frozenset[str]:
    """The options of a relation that are on; one that is no switch is, where it is given."""
    named = {each.def_elem.defname for each in options}
    return frozenset(n for n in named if n == "check_option" or switched(options, n))


def of_object(each: Any, state: State) -> Name:
    """What a statement names that is, or may be, no relation."""
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

"""What actions leave behind: the state of things after each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ringfence.rules._actions import made_as, of_object, switched_on, view_options
from ringfence.rules._parse import Name, Type, is_null, listed, pb, type_of
from ringfence.rules._state import (
    Column,
    Domain,
    Relation,
    constraint_of,
    domain_named,
    domain_of,
    index_of,
    volatile,
)

if TYPE_CHECKING:
    from ringfence.rules._migration import Action
    from ringfence.rules._state import State


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
            _new_column(made, element.column_def, state, made.made_by)
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


def _new_column(made: Relation, definition: Any, state: State, made_by: str) -> None:
    kind = type_of(definition.type_name)
    domain = domain_named(kind, state)
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
        if said.contype == pb.CONSTR_GENERATED:
            column.generated = said.generated_kind
        if said.contype != pb.CONSTR_NOTNULL:
            _new_constraint(made, said, state, definition.colname)
    column.made_by = made_by
    made.columns[definition.colname] = column


_SERIAL = {"bigserial": "int8", "serial8": "int8", "smallserial": "int2", "serial2": "int2"}


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
    _new_column(relation, definition, state, action.migration.shown)


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


def _identity(action: Action, state: State) -> None:
    column = state.relation(action.name).columns.setdefault(action.node.name, Column())
    column.default = action.verb == "add_identity"
    column.not_null = column.not_null or column.default


def _add_constraint(action: Action, state: State) -> None:
    _new_constraint(state.relation(action.name), getattr(action.node, "def").constraint, state)


def _alter_constraint(action: Action, state: State) -> None:
    said = action.definition
    found = state.relation(action.name).constraints.get(said.conname)
    if found is not None and said.alter_enforceability:
        found.valid = said.is_enforced


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
    name = Name(action.name.schema, tree.idxname)
    if not (tree.if_not_exists and name in state.indexes):
        state.indexes[name] = index_of(action.name, tree)


def _forget(action: Action, state: State) -> None:
    if action.verb == "drop" and action.node.remove_type == pb.OBJECT_SCHEMA:
        for name in [n for n in state.relations if n.schema == action.name.name]:
            del state.relations[name]
    known = state.relations.pop(action.name, None)
    if known is not None and known.options and known.made_by != action.migration.shown:
        state.gone[action.name] = known.options
    for name, index in list(state.indexes.items()):
        if index.table == action.name or name == action.name:
            del state.indexes[name]


def _drop_policy(action: Action, state: State) -> None:
    parts = [part.string.sval for part in action.node.objects[0].list.items]
    table = state.named(parts[-3] if len(parts) > 2 else "", parts[-2]) if len(parts) > 1 else None
    if table is not None and table in state.relations:
        state.relations[table].policies.pop(parts[-1], None)


def _rename(action: Action, state: State) -> None:
    tree = action.node
    if tree.rename_type == pb.OBJECT_COLUMN:
        relation = state.relation(action.name)
        if tree.subname in relation.columns:
            relation.columns[tree.newname] = relation.columns.pop(tree.subname)
    elif tree.rename_type == pb.OBJECT_POLICY:
        policies = state.relation(action.name).policies
        if tree.subname in policies:
            policies[tree.newname] = policies.pop(tree.subname)
    elif tree.rename_type in _RELATIONS:
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
        _in_schema(state, tree.subname, tree.newname)
    elif tree.rename_type in _CALLED:
        _called(state, of_object(tree.object, state).name, tree.newname)
    elif tree.rename_type in (pb.OBJECT_TYPE, pb.OBJECT_DOMAIN):
        old = of_object(tree.object, state)
        _retitled(state, old, Name(old.schema, tree.newname))
    elif tree.rename_type == pb.OBJECT_SEQUENCE:
        _retitled(state, action.name, Name(action.name.schema, tree.newname))


_RELATIONS = (pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_FOREIGN_TABLE)
_CALLED = (pb.OBJECT_FUNCTION, pb.OBJECT_PROCEDURE, pb.OBJECT_ROUTINE, pb.OBJECT_AGGREGATE)


def _called(state: State, old: str, new: str) -> None:
    """A function goes by another name."""
    for known in (state.functions, state.made):
        if old in known:
            known[new] = known.pop(old)
    if old in state.for_triggers:
        state.for_triggers.remove(old)
        state.for_triggers.add(new)


def _retitled(state: State, old: Name, new: Name) -> None:
    """A type, domain or sequence goes by another name."""
    for kind, name in [k for k in state.others if k[1] == old]:
        state.others[kind, new] = state.others.pop((kind, name))
    for known in (state.domains, state.domain_users, state.enums):
        its: dict[Name, Any] = known
        if old in its:
            its[new] = its.pop(old)


def _in_schema(state: State, old: str, new: str) -> None:
    names = {n for _, n in state.others} | state.domains.keys() | state.enums.keys()
    for name in [n for n in names if n.schema == old]:
        _retitled(state, name, Name(new, name.name))
    if ("schema", Name("", old)) in state.others:
        state.others["schema", Name("", new)] = state.others.pop(("schema", Name("", old)))


def _set_schema(action: Action, state: State) -> None:
    if action.name in state.relations:
        new = Name(action.node.newschema, action.name.name)
        state.relations[new] = state.relations.pop(action.name)


def _logged(action: Action, state: State) -> None:
    state.relation(action.name).unlogged = action.verb == "set_unlogged"


def _row_security(action: Action, state: State) -> None:
    state.relation(action.name).row_security = action.verb.startswith("enable")


def _forced(action: Action, state: State) -> None:
    state.relation(action.name).forced = action.verb.startswith("force")


def _create_policy(action: Action, state: State) -> None:
    state.relation(action.name).policies[action.node.policy_name] = action.node.permissive


def _attach(action: Action, state: State) -> None:
    command = getattr(action.node, "def").partition_cmd
    part = state.named(command.name.schemaname, command.name.relname)
    state.relation(part).partition_of = action.name
    if command.bound.is_default:
        state.relation(action.name).default_partition = part


def _view(action: Action, state: State) -> None:
    known = state.relations.get(action.name)
    known = known or Relation(made_by=action.migration.shown, kind="view")
    # What is replaced is as the new one says, whatever the old one said.
    state.relations[action.name] = replace(known, options=view_options(action.node))


def _options(action: Action, state: State) -> None:
    relation = state.relation(action.name)
    items = getattr(action.node, "def").list.items
    named = {each.def_elem.defname for each in items}
    on = switched_on(items) if action.verb == "set_options" else frozenset()
    relation.options = relation.options - named | on


def _foreign_table(action: Action, state: State) -> None:
    made = Relation(made_by=action.migration.shown, kind="foreign table")
    state.relations.setdefault(action.name, made)


def _define(action: Action, state: State) -> None:
    if action.node.kind == pb.OBJECT_AGGREGATE:
        state.made.setdefault(listed(action.node.defnames).name, action.migration.shown)


def _table_as(action: Action, state: State) -> None:
    kind = "matview" if action.node.objtype == pb.OBJECT_MATVIEW else "table"
    state.relations[action.name] = Relation(made_by=action.migration.shown, kind=kind)


def _create_domain(action: Action, state: State) -> None:
    tree = action.node
    known = state.named(action.name.schema, action.name.name)
    state.others["domain", known] = action.migration.shown
    base = type_of(tree.type_name)
    # What a domain says holds for those over it too.
    over = domain_of(base, state) or Domain(base)
    limited, function = over.limited, over.volatile
    for each in tree.constraints:
        said = each.constraint
        limited = limited or said.contype in (pb.CONSTR_CHECK, pb.CONSTR_NOTNULL)
        if said.contype == pb.CONSTR_DEFAULT:
            function = volatile(said.raw_expr, state)
    state.domains[action.name] = Domain(over.base, limited, function)


def _alter_domain(action: Action, state: State) -> None:
    known = state.domains.get(action.name, Domain(None))
    if action.name not in state.domains:
        state.domain_users[action.name] = True  # it was there before: who uses it is not known
    if action.node.subtype in ("C", "O"):
        state.domains[action.name] = replace(known, limited=True)
    elif action.node.subtype == "T":
        said = getattr(action.node, "def")
        state.domains[action.name] = replace(known, volatile=volatile(said, state))


def _create_enum(action: Action, state: State) -> None:
    known = state.named(action.name.schema, action.name.name)
    state.others["type", known] = action.migration.shown
    state.enums[action.name] = action.migration.shown


def _create_other(action: Action, state: State) -> None:
    tree = action.node
    if action.verb == "create_schema":
        kind, name = "schema", Name("", tree.schemaname or tree.authrole.rolename)
    elif action.verb == "create_extension":
        kind, name = "extension", Name("", tree.extname)
    elif action.verb == "create_seq":
        kind, name = "sequence", made_as(tree.sequence, state)
    elif action.verb == "composite_type":
        kind, name = "type", made_as(tree.typevar, state)
    else:
        found = listed(tree.type_name)
        kind, name = "type", state.named(found.schema, found.name)
    if not (getattr(tree, "if_not_exists", False) and (kind, name) in state.others):
        state.others[kind, name] = action.migration.shown


def _create_function(action: Action, state: State) -> None:
    label = "volatile"
    for option in action.node.options:
        if option.def_elem.defname == "volatility":
            label = option.def_elem.arg.string.sval
    name = action.name.name
    state.functions[name] = label
    if listed(action.node.return_type.names).name in ("trigger", "event_trigger"):
        state.for_triggers.add(name)
    else:
        state.for_triggers.discard(name)
    state.made.setdefault(name, action.migration.shown)


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
    "add_identity": _identity,
    "drop_identity": _identity,
    "alter_constraint": _alter_constraint,
    "add_constraint": _add_constraint,
    "drop_constraint": _drop_constraint,
    "validate": _validate,
    "attach_partition": _attach,
    "enable_row_security": _row_security,
    "disable_row_security": _row_security,
    "force_row_security": _forced,
    "no_force_row_security": _forced,
    "set_options": _options,
    "reset_options": _options,
    "create_foreign_table": _foreign_table,
    "define": _define,
    "set_logged": _logged,
    "set_unlogged": _logged,
    "create_policy": _create_policy,
    "create_domain": _create_domain,
    "alter_domain": _alter_domain,
    "create_enum": _create_enum,
    "create_function": _create_function,
    "create_schema": _create_other,
    "create_extension": _create_other,
    "create_seq": _create_other,
    "composite_type": _create_other,
    "create_range": _create_other,
    "variable_set": _set,
}

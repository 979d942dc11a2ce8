"""Which changes of a column's type leave its rows as they are stored."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from ringfence.kinds import _bytes
from ringfence.rules._parse import columns_of, type_of
from ringfence.rules._state import domain_of

if TYPE_CHECKING:
    from ringfence.rules._migration import Action
    from ringfence.rules._parse import Type


def reason(action: Action, column: str, old: Type | None, new: Type) -> str:
    """Why a change of type holds everybody up, as the end of a sentence; "" when it does not."""
    table = action.table
    if old is None:
        return f"may write {table} anew while nobody can use it: the type before is not known here"
    definition = action.definition
    steps = [new]
    if definition.HasField("raw_default"):
        using = _casts(definition.raw_default, column)
        if using is None:
            return f"writes {table} anew while nobody can use it: USING computes every value"
        steps = [*using, new]
    if not all(same_bytes(action, one, two) for one, two in itertools.pairwise([old, *steps])):
        return f"from {old.shown} writes {table} anew while nobody can use it"
    checks = [
        name
        for name, each in action.relation.constraints.items()
        if each.kind == "c"
        and each.expression is not None
        and column in columns_of(each.expression)
    ]
    if checks:
        return f"checks all of {table} again while nobody can use it: {checks[0]} is about it"
    its = [index for index in action.state.indexes.values() if index.table == action.name]
    if any(column in index.computes for index in its):
        return f"builds the index that computes with it anew while nobody can use {table}"
    indexed = any(column in index.columns for index in its) or any(
        each.kind in "pux" and column in each.columns
        for each in action.relation.constraints.values()
    )
    rebuilt = definition.HasField("coll_clause") or not _bytes.same_order(old, new)
    if indexed and rebuilt:
        return f"builds the index on it anew while nobody can use {table}"
    return ""


def same_bytes(action: Action, old: Type, new: Type) -> bool:
    """Whether PostgreSQL takes the rows as they are."""
    state = action.state
    before, after = domain_of(old, state), domain_of(new, state)
    if after is not None:
        if after.limited or after.base is None:
            return old == new
        new = after.base
    if before is not None:
        if before.base is None:
            return False
        old = before.base._replace(mods=())  # PostgreSQL forgets which a domain has
    return _bytes.same_bytes(old, new, utc=state.utc)


def _casts(expression: Any, column: str) -> list[Type] | None:
    """The types that USING casts a column to, one after the other; None where it computes."""
    casts: list[Type] = []
    while True:
        if expression.HasField("type_cast"):
            casts.insert(0, type_of(expression.type_cast.type_name))
            expression = expression.type_cast.arg
        elif expression.HasField("collate_clause"):
            expression = expression.collate_clause.arg
        else:
            break
    if not expression.HasField("column_ref"):
        return None
    fields = expression.column_ref.fields
    return casts if len(fields) > 0 and fields[-1].string.sval == column else None

"""Which changes of a column's type leave its rows as they are stored."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from ringfence.rules._parse import columns_of, type_of
from ringfence.rules._state import domain_of

if TYPE_CHECKING:
    from ringfence.rules._migration import Action
    from ringfence.rules._parse import Type

_TEXTS = ("text", "varchar")
_MOMENTS = ("timestamp", "timestamptz")
_PRECISE = ("timestamp", "timestamptz", "time", "timetz", "interval", "varbit")
_TIMES = ("timestamp", "timestamptz", "time", "timetz")
_DIGITS = 6  # of a second, at most
_SAME_BYTES = {
    ("cidr", "inet"), ("xml", "text"), ("xml", "varchar"), ("citext", "text"), ("text", "citext"),
    ("varchar", "citext"), ("citext", "varchar"), ("varchar", "bpchar"), ("text", "bpchar"),
    ("xml", "bpchar"), ("bit", "varbit"), ("varbit", "bit"), ("regoper", "regoperator"),
    ("regoperator", "regoper"), ("regproc", "regprocedure"), ("regprocedure", "regproc"),
    *itertools.permutations(("int4", "oid"), 2),
}  # fmt: skip
_OBJECTS = (
    "regclass", "regcollation", "regconfig", "regdictionary", "regnamespace", "regoper",
    "regoperator", "regproc", "regprocedure", "regrole", "regtype",
)  # fmt: skip
_SAME_BYTES |= {
    pair for name in _OBJECTS for of in ("oid", "int4") for pair in ((name, of), (of, name))
}


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
    rebuilt = definition.HasField("coll_clause") or (
        old.name != new.name and not {old.name, new.name} <= set(_TEXTS)
    )
    if indexed and rebuilt:
        return f"builds the index on it anew while nobody can use {table}"
    return ""


def same_bytes(action: Action, old: Type, new: Type) -> bool:
    """Whether PostgreSQL takes the rows as they are."""
    state = action.state
    if old.array != new.array:
        return False
    before, after = domain_of(old, state), domain_of(new, state)
    if after is not None:
        if after.limited or after.base is None:
            return old == new
        new = after.base
    if before is not None:
        if before.base is None:
            return False
        old = before.base
    if old.name == new.name:
        return _fits(old, new) and not (old.array and new.mods and old.mods != new.mods)
    if old.array:
        return False  # each element is cast, though it is the same afterwards
    if {old.name, new.name} <= set(_TEXTS):
        return not new.mods
    if {old.name, new.name} == set(_MOMENTS):
        return state.utc and not new.mods
    return (old.name, new.name) in _SAME_BYTES and not new.mods


def _fits(old: Type, new: Type) -> bool:
    """Whether every value of a type fits the same type with other modifiers."""
    if old.mods == new.mods:
        return True
    if old.name == "numeric":
        if not new.mods:
            return True
        if not old.mods:
            return False
        scales = [t.mods[1] if len(t.mods) > 1 else 0 for t in (old, new)]
        return scales[0] == scales[1] and new.mods[0] >= old.mods[0]
    if old.name == "varchar" or old.name in _PRECISE:
        if not new.mods:
            return True
        if not old.mods and old.name in _TIMES:
            return new.mods[-1] >= _DIGITS
        return bool(old.mods) and new.mods[-1] >= old.mods[-1]
    return False


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

"""CHECK constraints as hints: for each, the ways to satisfy it, each a set of limits on columns.

A condition becomes alternatives (its disjunctive normal form, cut off where it grows too long), an
alternative becomes limits on single columns and relations between two of them. What is not
understood leaves no mark; the server tests every row against the constraint itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, islice, product
from typing import TYPE_CHECKING

from ringfence.seed import expression, jsonpaths, pattern
from ringfence.seed.expression import Expr
from ringfence.seed.jsonpaths import EVERY
from ringfence.seed.limits import ANY, Limits, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from ringfence.seed.shape import Check

MOST = 32
"""How many alternatives of one condition are looked at."""


@dataclass(frozen=True, slots=True)
class Relation:
    """`left operator right` between two columns of the same row.

    Where `right` is empty, `sql` is an expression over other columns in its place.
    """

    left: str
    operator: str
    right: str
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to satisfy a condition."""

    limits: Mapping[str, Limits]
    relations: tuple[Relation, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A check with the columns it reads and the ways to satisfy it, at least one."""

    check: Check
    columns: tuple[str, ...]
    ways: tuple[Way, ...]


def rule(check: Check, *, now: datetime, computed: Callable[[str], str | None]) -> Rule:
    """The ways to satisfy a check.

    `now` stands for the clock; `computed` gives the value of an expression without columns, as the
    server computes it, None where it does not.
    """

    def compute(expr: Expr) -> Expr:
        if expr.kind != "fixed":
            return expr
        text = computed(expr.value)
        return expr if text is None else Expr("const", text, volatile=expr.volatile)

    tree = expression.parse(check.expression, value=check.column, now=now).replaced(compute)
    columns = tuple(dict.fromkeys(tree.columns()))
    # The bound of a hash partition holds an OID, which is another in every database.
    hashed = "satisfies_hash_partition" in check.expression
    pool = Limits(pool=() if hashed else tuple(dict.fromkeys(tree.literals())))
    ways = []
    for leaves in islice(alternatives(tree, True), MOST):
        found = way(leaves)
        if found is not None:
            limits = merged(found.limits, dict.fromkeys(columns, pool) if pool != ANY else {})
            ways.append(replace(found, limits=limits or found.limits))
    return Rule(check, columns, tuple(ways) or (Way({}),))


Leaf = tuple[Expr, bool]


def alternatives(expr: Expr, positive: bool) -> Iterator[tuple[Leaf, ...]]:
    """The disjunctive normal form: alternatives of leaves, each to be true or (False) not."""
    if expr.kind == "not":
        yield from alternatives(expr.args[0], not positive)
    elif expr.kind == ("and" if positive else "or"):
        parts = [list(islice(alternatives(arg, positive), MOST)) for arg in expr.args]
        for combination in product(*parts):
            yield tuple(leaf for leaves in combination for leaf in leaves)
    elif expr.kind in ("and", "or"):
        for arg in expr.args:
            yield from alternatives(arg, positive)
    elif expr.kind == "op" and expr.value in ("=", "<>") and all(map(_is_condition, expr.args)):
        left, right = expr.args
        same = positive == (expr.value == "=")
        for side in (True, False):
            for first in alternatives(left, side):
                for second in alternatives(right, side == same):
                    yield first + second
    elif expr.kind == "case":
        yield from _cases(expr.args, positive)
    elif expr.kind == "is" and expr.value in ("true", "false") and _is_condition(expr.args[0]):
        yield from alternatives(expr.args[0], positive == (expr.value == "true"))
    elif (counted := _counted_nulls(expr, positive)) is not None:
        yield from counted
    else:
        yield ((expr, positive),)


def _is_condition(expr: Expr) -> bool:
    return expr.kind in ("and", "or", "not", "is", "any", "all") or (
        expr.kind == "op" and expr.value in _COMPARISONS
    )


_COMPARISONS = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_TURNED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def turned(operator: str) -> str:
    """The operator that says the same with its sides exchanged."""
    return _TURNED[operator]


def _cases(args: tuple[Expr, ...], positive: bool) -> Iterator[tuple[Leaf, ...]]:
    """CASE WHEN c THEN a ELSE b END as (c and a) or (not c and b)."""
    if len(args) == 1:
        yield from alternatives(args[0], positive)
        return
    for condition in alternatives(args[0], True):
        for outcome in alternatives(args[1], positive):
            yield condition + outcome
    for condition in alternatives(args[0], False):
        for outcome in _cases(args[2:], positive):
            yield condition + outcome


def _counted_nulls(expr: Expr, positive: bool) -> Iterator[tuple[Leaf, ...]] | None:
    """num_nonnulls(a, b, …) = 1 and its like, as every choice of columns that are not NULL."""
    if expr.kind != "op" or expr.value not in _COMPARISONS or len(expr.args) != 2:
        return None
    call, bound = expr.args
    if call.kind != "call" or call.value not in ("num_nonnulls", "num_nulls"):
        return None
    if bound.kind != "const" or not bound.value.lstrip("-").isdigit() or len(call.args) > 6:
        return None
    operator = expr.value if positive else _COMPARISONS[expr.value]
    holds = {
        "=": int.__eq__, "<>": int.__ne__, "<": int.__lt__,
        ">": int.__gt__, "<=": int.__le__, ">=": int.__ge__,
    }[operator]  # fmt: skip
    filled_when_counted = call.value == "num_nonnulls"
    return (
        tuple(
            (Expr("is", "null", (arg,)), (n in chosen) != filled_when_counted)
            for n, arg in enumerate(call.args)
        )
        for count in range(len(call.args) + 1)
        if holds(count, int(bound.value))
        for chosen in combinations(range(len(call.args)), count)
    )


def way(leaves: Iterable[Leaf]) -> Way | None:
    """The limits that make every leaf what it should be; None where that cannot be."""
    limits: dict[str, Limits] = {}
    relations: list[Relation] = []
    for expr, positive in leaves:
        if expr.kind == "const" and (expr.value == "true") != positive:
            return None
        relation = _relation(expr, positive)
        if relation is not None:
            relations.append(relation)
            if relation.right:
                continue
        more = _leaf(expr, positive)
        together = merged(limits, more)
        if together is None:
            return None
        limits = together
    return Way(limits, tuple(relations))


def _relation(expr: Expr, positive: bool) -> Relation | None:
    if expr.kind != "op" or expr.value not in _COMPARISONS or len(expr.args) != 2:
        return None
    left, right = (_bare(arg) for arg in expr.args)
    operator = expr.value if positive else _COMPARISONS[expr.value]
    if left.kind == "column" and right.kind == "column":
        return Relation(left.value, operator, right.value)
    if right.kind == "column" and left.kind != "column":
        left, operator, right = right, _TURNED[operator], left
    return _isolated(left, operator, right) or _isolated(right, _TURNED[operator], left)


def _isolated(subject: Expr, operator: str, other: Expr) -> Relation | None:
    """One column alone on the left, of a comparison with sums: y = 100 - x for x + y = 100."""
    if subject.kind == "column":
        beside = set(other.columns())
        if beside and subject.value not in beside and other.sql:
            return Relation(subject.value, operator, "", other.sql)
    if subject.kind != "op" or subject.value not in ("+", "-") or len(subject.args) != 2:
        return None
    first, second = subject.args
    if second.kind == "column" and second.value not in (*first.columns(), *other.columns()):
        if subject.value == "+":
            return Relation(second.value, operator, "", f"({other.sql}) - ({first.sql})")
        return Relation(second.value, _TURNED[operator], "", f"({first.sql}) - ({other.sql})")
    if first.kind == "column" and first.value not in (*second.columns(), *other.columns()):
        back = "-" if subject.value == "+" else "+"
        return Relation(first.value, operator, "", f"({other.sql}) {back} ({second.sql})")
    return None


def _bare(expr: Expr) -> Expr:
    """The column in coalesce(column, constant): as good as the column when it is filled."""
    if expr.kind == "call" and expr.value == "coalesce" and expr.args[0].kind == "column":
        return expr.args[0]
    return expr


def _leaf(expr: Expr, positive: bool) -> dict[str, Limits]:
    """What a single condition asks of columns; empty when it is not understood."""
    if expr.kind == "column":
        return {expr.value: Limits(choices=("true",) if positive else ("false",), null=False)}
    if expr.kind == "is" and expr.args[0].kind == "column":
        name = expr.args[0].value
        if expr.value == "null":
            return {name: Limits(null=positive)}
        return {name: Limits(choices=(expr.value,), null=False)} if positive else {}
    if expr.kind == "is" and expr.value == "null" and not positive:
        return _on(expr.args[0], lambda _: ANY)
    if expr.kind in ("any", "all"):
        return _listed(expr, positive)
    if expr.kind == "op" and expr.value in ("->", "->>", "#>", "#>>"):
        # A member that is cast to boolean.
        return _on(expr, lambda _: Limits(choices=("true" if positive else "false",), null=False))
    if expr.kind == "op" and len(expr.args) == 2:
        left, right = expr.args
        if left.kind == "const" and right.kind != "const" and expr.value in _TURNED:
            expr = replace(expr, value=_TURNED[expr.value], args=(right, left))
        return _operation(expr, positive)
    if expr.kind == "call" and expr.value in ("starts_with", "regexp_like", "jsonb_exists"):
        operator = {"starts_with": "^@", "regexp_like": "~", "jsonb_exists": "?"}[expr.value]
        return _operation(Expr("op", operator, expr.args), positive)
    if expr.kind == "call" and expr.value in _PATHS and len(expr.args) > 1:
        return _operation(Expr("op", _PATHS[expr.value], expr.args[:2]), positive)
    return {}


def _listed(expr: Expr, positive: bool) -> dict[str, Limits]:
    """column = ANY (list), column <> ALL (list), column ~ ANY (list)."""
    subject, *members = expr.args
    if not all(member.kind == "const" for member in members):
        return {}
    values = tuple(member.value for member in members)
    one_of = (expr.kind, expr.value, positive) in (("any", "=", True), ("all", "<>", False))
    none_of = (expr.kind, expr.value, positive) in (("all", "<>", True), ("any", "=", False))
    if one_of:
        kinds = {"": Limits(choices=values), "json": Limits(json=values[0] if values else "")}
        return _on(subject, lambda kind: kinds.get(kind, ANY))
    if none_of:
        return _on(subject, lambda kind: Limits(excluded=frozenset(values)) if not kind else ANY)
    if expr.kind == "any" and positive and values:
        return _leaf(Expr("op", expr.value, (subject, members[0])), True)
    return {}


def _operation(expr: Expr, positive: bool) -> dict[str, Limits]:
    """column operator constant, where the column may stand inside a function."""
    left, right = expr.args
    operator = expr.value
    folded = _folded(left, right) or _folded(right, left)
    if operator == "=" and positive and folded:
        return folded
    if operator in ("<@", "@>", "&&") and positive and left.kind == "column":
        members = _array_of(right)
        if members is not None:
            return {left.value: _containing(operator, members)}
    if right.kind != "const":
        return {}
    value, volatile = right.value, right.volatile
    if operator == "=" and positive and (begun := _begins(left)) is not None:
        return {begun.value: Limits(likes=(f"{_escaped(value)}%",))}
    if operator in _COMPARISONS:
        compared = operator if positive else _COMPARISONS[operator]
        return _on(left, lambda kind: _compared(kind, compared, value, volatile))
    if not positive:
        return {}
    which, _, inner = operator.partition(" ")
    if inner and left.kind == "column":
        # constant operator ANY or ALL of a column's members.
        if which == "any":
            return {left.value: Limits(keys=(value,))} if inner == "=" else {}
        if inner not in _TURNED:
            return {}
        member = _compared("", _TURNED[inner], value, volatile)
        return {left.value: Limits(inside=((EVERY, member),))}
    if operator in ("@?", "@@"):
        follow = jsonpaths.exists if operator == "@?" else jsonpaths.holds
        asked = follow(value, lambda sign, constant: _compared("", sign, constant, volatile=False))
        return _on(left, lambda kind: asked if kind == "" else ANY)
    if operator == "~" and (words := pattern.words(value)):
        # There are so many texts and no others.
        return _on(left, lambda kind: Limits(choices=words) if kind == "" else ANY)
    if operator in ("~", "~*"):
        return _on(left, lambda kind: Limits(patterns=(value,)) if kind == "" else ANY)
    if operator in ("~~", "~~*"):
        return _on(left, lambda kind: Limits(likes=(value,)) if kind == "" else ANY)
    if operator == "^@":
        likes = (f"{_escaped(value)}%",)
        return _on(left, lambda kind: Limits(likes=likes) if kind == "" else ANY)
    if operator == "?":
        return _on(left, lambda kind: Limits(keys=(value,), json="object") if not kind else ANY)
    if operator in ("?&", "?|"):
        keys = tuple(expression.split_array(value)) if value.startswith("{") else ()
        keys = keys if operator == "?&" else keys[:1]
        return _on(left, lambda kind: Limits(keys=keys, json="object") if not kind else ANY)
    if operator in ("<@", "@>", "&&"):
        return _on(left, lambda kind: Limits(pool=(value,)) if not kind else ANY)
    return {}


def _escaped(value: str) -> str:
    """Text as LIKE takes it for itself."""
    return value.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


def _years(limits: Limits) -> Limits:
    """What is asked of a year, as bounds of the moment."""

    def begin(year: str, more: int) -> str:
        return f"{int(float(year)) + more:04}-01-01"

    numbers = [text for text in limits.choices or () if text.isdigit()]
    low = [(begin(text, not inclusive), True) for text, inclusive in limits.low if text.isdigit()]
    high = [(begin(text, inclusive), False) for text, inclusive in limits.high if text.isdigit()]
    if numbers:
        # Years in a row, as partitions and lists have them; the server sees to the gaps.
        low.append((begin(min(numbers, key=int), 0), True))
        high.append((begin(max(numbers, key=int), 1), False))
    return Limits(low=tuple(low), high=tuple(high), null=limits.null)


def _begins(left: Expr) -> Expr | None:
    """The column whose beginning an expression is: left(x, 2), substring(x from 1 for 2)."""
    if left.kind != "call" or not left.args or left.args[0].kind != "column":
        return None
    if left.value == "left" and len(left.args) == 2 and left.args[1].value.isdigit():
        return left.args[0]
    if left.value in ("substring", "substr") and len(left.args) == 3 and left.args[1].value == "1":
        return left.args[0]
    return None


def _array_of(expr: Expr) -> tuple[str, ...] | None:
    """The members of a constant array; None for what is none."""
    if expr.kind == "array" and all(member.kind == "const" for member in expr.args):
        return tuple(member.value for member in expr.args)
    if expr.kind == "const" and expr.sql.endswith("[]") and expr.value.startswith("{"):
        return tuple(expression.split_array(expr.value))
    return None


def _containing(operator: str, members: tuple[str, ...]) -> Limits:
    if operator == "<@":
        return Limits(inside=((EVERY, Limits(choices=members)),))
    return Limits(keys=members if operator == "@>" else members[:1])


def _folded(left: Expr, right: Expr) -> dict[str, Limits]:
    """lower(column) = column, or with upper."""
    if right.kind != "column" or left.kind != "call" or left.args != (right,):
        return {}
    if left.value == "lower":
        return {right.value: Limits(case="lower")}
    return {right.value: Limits(case="upper")} if left.value == "upper" else {}


def _compared(kind: str, operator: str, value: str, volatile: bool) -> Limits:
    """What `column operator value` asks, or `length(column) operator value` for kind `length`."""
    if kind == "length":
        return _length(operator, value)
    if kind == "json":
        return Limits(json=value) if operator == "=" else ANY
    if operator == "=":
        return Limits(choices=(value,))
    if operator == "<>":
        return Limits(excluded=frozenset((value,)), shortest=1 if value == "" else 0)
    if value == "" and operator == ">":
        return Limits(shortest=1)
    if operator in (">", ">="):
        # Today's clock has moved past the one that was stopped: leave it a lifetime of room.
        return Limits(low=(("2125-01-01" if volatile else value, operator == ">="),))
    return Limits(high=((value, operator == "<="),))


def _length(operator: str, value: str) -> Limits:
    try:
        count = int(float(value))
    except ValueError:
        return ANY
    least = {"=": count, ">=": count, ">": count + 1}.get(operator, 0)
    most = {"=": count, "<=": count, "<": count - 1}.get(operator)
    if operator == "<>" and count == 0:
        least = 1
    return Limits(shortest=max(0, least), longest=most)


_LENGTHS = {
    "length", "char_length", "character_length", "octet_length", "bit_length", "cardinality",
    "array_length", "array_upper", "jsonb_array_length", "json_array_length",
}  # fmt: skip
_PATHS = {"jsonb_path_exists": "@?", "jsonb_path_match": "@@"}
_SAME = {"lower", "upper", "btrim", "ltrim", "rtrim", "trim", "coalesce", "abs", "round", "trunc"}


def _on(subject: Expr, limits: Callable[[str], Limits]) -> dict[str, Limits]:
    """The limits on the column that `subject` is about.

    `limits` is asked with what is compared: the column itself (""), its `length`, or what kind of
    `json` it is. A member of a JSON column is a column inside that column.
    """
    if subject.kind == "column":
        return _named(subject.value, limits(""))
    if subject.kind == "op" and subject.value in ("->", "->>") and len(subject.args) == 2:
        parent, key = subject.args
        if key.kind != "const":
            return {}
        inner = limits("")
        member = Limits(json="object", inside=((key.value, inner),), keys=(key.value,))
        return _on(parent, lambda kind: member if kind == "" else ANY)
    if subject.kind == "op" and subject.value in ("#>", "#>>") and len(subject.args) == 2:
        document, path = subject.args
        if path.kind != "const" or not path.value.startswith("{"):
            return {}
        for step in expression.split_array(path.value):
            document = Expr("op", "->", (document, Expr("const", step)))
        return _on(document, limits)
    if subject.kind != "call" or not subject.args:
        return {}
    if subject.value in ("extract", "date_part") and subject.args[0].value == "year":
        return _on(subject.args[1], lambda kind: _years(limits("")) if kind == "" else ANY)
    if subject.value in ("subscript", "field"):
        parent, at = subject.args
        name = f"[{at.value}]" if subject.value == "subscript" else f".{at.value}"
        if subject.value == "subscript" and not at.value.isdigit():
            return {}
        least = int(at.value) if subject.value == "subscript" else 0
        part = Limits(inside=((name, limits("")),), shortest=least, null=False)
        return _on(parent, lambda kind: part if kind == "" else ANY)
    if subject.value in _LENGTHS:
        return _on(subject.args[0], lambda kind: limits("length") if kind == "" else ANY)
    if subject.value in ("jsonb_typeof", "json_typeof"):
        return _on(subject.args[0], lambda kind: limits("json") if kind == "" else ANY)
    if subject.value in _SAME:
        return _on(subject.args[0], limits)
    return {}


def _named(name: str, limits: Limits) -> dict[str, Limits]:
    return {} if limits == ANY else {name: limits}

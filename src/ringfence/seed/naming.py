"""How a session names its tenant: the key itself, or a text with the key in it, such as a token's claims.

What a policy takes out of a setting with `->>` shows what must be in it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import postgast

from ringfence.errors import Misuse
from ringfence.seed.expression import within

if TYPE_CHECKING:
    from collections.abc import Iterator

pb = postgast.pg_query_pb2

PLACE = "{tenant}"
"""What stands for the tenant's key in a text that names it."""


def named(template: str, key: str) -> str:
    """What the setting holds for the tenant `key`. Blank is for nobody, whatever the template."""
    if not template or not key.strip():
        return key
    inner = json.dumps(key, ensure_ascii=False)[1:-1] if _document(template) is not None else key
    return template.replace(PLACE, inner)


def checked(template: str) -> str:
    """A configured template. Raises `Misuse` where no key could be put into it."""
    if template and PLACE not in template:
        raise Misuse(
            f"[tool.ringfence.tenancy] value is {template}, and has no place for the tenant",
            hint=f'write {PLACE} where its key goes: value = \'{{"tenant_id": "{PLACE}"}}\'',
        )
    return template


def place(template: str) -> tuple[str, ...]:
    """The keys that lead to the tenant in a template that is JSON; none where it is plain text."""

    def search(part: object) -> tuple[str, ...] | None:
        if part == PLACE:
            return ()
        if isinstance(part, dict):
            for key, value in part.items():
                if (rest := search(value)) is not None:
                    return (key, *rest)
        return None

    return search(_document(template)) or ()


def template(path: tuple[str, ...]) -> str:
    """JSON in which `path` leads to the tenant; empty, which is the key alone, for no path."""
    said: object = PLACE
    for key in reversed(path):
        said = {key: said}
    return "" if said == PLACE else json.dumps(said, ensure_ascii=False)


def path(condition: str, reader: str, body: str, setting: str) -> tuple[str, ...]:
    """The keys by which a policy's `condition` gets at the tenant in the JSON of a setting.

    `reader` is what it calls for that: current_setting itself, or a function with that `body`.
    """
    if reader == "current_setting":
        return _longest(condition, reader, setting)
    return (*_longest(body, "current_setting", setting), *_longest(condition, reader, ""))


def _document(text: str) -> object:
    try:
        return json.loads(text) if text.lstrip().startswith("{") else None
    except ValueError:
        return None


def _longest(sql: str, reader: str, setting: str) -> tuple[str, ...]:
    found = (_keys(node, reader, setting) for node in _nodes(sql))
    return max((keys for keys in found if keys is not None), key=len, default=())


def _nodes(sql: str) -> Iterator[Any]:
    """All nodes of a condition, or of a function's body in SQL."""
    said = sql.strip()
    if said.upper().startswith("RETURN "):
        said = f"SELECT {said[7:]}"
    elif said.upper().startswith("BEGIN ATOMIC"):
        said = said[12:].strip().removesuffix("END")
    for text in (said, f"SELECT {said}"):
        try:
            tree = postgast.parse(text)
        except postgast.PgQueryError:
            continue
        yield from within(tree)
        return


def _keys(node: Any, reader: str, setting: str) -> tuple[str, ...] | None:
    """The keys that a node asks for in what `reader` gives; None where it does not ask it."""
    if isinstance(node, pb.Node):
        kind = node.WhichOneof("node")
        return _keys(getattr(node, kind), reader, setting) if kind else None
    if isinstance(node, pb.FuncCall):
        return _called(node, reader, setting)
    if isinstance(node, pb.A_Expr):
        return _operated(node, reader, setting)
    if isinstance(node, pb.TypeCast):
        return _keys(node.arg, reader, setting)
    if isinstance(node, pb.CoalesceExpr):
        return next(
            (k for arg in node.args if (k := _keys(arg, reader, setting)) is not None), None
        )
    if isinstance(node, pb.A_Indirection):
        inner = _keys(node.arg, reader, setting)
        if inner is None:
            return None
        return (*inner, *filter(None, (_text(i.a_indices.uidx) for i in node.indirection)))
    if isinstance(node, pb.SubLink):
        targets = node.subselect.select_stmt.target_list
        return _keys(targets[0].res_target.val, reader, setting) if len(targets) == 1 else None
    return None


def _called(node: Any, reader: str, setting: str) -> tuple[str, ...] | None:
    name = node.funcname[-1].string.sval
    if name == reader:
        return () if not setting or (node.args and _text(node.args[0]) == setting) else None
    if name in _EXTRACTS and node.args:
        inner = _keys(node.args[0], reader, setting)
        return None if inner is None else (*inner, *filter(None, map(_text, node.args[1:])))
    return None


_EXTRACTS = ("json_extract_path", "json_extract_path_text", "jsonb_extract_path", "jsonb_extract_path_text")  # fmt: skip


def _operated(node: Any, reader: str, setting: str) -> tuple[str, ...] | None:
    name = node.name[-1].string.sval if node.name else ""
    if node.kind == pb.AEXPR_NULLIF:
        return _keys(node.lexpr, reader, setting)
    if name not in ("->", "->>", "#>", "#>>"):
        return None
    inner, said = _keys(node.lexpr, reader, setting), _text(node.rexpr)
    if inner is None or said is None:
        return None
    return (*inner, said) if name.startswith("-") else (*inner, *said.strip("{}").split(","))


def _text(node: Any) -> str | None:
    """A constant's text, None for what is none."""
    while node.WhichOneof("node") == "type_cast":
        node = node.type_cast.arg
    if node.WhichOneof("node") != "a_const":
        return None
    return str(node.a_const.sval.sval) or None

"""What a jsonpath asks of a document: the members it goes through, and the conditions in its filters."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from ringfence.seed.limits import ANY, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = "[]"
"""The name under which the limits of every member of an array stand inside the array's own."""

_STEP = r'\."(?:[^"\\]|\\.)*"|\[\*\]|\[0\]'
_PATH = re.compile(rf"(?:strict |lax )?\$((?:{_STEP})*)(?:\?\((.*)\))?((?:{_STEP})*)", re.DOTALL)
_CONDITION = re.compile(
    rf'[$@]((?:{_STEP})*) (==|>=|<=|>|<|like_regex|starts with) ("(?:[^"\\]|\\.)*"|[-\w.]+)'
)
_OPERATORS = {"==": "=", ">": ">", ">=": ">=", "<": "<", "<=": "<="}
_TYPES = {"true": "boolean", "false": "boolean", "null": "null"}


def exists(path: str, compared: Callable[[str, str], Limits]) -> Limits:
    """What makes a path, in the server's notation, lead somewhere; anything for one not understood.

    `compared` gives the limits of a comparison with a constant.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        return ANY
    inner = _wrapped(found[3], ANY)
    if found[2] is not None:
        inner = inner & holds(found[2], compared)
    return _wrapped(found[1], inner)


def holds(condition: str, compared: Callable[[str, str], Limits]) -> Limits:
    """What makes a condition on a document, or on what `@` stands for, true."""
    text = condition.strip()
    while text.startswith("(") and text.endswith(")") and _closed(text[1:-1]):
        text = text[1:-1]
    limits = ANY
    for part in _parts(text):
        if part != text:
            limits &= holds(part, compared)
            continue
        found = _CONDITION.fullmatch(part)
        if found is None:
            continue
        steps, operator, constant = found.groups()
        value = json.loads(constant) if constant.startswith('"') else constant
        if operator == "like_regex":
            asked = Limits(patterns=(value,), json="string")
        elif operator == "starts with":
            asked = Limits(patterns=(f"^{re.escape(value)}",), json="string")
        else:
            kind = "string" if constant.startswith('"') else _TYPES.get(constant, "number")
            asked = compared(_OPERATORS[operator], value) & Limits(json=kind)
        limits &= _wrapped(steps, asked)
    return limits


def _wrapped(steps: str, inner: Limits) -> Limits:
    for step in reversed(re.findall(_STEP, steps)):
        if step.startswith("["):
            inner = Limits(json="array", shortest=1, inside=((EVERY, inner),))
        else:
            key = json.loads(step[1:])
            inner = Limits(json="object", inside=((key, inner),), keys=(key,))
    return inner


def _closed(text: str) -> bool:
    depth = 0
    for character in re.sub(r'"(?:[^"\\]|\\.)*"', "", text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0


def _parts(text: str) -> list[str]:
    """The conditions that && joins, outside of brackets; where || joins them, the first."""
    depth, inside, begin, parts = 0, False, 0, []
    at = 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif character == '"':
            inside = not inside
        elif not inside:
            depth += {"(": 1, ")": -1}.get(character, 0)
            joint = text[at : at + 4]
            if not depth and joint in (" && ", " || "):
                parts.append(text[begin:at])
                if joint == " || ":
                    return parts
                begin = at + 4
        at += 1
    return [*parts, text[begin:]]

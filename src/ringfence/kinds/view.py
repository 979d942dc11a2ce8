"""A view."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, options_clause, pair, reset_options
from ringfence.kinds._sql import qualified
from ringfence.kinds._stale import stale
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Catalog, Fact


class View(Kind):
    """A view. OR REPLACE keeps its columns and may add some at the end; else it is made anew."""

    name = "view"
    probe = "EXISTS (SELECT FROM relations WHERE relkind = 'v')"
    keyword = "VIEW"
    grantable = "TABLE"
    privileges = "arwdDxtm"
    relays = True
    attributes = {
        "definition": Attribute("redefine", when="can_redefine"),
        "columns": Attribute("redefine", when="can_redefine"),
        "options": Attribute("reoption"),
    }

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("relation", *fact.ref.name), ("type", *fact.ref.name))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        old = context.old.facts.get(new.ref)
        yield Do(f"CREATE VIEW {_body(new)}", _bared(old, new) if old is not None else ())

    def hollow(self, fact: Fact, catalog: Catalog) -> Fact:  # noqa: ARG002
        """A view without rows that has its columns."""
        columns = [_null(column) for column in fact.list("columns")]
        attrs = {**fact.attrs, "definition": f"SELECT {', '.join(columns)}\nWHERE false"}
        options = [o for o in fact.list("options") if not o.startswith("check_option=")]
        return replace(fact, attrs={**attrs, "options": tuple(options)})

    def can_redefine(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """Whether every old column is there, in its place and of its type."""
        old, new = pair(change)
        before = old.list("columns")
        return new.list("columns")[: len(before)] == before

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:
        """CREATE OR REPLACE VIEW."""
        old, new = pair(change)
        hazards = _bared(old, new)
        if not _only_longer(old, new):
            hazards += stale(new.ref, context)
        yield Do(f"CREATE OR REPLACE VIEW {_body(new)}", hazards)

    def reoption(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET and RESET (security_invoker …)."""
        old, new = pair(change)
        if "definition" in change.attributes:
            # OR REPLACE said the new options already, and forgot those it did not say.
            return
        prefix = f"ALTER VIEW {qualified(new.ref.name)}"
        bared = _bared(old, new)
        for do in reset_options(prefix, old.list("options"), new.list("options")):
            yield Do(do.sql, bared)
            bared = ()  # said once


def _only_longer(old: Fact, new: Fact) -> bool:
    """Whether it gives what it gave, and columns of what it reads besides."""
    before, after = old.text("definition"), new.text("definition")
    head, source, rest = before.partition("\n   FROM ")
    behind = source + rest
    if not source or "DISTINCT" in head:
        return False
    if not after.startswith(head) or not after.endswith(behind):
        return False
    return _BESIDES.fullmatch(after[len(head) : len(after) - len(behind)]) is not None


_TRUE = re.compile(r"t(r(ue?)?)?|y(es?)?|on|1", re.IGNORECASE)
_CHECKS = ("", "local", "cascaded")


def _bared(old: Fact, new: Fact) -> tuple[Hazard, ...]:
    """What the view's options kept from somebody, and do no more."""
    before, after = _options(old), _options(new)
    path = new.ref.path
    said = []
    if _on(before, "security_invoker") and not _on(after, "security_invoker"):
        said.append(f"view {path} shows what its owner may see, whoever asks")
    if _on(before, "security_barrier") and not _on(after, "security_barrier"):
        said.append(f"functions in a query may see rows that view {path} leaves out")
    was, now = (_CHECKS.index(o.get("check_option", "").lower()) for o in (before, after))
    if now < was:
        said.append(f"rows that view {path} leaves out may be written by way of it")
    return tuple(Hazard(HazardCode.LOST_PROTECTION, new.ref, text) for text in said)


def _options(fact: Fact) -> dict[str, str]:
    return {name: value for name, _, value in (o.partition("=") for o in fact.list("options"))}


def _on(options: dict[str, str], name: str) -> bool:
    return _TRUE.fullmatch(options.get(name, "")) is not None


_NAME = r'(?:"(?:[^"]|"")*"|[\w$]+)'
_BESIDES = re.compile(rf"(?:,\s+{_NAME}(?:\.{_NAME})*(?: AS {_NAME})?)*")
"""Columns at the end of a list, by name alone."""

_COLUMN = re.compile(
    rf"(?P<name>{_NAME}) (?P<type>(?:(?:timestamp|time)(?:\(\d\))? with(?:out)? time zone"
    r"|double precision|(?:bit|character) varying"
    r"|interval(?: (?:year|month|day|hour|minute|second|to)\b)*"
    rf"|{_NAME}(?:\.{_NAME})?)(?:\([^)]*\))?(?:\[\])*)(?: (?P<collation>.+))?",
    re.DOTALL,
)
"""A column as view.sql has it."""


def _null(column: str) -> str:
    found = _COLUMN.fullmatch(column)
    assert found is not None, column
    collate = f" COLLATE {found['collation']}" if found["collation"] else ""
    return f"NULL::{found['type']}{collate} AS {found['name']}"


def _body(fact: Fact) -> str:
    options = options_clause(fact.list("options"))
    definition = fact.text("definition").strip().rstrip(";")
    return f"{qualified(fact.ref.name)}{options} AS\n{definition}"


KIND = View()

"""A function, window function or procedure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, pair
from ringfence.kinds._namesakes import lost_by_name
from ringfence.kinds._results import gives_the_same
from ringfence.kinds._sql import signed
from ringfence.kinds._stale import stale
from ringfence.kinds._swap import made_for
from ringfence.kinds._words import coded, said
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Catalog, Fact, Ref, Value


_MODES = {"i": "", "o": "OUT", "b": "INOUT", "v": "VARIADIC", "t": "TABLE"}


def _in_words(value: Value) -> str:
    """Arguments, as they stand in CREATE."""
    if not isinstance(value, tuple):
        return said(value)
    found = [tuple(map(str, a)) for a in value if isinstance(a, tuple)]
    return ", ".join(" ".join(filter(None, (_MODES[m], *rest))) for m, *rest in found)


class Routine(Kind):
    """A routine, named by its schema, name and argument types. OR REPLACE keeps what needs it."""

    name = "routine"
    keyword = "ROUTINE"
    own = 1
    grantable = "ROUTINE"
    privileges = "X"
    public = "X"
    first = True  # a body that is text tells nobody what it calls
    relays = True
    attributes = {
        "kind": REPLACE,
        "result": REPLACE,
        "arguments": Attribute("redefine", when="can_redefine"),
        "defaults": Attribute("redefine", when="can_redefine"),
        "definition": Attribute("redefine"),
    }
    words = {
        "kind": coded({"f": "FUNCTION", "p": "PROCEDURE", "w": "WINDOW FUNCTION"}),
        "arguments": _in_words,
    }

    def sql_name(self, ref: Ref) -> str:
        return signed(ref.name)

    def dies_with(self, fact: Fact, catalog: Catalog) -> Ref | None:
        """A base type takes its own functions with it."""
        return made_for(fact.ref, catalog)

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("routine", *fact.ref.name),)

    def shows(self, ref: Ref, catalog: Catalog) -> Iterator[Ref]:
        """Where rows of a table are its result, a query over it lists the table's columns."""
        for rows in catalog.uses.get(ref, ()):
            for column in catalog.below(rows, "column"):
                yield column.ref

    def taken_for(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """A call by its name may mean it, or be said to be ambiguous, beside others of that name."""
        for ref in context.creates:
            if ref.kind == self.name and ref.name[:2] == fact.ref.name[:2]:
                yield ref

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        text = new.text("definition").rstrip()
        lent = _lent(context.old.facts.get(new.ref), new)
        hazards = (*lent, *lost_by_name(new, context))
        yield Do(text.replace("CREATE OR REPLACE", "CREATE", 1), hazards)

    def can_redefine(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """OR REPLACE may add names and defaults, not change a name or take a default away."""
        old, new = pair(change)
        if int(old.text("defaults") or 0) > int(new.text("defaults") or 0):
            return False
        before, after = _arguments(old), _arguments(new)
        return len(before) == len(after) and all(
            (a[0], a[2]) == (b[0], b[2]) and a[1] in ("", b[1])
            for a, b in zip(before, after, strict=True)
        )

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:
        """CREATE OR REPLACE."""
        old, new = pair(change)
        hazards = _lent(old, new)
        if not gives_the_same(old.text("definition"), new.text("definition")):
            hazards += stale(new.ref, context)
        yield Do(new.text("definition").rstrip(), hazards)

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        word = "PROCEDURE" if old["kind"] == "p" else "FUNCTION"
        yield Do(f"DROP {word} {signed(old.ref.name)}")


def _lent(old: Fact | None, new: Fact) -> tuple[Hazard, ...]:
    """The hazard of a routine that was its caller's to run and is run as its owner."""
    if old is None or _is_definer(old) or not _is_definer(new):
        return ()
    said = f"{new.ref.path} does what its owner may, whoever calls it"
    return (Hazard(HazardCode.LOST_PROTECTION, new.ref, said),)


def _is_definer(fact: Fact) -> bool:
    """PostgreSQL writes it on the line below the language, behind other words of that kind."""
    return _DEFINER.match(_LANGUAGE.sub("", fact.text("definition"), count=1)) is not None


_LANGUAGE = re.compile(r"\A.*?\n LANGUAGE [^\n]*\n", re.DOTALL)
_DEFINER = re.compile(r"(?: [A-Z]+)* SECURITY DEFINER\b")


def _arguments(fact: Fact) -> list[tuple[object, ...]]:
    """Mode, name and type of each argument."""
    arguments = fact["arguments"]
    return [a for a in arguments if isinstance(a, tuple)] if isinstance(arguments, tuple) else []


KIND = Routine()

"""A constraint of a table: primary key, unique, check, foreign key, exclusion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, options_clause, pair
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds.table import reset_options
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact, Ref

_STATE = re.compile(r"( DEFERRABLE)?( INITIALLY DEFERRED)?( NOT ENFORCED)?( NOT VALID)?\Z")


class Constraint(Kind):
    """A constraint. Its definition is the server's own text of it."""

    name = "constraint"
    keyword = "CONSTRAINT"
    folds = True
    attributes = {
        "type": REPLACE,
        "definition": Attribute("redefine", when="can_redefine"),
        "inherited": REPLACE,
        "index_options": Attribute("reindex"),
        "index_tablespace": Attribute("reindex"),
    }

    def sql_name(self, ref: Ref) -> str:
        return f"{ident(ref.name[-1])} ON {qualified(ref.name[:-1])}"

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        yield ("constraint", *fact.ref.name)
        if fact["type"] in ("p", "u", "x"):
            yield ("relation", fact.ref.name[0], fact.ref.name[-1])

    def folds_into_parent(self, fact: Fact, context: Context) -> bool:  # noqa: ARG002
        # A constraint NOT VALID is only to be had by ALTER TABLE.
        return fact["type"] != "f" and "NOT VALID" not in fact.text("definition")

    def inline(self, fact: Fact, context: Context) -> str:  # noqa: ARG002
        """The constraint as it stands in CREATE TABLE or behind ADD."""
        if fact["inherited"]:
            return ""
        return f"CONSTRAINT {ident(fact.ref.name[-1])} {_definition(fact)}"

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        text = self.inline(new, context)
        if text:
            hazards: tuple[Hazard, ...] = ()
            if new.parent in context.old.facts:
                hazards = _hazards(new)
            yield Do(f"ALTER TABLE {qualified(new.ref.name[:-1])} ADD {text}", hazards)

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        if not old["inherited"]:
            *table, name = old.ref.name
            yield Do(f"ALTER TABLE {qualified(tuple(table))} DROP CONSTRAINT {ident(name)}")

    def can_redefine(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """Only NOT VALID can go, and a foreign key's deferrability change, in place."""
        old, new = pair(change)
        a, b = old.text("definition"), new.text("definition")
        bare_a, bare_b = _STATE.sub("", a), _STATE.sub("", b)
        if bare_a != bare_b or "NOT ENFORCED" in a + b:
            return False
        if "NOT VALID" in b and "NOT VALID" not in a:
            return False
        deferrable = a.removesuffix(" NOT VALID") != b.removesuffix(" NOT VALID")
        return not deferrable or new["type"] == "f"

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ALTER CONSTRAINT … DEFERRABLE, VALIDATE CONSTRAINT."""
        old, new = pair(change)
        *table, name = new.ref.name
        a, b = old.text("definition"), new.text("definition")
        prefix = f"ALTER TABLE {qualified(tuple(table))}"
        if a.removesuffix(" NOT VALID") != b.removesuffix(" NOT VALID"):
            deferrable = "DEFERRABLE" if " DEFERRABLE" in b else "NOT DEFERRABLE"
            initially = "INITIALLY DEFERRED" if "INITIALLY DEFERRED" in b else "INITIALLY IMMEDIATE"
            if deferrable == "NOT DEFERRABLE":
                initially = ""
            yield Do(f"{prefix} ALTER CONSTRAINT {ident(name)} {deferrable} {initially}".rstrip())
        if "NOT VALID" in a and "NOT VALID" not in b:
            yield Do(f"{prefix} VALIDATE CONSTRAINT {ident(name)}")

    def reindex(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """The index behind it: SET (…), SET TABLESPACE."""
        old, new = pair(change)
        prefix = f"ALTER INDEX {qualified((new.ref.name[0], new.ref.name[-1]))}"
        yield from reset_options(prefix, old.list("index_options"), new.list("index_options"))
        if old["index_tablespace"] != new["index_tablespace"]:
            yield Do(
                f"{prefix} SET TABLESPACE {ident(new.text('index_tablespace') or 'pg_default')}"
            )


def _definition(fact: Fact) -> str:
    """The definition with what pg_get_constraintdef leaves out: the index's options and place."""
    text = fact.text("definition")
    extra = options_clause(fact.list("index_options"))
    if fact["index_tablespace"]:
        extra += f" USING INDEX TABLESPACE {ident(fact.text('index_tablespace'))}"
    if not extra:
        return text
    where = text.find(" WHERE (") if fact["type"] == "x" else -1
    state = _STATE.search(text)
    at = where if where >= 0 else state.start() if state else len(text)
    return text[:at] + extra + text[at:]


def _hazards(fact: Fact) -> tuple[Hazard, ...]:
    if "NOT VALID" in fact.text("definition"):
        return ()
    if fact["type"] in ("p", "u", "x"):
        message = "the index is built while nobody may use the table"
        return (Hazard(HazardCode.INDEX_BUILD, fact.ref, message),)
    message = "every row is read while nobody may write to the table"
    return (Hazard(HazardCode.SCAN_UNDER_LOCK, fact.ref, message),)


KIND = Constraint()

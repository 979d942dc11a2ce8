"""A view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, options_clause, pair, reset_options
from ringfence.kinds._sql import qualified

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact


class View(Kind):
    """A view. OR REPLACE keeps its columns and may add some at the end; else it is made anew."""

    name = "view"
    probe = "EXISTS (SELECT FROM relations WHERE relkind = 'v')"
    keyword = "VIEW"
    grantable = "TABLE"
    privileges = "arwdDxtm"
    attributes = {
        "definition": Attribute("redefine", when="can_redefine"),
        "columns": Attribute("redefine", when="can_redefine"),
        "options": Attribute("reoption"),
    }

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("relation", *fact.ref.name), ("type", *fact.ref.name))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(f"CREATE VIEW {_body(new)}")

    def can_redefine(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """Whether every old column is there, in its place and of its type."""
        old, new = pair(change)
        before = old.list("columns")
        return new.list("columns")[: len(before)] == before

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """CREATE OR REPLACE VIEW."""
        _, new = pair(change)
        yield Do(f"CREATE OR REPLACE VIEW {_body(new)}")

    def reoption(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET and RESET (security_invoker …)."""
        old, new = pair(change)
        if "definition" in change.attributes:
            # OR REPLACE said the new options already, and forgot those it did not say.
            return
        prefix = f"ALTER VIEW {qualified(new.ref.name)}"
        yield from reset_options(prefix, old.list("options"), new.list("options"))


def _body(fact: Fact) -> str:
    options = options_clause(fact.list("options"))
    definition = fact.text("definition").strip().rstrip(";")
    return f"{qualified(fact.ref.name)}{options} AS\n{definition}"


KIND = View()

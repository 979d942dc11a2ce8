"""A rule: what is done instead of, or beside, a statement on a table or view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair, some
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds._words import FIRES, coded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact, Ref


class Rule(Kind):
    """A rule. OR REPLACE changes anything in it, and leaves alone whether it is enabled."""

    name = "rule"
    probe = some("pg_rewrite", "rulename <> '_RETURN'")
    keyword = "RULE"
    attributes = {"definition": Attribute("redefine"), "enabled": Attribute("enable")}
    words = {"enabled": coded(FIRES)}

    def sql_name(self, ref: Ref) -> str:
        return f"{ident(ref.name[-1])} ON {qualified(ref.name[:-1])}"

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("rule", *fact.ref.name),)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(new.text("definition").rstrip(";"))
        if new["enabled"]:
            yield _state(new)

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """CREATE OR REPLACE RULE."""
        _, new = pair(change)
        text = new.text("definition").rstrip(";")
        yield Do(text.replace("CREATE RULE", "CREATE OR REPLACE RULE", 1))

    def enable(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ENABLE, DISABLE, ENABLE REPLICA, ENABLE ALWAYS."""
        _, new = pair(change)
        yield _state(new)


def _state(fact: Fact) -> Do:
    *table, name = fact.ref.name
    word = FIRES[fact.text("enabled")]
    return Do(f"ALTER TABLE {qualified(tuple(table))} {word} RULE {ident(name)}")


KIND = Rule()

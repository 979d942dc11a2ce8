"""An index that no constraint owns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds.table import reset_options
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact

_WITH = re.compile(r" WITH \((?P<options>[^()]*)\)(?= WHERE |\Z)")


class Index(Kind):
    """An index. Its definition is the server's own text of it; its options stand in there."""

    name = "index"
    keyword = "INDEX"
    attributes = {
        "definition": Attribute("reoption", when="can_reoption"),
        "tablespace": Attribute("respace"),
        "invalid": Attribute(None),
        "statistics": Attribute("resample"),
    }

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("relation", *fact.ref.name),)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        text = new.text("definition")
        if new["tablespace"]:
            where = text.find(" WHERE ")
            at = where if where >= 0 else len(text)
            text = f"{text[:at]} TABLESPACE {ident(new.text('tablespace'))}{text[at:]}"
        hazards: tuple[Hazard, ...] = ()
        if new.parent in context.old.facts:
            message = "the index is built while nobody may write to the table"
            hazards = (Hazard(HazardCode.INDEX_BUILD, new.ref, message),)
        yield Do(text, hazards)
        yield from _statistics(new, (), new.list("statistics"))

    def can_reoption(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """Only its WITH (…) can change in place."""
        old, new = pair(change)
        return _WITH.sub("", old.text("definition")) == _WITH.sub("", new.text("definition"))

    def reoption(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET and RESET (…)."""
        old, new = pair(change)
        prefix = f"ALTER INDEX {qualified(new.ref.name)}"
        yield from reset_options(prefix, _options(old), _options(new))

    def respace(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET TABLESPACE."""
        _, new = pair(change)
        space = ident(new.text("tablespace") or "pg_default")
        yield Do(f"ALTER INDEX {qualified(new.ref.name)} SET TABLESPACE {space}")

    def resample(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ALTER COLUMN … SET STATISTICS, of an expression in it."""
        old, new = pair(change)
        yield from _statistics(new, old.list("statistics"), new.list("statistics"))


def _options(fact: Fact) -> list[str]:
    match = _WITH.search(fact.text("definition"))
    if match is None:
        return []
    return [o.replace("'", "").strip() for o in match["options"].split(", ")]


def _statistics(fact: Fact, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Do]:
    old = dict(o.split("=") for o in before)
    new = dict(o.split("=") for o in after)
    for column in sorted({*old, *new}, key=int):
        if old.get(column) != new.get(column):
            target = new.get(column, "-1")
            yield Do(
                f"ALTER INDEX {qualified(fact.ref.name)} ALTER COLUMN {column} SET STATISTICS {target}"
            )


KIND = Index()

"""Extended statistics: what the planner is told of columns together, or of expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import qualified
from ringfence.kinds._words import coded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact


class Statistics(Kind):
    """A statistics object. What it measures cannot be altered; dropping it loses no data."""

    name = "statistics"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_statistic_ext)"
    keyword = "STATISTICS"
    attributes = {"definition": REPLACE, "target": Attribute("retarget")}
    words = {"target": coded({"": "DEFAULT"})}

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("statistics", *fact.ref.name),)

    def kept(self, fact: Fact, context: Context) -> tuple[str, str]:  # noqa: ARG002
        assert fact.parent is not None
        return f"{fact.ref.path} was measured", f"ANALYZE {qualified(fact.parent.name)}"

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(new.text("definition"))
        if new["target"] is not None:
            yield Do(f"ALTER STATISTICS {qualified(new.ref.name)} SET STATISTICS {new['target']}")

    def retarget(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET STATISTICS; -1 is the default on every server."""
        _, new = pair(change)
        target = -1 if new["target"] is None else new["target"]
        yield Do(f"ALTER STATISTICS {qualified(new.ref.name)} SET STATISTICS {target}")


KIND = Statistics()

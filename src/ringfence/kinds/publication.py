"""A publication."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import ident

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact


class Publication(Kind):
    """A publication. The tables and schemas in it are facts of their own below it."""

    name = "publication"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_publication)"
    keyword = "PUBLICATION"
    attributes = {
        "all_tables": REPLACE,
        "publish": Attribute("reset"),
        "via_root": Attribute("reset"),
        "generated_columns": Attribute("reset"),
    }

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        every = " FOR ALL TABLES" if new["all_tables"] else ""
        yield Do(
            f"CREATE PUBLICATION {ident(new.ref.name[0])}{every} WITH ({_options(new, context)})"
        )

    def reset(self, change: Change, context: Context) -> Iterator[Do]:
        """SET (…)."""
        _, new = pair(change)
        yield Do(f"ALTER PUBLICATION {ident(new.ref.name[0])} SET ({_options(new, context)})")


def _options(fact: Fact, context: Context) -> str:
    options = [
        f"publish = '{', '.join(fact.list('publish'))}'",
        f"publish_via_partition_root = {'true' if fact['via_root'] else 'false'}",
    ]
    if context.server_version >= 180000:
        generated = "stored" if fact["generated_columns"] else "none"
        options.append(f"publish_generated_columns = {generated}")
    return ", ".join(options)


KIND = Publication()

"""A text search template: what dictionaries are made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Context, Do, Kind, some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Fact

_OPTIONS = ("init", "lexize")


class TextSearchTemplate(Kind):
    """A template: its functions. PostgreSQL alters nothing in it, and knows no owner."""

    name = "text_search_template"
    probe = some("pg_ts_template")
    keyword = "TEXT SEARCH TEMPLATE"
    attributes = dict.fromkeys(_OPTIONS, REPLACE)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        options = ", ".join(f"{word.upper()} = {new.text(word)}" for word in _OPTIONS if new[word])
        yield Do(f"CREATE TEXT SEARCH TEMPLATE {self.sql_name(new.ref)} ({options})")


KIND = TextSearchTemplate()

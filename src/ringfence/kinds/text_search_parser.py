"""A text search parser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Context, Do, Kind, some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Fact

_OPTIONS = ("start", "gettoken", "end", "headline", "lextypes")


class TextSearchParser(Kind):
    """A parser: its functions. PostgreSQL alters nothing in it, and knows no owner."""

    name = "text_search_parser"
    probe = some("pg_ts_parser")
    keyword = "TEXT SEARCH PARSER"
    attributes = dict.fromkeys(_OPTIONS, REPLACE)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        options = ", ".join(f"{word.upper()} = {new.text(word)}" for word in _OPTIONS if new[word])
        yield Do(f"CREATE TEXT SEARCH PARSER {self.sql_name(new.ref)} ({options})")


KIND = TextSearchParser()

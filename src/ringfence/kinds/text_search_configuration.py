"""A text search configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, pair, some
from ringfence.kinds._sql import ident
from ringfence.kinds._stale import stale

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ringfence.change import Change
    from ringfence.model import Fact


class TextSearchConfiguration(Kind):
    """A configuration: a parser, and for each type of token its dictionaries.

    The mappings are not facts of their own: an index that is made with the configuration has to be
    made after them, and pg_depend only knows that it needs the configuration.
    """

    name = "text_search_configuration"
    probe = some("pg_ts_config")
    keyword = "TEXT SEARCH CONFIGURATION"
    relays = True
    attributes = {"parser": REPLACE, "mappings": Attribute("remap")}

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        name = self.sql_name(new.ref)
        yield Do(f"CREATE TEXT SEARCH CONFIGURATION {name} (PARSER = {new.text('parser')})")
        for token, dictionaries in _mappings(new).items():
            yield self._map(new, "ADD", token, dictionaries)

    def remap(self, change: Change, context: Context) -> Iterator[Do]:
        """ADD, ALTER, DROP MAPPING, for each type of token that differs."""
        old, new = pair(change)
        before, after = _mappings(old), _mappings(new)
        hazards = stale(new.ref, context)
        for token in before:
            if token not in after:
                head = f"ALTER TEXT SEARCH CONFIGURATION {self.sql_name(new.ref)}"
                yield Do(f"{head} DROP MAPPING FOR {ident(token)}", hazards)
                hazards = ()  # said once
        for token, dictionaries in after.items():
            verb = "ALTER" if token in before else "ADD"
            if before.get(token) != dictionaries:
                yield replace(self._map(new, verb, token, dictionaries), hazards=hazards)
                hazards = ()

    def _map(self, fact: Fact, verb: str, token: str, dictionaries: str) -> Do:
        return Do(
            f"ALTER TEXT SEARCH CONFIGURATION {self.sql_name(fact.ref)}"
            f" {verb} MAPPING FOR {ident(token)} WITH {dictionaries}"
        )


def _mappings(fact: Fact) -> Mapping[str, str]:
    """Type of token → its dictionaries, as they stand in SQL."""
    found: dict[str, str] = {}
    mappings = fact["mappings"]
    for mapping in mappings if isinstance(mappings, tuple) else ():
        assert isinstance(mapping, tuple)
        token, dictionaries = mapping
        found[str(token)] = str(dictionaries)
    return found


KIND = TextSearchConfiguration()

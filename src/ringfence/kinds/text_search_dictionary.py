"""A text search dictionary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, pair, some
from ringfence.kinds._stale import stale

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ringfence.change import Change
    from ringfence.model import Fact

_OPTION = re.compile(
    r"""(?P<name>"(?:[^"]|"")*"|\w+)\ =\ (?P<value>E?'(?:[^'\\]|''|\\.)*'|[^,]+)""", re.VERBOSE
)


class TextSearchDictionary(Kind):
    """A dictionary: a template and its options, as the server writes them."""

    name = "text_search_dictionary"
    probe = some("pg_ts_dict")
    keyword = "TEXT SEARCH DICTIONARY"
    relays = True
    attributes = {"template": REPLACE, "options": Attribute("reoption")}

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        options = [f"TEMPLATE = {new.text('template')}"]
        options += [new.text("options")] if new["options"] else []
        name = self.sql_name(new.ref)
        yield Do(f"CREATE TEXT SEARCH DICTIONARY {name} ({', '.join(options)})")

    def reoption(self, change: Change, context: Context) -> Iterator[Do]:
        """ALTER TEXT SEARCH DICTIONARY, what differs; a name alone takes an option away."""
        old, new = pair(change)
        before, after = _options(old), _options(new)
        said = {n: value for n, value in after.items() if before.get(n) != value}
        gone = [n for n in before if n not in after]
        # What is said moves to the end: where that is not its place, everything is said.
        if [n for n in before if n in after and n not in said] + list(said) != list(after):
            gone, said = list(before), dict(after)
        options = [*gone, *(f"{n} = {value}" for n, value in said.items())]
        text = f"ALTER TEXT SEARCH DICTIONARY {self.sql_name(new.ref)} ({', '.join(options)})"
        yield Do(text, stale(new.ref, context))


def _options(fact: Fact) -> Mapping[str, str]:
    return {m["name"]: m["value"] for m in _OPTION.finditer(fact.text("options"))}


KIND = TextSearchDictionary()

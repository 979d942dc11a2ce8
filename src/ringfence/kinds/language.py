"""A procedural language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair, some
from ringfence.kinds._sql import qualified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact


class Language(Kind):
    """A language. OR REPLACE changes anything in it."""

    name = "language"
    probe = some("pg_language")
    keyword = "LANGUAGE"
    grantable = "LANGUAGE"
    privileges = "U"
    public = "U"
    attributes = dict.fromkeys(("trusted", "handler", "inline", "validator"), Attribute("redefine"))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(f"CREATE {_body(new)}")

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """CREATE OR REPLACE LANGUAGE."""
        _, new = pair(change)
        yield Do(f"CREATE OR REPLACE {_body(new)}")


def _body(fact: Fact) -> str:
    trusted = "TRUSTED " if fact["trusted"] else ""
    parts = [f"{w.upper()} {fact.text(w)}" for w in ("handler", "inline", "validator") if fact[w]]
    return f"{trusted}LANGUAGE {qualified(fact.ref.name)} {' '.join(parts)}"


KIND = Language()

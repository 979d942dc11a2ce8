"""A foreign data wrapper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._options import changes, clause, reminder
from ringfence.kinds._sql import ident

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact


class ForeignDataWrapper(Kind):
    """A wrapper, with the functions that serve it."""

    name = "foreign_data_wrapper"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper)"
    keyword = "FOREIGN DATA WRAPPER"
    grantable = "FOREIGN DATA WRAPPER"
    privileges = "U"
    attributes = {
        "handler": Attribute("redefine"),
        "validator": Attribute("redefine"),
        "options": Attribute("redefine"),
    }

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        name = ident(new.ref.name[0])
        text = f"CREATE FOREIGN DATA WRAPPER {name}"
        text += "".join(f" {w.upper()} {new.text(w)}" for w in ("handler", "validator") if new[w])
        options = new.list("options")
        comment = reminder(f"ALTER FOREIGN DATA WRAPPER {name}", (), options)
        yield Do(text + clause(options), comment=comment)

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """HANDLER, VALIDATOR and OPTIONS; PostgreSQL warns that what uses it may change with it."""
        old, new = pair(change)
        parts = [f"ALTER FOREIGN DATA WRAPPER {ident(new.ref.name[0])}"]
        parts += [
            f"{word.upper()} {new.text(word)}" if new[word] else f"NO {word.upper()}"
            for word in ("handler", "validator")
            if old[word] != new[word]
        ]
        comment = ""
        if "options" in change.attributes:
            parts.append(changes(old.list("options"), new.list("options")))
            comment = reminder(parts[0], old.list("options"), new.list("options"))
        yield Do(" ".join(parts), comment=comment)


KIND = ForeignDataWrapper()

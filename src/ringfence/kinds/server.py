"""A foreign server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, pair
from ringfence.kinds._options import changes, clause, reminder
from ringfence.kinds._sql import ident, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact


class Server(Kind):
    """A server. Its version can be changed, but not taken away."""

    name = "server"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_foreign_server)"
    keyword = "SERVER"
    grantable = "FOREIGN SERVER"
    privileges = "U"
    attributes = {
        "wrapper": REPLACE,
        "type": REPLACE,
        "version": Attribute("redefine"),
        "options": Attribute("redefine"),
    }

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        name = ident(new.ref.name[0])
        text = f"CREATE SERVER {name}"
        text += "".join(
            f" {w.upper()} {literal(new.text(w)).lstrip()}"
            for w in ("type", "version")
            if new[w] is not None
        )
        text += f" FOREIGN DATA WRAPPER {ident(new.text('wrapper'))}"
        options = new.list("options")
        comment = reminder(f"ALTER SERVER {name}", (), options)
        yield Do(text + clause(options), comment=comment)

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """VERSION and OPTIONS."""
        old, new = pair(change)
        parts = [f"ALTER SERVER {ident(new.ref.name[0])}"]
        comment = ""
        if "version" in change.attributes:
            version = None if new["version"] is None else new.text("version")
            parts.append(f"VERSION {literal(version).lstrip()}")
        if "options" in change.attributes:
            parts.append(changes(old.list("options"), new.list("options")))
            comment = reminder(parts[0], old.list("options"), new.list("options"))
        yield Do(" ".join(parts), comment=comment)


KIND = Server()

"""An access method of tables or indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Context, Do, Kind, some
from ringfence.kinds._sql import qualified
from ringfence.kinds._words import coded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Fact


class AccessMethod(Kind):
    """An access method. PostgreSQL alters nothing in it."""

    name = "access_method"
    probe = some("pg_am")
    keyword = "ACCESS METHOD"
    renames = False
    attributes = {"type": REPLACE, "handler": REPLACE}
    words = {"type": coded({"t": "TABLE", "i": "INDEX"})}

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        of = {"t": "TABLE", "i": "INDEX"}[new.text("type")]
        name = qualified(new.ref.name)
        yield Do(f"CREATE ACCESS METHOD {name} TYPE {of} HANDLER {new.text('handler')}")


KIND = AccessMethod()

"""A function, window function or procedure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import qualified

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact

_DEFAULTS = re.compile(r" DEFAULT .*?(?=, |\Z)")


class Routine(Kind):
    """A routine, named by its schema, name and argument types. OR REPLACE keeps what needs it."""

    name = "routine"
    keyword = "ROUTINE"
    grantable = "ROUTINE"
    privileges = "X"
    public = "X"
    attributes = {
        "kind": REPLACE,
        "result": REPLACE,
        "arguments": Attribute("redefine", when="can_rename_arguments"),
        "definition": Attribute("redefine"),
    }

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("routine", *fact.ref.name),)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        text = new.text("definition").rstrip()
        yield Do(text.replace("CREATE OR REPLACE", "CREATE", 1))

    def can_rename_arguments(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """OR REPLACE may add names and defaults, not change a name or take a default away."""
        old, new = pair(change)
        a, b = old.text("arguments"), new.text("arguments")
        if a.count(" DEFAULT ") > b.count(" DEFAULT "):
            return False
        return _DEFAULTS.sub("", a) == _DEFAULTS.sub("", b)

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """CREATE OR REPLACE."""
        _, new = pair(change)
        yield Do(new.text("definition").rstrip())

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        word = "PROCEDURE" if old["kind"] == "p" else "FUNCTION"
        yield Do(f"DROP {word} {qualified(old.ref.name)}")


KIND = Routine()

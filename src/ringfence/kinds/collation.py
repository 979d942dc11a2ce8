"""A collation: how strings compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Context, Do, some
from ringfence.kinds._sql import literal, qualified
from ringfence.kinds._swap import Swapped
from ringfence.kinds._words import coded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.kinds import Namespace
    from ringfence.model import Fact

_PROVIDERS = {"b": "builtin", "c": "libc", "i": "icu"}


class Collation(Swapped):
    """A collation. Nothing of it can be altered; columns that have it are sorted anew."""

    name = "collation"
    probe = some("pg_collation")
    keyword = "COLLATION"
    grantable = ""
    privileges = ""
    public = ""
    attributes = dict.fromkeys(
        ("provider", "locale", "lc_collate", "lc_ctype", "nondeterministic", "rules"), REPLACE
    )
    words = {"provider": coded(_PROVIDERS)}

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("collation", *fact.ref.name),)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        options = [f"PROVIDER = {_PROVIDERS[new.text('provider')]}"]
        options += [
            f"{name.upper()} = {literal(new.text(name)).lstrip()}"
            for name in ("locale", "lc_collate", "lc_ctype", "rules")
            if new[name] is not None
        ]
        if new["nondeterministic"]:
            options.append("DETERMINISTIC = false")
        yield Do(f"CREATE COLLATION {qualified(new.ref.name)} ({', '.join(options)})")


KIND = Collation()

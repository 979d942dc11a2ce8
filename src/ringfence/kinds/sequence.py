"""A sequence that no identity column owns. Its present value is data, not schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair, unlogged
from ringfence.kinds._family import aside
from ringfence.kinds._sequences import (
    begins_anew,
    go_on,
    position_lost,
    put_by,
    stay_within,
    taken_by,
    taken_from,
)
from ringfence.kinds._sql import qualified
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace, Stage
    from ringfence.model import Catalog, Fact

_WORDS = {
    "type": "AS",
    "start": "START WITH",
    "increment": "INCREMENT BY",
    "minimum": "MINVALUE",
    "maximum": "MAXVALUE",
    "cache": "CACHE",
}


class Sequence(Kind):
    """A sequence. The column that owns it, if any, is a fact of its own."""

    name = "sequence"
    probe = "EXISTS (SELECT FROM relations WHERE relkind = 'S')"
    keyword = "SEQUENCE"
    grantable = "SEQUENCE"
    privileges = "rwU"
    attributes = {
        **dict.fromkeys(("type", "start", "increment", "minimum", "maximum", "cache", "cycle"),
                        Attribute("respan")),
        "unlogged": Attribute("relog"),
    }  # fmt: skip

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("relation", *fact.ref.name), ("type", *fact.ref.name))

    def user(self, user: Ref, used: Ref) -> Ref:
        # The only thing a sequence needs besides its schema is the column that owns it.
        return Ref("owned_by", user.name) if used.kind in ("column", "table") else user

    def dies_with(self, fact: Fact, catalog: Catalog) -> Ref | None:
        owned = catalog.facts.get(Ref("owned_by", fact.ref.name))
        return Ref("column", owned.list("column")) if owned else None

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        """An identity leaves its position behind before the sequence takes it up."""
        column = taken_from(fact, context) if stage == "create" else None
        if column is not None:
            yield ("alter", column.ref)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        what = "UNLOGGED SEQUENCE" if new["unlogged"] else "SEQUENCE"
        options = "".join(f"\n    {word} {new.text(key)}" for key, word in _WORDS.items())
        cycle = "\n    CYCLE" if new["cycle"] else ""
        name = qualified(new.ref.name)
        yield Do(f"CREATE {what} {name}{options}{cycle}")
        column = taken_from(new, context)
        if column is not None:
            _, _, _, low, high, *_ = column.list("sequence")
            now = (new.text("minimum"), new.text("maximum"))
            yield from go_on(new.ref, name, put_by(new.ref), (low, high), now)

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        if taken_by(old, context) is not None:
            yield Do(f"ALTER SEQUENCE {qualified(old.ref.name)} RENAME TO {aside(old.ref.name)}")
            return
        yield Do(
            f"DROP SEQUENCE {qualified(old.ref.name)}",
            position_lost(old.ref),
        )

    def respan(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ALTER SEQUENCE, all options that differ at once."""
        old, new = pair(change)
        options = [f"{w} {new.text(k)}" for k, w in _WORDS.items() if old[k] != new[k]]
        if old["cycle"] != new["cycle"]:
            options.append("CYCLE" if new["cycle"] else "NO CYCLE")
        name = qualified(new.ref.name)
        before = (old.text("minimum"), old.text("maximum"))
        after = (new.text("minimum"), new.text("maximum"))
        yield from stay_within(new.ref, name, before, after)
        anew = begins_anew(before, after)
        if anew:
            options.append("RESTART")
        lost = position_lost(new.ref) if anew else ()
        yield Do(f"ALTER SEQUENCE {name} {' '.join(options)}", lost)

    def relog(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET LOGGED or UNLOGGED, from PostgreSQL 15 on."""
        _, new = pair(change)
        word, lost = ("UNLOGGED", unlogged(new.ref)) if new["unlogged"] else ("LOGGED", ())
        yield Do(f"ALTER SEQUENCE {qualified(new.ref.name)} SET {word}", lost)


KIND = Sequence()

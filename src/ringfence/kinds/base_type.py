"""A base type: one whose values only its own functions understand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.errors import Refused
from ringfence.kinds import REPLACE, Attribute, Context, Do, pair
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.kinds._swap import Swapped, shell, untangled
from ringfence.kinds._words import coded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact, Ref

_STORAGE = {"p": "plain", "e": "external", "m": "main", "x": "extended"}
_ALIGNMENT = {"c": "char", "s": "int2", "i": "int4", "d": "double"}
_SETTABLE = ("receive", "send", "typmod_in", "typmod_out", "analyze", "subscript")


class BaseType(Swapped):
    """A base type. It and its functions need each other: a shell of it goes before."""

    name = "base_type"
    probe = "EXISTS (SELECT FROM types WHERE typtype = 'b' AND NOT is_array)"
    attributes = {
        **dict.fromkeys(_SETTABLE, Attribute("reset")),
        "storage": Attribute("reset", when="can_restore"),
        **dict.fromkeys(
            ("input", "output", "length", "by_value", "alignment", "category", "preferred",
             "expression", "element", "delimiter", "collatable"),
            REPLACE,
        ),
    }  # fmt: skip
    words = {"storage": coded(_STORAGE), "alignment": coded(_ALIGNMENT)}

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:  # noqa: ARG002
        return ()  # its shell has the name

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterable[Ref]:  # noqa: ARG002
        return (shell(fact.ref),)

    def untangle(self, ref: Ref, uses: Mapping[Ref, set[Ref]]) -> None:
        untangled(ref, uses)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        options = [f"{a.upper()} = {new.text(a)}" for a in ("input", "output") if new[a]]
        options += [f"{a.upper()} = {new.text(a)}" for a in _SETTABLE if new[a]]
        length = new["length"]
        options.append(f"INTERNALLENGTH = {'variable' if length == -1 else length}")
        if new["by_value"]:
            options.append("PASSEDBYVALUE")
        options.append(f"ALIGNMENT = {_ALIGNMENT[new.text('alignment')]}")
        options.append(f"STORAGE = {_STORAGE[new.text('storage')]}")
        options.append(f"CATEGORY = {_text(new, 'category')}")
        if new["preferred"]:
            options.append("PREFERRED = true")
        if new["expression"] is not None:
            options.append(f"DEFAULT = {_text(new, 'expression')}")
        if new["element"]:
            options.append(f"ELEMENT = {new.text('element')}")
        options.append(f"DELIMITER = {_text(new, 'delimiter')}")
        if new["collatable"]:
            options.append("COLLATABLE = true")
        body = ",\n".join(f"    {line}" for line in options)
        yield Do(f"CREATE TYPE {qualified(new.ref.name)} (\n{body}\n)")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        if old.ref in context.aside:
            raise Refused(
                f"columns hold values of {old.ref}, and a base type cannot be replaced below them",
                hint="make another type, fill new columns of it, and drop the old ones",
            )
        # Its functions need it and it needs them: they go with it.
        yield Do(f"DROP TYPE {qualified(old.ref.name)} CASCADE")

    def can_restore(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """PLAIN cannot become another, nor another PLAIN."""
        old, new = pair(change)
        return "p" not in (old["storage"], new["storage"])

    def reset(self, change: Change, context: Context) -> Iterator[Do]:
        """ALTER TYPE … SET; columns that are there keep their storage, and are told."""
        old, new = pair(change)
        options = [f"{a.upper()} = {new.text(a) or 'NONE'}" for a in _SETTABLE if old[a] != new[a]]
        if old["storage"] != new["storage"]:
            options.append(f"STORAGE = {_STORAGE[new.text('storage')]}")
        yield Do(f"ALTER TYPE {qualified(new.ref.name)} SET ({', '.join(options)})")
        if old["storage"] == new["storage"]:
            return
        word = _STORAGE[new.text("storage")].upper()
        for user in context.old.used_by.get(new.ref, ()):
            column = context.new.facts.get(user)
            if (
                user.kind == "column"
                and column is not None
                and column["type"] == qualified(new.ref.name)
                and not column["storage"]
                and user not in context.drops
            ):
                table, name = qualified(user.name[:-1]), ident(user.name[-1])
                yield Do(f"ALTER TABLE {table} ALTER COLUMN {name} SET STORAGE {word}")


def _text(fact: Fact, name: str) -> str:
    return literal(fact.text(name)).lstrip()


KIND = BaseType()

"""A range type, with the multirange type that comes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.errors import Refused
from ringfence.kinds import REPLACE, Context, Do
from ringfence.kinds._family import aside
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds._swap import Swapped, circular, untangled
from ringfence.kinds._words import path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ringfence.kinds import Namespace
    from ringfence.model import Fact, Ref


class RangeType(Swapped):
    """A range type. Nothing of it can be altered."""

    name = "range_type"
    probe = "EXISTS (SELECT FROM types WHERE typtype = 'r')"
    attributes = {
        "subtype": REPLACE,
        "operator_class": REPLACE,
        "collation": REPLACE,
        "canonical": REPLACE,
        "subtype_diff": REPLACE,
        "multirange": REPLACE,
    }
    words = {"operator_class": path, "multirange": path}

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("type", *fact.ref.name), ("type", *fact.list("multirange")))

    def untangle(self, ref: Ref, uses: Mapping[Ref, set[Ref]]) -> None:
        untangled(ref, uses)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        options = [f"SUBTYPE = {new.text('subtype')}"]
        if new["operator_class"]:
            options.append(f"SUBTYPE_OPCLASS = {qualified(new.list('operator_class'))}")
        if new["collation"]:
            options.append(f"COLLATION = {new.text('collation')}")
        if new["canonical"]:
            options.append(f"CANONICAL = {new.text('canonical')}")
        if new["subtype_diff"]:
            options.append(f"SUBTYPE_DIFF = {new.text('subtype_diff')}")
        options.append(f"MULTIRANGE_TYPE_NAME = {qualified(new.list('multirange'))}")
        body = ",\n".join(f"    {line}" for line in options)
        yield Do(f"CREATE TYPE {qualified(new.ref.name)} AS RANGE (\n{body}\n)")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        if circular(old.ref, context.old):
            if old.ref in context.aside:
                raise Refused(
                    f"columns hold values of {old.ref}, and it cannot be replaced: its canonical "
                    "function and it need each other",
                    hint="make another type, fill new columns of it, and drop the old ones",
                )
            yield Do(f"DROP TYPE {qualified(old.ref.name)} CASCADE")
            return
        yield from super().drop(old, context)
        if old.ref not in context.aside:
            return
        # Its multirange type and their constructors keep their names otherwise.
        many = old.list("multirange")
        left = qualified((old.ref.name[0], aside(old.ref.name)))
        yield Do(f"ALTER TYPE {qualified(many)} RENAME TO {ident(aside(many))}")
        subtype = old.text("subtype")
        for name, arguments in (
            (old.ref.name, f"{subtype}, {subtype}"),
            (old.ref.name, f"{subtype}, {subtype}, text"),
            (many, ""),
            (many, left),
            (many, f"VARIADIC {left}[]"),
        ):
            function = f"{qualified(name)}({arguments})"
            yield Do(f"ALTER FUNCTION {function} RENAME TO {ident(aside(name))}")


KIND = RangeType()

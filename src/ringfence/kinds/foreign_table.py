"""A foreign table. Its rows are elsewhere: dropping it loses none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, kind_of, pair
from ringfence.kinds._family import names
from ringfence.kinds._options import changes, clause, reminder
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds._unproved import around

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact


class ForeignTable(Kind):
    """A foreign table. Columns, constraints and triggers are facts of their own below it."""

    name = "foreign_table"
    probe = "EXISTS (SELECT FROM relations WHERE relkind = 'f')"
    keyword = "FOREIGN TABLE"
    grantable = "TABLE"
    privileges = "arwdDxtm"
    attributes = {"server": REPLACE, "options": Attribute("reoption")}

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("relation", *fact.ref.name), ("type", *fact.ref.name))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        inline = [
            text
            for child in context.folded.get(new.ref, ())
            if (text := kind_of(child).inline(context.new.facts[child], context))
        ]
        body = "(\n" + ",\n".join(f"    {line}" for line in inline) + "\n)" if inline else "()"
        text = f"CREATE FOREIGN TABLE {qualified(new.ref.name)} {body}"
        parents = context.inlined(new.ref, "inheritance")
        if parents:
            text += f"\nINHERITS ({', '.join(map(qualified, names(parents[0]['parents'])))})"
        options = new.list("options")
        text += f"\nSERVER {ident(new.text('server'))}{clause(options)}"
        without, within = around(new.ref, context) if parents else ([], [])
        yield from without
        yield Do(
            text, comment=reminder(f"ALTER FOREIGN TABLE {qualified(new.ref.name)}", (), options)
        )
        yield from within
        for child in context.folded.get(new.ref, ()):
            yield from kind_of(child).afterwards(context.new.facts[child], context)

    def reoption(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """OPTIONS, those that differ."""
        old, new = pair(change)
        before, after = old.list("options"), new.list("options")
        prefix = f"ALTER FOREIGN TABLE {qualified(new.ref.name)}"
        yield Do(f"{prefix} {changes(before, after)}", comment=reminder(prefix, before, after))


KIND = ForeignTable()

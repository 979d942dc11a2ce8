"""A table, plain or partitioned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import (
    REPLACE,
    Attribute,
    Context,
    Do,
    Kind,
    kind_of,
    loses_data,
    option_text,
    options_clause,
    pair,
)
from ringfence.kinds._sql import ident, qualified
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact


class Table(Kind):
    """A table. Columns, constraints, indexes and the rest are facts of their own below it."""

    name = "table"
    keyword = "TABLE"
    grantable = "TABLE"
    privileges = "arwdDxtm"
    attributes = {
        "partition_key": REPLACE,
        "of_type": Attribute("retype"),
        "unlogged": Attribute("relog"),
        "access_method": Attribute("reaccess"),
        "tablespace": Attribute("respace"),
        "options": Attribute("reoption"),
        "toast_options": Attribute("reoption"),
        "row_security": Attribute("resecure"),
        "force_row_security": Attribute("resecure"),
        "replica_identity": Attribute("reidentify"),
        "replica_identity_index": Attribute("reidentify"),
        "cluster_on": Attribute("recluster"),
    }

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        """A relation's name is a type's name too."""
        return (("relation", *fact.ref.name), ("type", *fact.ref.name))

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        name = qualified(new.ref.name)
        inline = [
            text
            for child in context.folded.get(new.ref, ())
            if (text := kind_of(child).inline(context.new.facts[child], context))
        ]
        what = "UNLOGGED TABLE" if new["unlogged"] else "TABLE"
        body = "(\n" + ",\n".join(f"    {line}" for line in inline) + "\n)" if inline else "()"
        if new["of_type"]:
            own = [line for line in inline if line]
            body = f"OF {new.text('of_type')}" + (" " + body if own else "")
        statement = f"CREATE {what} {name} {body}"
        if new["partition_key"]:
            statement += f"\nPARTITION BY {new.text('partition_key')}"
        if new["access_method"]:
            statement += f"\nUSING {ident(new.text('access_method'))}"
        options = [*new.list("options"), *(f"toast.{o}" for o in new.list("toast_options"))]
        statement += options_clause(options)
        if new["tablespace"]:
            statement += f"\nTABLESPACE {ident(new.text('tablespace'))}"
        yield Do(statement)
        for child in context.folded.get(new.ref, ()):
            yield from kind_of(child).afterwards(context.new.facts[child], context)
        if new["row_security"]:
            yield Do(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        if new["force_row_security"]:
            yield Do(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(
            f"DROP TABLE {qualified(old.ref.name)}",
            loses_data(old.ref, f"every row of {old.ref.path} is lost"),
        )

    def relog(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET LOGGED or UNLOGGED, which writes the table anew."""
        _, new = pair(change)
        hazard = Hazard(HazardCode.REWRITE, new.ref, f"{new.ref.path} is written anew under lock")
        word = "UNLOGGED" if new["unlogged"] else "LOGGED"
        yield Do(f"ALTER TABLE {qualified(new.ref.name)} SET {word}", (hazard,))

    def reaccess(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET ACCESS METHOD, from PostgreSQL 15 on."""
        _, new = pair(change)
        hazard = Hazard(HazardCode.REWRITE, new.ref, f"{new.ref.path} is written anew under lock")
        method = ident(new.text("access_method") or "heap")
        yield Do(f"ALTER TABLE {qualified(new.ref.name)} SET ACCESS METHOD {method}", (hazard,))

    def respace(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET TABLESPACE, which copies the table."""
        _, new = pair(change)
        hazard = Hazard(HazardCode.LONG_LOCK, new.ref, f"{new.ref.path} is copied under lock")
        space = ident(new.text("tablespace") or "pg_default")
        yield Do(f"ALTER TABLE {qualified(new.ref.name)} SET TABLESPACE {space}", (hazard,))

    def retype(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """OF or NOT OF."""
        _, new = pair(change)
        clause = f"OF {new.text('of_type')}" if new["of_type"] else "NOT OF"
        yield Do(f"ALTER TABLE {qualified(new.ref.name)} {clause}")

    def reoption(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET and RESET what differs."""
        old, new = pair(change)
        name = qualified(new.ref.name)
        before = {*old.list("options"), *(f"toast.{o}" for o in old.list("toast_options"))}
        after = {*new.list("options"), *(f"toast.{o}" for o in new.list("toast_options"))}
        yield from reset_options(f"ALTER TABLE {name}", before, after)

    def resecure(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ENABLE, DISABLE, FORCE, NO FORCE."""
        old, new = pair(change)
        name = qualified(new.ref.name)
        if bool(old["row_security"]) != bool(new["row_security"]):
            yield Do(
                f"ALTER TABLE {name} {'ENABLE' if new['row_security'] else 'DISABLE'} ROW LEVEL SECURITY"
            )
        if bool(old["force_row_security"]) != bool(new["force_row_security"]):
            word = "FORCE" if new["force_row_security"] else "NO FORCE"
            yield Do(f"ALTER TABLE {name} {word} ROW LEVEL SECURITY")


def reset_options(prefix: str, before: Iterable[str], after: Iterable[str]) -> Iterator[Do]:
    """SET (…) what is new or different, RESET (…) what is gone."""
    old = {o.partition("=")[0]: o for o in before}
    new = {o.partition("=")[0]: o for o in after}
    changed = [new[k] for k in sorted(new) if old.get(k) != new[k]]
    gone = [k for k in sorted(old) if k not in new]
    if changed:
        yield Do(f"{prefix} SET ({', '.join(map(option_text, changed))})")
    if gone:
        yield Do(f"{prefix} RESET ({', '.join('.'.join(map(ident, k.split('.'))) for k in gone)})")


KIND = Table()

"""Rows that change partitions where deletes are published: subscribers are told which row it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.errors import Refused
from ringfence.kinds._family import whole
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.kinds import Context
    from ringfence.model import Fact


def unknown(table: Ref, context: Context) -> bool:
    """Whether deletes may be published, and nothing say of which row."""
    catalogs = (context.old, context.new)
    if not any(
        "delete" in f.list("publish")
        for catalog in catalogs
        for r, f in catalog.facts.items()
        if r.kind == "publication"
    ):
        return False
    for catalog in catalogs:
        identity = catalog.facts.get(Ref("replica_identity", table.name))
        if identity is not None and identity["mode"] != "n":
            continue
        keys = [k for k in catalog.below(table, "constraint") if k["type"] == "p"]
        if identity is not None or not keys or any(k.ref in context.drops for k in keys):
            return True
    return False


def listed_without(table: Ref, context: Context, *, detached: bool = False) -> Iterator[Ref]:
    """The memberships with a list of columns that lacks what its rows are known by.

    PostgreSQL deletes no row there. Where the whole is published in its partitions' stead, subscribers
    need not be told that a row is in another: it is no member meanwhile. What is `detached` when
    rows leave it is published for itself alone.
    """
    for publication, members in _memberships(table, context, alone=detached):
        listed = [m for m in members if m["columns"] and not _told(table, m, context)]
        if not listed:
            continue
        if members[-1].ref.name[:-1] == table.name and members[-1].ref not in context.drops:
            raise Refused(
                f"rows of {table.path} go to other partitions, and publication {publication.path}"
                " cannot tell of it: it lists columns, and not all that a row is known by",
                hint=f"take {table.path} out of the publication first, or list the columns of its"
                " primary key too",
            )
        yield from (m.ref for m in listed)


def _memberships(table: Ref, context: Context, *, alone: bool) -> Iterator[tuple[Ref, list[Fact]]]:
    """The publications of its deletes, and by which tables, from itself up, they have it."""
    found: dict[Ref, list[Fact]] = {}
    above: Ref | None = table
    while above is not None:
        for user in sorted(context.old.used_by.get(above, ())):
            if user.kind != "publication_table":
                continue
            publication = context.old.facts[Ref("publication", user.name[-1:])]
            if "delete" in publication.list("publish") and (
                above == table or publication["via_root"]
            ):
                found.setdefault(publication.ref, []).append(context.old.facts[user])
        above = None if alone else whole(above, context.old)
    yield from found.items()


def _told(table: Ref, member: Fact, context: Context) -> bool:
    """Whether the columns listed are enough to know the table's rows by."""
    listed = {*member.list("columns")}
    identity = context.old.facts.get(Ref("replica_identity", table.name))
    for key in context.old.below(table, "constraint"):
        if key["type"] == "p" and identity is None and key.ref not in context.drops:
            used = context.old.uses.get(key.ref, frozenset())
            return {r.name[-1] for r in used if r.kind == "column"} <= listed
    return False

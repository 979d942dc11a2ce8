"""Rows that change partitions where deletes are published: subscribers are told which row it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.errors import Refused
from ringfence.kinds._family import whole
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.kinds import Context
    from ringfence.model import Catalog, Fact


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


def unspeakable(table: Ref, context: Context, *, detached: bool = False) -> Iterator[Ref]:
    """The memberships that cannot tell subscribers of a deleted row by all that it is known by.

    So it is with a list of columns that lacks some, and with generated columns, which are not
    published: PostgreSQL deletes no row there. Where the whole is published in its partitions'
    stead, nobody need be told that a row is in another, and it is no member meanwhile. What is
    `detached` when rows leave it is published for itself alone.
    """
    for publication in _of_deletes(context.old):
        members = [*_members(table, publication, context, alone=detached)]
        wholly = publication["all_tables"] or _by_schema(table, publication, context.old)
        told = [m for m in members if not _tells(table, m.list("columns"), publication, context)]
        if not told and not (wholly and not _tells(table, (), publication, context)):
            continue
        if any(m.ref in context.drops for m in members) or publication.ref in context.drops:
            continue
        if wholly or members[-1].ref.name[:-1] == table.name:
            raise Refused(
                f"rows of {table.path} go to other partitions, and publication"
                f" {publication.ref.path} cannot tell of it: columns that a row is known by are not"
                " published",
                hint=f"give {table.path} a primary key whose columns are, or take it out of the"
                " publication first",
            )
        yield from (m.ref for m in told)


def _of_deletes(catalog: Catalog) -> list[Fact]:
    found = (f for r, f in catalog.facts.items() if r.kind == "publication")
    return sorted((f for f in found if "delete" in f.list("publish")), key=lambda f: f.ref)


def _members(table: Ref, publication: Fact, context: Context, *, alone: bool) -> Iterator[Fact]:
    """By which tables, from itself up, the publication has it."""
    above: Ref | None = table
    while above is not None:
        member = Ref("publication_table", (*above.name, *publication.ref.name))
        if member in context.old.facts and (above == table or publication["via_root"]):
            yield context.old.facts[member]
        above = None if alone else whole(above, context.old)


def _by_schema(table: Ref, publication: Fact, catalog: Catalog) -> bool:
    its = catalog.children.get(publication.ref, ())
    return any(f.ref.kind == "publication_schema" and f.ref.name[0] == table.name[0] for f in its)


def _tells(table: Ref, columns: tuple[str, ...], publication: Fact, context: Context) -> bool:
    """Whether what is published is enough to know the table's rows by."""
    identity = context.old.facts.get(Ref("replica_identity", table.name))
    named = identity.text("index") if identity is not None else ""
    for key in context.old.children.get(table, ()):
        known = key["type"] == "p" if identity is None else key.ref.name[-1] == named
        if known and key.ref.kind in ("constraint", "index") and key.ref not in context.drops:
            used = context.old.uses.get(key.ref, frozenset())
            return not columns or {r.name[-1] for r in used if r.kind == "column"} <= {*columns}
    if columns:
        return False
    kept = ("s",) if publication["generated_columns"] else ()
    generated = (c["generated"] for c in context.old.below(table, "column") if c["generated"])
    return context.server_version < 180000 or all(g in kept for g in generated)

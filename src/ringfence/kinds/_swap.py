"""Types and collations that are replaced while columns hold values of them.

PostgreSQL cannot alter most of what makes a type. The old one is put aside under a name that nobody
has, the new one is made, each column is led from the one to the other, and the old one is dropped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from ringfence.errors import Refused
from ringfence.kinds import Context, Do, Kind, loses_data
from ringfence.kinds._casts import STRINGS, assigned, cuts, forgets, has_cast, listed, meant, unlike
from ringfence.kinds._family import aside
from ringfence.kinds._sql import ident, qualified
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ringfence.kinds import Namespace, Stage
    from ringfence.model import Catalog, Fact
    from ringfence.step import Hazard

_TYPES = ("domain", "composite_type", "range_type")
_ROWS = {"composite_type": "attribute", "table": "column"}
"""What has values that are rows, and what those are made of."""
_STORED = ("table", "materialized_view")
_JSON = ("json", "jsonb")


class Swapped(Kind):
    """A type, as far as all kinds of types are alike."""

    keyword: ClassVar[str] = "TYPE"
    grantable: ClassVar[str] = "TYPE"
    privileges: ClassVar[str] = "U"
    public: ClassVar[str] = "U"
    swaps: ClassVar[bool] = True

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        """Types share theirs with tables' row types."""
        yield ("type", *fact.ref.name)

    def drags(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """Its shell, and with it its own functions, where it has them."""
        if shell(fact.ref) in context.old.facts:
            yield shell(fact.ref)

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        """What holds a table's columns while it has no parents is made while this has its name."""
        if stage == "drop":
            for user in context.old.used_by.get(fact.ref, ()):
                if user.kind == "column":
                    yield ("drop", Ref("inheritance", user.name[:-1]))

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        if old.ref in context.aside:
            name = ident(aside(old.ref.name))
            yield Do(f"ALTER {self.keyword} {qualified(old.ref.name)} RENAME TO {name}")
        else:
            yield Do(f"DROP {self.keyword} {qualified(old.ref.name)}")

    def discard(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """DROP of the one put aside."""
        yield Do(f"DROP {self.keyword} {put_aside(old.ref)}")


def put_aside(ref: Ref) -> str:
    """The name under which something is put aside."""
    return qualified((*ref.name[:-1], aside(ref.name)))


def as_before(column: Fact, context: Context) -> Fact:
    """A column as it was before what it uses was put aside."""
    attrs = {**column.attrs}
    for used in context.old.uses.get(column.ref, frozenset()) & context.aside:
        for name in ("type", "collation"):
            suffix = "[]" if column.text(name).endswith("[]") else ""
            if column.text(name) == put_aside(used) + suffix:
                attrs[name] = qualified(used.name) + suffix
    return replace(column, attrs=attrs)


def recast(value: str, column: Fact, new: Fact, context: Context) -> str:
    """A column's value, of a type that may be put aside, as one of the new column's type.

    The value itself where PostgreSQL assigns it: its own rule refuses what a written cast cuts off.
    """
    wanted = new.text("type")
    if _assigned(column, new, context):
        return value
    if wanted in _JSON and resolved(column, context.old)[0] not in (*STRINGS, *_JSON):
        return (
            f"to_{wanted}({value})"  # its text is no JSON, or another: that of an empty array is {}
        )
    if how := _meant(column, new, context)[0]:
        return how.format(v=value)
    before = context.old.uses.get(column.ref, frozenset()) - {column.parent}
    after = context.new.uses.get(new.ref, frozenset()) - {new.parent}
    left = [r for r in before if r in context.aside]
    if not any(_needs_text(r, context) for r in before | after):
        if not has_cast(column.text("type"), wanted, context.server_version):
            return f"{value}::text::{wanted}"
        return f"{value}::{wanted}"
    inside = [r for r in _within(left, context) if r.kind in _ROWS]
    moved = [r for r in inside if _moves(r, context)]
    if len(inside) == 1 and inside == left and wanted == qualified(inside[0].name):
        return f"CASE WHEN {value} IS DISTINCT FROM NULL THEN {_row(value, inside[0], context)} END"
    if not moved:
        return f"{value}::text::{wanted}"
    raise Refused(
        f"the {_ROWS[moved[0].kind]}s of {moved[0]} change places, and column {column.ref.path} holds values "
        "of it within an array or another type",
        hint="add new attributes at the end, or make another type and fill a new column of it",
    )


def _meant(column: Fact, new: Fact, context: Context) -> tuple[str, str]:
    return meant(resolved(column, context.old)[0], resolved(new, context.new)[0])


def _assigned(column: Fact, new: Fact, context: Context) -> bool:
    was, held = resolved(column, context.old)
    now, _ = resolved(new, context.new)
    gone = any(r.kind != "collation" for r in held & context.aside)
    if gone and was.removesuffix("[]") == now.removesuffix("[]"):
        return False  # the same by name only
    return assigned(was, now, context.server_version)


def resolved(column: Fact, catalog: Catalog) -> tuple[str, frozenset[Ref]]:
    """The type of a column or attribute, without the domains over it, and what that is made of."""
    kind, ref = column.text("type"), column.ref
    while True:
        used = catalog.uses.get(ref, frozenset())
        bare = kind.removesuffix("[]")
        names = (
            r for r in used if r.kind == "domain" and bare in (qualified(r.name), put_aside(r))
        )
        over = next(names, None)
        if over is None or catalog.facts[over].text("base").endswith("[]"):
            return kind, used - {ref}
        kind, ref = catalog.facts[over].text("base") + kind[len(bare) :], over


def lost(column: Fact, new: Fact, context: Context) -> tuple[Hazard, ...]:
    """The hazard of values that are less than before when the column has its new type."""
    what = _lost(column, new, context)
    taken = (_meant(column, new, context)[1],)
    gone: list[Ref] = []
    used = context.old.uses.get(column.ref, frozenset()) & context.aside
    for ref in _within(sorted(used), context):
        if ref.kind not in _ROWS or all(f.ref != new.ref for f in holders(ref, context.new)):
            continue
        before = {f.ref: f for f in context.old.below(ref, _ROWS[ref.kind])}
        for part in context.new.below(ref, _ROWS[ref.kind]):
            if part.ref in before:
                what += _lost(before.pop(part.ref), part, context, written=True)
        gone += before
    return tuple(
        hazard
        for text in (
            *(f"the values of {new.ref.path} {text}" for text in taken if text),
            *(f"the values of {new.ref.path} lose {text}" for text in dict.fromkeys(what)),
            *(_goes_from(part, new.ref) for part in gone),
        )
        for hazard in loses_data(new.ref, text)
    )


def goes(part: Fact, catalog: Catalog) -> tuple[Hazard, ...]:
    """The hazards of what tables hold of an attribute, or of a column in rows of its table, that goes."""
    assert part.parent is not None
    found = {f.ref for f in holders(part.parent, catalog) if f.parent and f.parent.kind == "table"}
    return tuple(
        hazard
        for ref in sorted(found)
        if Ref("partition", ref.name[:-1]) not in catalog.facts
        for hazard in loses_data(ref, _goes_from(part.ref, ref))
    )


def _goes_from(part: Ref, holder: Ref) -> str:
    return f"every value of {part.path} in {holder.path} is lost"


def never(column: Fact, new: Fact, context: Context) -> bool:
    """Whether no value can become one of the new column's type."""
    types = resolved(column, context.old)[0], resolved(new, context.new)[0]
    return unlike(*types) or listed(*types)


def _lost(column: Fact, new: Fact, context: Context, *, written: bool = False) -> list[str]:
    was, _ = resolved(column, context.old)
    now, _ = resolved(new, context.new)
    return [text for text in (forgets(was, now), written and cuts(was, now)) if text]


def _row(value: str, kind: Ref, context: Context) -> str:
    """The value of a composite type, put together from the attributes of the old one."""
    before = {f.ref: f for f in context.old.below(kind, _ROWS[kind.kind])}
    fields = []
    for attribute in context.new.below(kind, _ROWS[kind.kind]):
        old = before.get(attribute.ref)
        if old is None:
            fields.append("NULL")
            continue
        field = f"({value}).{ident(old.ref.name[-1])}"
        held = context.old.uses.get(old.ref, frozenset()) & context.aside
        if held - {kind}:
            field += f"::text::{attribute.text('type')}"
        elif old["type"] != attribute["type"]:
            field += f"::{attribute.text('type')}"
        fields.append(field)
    return f"ROW({', '.join(fields)})::{qualified(kind.name)}"


def _needs_text(ref: Ref, context: Context) -> bool:
    """Whether values of the type have no cast to others but by way of their text."""
    if ref.kind == "domain":
        below = context.old.uses.get(ref, frozenset()) & context.aside
        return any(r.kind != "collation" for r in below) or ref not in context.new.facts
    return ref.kind in ("enum", "range_type", "base_type", *_ROWS)


def _within(tops: Iterable[Ref], context: Context) -> list[Ref]:
    """Types put aside, and those put aside that they are made of."""
    found = list(tops)
    for top in found:
        for part in (top, *(f.ref for f in context.old.children.get(top, ()))):
            for used in sorted(context.old.uses.get(part, frozenset()) & context.aside):
                if used not in found:
                    found.append(used)
    return found


def _names(ref: Ref, catalog: Catalog) -> list[str]:
    """The attributes of a composite type, or the columns of a table, in order."""
    return [f.ref.name[-1] for f in catalog.below(ref, _ROWS[ref.kind])]


def _moves(ref: Ref, context: Context) -> bool:
    """Whether attributes change places, or one comes before those that are there."""
    after = _names(ref, context.new)
    kept = [name for name in _names(ref, context.old) if name in after]
    return after[: len(kept)] != kept


def lined_up(ref: Ref, context: Context) -> Iterator[Do]:
    """A composite type put aside, or a table, gets as many attributes as the new one has.

    Values of it within an array or another type become the new one's by way of their text.
    """
    if not lines_up(ref, context):
        return
    before, after = _names(ref, context.old), _names(ref, context.new)
    what, part = ("TABLE", "COLUMN") if ref.kind == "table" else ("TYPE", "ATTRIBUTE")
    head = f"ALTER {what} {put_aside(ref)}"
    for name in before:
        if name not in after:
            yield Do(f"{head} DROP {part} {ident(name)}")
    for name in after:
        if name not in before:  # empty text, which is NULL in any type
            yield Do(f"{head} ADD {part} {ident(name)} text")


def lines_up(ref: Ref, context: Context) -> bool:
    """Whether a type that is put aside gets other attributes there."""
    if ref.kind not in _ROWS or ref not in context.aside:
        return False
    return _within_others(ref, context.old) and not _moves(ref, context)


def _within_others(ref: Ref, catalog: Catalog) -> bool:
    """Whether something but a column of the type itself is made of it."""
    users = [catalog.facts[u] for u in catalog.used_by.get(ref, ())]
    return any(
        f.ref.kind in (*_TYPES, "attribute")
        or (f.ref.kind == "column" and f.text("type").endswith("[]"))
        for f in users
    )


def stored(ref: Ref, catalog: Catalog, *, whole: bool = True) -> bool:
    """Whether a table holds values of the type; not `whole`: within an array or another type only.

    PostgreSQL does not look into those when a domain gets stricter, and refuses.
    """
    for user in catalog.used_by.get(ref, ()):
        fact = catalog.facts[user]
        above = fact.parent
        if user.kind == "column" and above is not None and above.kind in _STORED:
            if whole or fact.text("type").endswith("[]"):
                return True
        elif user.kind == "domain":
            if stored(user, catalog, whole=whole):
                return True
        elif user.kind == "attribute" and above is not None:
            if stored(above, catalog):
                return True
        elif user.kind == "range_type" and stored(user, catalog):
            return True
    return False


def holders(ref: Ref, catalog: Catalog) -> Iterator[Fact]:
    """The columns that hold values of a table's row type, or of a type that is made of it."""
    todo = [ref]
    for made in todo:
        for user in catalog.used_by.get(made, ()):
            fact = catalog.facts[user]
            if fact.parent == made:
                continue  # a column of its partition key
            if user.kind == "column" and fact.parent is not None and fact.parent.kind in _STORED:
                yield fact
            elif user.kind in ("column", "attribute") and fact.parent not in (None, *todo):
                assert fact.parent is not None
                todo.append(fact.parent)
            elif user.kind in _TYPES and user not in todo:
                todo.append(user)


def held_whole(table: Ref, catalog: Catalog) -> bool:
    """Whether columns of other tables hold rows of it: PostgreSQL refuses to write it anew."""
    return any(f.parent is not None and f.parent.kind == "table" for f in holders(table, catalog))


def stricter(fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
    """What domains and attributes get, before the column or attribute that holds values of them.

    PostgreSQL would find the values within an array or another type, or a column, and refuse.
    """
    todo = [r for r in context.new.uses.get(fact.ref, ()) if r.kind in _TYPES]
    for ref in todo:
        if ref.kind == "domain" and ref in context.old.facts and ref not in context.drops:
            yield ("alter", ref)
            for constraint in context.new.below(ref, "domain_constraint"):
                yield ("alter", constraint.ref)
                yield ("create", constraint.ref)
        attributes = [f.ref for f in context.new.below(ref, "attribute")]
        yield from (("alter", attribute) for attribute in attributes)
        for part in (ref, *attributes):
            used = context.new.uses.get(part, frozenset())
            todo += [r for r in sorted(used) if r.kind in _TYPES and r not in todo]


def shell(ref: Ref) -> Ref:
    """The shell of a type whose functions need it."""
    return Ref("shell_type", ref.name)


def shelled(ref: Ref, catalog: Catalog) -> Ref | None:
    """The type that a shell is the shell of, where there is more than a shell."""
    found = (Ref(kind, ref.name) for kind in ("base_type", "range_type"))
    return next((r for r in found if r in catalog.facts), None)


def circular(ref: Ref, catalog: Catalog) -> bool:
    """Whether the type and its functions need each other."""
    return shell(ref) in catalog.facts


def untangled(ref: Ref, uses: Mapping[Ref, set[Ref]]) -> None:
    """Its own functions do not need the type, but its shell."""
    for function in uses.get(ref, ()):
        needed = uses.get(function)
        if needed is not None and ref in needed:
            needed.remove(ref)
            needed.add(shell(ref))


def made_for(function: Ref, catalog: Catalog) -> Ref | None:
    """The type that a function is one of the own functions of."""
    for needed in catalog.uses.get(function, ()):
        if needed.kind == "shell_type":
            kind = shelled(needed, catalog)
            if kind is not None and function in catalog.uses.get(kind, ()):
                return kind
    return None

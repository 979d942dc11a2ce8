"""A table, plain or partitioned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.errors import Refused
from ringfence.kinds import (
    REPLACE,
    Attribute,
    Context,
    Do,
    Kind,
    kind_of,
    loses_data,
    options_clause,
    pair,
    reset_options,
    unlogged,
)
from ringfence.kinds._bounds import keeps_parts, takes_back
from ringfence.kinds._family import (
    aside,
    inheritance,
    keys_on,
    links_below,
    names,
    partition,
    references,
    referred,
    whole,
)
from ringfence.kinds._quiet import quietly
from ringfence.kinds._sql import Raw, ident, literal, qualified, sql
from ringfence.kinds._stale import update
from ringfence.kinds._swap import held_whole, lined_up, lines_up, lost, put_aside, recast
from ringfence.kinds._unproved import around
from ringfence.model import Ref
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace, Stage
    from ringfence.model import Fact


_MADE_OF = ("domain", "attribute", "range_type")


class Table(Kind):
    """A table. Columns, constraints, indexes and the rest are facts of their own below it."""

    name = "table"
    keyword = "TABLE"
    grantable = "TABLE"
    privileges = "arwdDxtm"
    carries = True
    attributes = {
        "partition_key": REPLACE,
        "of_type": Attribute("retype"),
        "unlogged": Attribute("relog", when="can_rewrite"),
        "access_method": Attribute("reaccess", when="can_rewrite"),
        "tablespace": Attribute("respace"),
        "options": Attribute("reoption"),
        "toast_options": Attribute("reoption"),
        "row_security": Attribute("resecure"),
        "force_row_security": Attribute("resecure"),
    }

    def swaps_for(self, ref: Ref, user: Ref, context: Context) -> bool:
        """What is of its row type is led on to that of what takes its place."""
        own = user.name[:-1] == ref.name  # in its partition key
        return user.kind in ("column", *_MADE_OF) and not own and ref in context.new.facts

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        """A relation's name is a type's name too."""
        return (("relation", *fact.ref.name), ("type", *fact.ref.name))

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        """What is logged may refer to nothing that is not, at any time."""
        if stage != "alter" or not relogged(fact.ref, context):
            return
        for key, other in references(fact.ref, context.old):
            yield ("drop", key.ref)
            stays = key.ref not in context.drops
            if stays and not fact["unlogged"] and relogged(other, context):
                yield ("alter", other)
        for key in keys_on(fact.ref, context.old):
            yield ("drop", key.ref)
            assert key.parent is not None
            stays = key.ref not in context.drops and key.parent != fact.ref
            if stays and fact["unlogged"] and relogged(key.parent, context):
                yield ("alter", key.parent)

    def evicts(self, change: Change, context: Context) -> Iterator[Ref]:
        """Of tables that refer to each other none can be the first that is logged, or is not."""
        yield from super().evicts(change, context)
        if "unlogged" not in change.attributes:
            return
        for key, other in references(change.ref, context.old):
            if change.ref in _reached(other, context):
                yield key.ref

    def along_with(self, stage: Stage, fact: Fact, context: Context) -> Iterator[Ref]:
        """A partition goes when the rows of the whole, and so its own, are taken over."""
        above = whole(fact.ref, context.old) if stage == "drop" else None
        if above is not None and above in context.new.facts:
            yield above

    def drags(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """The partitions that stay partitions, in which other rows may belong afterwards."""
        if fact.ref in context.new.facts and not keeps_parts(fact.ref, context):
            for user in context.old.used_by.get(fact.ref, ()):
                if (
                    user.kind == "partition"
                    and whole(Ref("table", user.name), context.new) == fact.ref
                ):
                    above = context.old.facts[user].parent
                    assert above is not None
                    yield above

    def kept(self, fact: Fact, context: Context) -> tuple[str, str]:
        columns = [
            c
            for c in context.new.below(fact.ref, "column")
            if not c["generated"] and c["identity"] != "a"
        ]
        if not fact["partition_key"] or not columns:
            return "", ""
        return f"each row of {fact.ref.path} was put into its partition", update(columns[0].ref)

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
        parents = context.inlined(new.ref, "inheritance")
        if parents:
            listed = ", ".join(map(qualified, names(parents[0]["parents"])))
            statement += f"\nINHERITS ({listed})"
        if new["partition_key"]:
            statement += f"\nPARTITION BY {new.text('partition_key')}"
        if new["access_method"]:
            statement += f"\nUSING {ident(new.text('access_method'))}"
        options = [*new.list("options"), *(f"toast.{o}" for o in new.list("toast_options"))]
        statement += options_clause(options)
        if new["tablespace"]:
            statement += f"\nTABLESPACE {ident(new.text('tablespace'))}"
        without, within = around(new.ref, context) if parents else ([], [])
        yield from without
        was = context.old.facts.get(new.ref)
        forgets = new["unlogged"] and was is not None and not was["unlogged"]
        yield Do(statement, unlogged(new.ref) if forgets else ())
        yield from within
        for child in context.folded.get(new.ref, ()):
            yield from kind_of(child).afterwards(context.new.facts[child], context)
        if new.ref not in context.drops:
            yield from _secure(new)

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        if old.ref in context.new.facts:
            yield from _put_aside(old, context)
            return
        above = whole(old.ref, context.old)
        needed = above is not None and partition(old.ref) not in context.alone
        default = takes_back(old, context)
        if default is not None and above is not None:
            if needed:
                yield Do(_detach(old.ref, above))
            yield from quietly([default], [_given_back(old.ref, above, default, context)], context)
            yield Do(f"DROP TABLE {qualified(old.ref.name)}")
            return
        if needed and any(k.parent != old.ref for k in keys_on(above, context.old)):
            assert above is not None
            # A foreign key needs it while it is a partition.
            yield Do(_detach(old.ref, above))
        yield Do(
            f"DROP TABLE {qualified(old.ref.name)}",
            loses_data(old.ref, f"every row of {old.ref.path} is lost"),
        )

    def carry(self, change: Change, context: Context) -> Iterator[Do]:
        """INSERT … SELECT from the table put aside, which goes then."""
        old, new = pair(change)
        above = whole(old.ref, context.old)
        if above is None or above not in context.drops & context.creates:
            yield from _take_over(old, new, context)
            yield from lined_up(old.ref, context)
        yield from _secure(new)

    def discard(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """DROP of the one put aside, whose rows are taken over."""
        yield Do(f"DROP TABLE {put_aside(old.ref)}")

    def can_rewrite(self, change: Change, context: Context) -> bool:
        """Not where columns of other tables hold rows of it: PostgreSQL refuses to write it anew."""
        return not held_whole(change.ref, context.old)

    def relog(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET LOGGED or UNLOGGED, which writes the table anew."""
        _, new = pair(change)
        hazard = Hazard(HazardCode.REWRITE, new.ref, f"{new.ref.path} is written anew under lock")
        word, lost = ("UNLOGGED", unlogged(new.ref)) if new["unlogged"] else ("LOGGED", ())
        yield Do(f"ALTER TABLE {qualified(new.ref.name)} SET {word}", (hazard, *lost))

    def reaccess(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET ACCESS METHOD, from PostgreSQL 15 on."""
        _, new = pair(change)
        hazard = Hazard(HazardCode.REWRITE, new.ref, f"{new.ref.path} is written anew under lock")
        usual = "DEFAULT" if new["partition_key"] else "heap"
        method = ident(new.text("access_method")) if new["access_method"] else usual
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
            on = bool(new["row_security"])
            word = "ENABLE" if on else "DISABLE"
            lost = () if on else _bare(new, "policies no longer hold for anybody on")
            yield Do(f"ALTER TABLE {name} {word} ROW LEVEL SECURITY", lost)
        if bool(old["force_row_security"]) != bool(new["force_row_security"]):
            on = bool(new["force_row_security"])
            word = "FORCE" if on else "NO FORCE"
            lost = () if on else _bare(new, "policies no longer hold for the owner of")
            yield Do(f"ALTER TABLE {name} {word} ROW LEVEL SECURITY", lost)


def relogged(table: Ref, context: Context) -> bool:
    """Whether a table that stays is logged before and not after, or the other way round."""
    old, new = context.old.facts.get(table), context.new.facts.get(table)
    if old is None or new is None or table in context.drops:
        return False
    return bool(old["unlogged"]) != bool(new["unlogged"])


def _reached(table: Ref, context: Context) -> set[Ref]:
    """What it refers to, and what that does, of the tables that are altered in this."""
    found: set[Ref] = set()
    todo = [table]
    while todo:
        one = todo.pop()
        if one not in found and relogged(one, context):
            found.add(one)
            todo += [other for _, other in references(one, context.old)]
    return found


def _bare(new: Fact, said: str) -> tuple[Hazard, ...]:
    return (Hazard(HazardCode.LOST_PROTECTION, new.ref, f"{said} {new.ref.path}"),)


def _secure(new: Fact) -> Iterator[Do]:
    name = qualified(new.ref.name)
    if new["row_security"]:
        yield Do(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
    if new["force_row_security"]:
        yield Do(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")


def _detach(table: Ref, above: Ref) -> str:
    return f"ALTER TABLE {qualified(above.name)} DETACH PARTITION {qualified(table.name)}"


def _put_aside(old: Fact, context: Context) -> Iterator[Do]:
    """Give the table, its indexes and its identity sequences names that nobody has."""
    schema, table = old.ref.name
    above = whole(old.ref, context.old)
    stays = above is not None and above in context.drops & context.new.facts.keys()
    if above is not None and not stays and partition(old.ref) not in context.alone:
        yield Do(_detach(old.ref, above))
    family = context.old.facts.get(inheritance(old.ref))
    for parent in names(family["parents"]) if family and family.ref in context.new.facts else ():
        if inheritance(old.ref) not in context.alone:
            yield Do(f"ALTER TABLE {qualified(old.ref.name)} NO INHERIT {qualified(parent)}")
    for one in (old, *(below for below, _ in _going_along(old.ref, context))):
        yield from _leave_method(one, context)
        if any(lines_up(r, context) for r in context.old.uses.get(one.ref, ()) if one["of_type"]):
            yield Do(f"ALTER TABLE {qualified(one.ref.name)} NOT OF")  # it keeps its columns
    gone = set(context.alone)
    parts = [*_lets_go(old, context, above if stays else None)]
    for below, over in _going_along(old.ref, context):
        parts += _lets_go(below, context, over)
    for part in parts:
        if part.ref not in gone:
            gone.add(part.ref)
            yield from (Do(do.sql) for do in kind_of(part.ref).drop(part, context))
    for child in sorted(context.old.children.get(old.ref, ()), key=lambda f: f.ref):
        if child.ref in gone:
            continue
        if child.ref.kind == "index" or (
            child.ref.kind == "constraint" and child["type"] in ("p", "u", "x")
        ):
            index = (schema, child.ref.name[-1])
            yield Do(f"ALTER INDEX {qualified(index)} RENAME TO {aside(index)}")
        elif child["identity"] and child.list("sequence"):
            sequence = child.list("sequence")[0]
            yield Do(f"ALTER SEQUENCE {sequence} RENAME TO {aside((sequence,))}")
    yield Do(f"ALTER TABLE {qualified(old.ref.name)} RENAME TO {aside((schema, table))}")


def _lets_go(old: Fact, context: Context, above: Ref | None) -> Iterator[Fact]:
    """What a table put aside has of something else that is replaced now: it could not be dropped.

    `above`: what it stays a partition of; what it has from there goes with that.
    """
    columns = context.old.below(old.ref, "column")
    parts = [f for f in context.old.children.get(old.ref, ()) if f.ref.kind != "column"]
    parts += [f for c in columns for f in context.old.below(c.ref, "default")]
    parts += [c for c in columns if c["generated"] and _made_anew(c, context)]
    for part in sorted(parts, key=lambda f: (f.ref.kind == "column", f.ref)):
        used = context.old.uses.get(part.ref, frozenset())
        if not any(_must_go(part, u, old.ref, context) for u in used) and not (
            _holds_logged(part, context) or _holds_key(part, context)
        ):
            continue
        inherited = part.ref.kind == "column" or part["attached"]
        if part.ref.kind == "constraint" and above is not None:
            inherited = Ref("constraint", (*above.name, part.ref.name[-1])) in context.old.facts
        if above is None or not inherited:
            yield part


def _must_go(part: Fact, used: Ref, table: Ref, context: Context) -> bool:
    """Whether what a table put aside uses would be in the way: it is replaced, or taken for another."""
    if used not in context.drops or used.name[:2] == table.name:
        return False
    if used not in context.new.facts:
        return kind_of(used).confuses(context.old.facts[used], context)
    return kind_of(used).keyword in _CALLED or _refers_to(part, used)


def _given_back(part: Ref, above: Ref, default: Ref, context: Context) -> Do:
    columns = ", ".join(
        ident(c.ref.name[-1])
        for c in context.new.below(above, "column")
        if not c["generated"] and c.ref in context.old.facts and c.ref not in context.drops
    )
    text = sql(
        "INSERT INTO {default} ({c}) OVERRIDING SYSTEM VALUE SELECT {c} FROM {part}",
        default=default.name,
        part=part.name,
        c=Raw(columns),
    )
    return Do(text, comment="its rows belong in the default partition again")


def _leave_method(old: Fact, context: Context) -> Iterator[Do]:
    """A table put aside is no longer stored by what is replaced, and cannot be put aside itself."""
    method = Ref("access_method", (old.text("access_method"),))
    if method not in context.drops or method not in context.new.facts:
        return
    if context.server_version < 150000:
        raise Refused(
            f"access method {method.path} is replaced, and {old.ref.path} is stored by it",
            hint="make another access method; from PostgreSQL 15 on a table can leave its own",
        )
    message = f"{old.ref.path} is written anew under lock"
    yield Do(
        f"ALTER TABLE {qualified(old.ref.name)} SET ACCESS METHOD heap",
        (Hazard(HazardCode.REWRITE, old.ref, message),),
    )


def _going_along(table: Ref, context: Context) -> Iterator[tuple[Fact, Ref]]:
    """The partitions that go for good when its rows are taken over, and what each is one of."""
    for link in links_below(table, context.old):
        below = link.parent
        if link.ref.kind == "partition" and below is not None and below not in context.new.facts:
            yield context.old.facts[below], table
            yield from _going_along(below, context)


_CALLED = ("ROUTINE", "AGGREGATE", "OPERATOR")
"""What expressions call, and what cannot be put aside itself."""


def _refers_to(part: Fact, used: Ref) -> bool:
    """Whether it is a foreign key, and that the key it refers to."""
    is_key = used.kind in ("constraint", "index") and used.name != part.list("attached")
    return part.ref.kind == "constraint" and part["type"] == "f" and is_key


def _holds_logged(part: Fact, context: Context) -> bool:
    """Whether it is a foreign key because of which a table could not be as it will be."""
    if part.ref.kind != "constraint" or part["type"] != "f":
        return False
    other = referred(part, context.old)
    return other is not None and relogged(other, context)


def _holds_key(part: Fact, context: Context) -> bool:
    """Whether it is a foreign key to a key that PostgreSQL builds anew, and forgets who needs it.

    It does so where a column that the key merely includes gets another type.
    """
    if part.ref.kind != "constraint" or part["type"] != "f":
        return False
    old, new = context.old, context.new
    used = old.uses.get(part.ref, frozenset())
    included = {
        column
        for key in used
        if key.kind in ("constraint", "index")
        for column in old.uses.get(key, frozenset()) - used
        if column.kind == "column" and column in new.facts
    }
    return any(
        old.facts[column][what] != new.facts[column][what]
        for column in included
        for what in ("type", "collation")
    )


def _made_anew(column: Fact, context: Context) -> bool:
    """Whether a generated column's values need not be taken over."""
    now = context.new.facts.get(column.ref)
    return now is None or bool(now["generated"])


def _take_over(old: Fact, new: Fact, context: Context) -> Iterator[Do]:
    name = qualified(new.ref.name)
    left = qualified((old.ref.name[0], aside(old.ref.name)))
    before = {c.ref: c for c in context.old.below(old.ref, "column")}
    after = [c for c in context.new.below(new.ref, "column") if not c["generated"]]
    kept = [c for c in after if c.ref in before]
    hazards = [
        Hazard(HazardCode.REWRITE, new.ref, f"every row of {new.ref.path} is copied under lock")
    ]
    now = {c.ref for c in context.new.below(new.ref, "column")}
    hazards += [
        hazard
        for ref, column in before.items()
        if ref not in now and not column["generated"]
        for hazard in loses_data(ref, f"every value of {ref.path} is lost")
    ]
    for column in kept:
        hazards += lost(before[column.ref], column, context)
    if keeps_parts(old.ref, context):
        hazards = []
    elif kept:
        targets = ", ".join(ident(c.ref.name[-1]) for c in kept)
        values = ", ".join(
            ident(c.ref.name[-1])
            if before[c.ref]["type"] == c["type"]
            else recast(ident(c.ref.name[-1]), before[c.ref], c, context)
            for c in kept
        )
        always = any(c["identity"] == "a" for c in kept)
        word = " OVERRIDING SYSTEM VALUE" if always else ""
        yield Do(
            f"INSERT INTO {name} ({targets}){word}\nSELECT {values}\nFROM {left}", tuple(hazards)
        )
    for column in kept:
        was, now_is = before[column.ref].list("sequence"), column.list("sequence")
        if was and now_is:
            # Its name keeps its schema when it is renamed, and that is the table's.
            source = qualified((old.ref.name[0], aside((was[0],))))
            yield Do(
                f"SELECT pg_catalog.setval({literal(now_is[0])}, last_value, is_called)\nFROM {source}"
            )
    if old.ref not in context.aside:
        yield Do(f"DROP TABLE {left}")


KIND = Table()

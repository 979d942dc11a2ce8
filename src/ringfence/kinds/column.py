"""A column of a table or foreign table; of a view, only what can hang on it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.errors import Refused
from ringfence.kinds import (
    Attribute,
    Context,
    Do,
    Kind,
    kind_of,
    loses_data,
    options_clause,
    pair,
    reset_options,
)
from ringfence.kinds._casts import assigned
from ringfence.kinds._family import (
    inheritance,
    is_partition,
    kept_parents,
    link_stays,
    links_below,
    parents,
    partition,
    partitions,
    tree,
)
from ringfence.kinds._handed import all_stay, crossed, given_before, made_anew, torn
from ringfence.kinds._held import holder, is_held, let_down, owned, passed_on, rejoins, scans
from ringfence.kinds._inherit import before_own, make_own, once_own, over, tied, under_one
from ringfence.kinds._not_null import called, called_otherwise, keys_over, misled, proved_below
from ringfence.kinds._options import changes, clause
from ringfence.kinds._rewrites import in_local_time, on_adding, on_retyping, writes_anew
from ringfence.kinds._sequences import (
    INTEGERS,
    begins_anew,
    fills,
    go_on,
    go_past,
    had_values,
    position_lost,
    put_by,
    stay_within,
    taken_by,
    taken_from,
)
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.kinds._stale import update
from ringfence.kinds._swap import (
    goes,
    held_whole,
    holders,
    lost,
    never,
    put_aside,
    recast,
    resolved,
    stricter,
)
from ringfence.kinds._unproved import comes_late, have_it_so, proved_still
from ringfence.kinds._words import coded, said
from ringfence.model import Ref
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace, Stage
    from ringfence.model import Catalog, Fact, Value

# What PostgreSQL refuses to leave in place while a column's type changes (ATExecAlterColumnType in
# src/backend/commands/tablecmds.c); it remakes indexes, constraints and statistics by itself.
_TYPE_BLOCKS = frozenset(
    {"view", "materialized_view", "rule", "policy", "trigger", "routine", "publication_table",
     "default", "column"}
)  # fmt: skip

_SEQUENCE = re.compile(r'(?P<schema>"(?:[^"]|"")*"|[^".]+)\.(?P<name>"(?:[^"]|"")*"|[^".]+)')

_NAME = re.compile(r'"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*')

_NEW: tuple[Stage, Stage] = ("alter", "create")

_STORAGE = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}
_COMPRESSION = {"p": "pglz", "l": "lz4"}
_IDENTITY = {"a": "ALWAYS", "d": "BY DEFAULT"}


def _sequence_in_words(value: Value) -> str:
    """The name and options of an identity column's sequence."""
    if not isinstance(value, tuple):
        return said(value)
    name, start, step, low, high, cache, cycle = map(str, value)
    options = f"START {start} INCREMENT {step} MINVALUE {low} MAXVALUE {high} CACHE {cache}"
    return f"{name} {options}{' CYCLE' if cycle == 'true' else ''}"


class Column(Kind):
    """A column. Its default is a fact of its own, unless it is generated."""

    name = "column"
    keyword = "COLUMN"
    grantable = "TABLE"
    folds = True
    placed = True
    attributes = {
        "expression": Attribute("reexpress", when="can_reexpress"),
        "generated": Attribute("reexpress", when="can_reexpress"),
        "type": Attribute("retype", when="can_retype", blocks=_TYPE_BLOCKS),
        "collation": Attribute("retype", when="can_retype", blocks=_TYPE_BLOCKS),
        "inherited": Attribute("relocal"),
        "not_null": Attribute("renull"),
        "not_null_name": Attribute("renull"),
        "not_null_no_inherit": Attribute("renull"),
        "not_null_not_valid": Attribute("renull"),
        "not_null_inherited": Attribute("renull"),
        "identity": Attribute("reidentify"),
        "sequence": Attribute("reidentify"),
        "storage": Attribute("restore"),
        "compression": Attribute("recompress"),
        "statistics": Attribute("resample"),
        "options": Attribute("reoption"),
        "fdw_options": Attribute("refetch"),
    }
    words = {
        "storage": coded(
            {"": "DEFAULT"} | {a + b: _STORAGE[a] for a in _STORAGE for b in _STORAGE}
        ),
        "compression": coded({"": "DEFAULT", **_COMPRESSION}),
        "statistics": coded({"": "DEFAULT"}),
        "identity": coded(_IDENTITY),
        "generated": coded({"s": "STORED", "v": "VIRTUAL"}),
        "not_null_name": coded({"": "as PostgreSQL gives it"}),
        "sequence": _sequence_in_words,
    }

    def sql_name(self, ref: Ref) -> str:
        return qualified(ref.name)

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("column", *fact.ref.name),)

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        """Where tables are in families, whose turn it is first."""
        table = fact.parent
        if table is None or table.kind not in ("table", "foreign_table"):
            return
        if fact["identity"] and stage != "drop" and table not in context.creates:
            # Its sequence is made as its owner's, with what that one's default privileges give.
            yield from ((s, Ref("owner", (table.kind, *table.name))) for s in _NEW)
        if stage == "create" or (stage == "alter" and _retypes(fact, context)):
            yield from stricter(fact, context)
        if stage == "alter":
            yield from before_own(fact, context)
            yield ("drop", partition(table))
            if rejoins(table, context):
                yield ("drop", inheritance(table))
            yield from (("create", link) for link in have_it_so(fact, context))
        if table not in context.drops:
            # What is done to the whole is done to its partitions, but for those that are detached.
            yield from (("drop", link) for link in partitions(table, context.old))
        column = fact.ref.name[-1]
        was = fills(fact.ref, context.old) if stage == "alter" else None
        if was is not None and taken_by(was, context) is not None:
            yield ("drop", was.ref)  # it is put by, and an identity takes its position
        old, new = parents(table, context.old), parents(table, context.new)
        if stage == "create":
            for left in _leaving(table, column, context):
                yield from (("drop", left), ("alter", left))  # ADD COLUMN would give it to them
            for link in links_below(table, context.new):
                below = context.new.facts.get(Ref("column", (*link.ref.name, column)))
                kept = table in kept_parents(link.parent, context)
                if kept and below is not None and not below["inherited"]:
                    yield ("create", below.ref)  # ADD COLUMN finds it and leaves it its own
            yield from once_own(table, context)
            if fact["inherited"]:
                yield ("create", inheritance(table))
                yield ("alter", inheritance(table))
            if _typed(table, context.new):
                for used in context.new.uses.get(table, ()):
                    yield ("alter", used)
                    for attribute in context.new.below(used, "attribute"):
                        yield ("create", attribute.ref)
            return
        kept_above = kept_parents(table, context)
        if stage == "drop":
            yield from given_before(fact.ref, context)
            for parent in kept_above:
                yield ("drop", Ref("column", (*parent.name, column)))
        for parent in old:
            if parent not in new or (stage == "drop" and parent not in kept_above):
                yield ("drop", partition(table))
                yield ("drop", inheritance(table))
                if stage == "drop" or all(p in old for p in new):
                    yield ("alter", inheritance(table))
        for link in links_below(table, context.old):
            if link.parent is None:
                continue
            if link.ref in context.drops or table not in parents(link.parent, context.new):
                yield ("drop", link.ref)
                yield ("alter", link.ref)

    def along_with(self, stage: Stage, fact: Fact, context: Context) -> Iterator[Ref]:
        """What is done to a column of a parent is done to those that inherit it."""
        catalog = context.old if stage == "drop" else context.new
        part = is_partition(fact.parent, catalog)
        if part or (stage == "create" and fact["inherited"]) or stage == "alter":
            for parent in kept_parents(fact.parent, context):
                yield Ref("column", (*parent.name, fact.ref.name[-1]))
        if stage == "alter" and _retypes(fact, context):
            yield from (c for c in tied(fact.ref, context)[:1] if c != fact.ref)

    def kept(self, fact: Fact, context: Context) -> tuple[str, str]:
        table = fact.parent
        if fact["generated"] != "s" or table is None or table.kind != "table":
            return "", ""
        head = f"ALTER TABLE {qualified(table.name)} ALTER COLUMN {ident(fact.ref.name[-1])}"
        again = f"{head} SET EXPRESSION AS ({fact.text('expression')})"
        # An UPDATE computes what speaks of a column that it sets.
        used = (r for r in sorted(context.new.uses.get(fact.ref, ())) if r.kind == "column")
        of = (r for r in used if context.new.facts[r]["identity"] != "a")
        return f"the values of {fact.ref.path} were computed", next(map(update, of), again)

    def inline(self, fact: Fact, context: Context) -> str:
        """The column as it stands in CREATE TABLE or ADD COLUMN."""
        if fact["inherited"]:
            return ""
        name = ident(fact.ref.name[-1])
        typed = _typed(fact.parent, context.new)
        text = f"{name} WITH OPTIONS" if typed else f"{name} {fact.text('type')}"
        bare = text
        text += clause(fact.list("fdw_options"))
        if fact["collation"] and not typed:
            text += f" COLLATE {fact.text('collation')}"
        if fact["generated"]:
            kept = "STORED" if fact["generated"] == "s" else "VIRTUAL"
            text += f" GENERATED ALWAYS AS ({fact.text('expression')}) {kept}"
        if fact["identity"]:
            text += f" GENERATED {_when(fact)} AS IDENTITY{_sequence(fact)}"
        for default in context.inlined(fact.ref, "default"):
            text += f" DEFAULT {default.text('expression')}"
        if fact["not_null"] and not fact["not_null_inherited"] and not fact["not_null_not_valid"]:
            # What is put aside has the usual name still, and another would be chosen.
            # What is to be its partition may bear it already, as the whole's.
            if fact["not_null_name"] or (
                context.server_version >= 180000
                and fact.parent is not None
                and (
                    fact.parent in context.drops or context.new.facts[fact.parent]["partition_key"]
                )
            ):
                text += f" CONSTRAINT {ident(called(fact))}"
            text += " NOT NULL"
            if fact["not_null_no_inherit"]:
                text += " NO INHERIT"
        return "" if typed and text == bare else text

    def rename(self, old: Fact, to: Ref) -> Iterator[Do]:
        yield Do(f"{_table(old)} RENAME COLUMN {ident(old.ref.name[-1])} TO {ident(to.name[-1])}")

    def afterwards(self, fact: Fact, context: Context) -> Iterator[Do]:
        """What ADD COLUMN has no word for."""
        yield from self._inherited(fact, context)
        yield from proved_below(fact, context)
        own = fact["not_null_not_valid"] and not fact["not_null_inherited"]
        if own and not comes_late(fact, context):
            yield Do(f"{_table(fact)} ADD {_not_null(fact)}")
        name = _only(fact, context)
        column = ident(fact.ref.name[-1])
        if fact["storage"]:
            yield Do(f"{name} ALTER COLUMN {column} SET STORAGE {_storage(fact)}")
        if fact["compression"]:
            method = _COMPRESSION[fact.text("compression")]
            yield Do(f"{name} ALTER COLUMN {column} SET COMPRESSION {method}")
        if fact["statistics"] is not None:
            yield Do(f"{name} ALTER COLUMN {column} SET STATISTICS {fact['statistics']}")
        if fact["options"]:
            clause = options_clause(fact.list("options"), keyword="SET").lstrip()
            yield Do(f"{name} ALTER COLUMN {column} {clause}")

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        if new.parent is not None and new.parent.kind in ("table", "foreign_table"):
            # Where others inherit it, it can only become an identity once it is there.
            # And it would be NOT NULL in those too, which the constraint itself is not to be.
            heirs = tree(new.parent, context.new) == "inherited"
            late = heirs and bool(new["identity"])
            alone = heirs and bool(new["not_null_no_inherit"] and not new["not_null_not_valid"])
            left = {"identity"} if late else set()
            left |= {"not_null"} if alone else set()
            attrs = {k: v for k, v in new.attrs.items() if k not in left}
            # A typed table's columns come and go with its type's attributes.
            typed = _typed(new.parent, context.new)
            text = "" if typed else self.inline(replace(new, attrs=attrs), context)
            if text:
                yield Do(f"{_table(new)} ADD COLUMN {text}", on_adding(new, context))
            if alone:
                yield Do(f"{_table(new)} ADD {_not_null(new)}", scans(new, context))
            if late:
                yield _identify(new)
        yield from self.afterwards(new, context)

    def _inherited(self, fact: Fact, context: Context) -> Iterator[Do]:
        """What an inherited column has and those it comes from have not, or the other way round."""
        name = fact.ref.name[-1]
        above = [
            Ref("column", (*p.name, name))
            for p in (
                parents(fact.parent, context.new)
                if fact["inherited"] and fact.parent
                else kept_parents(fact.parent, context)
            )
        ]
        above = [r for r in above if r in context.new.facts]
        if not above:
            return
        if (
            fact["not_null"]
            and not fact["not_null_inherited"]
            and not fact["not_null_not_valid"]
            and not any(context.new.facts[r]["not_null"] for r in above)
        ):
            clause = _not_null(fact) if fact["not_null_name"] or fact["not_null_no_inherit"] else ""
            if clause:
                yield Do(f"{_only(fact, context)} ADD {clause}")
            else:
                yield Do(f"{_only(fact, context)} ALTER COLUMN {ident(name)} SET NOT NULL")
        inherited = any(Ref("default", r.name) in context.new.facts for r in above)
        if inherited and Ref("default", fact.ref.name) not in context.new.facts:
            yield Do(f"{_only(fact, context)} ALTER COLUMN {ident(name)} DROP DEFAULT")

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        if (
            old.parent is not None
            and old.parent.kind in ("table", "foreign_table")
            and not (_typed(old.parent, context.old) and _typed(old.parent, context.new))
        ):
            # Those that inherit it keep it, and lose it by a statement of their own.
            only = tree(old.parent, context.old) == "inherited" and not all_stay(old, context)
            losses = goes(old, context.old)
            if not old["generated"] and old.parent.kind != "foreign_table":
                losses = (
                    *loses_data(old.ref, f"every value of {old.ref.path} is lost"),
                    *losses,
                )
            yield Do(f"{_table(old, only=only)} DROP COLUMN {ident(old.ref.name[-1])}", losses)

    def relocal(self, change: Change, context: Context) -> Iterator[Do]:
        """NO INHERIT and INHERIT, where nothing else lets go of it; there is no way back."""
        _, new = pair(change)
        if new["inherited"]:
            raise Refused(
                f"column {new.ref.path} is its table's own, and cannot become one that is only inherited",
                hint="list it in the CREATE TABLE as well as in the parent's",
            )
        yield from make_own(change, context)

    def drags(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """A column of the partition key goes with the table alone, which carries its rows over."""
        table = fact.parent
        if table is not None and table.kind in ("view", "materialized_view"):
            yield table
        if table is not None and table in context.new.facts and _in_key(fact, context):
            yield table
        yield from let_down(fact, context)
        yield from misled(fact.ref, context)
        if fact.ref not in context.new.facts:
            yield from made_anew(fact.ref, context)
            yield from torn(fact, context)
            yield from crossed(fact, context)

    def addable(self, fact: Fact, context: Context) -> bool:
        """Not where that writes a table anew of which others hold whole rows."""
        table = fact.parent
        if table is None or table.kind != "table" or not held_whole(table, context.old):
            return True
        return not writes_anew(fact, context)

    def displaces(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """A table that cannot have it from here before it has it no more from elsewhere."""
        yield from made_anew(fact.ref, context)

    def follow(self, fact: Fact, used: Ref, context: Context) -> Fact | None:  # noqa: ARG002
        """It has the type or collation that is put aside, until its type is set."""
        if fact.parent is None or fact.parent.kind not in ("table", "foreign_table"):
            return None
        if used.kind == "collation":
            return replace(fact, attrs={**fact.attrs, "collation": put_aside(used)})
        suffix = "[]" if fact.text("type").endswith("[]") else ""
        return replace(fact, attrs={**fact.attrs, "type": put_aside(used) + suffix})

    def evicts(self, change: Change, context: Context) -> Iterator[Ref]:
        """While one column has the old type and the other the new, they cannot be compared."""
        yield from super().evicts(change, context)
        if passed_on(change, context):
            yield from let_down(context.old.facts[change.ref], context)
        yield from self._parted(change, context)
        old = context.old
        followed = change.old is not old.facts[change.ref]
        if change.new is not None and "type" in change.attributes and not change.new["generated"]:
            was, now = (resolved(*p)[0] for p in zip(pair(change), (old, context.new), strict=True))
            if followed or not assigned(was, now, context.server_version):
                yield from _foreign_heirs(change.ref, context)
                yield from _heirs_of_foreign(change.ref, context)
        if {"type", "collation"} & {*change.attributes}:
            yield from self._held_whole(change.ref, old)
            yield from called_otherwise(change.ref, context)
            yield from self._forgotten(change.ref, old)
            if not followed and not _comparable(*pair(change)):
                users = (old.facts[user] for user in old.used_by.get(change.ref, ()))
                yield from (f.ref for f in users if f.ref.kind == "constraint" and f["type"] == "f")
        if not followed:
            return
        types = {r for r in old.uses.get(change.ref, ()) if kind_of(r).swaps}
        for user in old.used_by.get(change.ref, ()):
            if user.kind not in ("constraint", "index", "statistics"):
                continue
            others = old.uses[user] - {change.ref}
            both = any(r.kind == "column" and types & old.uses.get(r, frozenset()) for r in others)
            if both and (user.kind != "constraint" or old.facts[user]["type"] in ("c", "f", "x")):
                yield user

    def _parted(self, change: Change, context: Context) -> Iterator[Ref]:
        """The links of tables that leave for the sake of its NOT NULL, and a key in the way of it."""
        own = "inherited" in change.attributes
        if not own and not any(name.startswith("not_null") for name in change.attributes):
            return
        link = inheritance(Ref("table", change.ref.name[:-1]))
        left = {*misled(change.ref, context)}
        if own and change.new is not None and change.new["not_null_inherited"]:
            left |= {link} & context.old.facts.keys()  # left, both are its own
        yield from sorted(left)
        yield from keys_over(change.ref, context, leaves=link in left | context.drops)

    def _held_whole(self, column: Ref, old: Catalog) -> Iterator[Ref]:
        """What holds whole rows of the table: PostgreSQL writes none of it anew with the table."""
        table = old.facts[column].parent
        assert table is not None
        for its in holders(table, old):
            if its.parent is not None and its.parent.kind == "materialized_view":
                yield its.ref
        if held_whole(table, old):
            yield table

    def _forgotten(self, column: Ref, old: Catalog) -> Iterator[Ref]:
        """What PostgreSQL makes anew with the column, and does not know all about."""
        for user in old.used_by.get(column, ()):
            if user.kind == "statistics" and old.facts[user]["target"] is not None:
                yield user  # how much it looks at
            elif user.kind == "index" and old.facts[user]["statistics"]:
                yield user
            if user.kind == "index" or (
                user.kind == "constraint" and old.facts[user]["type"] != "f"
            ):
                for other in old.used_by.get(user, ()):
                    if other.kind == "constraint" and column not in old.uses[other]:
                        yield other  # foreign keys that need a key for other columns of it

    def can_retype(self, change: Change, context: Context) -> bool:
        """All but a column of the partition key."""
        old, _ = pair(change)
        return not _in_key(old, context)

    def retype(self, change: Change, context: Context) -> Iterator[Do]:
        """ALTER COLUMN TYPE, with a cast where PostgreSQL has none that it makes by itself."""
        old, new = pair(change)
        if not _with_parent(change, ("type", "collation"), context) and not (
            _typed(new.parent, context.old) and _typed(new.parent, context.new)
        ):
            narrows = _narrows(old, new)
            if narrows and "sequence" in change.attributes:
                yield from self._resequence(old, new)
            yield from self._retype(change, context)
        if old["not_null"]:
            yield from proved_below(new, context)  # it is made anew with the type, as above
        # The new type's own storage holds afterwards, and no compression.
        if new["storage"] and "storage" not in change.attributes:
            yield from self.restore(change, context)
        if new["compression"] and "compression" not in change.attributes:
            yield from self.recompress(change, context)

    def _retype(self, change: Change, context: Context) -> Iterator[Do]:
        old, new = pair(change)
        column = ident(new.ref.name[-1])
        kind = new.text("type")
        collate = f" COLLATE {new.text('collation')}" if new["collation"] else ""
        using = value = ""
        more = ""
        losses: tuple[Hazard, ...] = ()
        if old.parent is not None and old.parent.kind == "table" and not new["generated"]:
            value = recast(column, old, new, context)
            using = "" if value == column else f" USING {value}"
            losses = lost(old, new, context)
            if never(old, new, context):
                more = (
                    f", and any row stops the plan: no {old.text('type')} is of type {kind};"
                    " to keep rows, add another column and fill it"
                )
        hazards = [
            replace(h, message=h.message + more) for h in on_retyping(old, new, value, context)
        ]
        together = [] if new["generated"] else tied(new.ref, context)
        if together[:1] not in ([], [new.ref]):
            return  # done with the first of them
        for other in together[1:]:
            its = context.old.facts[other], context.new.facts[other]
            losses += lost(*its, context)
            losses += on_retyping(*its, value, context)
        table = f"ALTER TABLE {qualified(over(together))}" if together else _giver(new, context)
        do = Do(
            f"{table} ALTER COLUMN {column} TYPE {kind}{collate}{using}",
            (*losses, *hazards),
            comment=in_local_time(old, new, context),
        )
        if together:
            was = old.text("type")
            was += f" COLLATE {old.text('collation')}" if old["collation"] else ""
            yield from under_one(together, was, do, context)
        else:
            yield do

    def renull(self, change: Change, context: Context) -> Iterator[Do]:
        """SET or DROP NOT NULL; from PostgreSQL 18 on, its name and state."""
        old, new = pair(change)
        if not old["not_null"]:
            yield from proved_below(new, context)
        if new.parent is None:
            return
        if _with_parent(change, ("not_null", "not_null_not_valid"), context):
            if not old["not_null"] and _has_its_own_too(new, context):
                yield Do(f"{_table(new)} ADD {_not_null(new)}")
            return
        column = ident(new.ref.name[-1])
        # Before 18 it is not inherited: each table is told by itself, but for partitions.
        family = tree(new.parent, context.new)
        table = _table(new, only=family == "inherited" and context.server_version < 180000)
        read = scans(new, context)
        was, named = old["not_null"], (old["not_null_name"], new["not_null_name"])
        if was and new["not_null"] and (not old["not_null_inherited"] or owned(old, context)):
            if new["not_null_inherited"]:
                return
            if link_stays(new.parent, context):
                if named[0] != named[1]:
                    yield from _rename_in_partition(old, new, context)
                return
            if new["not_null_not_valid"] and not old["not_null_not_valid"]:
                yield Do(f"{table} ALTER COLUMN {column} DROP NOT NULL")
                yield Do(f"{table} ADD {_not_null(new)}")
                yield from proved_still(new, context)
                return
            yield from _rename_not_null(old, new, table)
            if old["not_null_not_valid"] and not new["not_null_not_valid"]:
                yield Do(f"{table} VALIDATE CONSTRAINT {ident(called(new))}", read)
        elif was and new["not_null"]:
            if not new["not_null_inherited"] and old["inherited"] == new["inherited"]:
                yield Do(f"{table} ADD {_not_null(new)}")  # which is there: it becomes its own too
        elif not new["not_null"]:
            if old["identity"] and not new["identity"]:
                yield from _anonymise(old, context)
            yield Do(f"{table} ALTER COLUMN {column} DROP NOT NULL")
        elif new["not_null_inherited"]:
            return
        elif any(new[a] for a in ("not_null_name", "not_null_no_inherit", "not_null_not_valid")):
            yield Do(f"{table} ADD {_not_null(new)}", () if new["not_null_not_valid"] else read)
        else:
            yield Do(f"{table} ALTER COLUMN {column} SET NOT NULL", read)

    def can_reexpress(self, change: Change, context: Context) -> bool:
        """DROP EXPRESSION always; SET EXPRESSION from PostgreSQL 17 on."""
        old, new = pair(change)
        if old["generated"] == "s" and not new["generated"]:
            return True
        if new["generated"] == "s" and old.parent and held_whole(old.parent, context.old):
            return False
        return context.server_version >= 170000 and old["generated"] == new["generated"]

    def reexpress(self, change: Change, context: Context) -> Iterator[Do]:
        """DROP EXPRESSION or SET EXPRESSION."""
        _, new = pair(change)
        if _with_parent(change, ("generated", "expression"), context):
            return
        column = ident(new.ref.name[-1])
        if not new["generated"]:
            yield Do(f"{_giver(new, context)} ALTER COLUMN {column} DROP EXPRESSION")
            return
        assert new.parent is not None
        message = f"{new.parent.path} is written anew under lock"
        hazard = Hazard(HazardCode.REWRITE, new.ref, message)
        yield Do(
            f"{_giver(new, context)} ALTER COLUMN {column} SET EXPRESSION AS ({new.text('expression')})",
            (hazard,) if new["generated"] == "s" else (),
        )

    def reidentify(self, change: Change, context: Context) -> Iterator[Do]:
        """ADD, SET or DROP IDENTITY."""
        old, new = pair(change)
        column = ident(new.ref.name[-1])
        if not new["identity"]:
            if old["not_null"] and not new["not_null"]:
                return  # an identity is never null: it went before
            yield from _anonymise(old, context)
        elif not old["identity"]:
            yield _identify(new)
            yield from _count_on(new, context)
        else:
            if old["identity"] != new["identity"]:
                yield Do(f"{_table(new)} ALTER COLUMN {column} SET GENERATED {_when(new)}")
            if not _narrows(old, new):
                yield from self._resequence(old, new)

    def _resequence(self, old: Fact, new: Fact) -> Iterator[Do]:
        column = ident(new.ref.name[-1])
        if old["identity"] and new["identity"]:
            changes = []
            before, after = old.list("sequence"), new.list("sequence")
            yield from _rename_sequence(before[0], after[0])
            words = ("", "START WITH", "INCREMENT BY", "MINVALUE", "MAXVALUE", "CACHE", "")
            for word, was, now in zip(words, before, after, strict=True):
                if word and was != now:
                    changes.append(f"SET {word} {now}")
            if before[6:] != after[6:]:
                changes.append("SET CYCLE" if after[6] == "true" else "SET NO CYCLE")
            had, has = (before[3], before[4]), (after[3], after[4])
            yield from stay_within(new.ref, after[0], had, has)
            anew = begins_anew(had, has)
            if anew:
                changes.append("RESTART")
            if changes:
                gone = position_lost(new.ref) if anew else ()
                yield Do(f"{_table(new)} ALTER COLUMN {column} {' '.join(changes)}", gone)

    def restore(self, change: Change, context: Context) -> Iterator[Do]:
        """SET STORAGE."""
        old, new = pair(change)
        if new["storage"]:
            word = _storage(new)
        elif context.server_version >= 160000:
            word = "DEFAULT"
        elif "type" in change.attributes:
            return  # it came with the type
        else:
            word = _STORAGE[old.text("storage")[1]]
        yield Do(f"{_only(new, context)} ALTER COLUMN {ident(new.ref.name[-1])} SET STORAGE {word}")

    def recompress(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET COMPRESSION."""
        _, new = pair(change)
        word = _COMPRESSION[new.text("compression")] if new["compression"] else "DEFAULT"
        yield Do(f"{_table(new)} ALTER COLUMN {ident(new.ref.name[-1])} SET COMPRESSION {word}")

    def resample(self, change: Change, context: Context) -> Iterator[Do]:
        """SET STATISTICS; -1 is the default on every server."""
        _, new = pair(change)
        target = -1 if new["statistics"] is None else new["statistics"]
        yield Do(
            f"{_only(new, context)} ALTER COLUMN {ident(new.ref.name[-1])} SET STATISTICS {target}"
        )

    def reoption(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET and RESET (n_distinct = …)."""
        old, new = pair(change)
        prefix = f"{_table(new)} ALTER COLUMN {ident(new.ref.name[-1])}"
        yield from reset_options(prefix, old.list("options"), new.list("options"))

    def refetch(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """OPTIONS of a foreign table's column."""
        old, new = pair(change)
        options = changes(old.list("fdw_options"), new.list("fdw_options"))
        yield Do(f"{_table(new)} ALTER COLUMN {ident(new.ref.name[-1])} {options}")


def _table(fact: Fact, *, only: bool = False) -> str:
    assert fact.parent is not None
    word = " ONLY" if only else ""
    return f"ALTER {kind_of(fact.parent).keyword}{word} {qualified(fact.ref.name[:-1])}"


def _giver(fact: Fact, context: Context) -> str:
    """ALTER TABLE, of the holder where that gives it meanwhile."""
    if fact.parent is not None and is_held(fact.ref, context):
        return f"ALTER TABLE {qualified(holder(fact.parent))}"
    return _table(fact)


def _leaving(table: Ref, column: str, context: Context) -> Iterator[Ref]:
    """That tables inherit from it, or from what does, and will not, nor have a column of the name."""
    for link in links_below(table, context.old):
        if link.parent is None or Ref("column", (*link.ref.name, column)) in context.new.facts:
            continue
        if table in context.drops or link.ref.kind != "inheritance":
            continue
        if table not in parents(link.parent, context.new):
            yield link.ref
        yield from _leaving(link.parent, column, context)


def _foreign_heirs(column: Ref, context: Context) -> Iterator[Ref]:
    """Foreign tables that inherit it: PostgreSQL gives theirs no type by an expression."""
    table = context.old.facts[column].parent
    for link in links_below(table, context.old) if table is not None else ():
        below = context.old.facts.get(Ref("column", (*link.ref.name, column.name[-1])))
        if below is None or below.parent is None:
            continue
        if below.parent.kind == "foreign_table":
            yield below.parent
        yield from _foreign_heirs(below.ref, context)


def _heirs_of_foreign(column: Ref, context: Context) -> Iterator[Ref]:
    """Tables that inherit it from a foreign one, which has no expression to give them."""
    table = context.old.facts[column].parent
    foreign = table is not None and table.kind == "foreign_table"
    for link in links_below(table, context.old) if table is not None and foreign else ():
        below = context.old.facts.get(Ref("column", (*link.ref.name, column.name[-1])))
        if below is not None and below.parent is not None:
            yield inheritance(below.parent)
            if below.parent.kind == "foreign_table":
                yield from _heirs_of_foreign(below.ref, context)


def _only(fact: Fact, context: Context) -> str:
    """ALTER TABLE, ONLY where there are tables below it, whose columns have this of their own."""
    assert fact.parent is not None
    return _table(fact, only=bool(tree(fact.parent, context.new)))


def _typed(table: Ref | None, catalog: Catalog) -> bool:
    fact = catalog.facts.get(table) if table is not None else None
    return fact is not None and bool(fact["of_type"])


_ALIKE = (
    {"smallint", "integer", "bigint"},
    {"text", "character varying"},
    {"date", "timestamp without time zone", "timestamp with time zone"},
)


def _comparable(old: Fact, new: Fact) -> bool:
    """Whether a foreign key may have the one type on one side and the other on the other."""
    kinds = {re.sub(r"\([\d,]+\)", "", f.text("type")) for f in (old, new)}
    return len(kinds) == 1 or any(kinds <= alike for alike in _ALIKE)


def _narrows(old: Fact, new: Fact) -> bool:
    """Whether an integer column becomes a smaller one, and its sequence's range must before."""
    was, now = old.text("type"), new.text("type")
    return was in INTEGERS and now in INTEGERS and INTEGERS.index(was) > INTEGERS.index(now)


def _storage(fact: Fact) -> str:
    """The first letter is how it is stored, the second how its type usually is."""
    return _STORAGE[fact.text("storage")[0]]


def _in_key(fact: Fact, context: Context) -> bool:
    """Whether the table is partitioned by it."""
    table = context.old.facts.get(fact.parent) if fact.parent is not None else None
    key = table.text("partition_key").partition("(")[2] if table is not None else ""
    return bool(key) and ident(fact.ref.name[-1]) in _NAME.findall(key)


def _with_parent(change: Change, attributes: tuple[str, ...], context: Context) -> bool:
    """Whether a parent's column changes the same way, and takes this one along."""
    old, new = pair(change)
    changed = [a for a in attributes if old[a] != new[a]]
    for parent in kept_parents(new.parent, context):
        above = Ref("column", (*parent.name, new.ref.name[-1]))
        was, now = context.old.facts.get(above), context.new.facts.get(above)
        if was is None or now is None or above in context.drops:
            continue
        if "not_null" in attributes and (was["not_null_no_inherit"] or now["not_null_no_inherit"]):
            continue
        if changed and all(was[a] == old[a] and now[a] == new[a] for a in changed):
            if "not_null" not in changed:
                return True
            if context.server_version < 180000:
                return is_partition(new.parent, context.new)
            return bool(new["not_null"] or old["not_null_inherited"])  # its own stays
    return False


def _retypes(new: Fact, context: Context) -> bool:
    old = context.old.facts.get(new.ref)
    return old is not None and any(old[a] != new[a] for a in ("type", "collation"))


def _when(fact: Fact) -> str:
    return _IDENTITY[fact.text("identity")]


def _identify(fact: Fact) -> Do:
    """A column that is there becomes an identity."""
    identity = f"ADD GENERATED {_when(fact)} AS IDENTITY{_sequence(fact)}"
    return Do(f"{_table(fact)} ALTER COLUMN {ident(fact.ref.name[-1])} {identity}")


def _count_on(new: Fact, context: Context) -> Iterator[Do]:
    """The identity goes on where the column's own sequence stood, or behind the values there are."""
    sequence = new.list("sequence")
    if not sequence:
        return
    name, _, step, low, high, *_ = sequence
    was = fills(new.ref, context.old)
    if was is not None and taken_by(was, context) is not None:
        before = (was.text("minimum"), was.text("maximum"))
        yield from go_on(new.ref, name, put_by(was.ref), before, (low, high))
    elif had_values(new.ref, context):
        yield go_past(new.ref, name, step, low, high, context)


def _anonymise(old: Fact, context: Context) -> Iterator[Do]:
    """DROP IDENTITY; its position waits for the sequence that takes its place."""
    losses = loses_data(old.ref, f"the position of {old.ref.path} is lost")
    sequence = fills(old.ref, context.new)
    if sequence is not None and taken_from(sequence, context) is not None:
        name, start, _, low, high, *_ = old.list("sequence")
        left = put_by(sequence.ref)
        yield Do(f"CREATE SEQUENCE {left} MINVALUE {low} MAXVALUE {high} START WITH {start}")
        yield Do(f"SELECT pg_catalog.setval({literal(left)}, last_value, is_called)\nFROM {name}")
        losses = ()
    yield Do(f"{_table(old)} ALTER COLUMN {ident(old.ref.name[-1])} DROP IDENTITY", losses)


def _not_null(fact: Fact) -> str:
    """NOT NULL as a constraint of the table, the only form that can be named and not be valid."""
    text = f"CONSTRAINT {ident(called(fact))} NOT NULL {ident(fact.ref.name[-1])}"
    text += " NO INHERIT" if fact["not_null_no_inherit"] else ""
    return text + (" NOT VALID" if fact["not_null_not_valid"] else "")


def _has_its_own_too(column: Fact, context: Context) -> bool:
    """Whether a NOT NULL that comes from above is a table's own too; a partition's is not told apart."""
    inherited = column["not_null_inherited"] or is_partition(column.parent, context.new)
    return bool(column["not_null"]) and not inherited and context.server_version >= 180000


def _rename_not_null(old: Fact, new: Fact, table: str) -> Iterator[Do]:
    """The name of a NOT NULL, and whether tables below have it from there.

    It is renamed in those too, where it may have another name: so it is while none has it.
    """
    before, after = (ident(called(f)) for f in (old, new))
    alone, parted = bool(old["not_null_no_inherit"]), bool(new["not_null_no_inherit"])
    if parted and not alone:
        yield Do(f"{table} ALTER CONSTRAINT {before} NO INHERIT")
    if before != after:
        name = qualified(new.ref.name[:-1])  # of a foreign table too
        yield Do(f"ALTER TABLE {name} RENAME CONSTRAINT {before} TO {after}")
    if alone and not parted:
        yield Do(f"{table} ALTER CONSTRAINT {after} INHERIT")


def _rename_in_partition(old: Fact, new: Fact, context: Context) -> Iterator[Do]:
    """A partition's NOT NULL takes a name of its own only while it is not attached."""
    assert new.parent is not None
    link = context.new.facts[partition(new.parent)]
    part, whole = qualified(link.ref.name), qualified(link.list("whole"))
    yield Do(f"ALTER TABLE {whole} DETACH PARTITION {part}")
    yield Do(f"{_table(new)} RENAME CONSTRAINT {ident(called(old))} TO {ident(called(new))}")
    message = f"every row of {link.ref.path} is read, to see that it belongs there"
    yield Do(
        f"ALTER TABLE ONLY {whole} ATTACH PARTITION {part} {link.text('bound')}",
        (Hazard(HazardCode.SCAN_UNDER_LOCK, link.ref, message),),
    )


def _rename_sequence(before: str, after: str) -> Iterator[Do]:
    """The sequence of an identity column stays the same under another name."""
    if before != after:
        was, now = _SEQUENCE.fullmatch(before), _SEQUENCE.fullmatch(after)
        assert was is not None
        assert now is not None
        yield Do(f"ALTER SEQUENCE {before} RENAME TO {now['name']}")


def _sequence(fact: Fact) -> str:
    name, start, step, low, high, cache, cycle = fact.list("sequence")
    schema, table, column = fact.ref.name
    options: list[str] = []
    usual = f"{ident(schema)}.{ident(f'{table}_{column}_seq')}"
    if name != usual:
        options.append(f"SEQUENCE NAME {name}")
    if (
        (start, step, low, cache) != ("1", "1", "1", "1")
        or cycle == "true"
        or not high.endswith("7")
    ):
        options += [
            f"START WITH {start}",
            f"INCREMENT BY {step}",
            f"MINVALUE {low}",
            f"MAXVALUE {high}",
        ]
        options.append(f"CACHE {cache}")
        options += ["CYCLE"] if cycle == "true" else []
    return f" ({' '.join(options)})" if options else ""


KIND = Column()

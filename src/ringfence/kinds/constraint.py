"""A constraint of a table: primary key, unique, check, foreign key, exclusion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.kinds import (
    REPLACE,
    Attribute,
    Context,
    Do,
    Kind,
    options_clause,
    pair,
    reset_options,
)
from ringfence.kinds._family import (
    above,
    attach,
    goes_before,
    inheritance,
    is_partition,
    kept_parents,
    kept_partitions,
    let_go,
    link_stays,
    links_below,
    parents,
    partition,
    partitions,
    referred,
    tree,
    unproved,
)
from ringfence.kinds._handed import all_stay, given_before, made_anew, torn
from ringfence.kinds._held import let_down
from ringfence.kinds._inherit import before_own, make_own, once_own
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds._stale import built
from ringfence.kinds._words import coded, path
from ringfence.model import Ref
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace, Stage
    from ringfence.model import Catalog, Fact

_STATE = re.compile(r"( DEFERRABLE)?( INITIALLY DEFERRED)?( NOT ENFORCED)?( NOT VALID)?\Z")


_NEW: tuple[Stage, Stage] = ("alter", "create")


class Constraint(Kind):
    """A constraint. Its definition is the server's own text of it."""

    name = "constraint"
    keyword = "CONSTRAINT"
    folds = True
    attributes = {
        "type": REPLACE,
        "definition": Attribute("redefine", when="can_redefine"),
        "inherited": Attribute("relocal", when="can_relocal"),
        "attached": Attribute("reattach", when="can_reattach"),
        "index_options": Attribute("reindex"),
        "index_tablespace": Attribute("reindex"),
    }
    words = {
        "type": coded(
            {"p": "PRIMARY KEY", "u": "UNIQUE", "c": "CHECK", "f": "FOREIGN KEY", "x": "EXCLUDE"}
        ),
        "attached": path,
    }

    def sql_name(self, ref: Ref) -> str:
        return f"{ident(ref.name[-1])} ON {qualified(ref.name[:-1])}"

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        yield ("constraint", *fact.ref.name)
        if fact["type"] in ("p", "u", "x"):
            yield ("relation", fact.ref.name[0], fact.ref.name[-1])

    def lets_go(self, change: Change, used: Ref) -> bool:
        """A foreign key goes on to refer to the key that it was made for."""
        old, _ = pair(change)
        key = used.kind in ("constraint", "index") and used.name != old.list("attached")
        return old["type"] != "f" or not key

    def folds_into_parent(self, fact: Fact, context: Context) -> bool:  # noqa: ARG002
        # A constraint NOT VALID is only to be had by ALTER TABLE.
        return fact["type"] != "f" and "NOT VALID" not in fact.text("definition")

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        """Partitions have theirs before a foreign key refers to the whole; checks go from the top."""
        table = fact.parent
        assert table is not None
        if fact["type"] == "c" and table not in context.drops:
            # What is done to the whole is done to its partitions, but for those that are detached.
            yield from (("drop", link) for link in partitions(table, context.old))
        if stage == "create" and fact["type"] == "f":
            other = referred(fact, context.new)
            if other is not None:
                yield ("alter", other)  # what is logged refers to what is
            for used in context.new.uses.get(fact.ref, frozenset()) - {*above(fact, context.new)}:
                if used.kind in ("constraint", "index") and used.name[:2] != table.name:
                    yield from (("create", r) for r in _attached_to(used, context.new))
                if used.kind == "column":
                    whole = Ref("table", used.name[:-1])
                    yield from (("create", r) for r in partitions(whole, context.new))
        elif stage == "create" and fact["type"] == "c":
            yield from _later(fact, table, context)
            yield from once_own(table, context)
        elif stage == "create" and fact["type"] == "p":
            yield from (
                (s, inheritance(table)) for s in _NEW
            )  # it would make NOT NULL the table's own
        elif stage == "alter":
            yield from before_own(fact, context)
        elif stage == "drop":
            if fact["type"] == "c":
                yield from given_before(fact.ref, context)
            if is_partition(table, context.old):
                if not goes_before(fact, context):
                    yield ("drop", partition(table))
            elif fact["type"] == "c" and not _let_go(fact, context):
                # It is the table's own alone only once that inherits no more.
                yield ("drop", inheritance(table))
                yield ("alter", inheritance(table))
            for parent in kept_parents(table, context):
                yield ("drop", Ref("constraint", (*parent.name, fact.ref.name[-1])))

    def along_with(self, stage: Stage, fact: Fact, context: Context) -> Iterator[Ref]:
        """What PostgreSQL does to a partition's, or to what is inherited, with the parent's."""
        table = fact.parent
        assert table is not None
        if stage == "drop":
            yield from goes_before(fact, context)
            if partition(table) not in context.drops:
                yield from above(fact, context.old)
                if fact["type"] == "c" and is_partition(table, context.old):
                    yield from _same_above(fact, context)
        elif fact["type"] == "f" and fact["attached"]:
            yield from above(fact, context.new)
            if stage == "create":
                yield partition(table)
        elif fact["type"] == "c" and (fact["inherited"] or is_partition(table, context.new)):
            yield from _same_above(fact, context)

    def parted(self, fact: Fact, used: Ref, context: Context) -> bool:
        """Not attached any more once its table is detached."""
        return let_go(fact.parent, context) and used in above(fact, context.old)

    def before_rows(self, fact: Fact, into: Ref, context: Context) -> bool:
        """Not, but that partitions are attached before, and find what they are attached with."""
        partitioned = context.new.facts[into]["partition_key"]
        return fact["type"] != "f" and bool(partitioned or fact["attached"])

    def drags(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """What is attached cannot be dropped alone."""
        if link_stays(fact.parent, context):
            yield from (r for r in above(fact, context.old) if r in context.old.facts)
        if fact["type"] == "c":
            yield from let_down(fact, context)
            yield from _proved_still(fact, context)
        if fact["type"] == "c" and fact.ref not in context.new.facts:
            yield from made_anew(fact.ref, context)
            if context.server_version < 180000:  # which makes it the heir's own
                yield from torn(fact, context)

    def displaces(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """A table that cannot have it from here before it has it no more from elsewhere.

        And what is not valid above a table that comes: it would be proved there.
        """
        if fact["type"] == "c":
            yield from made_anew(fact.ref, context)
            yield from _not_valid_above(fact, context)

    def kept(self, fact: Fact, context: Context) -> tuple[str, str]:  # noqa: ARG002
        assert fact.parent is not None
        if fact["type"] in ("p", "u", "x"):
            return built((fact.ref.name[0], fact.ref.name[-1]), fact)
        text = fact.text("definition")
        if fact["type"] != "c" or fact.parent.kind != "table" or _unproved(text):
            return "", ""
        table, name = f"ALTER TABLE {qualified(fact.parent.name)}", ident(fact.ref.name[-1])
        again = f"{table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {text} NOT VALID"
        said = f"the rows of {fact.parent.path} passed {fact.ref.name[-1]}"
        return said, f"{again}; {table} VALIDATE CONSTRAINT {name}"

    def inline(self, fact: Fact, context: Context) -> str:  # noqa: ARG002
        """The constraint as it stands in CREATE TABLE or behind ADD."""
        if fact["inherited"]:
            return ""
        return f"CONSTRAINT {ident(fact.ref.name[-1])} {_definition(fact)}"

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        text = self.inline(new, context)
        if text:
            hazards: tuple[Hazard, ...] = ()
            if new.parent in context.old.facts:
                hazards = _hazards(new)
            # A partition has an index of its own, of the name that it is to have.
            keyed = new["type"] in ("p", "u", "x") and new.parent is not None
            only = " ONLY" if keyed and new.parent and kept_partitions(new.parent, context) else ""
            yield Do(f"ALTER TABLE{only} {qualified(new.ref.name[:-1])} ADD {text}", hazards)
        yield from self.afterwards(new, context)

    def afterwards(self, fact: Fact, context: Context) -> Iterator[Do]:
        if fact["type"] in ("p", "u", "x"):
            yield from attach(fact, (fact.ref.name[0], fact.ref.name[-1]), context)
        if _given(fact, context.new) and _comes_unproved(fact, context):
            table = qualified(fact.ref.name[:-1])
            read = _hazards(fact) if fact.parent in context.old.facts else ()
            yield Do(f"ALTER TABLE {table} VALIDATE CONSTRAINT {ident(fact.ref.name[-1])}", read)

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        *table, name = old.ref.name
        assert old.parent is not None
        # Those that inherit it keep it, and lose it by a statement of their own.
        inherited = tree(old.parent, context.old) == "inherited"
        only = " ONLY" if inherited and not all_stay(old, context) else ""
        yield Do(f"ALTER TABLE{only} {qualified(tuple(table))} DROP CONSTRAINT {ident(name)}")

    def rename(self, old: Fact, to: Ref) -> Iterator[Do]:
        table = f"ALTER TABLE {qualified(old.ref.name[:-1])}"  # of a foreign table too
        yield Do(f"{table} RENAME CONSTRAINT {ident(old.ref.name[-1])} TO {ident(to.name[-1])}")

    def can_reattach(self, change: Change, context: Context) -> bool:
        """What is attached is only let go when its table is."""
        old, new = pair(change)
        return not old["attached"] or not kept_parents(new.parent, context)

    def reattach(self, change: Change, context: Context) -> Iterator[Do]:
        """ALTER INDEX … ATTACH PARTITION, where the table's own ATTACH does not do it."""
        _, new = pair(change)
        yield from self.afterwards(new, context)

    def can_relocal(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """PostgreSQL makes what was inherited the table's own, and not the other way round."""
        _, new = pair(change)
        return not new["inherited"]

    def relocal(self, change: Change, context: Context) -> Iterator[Do]:
        """NO INHERIT and INHERIT, where nothing else lets go of it."""
        yield from make_own(change, context)

    def can_redefine(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """Only NOT VALID can go, and a foreign key's deferrability change, in place."""
        old, new = pair(change)
        a, b = old.text("definition"), new.text("definition")
        bare_a, bare_b = _STATE.sub("", a), _STATE.sub("", b)
        if bare_a != bare_b or "NOT ENFORCED" in a + b:
            return False
        if "NOT VALID" in b and "NOT VALID" not in a:
            return False
        deferrable = a.removesuffix(" NOT VALID") != b.removesuffix(" NOT VALID")
        return not deferrable or new["type"] == "f"

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:
        """ALTER CONSTRAINT … DEFERRABLE, VALIDATE CONSTRAINT."""
        old, new = pair(change)
        *table, name = new.ref.name
        a, b = old.text("definition"), new.text("definition")
        prefix = f"ALTER TABLE {qualified(tuple(table))}"
        if new["attached"] and link_stays(new.parent, context):
            return  # the whole's own takes it along
        if a.removesuffix(" NOT VALID") != b.removesuffix(" NOT VALID"):
            deferrable = "DEFERRABLE" if " DEFERRABLE" in b else "NOT DEFERRABLE"
            initially = "INITIALLY DEFERRED" if "INITIALLY DEFERRED" in b else "INITIALLY IMMEDIATE"
            if deferrable == "NOT DEFERRABLE":
                initially = ""
            yield Do(f"{prefix} ALTER CONSTRAINT {ident(name)} {deferrable} {initially}".rstrip())
        if "NOT VALID" in a and "NOT VALID" not in b:
            yield Do(f"{prefix} VALIDATE CONSTRAINT {ident(name)}")

    def reindex(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """The index behind it: SET (…), SET TABLESPACE."""
        old, new = pair(change)
        prefix = f"ALTER INDEX {qualified((new.ref.name[0], new.ref.name[-1]))}"
        yield from reset_options(prefix, old.list("index_options"), new.list("index_options"))
        if old["index_tablespace"] != new["index_tablespace"]:
            yield Do(
                f"{prefix} SET TABLESPACE {ident(new.text('index_tablespace') or 'pg_default')}"
            )


def _unproved(definition: str) -> bool:
    return definition.endswith((" NOT VALID", " NOT ENFORCED"))


def _later(fact: Fact, table: Ref, context: Context) -> Iterator[tuple[Stage, Ref]]:
    """The tables below that have it before it is made: as their own, or as not valid."""
    for user in context.new.used_by.get(table, ()):
        below = context.new.facts.get(Ref("constraint", (*user.name, fact.ref.name[-1])))
        if user.kind == "inheritance" and below is not None and not below["inherited"]:
            yield ("create", below.ref)
        elif user.kind == "inheritance" and below is not None and unproved(fact, below):
            yield from ((s, user) for s in _NEW)  # what comes later has it proved
            assert below.parent is not None
            yield from _later(fact, below.parent, context)


def _not_valid_above(fact: Fact, context: Context) -> Iterator[Ref]:
    """The checks it comes from that are there and not valid, with all that inherit them."""
    for parent in parents(fact.parent, context.new) if fact["inherited"] and fact.parent else ():
        ref = Ref("constraint", (*parent.name, fact.ref.name[-1]))
        if ref in context.new.facts and unproved(context.new.facts[ref], fact):
            if ref in context.old.facts:
                yield ref
                yield from _heirs_of(ref, parent, context)
            yield from _not_valid_above(context.new.facts[ref], context)


def _proved_still(check: Fact, context: Context) -> Iterator[Ref]:
    """Those that inherit it and stay valid, where it comes again as not valid."""
    now = context.new.facts.get(check.ref)
    if now is None or not _unproved(now.text("definition")) or check.parent is None:
        return
    for heir in _heirs_of(check.ref, check.parent, context):
        below = context.new.facts.get(heir)
        if (
            below is not None
            and _given(below, context.new)
            and not _unproved(below.text("definition"))
        ):
            yield heir


def _heirs_of(check: Ref, table: Ref, context: Context) -> Iterator[Ref]:
    for link in links_below(table, context.old):
        below = context.old.facts.get(Ref("constraint", (*link.ref.name, check.name[-1])))
        if below is not None and _given(below, context.old) and below.parent is not None:
            yield below.ref
            yield from _heirs_of(check, below.parent, context)


def _given(check: Fact, catalog: Catalog) -> bool:
    """Whether it is only inherited: a partition's is, where it is the whole's too."""
    return bool(check["inherited"] or is_partition(check.parent, catalog))


def _same_above(fact: Fact, context: Context) -> Iterator[Ref]:
    for parent in kept_parents(fact.parent, context):
        yield Ref("constraint", (*parent.name, fact.ref.name[-1]))


def _comes_unproved(fact: Fact, context: Context) -> bool:
    """Whether it is valid, and comes from parents of its table as not valid."""
    above = [context.new.facts[r] for r in _same_above(fact, context) if r in context.creates]
    return "NOT VALID" not in fact.text("definition") and any(
        "NOT VALID" in check.text("definition") for check in above
    )


def _let_go(fact: Fact, context: Context) -> bool:
    """Whether all that give it to the table drop theirs while they are its parents."""
    assert fact.parent is not None
    kept = kept_parents(fact.parent, context)
    givers = [
        (p, r)
        for p in parents(fact.parent, context.old)
        if (r := Ref("constraint", (*p.name, fact.ref.name[-1]))) in context.old.facts
        and not context.old.facts[r].text("definition").endswith(" NO INHERIT")
    ]
    return all(p in kept and r in context.drops for p, r in givers)


def _attached_to(ref: Ref, catalog: Catalog) -> Iterator[Ref]:
    for user in catalog.used_by.get(ref, ()):
        fact = catalog.facts[user]
        if fact["attached"] and ref in above(fact, catalog):
            yield user
            yield from _attached_to(user, catalog)


def _definition(fact: Fact) -> str:
    """The definition with what pg_get_constraintdef leaves out: the index's options and place."""
    text = fact.text("definition")
    extra = options_clause(fact.list("index_options"))
    if fact["index_tablespace"]:
        extra += f" USING INDEX TABLESPACE {ident(fact.text('index_tablespace'))}"
    if not extra:
        return text
    where = text.find(" WHERE (") if fact["type"] == "x" else -1
    state = _STATE.search(text)
    at = where if where >= 0 else state.start() if state else len(text)
    return text[:at] + extra + text[at:]


def _hazards(fact: Fact) -> tuple[Hazard, ...]:
    if "NOT VALID" in fact.text("definition"):
        return ()
    assert fact.parent is not None
    table = fact.parent.path
    if fact["type"] in ("p", "u", "x"):
        message = f"the index of {fact.ref.path} is built while nobody may use {table}"
        return (Hazard(HazardCode.INDEX_BUILD, fact.ref, message),)
    message = f"every row of {table} is read while nobody may write to it"
    return (Hazard(HazardCode.SCAN_UNDER_LOCK, fact.ref, message),)


KIND = Constraint()

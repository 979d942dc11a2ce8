"""An index that no constraint owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import (
    REPLACE,
    Attribute,
    Context,
    Do,
    Kind,
    kind_of,
    options_clause,
    pair,
    reset_options,
)
from ringfence.kinds._family import (
    above,
    attach,
    goes_before,
    is_foreign,
    kept_parents,
    let_go,
    let_go_first,
    link_stays,
    links_below,
    partition,
    stays_invalid,
)
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds._stale import built
from ringfence.kinds._words import path
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace, Stage
    from ringfence.model import Fact, Ref


class Index(Kind):
    """An index. Its definition is the server's own text of it, up to its options."""

    name = "index"
    keyword = "INDEX"
    attributes = {
        "definition": REPLACE,
        "predicate": REPLACE,
        "options": Attribute("reoption"),
        "tablespace": Attribute("respace"),
        "attached": Attribute("reattach", when="can_reattach"),
        "invalid": Attribute("leave", when="is_partitioned"),
        "statistics": Attribute("resample"),
    }
    words = {"attached": path}

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("relation", *fact.ref.name),)

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterator[tuple[Stage, Ref]]:
        """One attached is let go with its table; one that is to stay invalid finds partitions."""
        if fact.parent is None:
            return
        if stage == "drop" and fact["attached"] and not goes_before(fact, context):
            yield ("drop", partition(fact.parent))
        if stage == "drop":
            yield from (("drop", link) for link in let_go_first(fact, context))
        if stage != "drop" and fact["attached"] and partition(fact.parent) not in context.creates:
            # The last that is attached makes it valid, but not when its table is attached.
            for over in above(fact, context.new):
                table = context.new.facts[over].parent if over in context.new.facts else None
                for link in links_below(table, context.new) if table is not None else ():
                    if not is_foreign(link):
                        yield ("create", link.ref)
        if stage == "create" and fact["invalid"]:
            for user in context.new.used_by.get(fact.parent, ()):
                if user.kind == "partition":
                    yield ("create", user)

    def along_with(self, stage: Stage, fact: Fact, context: Context) -> Iterator[Ref]:
        """PostgreSQL drops what is attached with what it is attached to."""
        if stage == "drop" and fact.parent is not None:
            let_go = partition(fact.parent) in context.drops
            yield from goes_before(fact, context) if let_go else above(fact, context.old)

    def parted(self, fact: Fact, used: Ref, context: Context) -> bool:
        """Not attached any more once its table is detached."""
        if not let_go(fact.parent, context) or used not in above(fact, context.old):
            return False
        new = context.new.facts.get(used)  # one that stays invalid is not found by ATTACH
        return new is None or not stays_invalid(new, context.new)

    def before_rows(self, fact: Fact, into: Ref, context: Context) -> bool:
        """Not, but that partitions are attached before, and find what they are attached with."""
        partitioned = context.new.facts[into]["partition_key"]
        late = stays_invalid(fact, context.new)  # made once the partitions are attached
        return not late and bool(partitioned or fact["attached"])

    def drags(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """Nor can it be dropped alone."""
        new = context.new.facts.get(fact.ref)
        late = new is not None and stays_invalid(new, context.new)
        if late or link_stays(fact.parent, context):
            yield from (r for r in above(fact, context.old) if r in context.old.facts)

    def displaces(self, fact: Fact, context: Context) -> Iterator[Ref]:
        """The foreign partitions: with none of theirs attached, it would never be valid."""
        if not fact["invalid"] and fact.parent is not None:
            yield from (
                link.ref for link in links_below(fact.parent, context.old) if is_foreign(link)
            )

    def evicts(self, change: Change, context: Context) -> Iterator[Ref]:
        yield from super().evicts(change, context)
        if change.new is not None and "invalid" in change.attributes:
            yield from self.displaces(change.new, context)

    def kept(self, fact: Fact, context: Context) -> tuple[str, str]:  # noqa: ARG002
        return built(fact.ref.name, fact)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        text = new.text("definition") + options_clause(new.list("options"))
        if new["tablespace"]:
            text += f" TABLESPACE {ident(new.text('tablespace'))}"
        if new["predicate"]:
            text += f" WHERE {new.text('predicate')}"
        hazards: tuple[Hazard, ...] = ()
        if (
            new.parent is not None
            and new.parent in context.old.facts
            and not _filled_anew(new, context)
        ):
            message = f"{new.ref.path} is built while nobody may write to {new.parent.path}"
            hazards = (Hazard(HazardCode.INDEX_BUILD, new.ref, message),)
        yield Do(text, hazards)
        yield from _statistics(new, (), new.list("statistics"))
        yield from attach(new, (new.ref.name[0], new.ref.name[-1]), context)

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        # A constraint attached to it needs telling; it is among what is dropped here.
        below = [r for r in context.old.used_by.get(old.ref, ()) if r.kind == "constraint"]
        with_it = any(context.old.facts[r]["attached"] for r in below)
        yield Do(f"DROP INDEX {qualified(old.ref.name)}{' CASCADE' if with_it else ''}")

    def can_reattach(self, change: Change, context: Context) -> bool:
        """What is attached is only let go when its table is."""
        old, new = pair(change)
        return not old["attached"] or not kept_parents(new.parent, context)

    def reattach(self, change: Change, context: Context) -> Iterator[Do]:
        """ALTER INDEX … ATTACH PARTITION, where the table's own ATTACH does not do it."""
        _, new = pair(change)
        yield from attach(new, new.ref.name, context)

    def is_partitioned(self, change: Change, context: Context) -> bool:
        """Whether it becomes valid, since one is attached to it and then every partition has one."""
        _, new = pair(change)
        if " ON ONLY " not in new.text("definition") or new["invalid"]:
            return False
        name = new.ref.name
        for user in context.new.used_by.get(new.ref, ()):
            was, now = context.old.facts.get(user), context.new.facts[user]
            if now.list("attached") == name and (was is None or was.list("attached") != name):
                return True
        return False

    def leave(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """Nothing: what is attached to it makes it valid."""
        return iter(())

    def reoption(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET and RESET (…)."""
        old, new = pair(change)
        prefix = f"ALTER INDEX {qualified(new.ref.name)}"
        yield from reset_options(prefix, old.list("options"), new.list("options"))

    def respace(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET TABLESPACE."""
        _, new = pair(change)
        space = ident(new.text("tablespace") or "pg_default")
        yield Do(f"ALTER INDEX {qualified(new.ref.name)} SET TABLESPACE {space}")

    def resample(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ALTER COLUMN … SET STATISTICS, of an expression in it."""
        old, new = pair(change)
        yield from _statistics(new, old.list("statistics"), new.list("statistics"))


def _filled_anew(index: Fact, context: Context) -> bool:
    """Whether what it is of is made and computed anew by the same plan, and nobody uses it yet."""
    of = index.parent
    return of is not None and of in context.creates and kind_of(of).computed


def _statistics(fact: Fact, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Do]:
    old = dict(o.split("=") for o in before)
    new = dict(o.split("=") for o in after)
    for column in sorted({*old, *new}, key=int):
        if old.get(column) != new.get(column):
            target = new.get(column, "-1")
            yield Do(
                f"ALTER INDEX {qualified(fact.ref.name)} ALTER COLUMN {column} SET STATISTICS {target}"
            )


KIND = Index()

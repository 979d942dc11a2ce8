"""What ringfence knows of each kind of object: one pair of files a kind, found by looking.

`<stem>.sql` reads the kind's objects from the catalogs, `<stem>.py` holds a `Kind` that says how they
are created, dropped and altered. `<stem>.pg17.sql` stands in for `<stem>.sql` from that major on.

A row of the query is an object. Its first columns are `classid, objid, objsubid` (what pg_depend
knows it by) and `name` (the parts of its `Ref`); `owner`, `acl` and `parent` are taken out when they
are there, and every other column is an attribute of the fact, under its own name. What is a part of a
relation has that one's number for `under`, and its own name alone: the relation, its parent, gives
the rest. What belongs to a column has no name but that, and the column's number for `under_part`.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from ringfence.kinds._sql import ident, qualified
from ringfence.kinds._words import said
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from ringfence.change import Change
    from ringfence.model import Catalog, Fact, Ref, Value
    from ringfence.step import Transactional


@dataclass(frozen=True, slots=True)
class Do:
    """One statement that a kind wants run, without its semicolon."""

    sql: str
    hazards: tuple[Hazard, ...] = ()
    transactional: Transactional = "yes"
    comment: str = ""


@dataclass(frozen=True)
class Context:
    """What a kind may look at while it writes SQL: both catalogs, and who will run it."""

    old: Catalog
    new: Catalog
    folded: Mapping[Ref, tuple[Ref, ...]]
    executor: str = ""
    drops: AbstractSet[Ref] = frozenset()
    creates: AbstractSet[Ref] = frozenset()
    aside: AbstractSet[Ref] = frozenset()
    alone: AbstractSet[Ref] = frozenset()
    """What is dropped by a step of its own, though it would go with what it is a part of."""
    undoes: bool = False
    """Whether it is the way back: rows that came to a new partition go back to the default one."""

    def inlined(self, ref: Ref, kind: str) -> tuple[Fact, ...]:
        """Children of that kind that are created within `ref`'s own CREATE, in catalog order."""
        return tuple(
            self.new.facts[child] for child in self.folded.get(ref, ()) if child.kind == kind
        )

    @cached_property
    def standing(self) -> tuple[Fact, ...]:
        """The default privileges in force while the plan makes things: those that stay."""
        return tuple(
            self.old.facts[ref]
            for ref in sorted(r for r in self.old.facts if r.kind == "default_acl")
            if ref not in self.drops
        )

    @property
    def server_version(self) -> int:
        """The server's `server_version_num`."""
        return self.new.server_version


@dataclass(frozen=True, slots=True)
class Attribute:
    """How a change of one attribute is made.

    `how` names the method of the kind that yields the statements, given the change; None means that
    PostgreSQL cannot alter it and the object is replaced. `when` names a predicate of the kind that
    says whether this change can be made by `how`. `blocks` are the kinds of dependents that
    PostgreSQL will not leave in place meanwhile: they are dropped before and made again after.
    """

    how: str | None
    when: str | None = None
    blocks: frozenset[str] = frozenset()


Stage = Literal["drop", "alter", "create", "carry", "discard"]

REPLACE = Attribute(None)
"""PostgreSQL cannot alter it."""

Namespace = tuple[str, ...]


class Kind:
    """One kind of object. A subclass in `<stem>.py`, instantiated once as `KIND`."""

    name: ClassVar[str]
    keyword: ClassVar[str] = ""
    """What stands in COMMENT ON …, ALTER … OWNER TO; empty where neither applies."""
    grantable: ClassVar[str] = ""
    """What stands in GRANT … ON …; empty where nothing can be granted."""
    privileges: ClassVar[str] = ""
    """The letters of all privileges there are on it, as in an aclitem."""
    public: ClassVar[str] = ""
    """The letters that everybody has by default."""
    attributes: ClassVar[Mapping[str, Attribute]] = {}
    folds: ClassVar[bool] = False
    """Whether it may be created within its parent's CREATE."""
    placed: ClassVar[bool] = False
    """Whether its place among its siblings is part of what they are."""
    dies_with_parent: ClassVar[bool] = True
    """Whether dropping the parent drops it."""
    skip: ClassVar[frozenset[str]] = frozenset()
    renames: ClassVar[bool] = True
    """Whether PostgreSQL can call it otherwise, where it has a keyword at all."""
    own: ClassVar[int] = -1
    """Which part of its name is its own."""
    carries: ClassVar[bool] = False
    """Whether it holds rows, which a replacement takes over from what it replaces."""
    swaps: ClassVar[bool] = False
    """Whether what uses it can follow a replacement: `drop` puts it aside, `discard` removes it."""
    computed: ClassVar[bool] = False
    """Whether what it holds is computed, from what it needs, when it is made."""
    cluster: ClassVar[bool] = False
    """Whether it is the whole cluster's, and read only where roles are asked for."""
    superuser: ClassVar[bool] = False
    """Whether only a superuser may read it; for others it is not modelled."""
    maker: ClassVar[int | None] = None
    """Which part of its name is the role that makes things, if any; empty: whoever does."""
    first: ClassVar[bool] = False
    """Whether others may need it and PostgreSQL not know: it is made as early as can be."""
    relays: ClassVar[bool] = False
    """Whether what uses it computes by what it uses in its turn."""
    last: ClassVar[bool] = False
    """Whether it acts on other statements: it is made after all else, and dropped before."""

    again: ClassVar[str] = "dropped and made again"
    """What happens to one that stays as it is, where it has to be out of the way meanwhile."""
    words: ClassVar[Mapping[str, Callable[[Value], str]]] = {}
    """Attribute → how what the catalogs say in codes, or in parts of names, is called in SQL."""

    probe: ClassVar[str] = ""
    """An SQL condition that is false where there is none: its query is not run then. It may ask the
    `relations` and `types` of pg/catalog/probe.sql."""

    # Reading

    def query(self, major: int) -> str:
        """The text of the query for a server of that major version."""
        return query(type(self).__module__.rpartition(".")[2], major)

    def parent(self, name: tuple[str, ...]) -> Ref | None:  # noqa: ARG002 - for subclasses
        """The parent of the object of that name, where the query has no `parent` column."""
        return None

    def user(self, user: Ref, used: Ref) -> Ref:  # noqa: ARG002 - for subclasses
        """The fact that a dependency on `used` is really of: often `user`, at times a part of it."""
        return user

    def dies_with(self, fact: Fact, catalog: Catalog) -> Ref | None:  # noqa: ARG002
        """What PostgreSQL drops it with, without being asked."""
        return fact.parent if self.dies_with_parent else None

    def needs(self, fact: Fact, facts: Mapping[Ref, Fact]) -> Iterable[Ref]:  # noqa: ARG002
        """What it needs and pg_depend does not tell; those that are not there are passed over."""
        return ()

    def roles(self, fact: Fact) -> Iterable[str]:  # noqa: ARG002
        """The roles that it names, and so needs where roles are facts."""
        return ()

    def untangle(self, ref: Ref, uses: Mapping[Ref, set[Ref]]) -> None:
        """Part a circle that pg_depend has: some of what needs it needs but a part of it."""

    # Order, where needs alone do not give it

    def shows(self, ref: Ref, catalog: Catalog) -> Iterable[Ref]:  # noqa: ARG002 - for subclasses
        """What the text of whatever uses it may tell of, too."""
        return ()

    def after(self, stage: Stage, fact: Fact, context: Context) -> Iterable[tuple[Stage, Ref]]:  # noqa: ARG002
        """What is done, where it is done at all, before `stage` is done to it."""
        return ()

    def along_with(self, stage: Stage, fact: Fact, context: Context) -> Iterable[Ref]:  # noqa: ARG002
        """The objects whose own `stage`, where there is one, is this one's too."""
        return ()

    def drags(self, fact: Fact, context: Context) -> Iterable[Ref]:  # noqa: ARG002
        """What must be dropped too when it is, beside what needs it and what is below it."""
        return ()

    def displaces(self, fact: Fact, context: Context) -> Iterable[Ref]:  # noqa: ARG002
        """What that stays has to go meanwhile, for it to be made."""
        return ()

    def addable(self, fact: Fact, context: Context) -> bool:  # noqa: ARG002
        """Whether it can be added to a parent that is there already; if not, that is replaced."""
        return True

    def follow(self, fact: Fact, used: Ref, context: Context) -> Fact | None:  # noqa: ARG002
        """The old fact once what it uses is put aside, when an alteration can lead it on from there.

        None when it has to be dropped.
        """
        return None

    def swaps_for(self, ref: Ref, user: Ref, context: Context) -> bool:  # noqa: ARG002
        """Whether that one of its users can follow a replacement of it, where it can be altered so."""
        return self.swaps

    def taken_for(self, fact: Fact, context: Context) -> Iterable[Ref]:  # noqa: ARG002
        """What is made, where words that mean that may mean this as long as it is there."""
        return ()

    def confuses(self, fact: Fact, context: Context) -> bool:
        """Whether words that mean something that is made may mean it as long as it is there."""
        return any(True for _ in self.taken_for(fact, context))

    def lets_go(self, change: Change, used: Ref) -> bool:  # noqa: ARG002 - for subclasses
        """Whether what it will no longer need is needed no more once it is altered."""
        return True

    def parted(self, fact: Fact, used: Ref, context: Context) -> bool:  # noqa: ARG002
        """Whether it no longer needs `used` once what both are parts of come apart."""
        return False

    def evicts(self, change: Change, context: Context) -> Iterable[Ref]:
        """The dependents that PostgreSQL will not leave in place while this change is made."""
        blocked = self.blocked(change)
        for user in context.old.used_by.get(change.ref, ()):
            if user.kind in blocked:
                yield user
        for child in context.old.children.get(change.ref, ()):
            if child.ref.kind in blocked:
                yield child.ref

    def before_rows(self, fact: Fact, into: Ref, context: Context) -> bool:  # noqa: ARG002
        """Whether it has to be there when rows are taken over into `into`, which it needs."""
        return False

    def kept(self, fact: Fact, context: Context) -> tuple[str, str]:  # noqa: ARG002
        """What it has stored that was computed, in words, and how that is computed again."""
        return "", ""

    # Telling

    def in_words(self, attribute: str, value: Value) -> str:
        """What an attribute is, as PostgreSQL's commands have it."""
        return self.words.get(attribute, said)(value)

    def title(self, ref: Ref) -> str:
        """What an object is and is called, in words."""
        return f"{self.name.replace('_', ' ')} {ref.path}"

    # Writing

    def sql_name(self, ref: Ref) -> str:
        """The object's name as it stands in statements."""
        return qualified(ref.name)

    def grant_name(self, ref: Ref) -> str:
        """The object's name as it stands in GRANT and REVOKE."""
        return self.sql_name(ref)

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        """The names it takes up: two objects cannot have one of them at the same time."""
        return ((self.name, *fact.ref.name),)

    def create(self, new: Fact, context: Context) -> Iterable[Do]:
        """The statements that make it (without what is a fact of its own)."""
        raise NotImplementedError(f"create {new.ref}")

    def drop(self, old: Fact, context: Context) -> Iterable[Do]:  # noqa: ARG002 - for subclasses
        """The statements that remove it."""
        yield Do(f"DROP {self.keyword} {self.sql_name(old.ref)}")

    def rename(self, old: Fact, to: Ref) -> Iterator[Do]:
        """The statements that call it otherwise, or move it to another schema."""
        ref = old.ref
        if old.parent is None and len(ref.name) > 1 and ref.name[0] != to.name[0]:
            yield Do(f"ALTER {self.keyword} {self.sql_name(ref)} SET SCHEMA {ident(to.name[0])}")
            ref = ref._replace(name=(to.name[0], *ref.name[1:]))
        if ref.name[self.own] != to.name[self.own]:
            yield Do(
                f"ALTER {self.keyword} {self.sql_name(ref)} RENAME TO {ident(to.name[self.own])}"
            )

    def hollow(self, fact: Fact, catalog: Catalog) -> Fact | None:  # noqa: ARG002
        """The fact of one that needs nothing but what its parts do, and can be altered into it."""
        return None

    def carry(self, change: Change, context: Context) -> Iterable[Do]:  # noqa: ARG002
        """The statements that take the rows over, and remove what `drop` put aside."""
        return ()

    def discard(self, old: Fact, context: Context) -> Iterable[Do]:  # noqa: ARG002
        """The statements that remove what `drop` put aside, once nothing uses it any more."""
        return ()

    def inline(self, fact: Fact, context: Context) -> str:  # noqa: ARG002 - for subclasses
        """The object as it stands within its parent's CREATE; empty where that needs no words."""
        return ""

    def afterwards(self, fact: Fact, context: Context) -> Iterable[Do]:  # noqa: ARG002
        """What is left to do once the parent's CREATE has made it."""
        return ()

    def folds_into_parent(self, fact: Fact, context: Context) -> bool:  # noqa: ARG002
        """Whether this very object can be created within its parent's CREATE."""
        return self.folds

    def alterable(self, change: Change, context: Context) -> bool:
        """Whether PostgreSQL can make this change in place."""
        for name in change.attributes:
            attribute = self.attributes.get(name)
            if attribute is None or attribute.how is None:
                return False
            if attribute.when is not None and not getattr(self, attribute.when)(change, context):
                return False
        return (
            change.old is not None
            and change.new is not None
            and change.old.parent == change.new.parent
        )

    def blocked(self, change: Change) -> frozenset[str]:
        """The kinds of dependents that must not be there while this change is made."""
        return frozenset().union(*(self.attributes[a].blocks for a in change.attributes))

    def alter(self, change: Change, context: Context) -> Iterator[Do]:
        """The statements that make the change, each method of `attributes` called once."""
        done: set[str] = set()
        for name in self.attributes:  # the order in which the kind lists them
            how = self.attributes[name].how
            if name in change.attributes and how is not None and how not in done:
                done.add(how)
                method: Callable[[Change, Context], Iterable[Do]] = getattr(self, how)
                yield from method(change, context)


def some(catalog: str, condition: str = "TRUE") -> str:
    """The `probe` of a kind whose objects are rows of that catalog, none of them the system's own."""
    return f"EXISTS (SELECT FROM pg_catalog.{catalog} WHERE oid >= 16384 AND {condition})"


def query(stem: str, major: int) -> str:
    """The text of a kind's query, by the name of its files, of which none is imported."""
    for version in builtins.range(major, 14, -1):  # `range` is a module of this package
        special = f"{stem}.pg{version}.sql"
        if special in _queries():
            return (files(__package__) / special).read_text(encoding="utf-8")
    return (files(__package__) / f"{stem}.sql").read_text(encoding="utf-8")


@cache
def _queries() -> frozenset[str]:
    return frozenset(path.name for path in files(__package__).iterdir())


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind, by name."""
    found: dict[str, Kind] = {}
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        kind = import_module(f"{__name__}.{path.stem}").KIND
        assert isinstance(kind, Kind)
        found[kind.name] = kind
    return found


def kind_of(ref: Ref) -> Kind:
    """The kind of the object that a reference names."""
    return kinds()[ref.kind]


def pair(change: Change) -> tuple[Fact, Fact]:
    """Both sides of an alteration."""
    assert change.old is not None
    assert change.new is not None
    return change.old, change.new


def loses_data(ref: Ref, message: str) -> tuple[Hazard, ...]:
    """The hazard of a step that takes rows or values with it."""
    return (Hazard(HazardCode.DATA_LOSS, ref, message),)


def unlogged(ref: Ref) -> tuple[Hazard, ...]:
    """The hazard of what is no longer written to the log."""
    return loses_data(ref, f"a crash empties {ref.path}, and a standby has none of it")


def options_clause(change: Sequence[str], *, keyword: str = "WITH") -> str:
    """` WITH (a = b, …)` of reloptions as pg_class has them, empty for none."""
    if not change:
        return ""
    return f" {keyword} ({', '.join(option_text(o) for o in change)})"


def option_text(option: str) -> str:
    """`name=value` as it stands in WITH (…)."""
    from ringfence.kinds._sql import literal

    name, _, value = option.partition("=")
    return f"{'.'.join(ident(p) for p in name.split('.'))} = {literal(value)}"


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

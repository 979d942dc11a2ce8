"""A live database as a `Catalog`: one read-only snapshot, one statement a kind, none per object."""

from __future__ import annotations

import gc
import hashlib
import marshal
from contextlib import ExitStack, closing, contextmanager
from importlib.resources import files
from itertools import chain
from operator import eq, itemgetter
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus

from ringfence.errors import Bug, Misuse
from ringfence.kinds import Kind, kinds
from ringfence.model import Catalog, Fact, Lazily, Ref, Unmodeled
from ringfence.pg import canonical
from ringfence.pg.ahead import Reader, Rows, columns
from ringfence.pg.connect import server_error

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

    from psycopg import Connection

    from ringfence.model import Value

    Address = int
    """What pg_depend knows a thing by (see `_address`), as one number: there are many."""

_ADDRESS = ("classid", "objid", "objsubid")
_SPECIAL = (
    *_ADDRESS,
    "name",
    "parent_kind",
    "parent",
    "owner",
    "acl",
    "acl_owner",
)

_SATELLITES = {
    "comments.sql": "comment",
    "labels.sql": "security_label",
    "extensions.sql": "extension_dependency",
}
_LATE = ("aliases.sql", "depend.sql")
"""What is asked for where facts are wanted, not where it is enough that two databases are the same."""
_OTHERS = ("unmodeled.sql", *_SATELLITES, *_LATE)

_DEPARSED = ("constraint", "index", "policy", "view", "trigger", "rule")
_MANY_ROWS = ("default", "table", "depend.sql", "column")
"""What takes longest. Whichever order it is asked in, the answer is the same: for what is deparsed
the server loads each table, so one connection asks for all of that; the other begins with what has
many rows, which Python then has time for."""

_BUSY = (TransactionStatus.ACTIVE, TransactionStatus.INTRANS, TransactionStatus.INERROR)

_MANY = 500
"""Relations from which on a second connection costs less than it saves."""

_BEGIN = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;"
_SETTINGS = (
    "SET LOCAL search_path = pg_catalog; SET LOCAL jit = off; SET LOCAL quote_all_identifiers = off;"
    " SET LOCAL extra_float_digits = 1; SET LOCAL IntervalStyle = postgres;"
    " SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL TimeZone = 'UTC';"
    " SET LOCAL bytea_output = hex; SET LOCAL xmlbinary = base64; SET LOCAL work_mem = '64MB';"
    # The planner knows nothing of the catalogs of a database just made, and would take them for small.
    " SET LOCAL enable_nestloop = off"
)


def extract(
    connection: Connection[tuple[object, ...]],
    *,
    exclude: tuple[str, ...] = ("ringfence",),
    nobody: str = "",
    roles: bool = False,
) -> Catalog:
    """Everything that is modelled of the database that `connection` is in.

    `exclude` are schemas to leave out (the history's own). An owner named `nobody` is taken to mean
    "whoever makes it", and is left out: so are objects loaded into a shadow whose SQL names no
    owner. Its default privileges are those of no name. With `roles`, the cluster's roles, their memberships and settings are in it too; passwords
    never are. Reads in one REPEATABLE READ READ ONLY transaction: raises `Misuse` where the connection
    is in one that has begun to work, and `ServerError` where the server says no.
    """
    if connection.info.transaction_status in _BUSY:
        raise Misuse(
            "the connection is in a transaction that has begun to work",
            hint="psycopg.connect(…, autocommit=True), or commit before",
        )
    try:
        with Reading(connection, exclude=exclude, nobody=nobody, roles=roles) as reading:
            return reading.catalog()
    except psycopg.Error as error:
        raise server_error(error) from error


def attributes_known(connection: Connection[tuple[object, ...]]) -> Mapping[str, frozenset[str]]:
    """The attributes that are read of each kind on this server; kinds that it has no word for not."""
    raw, found = connection.pgconn, {}
    for kind in kinds().values():
        if not kind.skip & {"extract"}:
            query = kind.query(connection.info.server_version // 10000)
            prepared = raw.prepare(b"", query.encode())
            told = raw.describe_prepared(b"") if not prepared.error_message else prepared
            names = [told.fname(i) or b"" for i in range(told.nfields)]
            if names:
                found[kind.name] = frozenset(n.decode() for n in names)
    return found


class Answer(NamedTuple):
    """The rows of one question, the names of their columns, and which of those are arrays of texts."""

    names: list[str]
    arrays: set[int]
    rows: list[tuple[Any, ...]]


class Reading:
    """A database that is being read, in one snapshot: a context manager, `extract` in two steps.

    `rows` fetches what the server says and makes nothing of it. That is enough to tell whether two
    databases are the `same`, or whether one is as it was (`digest`); `catalog` makes the rest.
    With `share`, it is read by one connection only: another database is read at the same time.
    """

    def __init__(
        self,
        connection: Connection[tuple[object, ...]],
        *,
        exclude: tuple[str, ...] = ("ringfence",),
        nobody: str = "",
        roles: bool = False,
        share: bool = False,
    ) -> None:
        self.connection = connection
        self.version = connection.info.server_version
        self.exclude = frozenset(exclude)
        self.nobody = nobody
        self.roles = roles
        self.share = share
        self.answers: dict[str, Answer] = {}
        self.at: dict[Address, Ref] = {}
        """Where pg_depend's addresses lead."""
        self.parents: dict[tuple[str, str], Ref] = {}
        self.above: list[Ref] = []
        """The parents that kinds know without being told."""
        self.acls: dict[tuple[str, str, str], list[tuple[str, Mapping[str, Value]]]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._alone = self.connection.info.transaction_status == TransactionStatus.IDLE
            stack.enter_context(self.connection.transaction())
            self.connection.execute(_BEGIN + _SETTINGS)
            self.text = Rows(self.connection)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def rows(self) -> None:
        """Fetch what the server says of every object, but not what needs what."""
        with _no_garbage():
            for name, answer in self._asked(late=False):
                self.answers[name] = answer

    def same(self, other: Reading) -> bool:
        """Whether the `rows` of two databases say the same. False too where only a catalog can tell."""
        if self.version // 10000 != other.version // 10000 or self.exclude != other.exclude:
            return False
        with _no_garbage():
            if self.answers["unmodeled.sql"].rows or other.answers["unmodeled.sql"].rows:
                return False
            names = {*self.answers, *other.answers} & kinds().keys()
            return all(self._agrees(n, other) for n in names) and all(
                self.said(n) == other.said(n) for n in _SATELLITES
            )

    def _agrees(self, name: str, other: Reading) -> bool:
        """Whether the same is said of the objects of one kind, in whatever order."""
        if name in self.answers and name in other.answers:
            one, two = self.answers[name], other.answers[name]
            # Databases that were made alike mostly give their objects in one order, too.
            if (
                len(one.rows) == len(two.rows)
                and one.names == two.names
                and all(map(eq, map(_told(one), one.rows), map(_told(two), two.rows)))
            ):
                return True
        return self.named(name) == other.named(name)

    @property
    def digest(self) -> str:
        """Of the `rows`: the same as long as nothing is done to the database. Empty where they do
        not tell everything."""
        if self.answers["unmodeled.sql"].rows:
            return ""
        total = hashlib.blake2b(digest_size=16)
        for name in sorted(self.answers):
            total.update(name.encode())
            total.update(marshal.dumps(self.answers[name].rows, 2))
        return total.hexdigest()

    def named(self, name: str) -> set[tuple[Any, ...]]:
        """What is said of the objects of one kind, but for their numbers."""
        answer = self.answers.get(name)
        if answer is None:  # there was none to ask for
            return set()
        name_at, tell = answer.names.index("name"), _told(answer)
        starts = tuple(start for e in self.exclude for start in _begun(e))
        return {tell(row) for row in answer.rows if not row[name_at].startswith(starts)}

    def said(self, name: str) -> list[tuple[Any, ...]]:
        """What hangs on objects, by their names; what hangs on none that is modelled is left out."""
        wanted = {row[:3]: "" for row in self.answers[name].rows}
        if wanted:
            for kind, answer in sorted(self.answers.items()):
                if kind not in kinds():
                    continue
                address = itemgetter(*(answer.names.index(n) for n in _ADDRESS))
                name_at = answer.names.index("name")
                for row in answer.rows:
                    if address(row) in wanted:
                        wanted[address(row)] = f"{kind} {row[name_at]}"
        starts = tuple(
            f"{kind} {start}" for e in self.exclude for start in _begun(e) for kind in kinds()
        )
        found = ((wanted[row[:3]], *row[3:]) for row in self.answers[name].rows)
        return sorted((row for row in found if row[0] and not row[0].startswith(starts)), key=str)

    def catalog(self) -> Catalog:
        """Everything that is modelled, made of the `rows`, or of what they will be."""
        with _no_garbage():
            return self._catalog()

    def _catalog(self) -> Catalog:
        by_kind: dict[str, dict[Ref, Fact]] = {}
        others: dict[str, Answer] = {}
        # Closed here whatever happens: no query runs when the transaction is ended.
        with closing(self._asked(late=True)) as answers:
            for name, answer in answers:
                if name in kinds():
                    by_kind[name] = self._unnamed(kinds()[name], self._read(kinds()[name], answer))
                else:
                    others[name] = answer
        facts: dict[Ref, Fact] = {}
        for name in sorted(by_kind):
            facts.update(by_kind[name])
        for name, answer in others.items():
            if name in _SATELLITES:
                self._satellites(_SATELLITES[name], answer, facts)
        facts = _sane(facts, chain(self.parents.values(), self.above))
        uses = Lazily(lambda: self._uses(facts, others["aliases.sql"], others["depend.sql"]))
        unmodeled = (Unmodeled(*map(str, row)) for row in others["unmodeled.sql"].rows)
        return Catalog(facts, uses, self.version, tuple(unmodeled))

    def _asked(self, *, late: bool) -> Generator[tuple[str, Answer]]:
        """The answers that are here, then those to what was not asked yet."""
        yield from list(self.answers.items())
        with Reader(self.connection) as reader:
            if not self.answers:
                self._call_for_help(reader)
                queries = [q for q in self._queries() if late or q[0] not in _LATE]
            else:
                queries = [(name, _text(name)) for name in _LATE]
            reader.ask(queries)
            for name, result in reader:
                yield name, Answer(*columns(result), self.text.of(result))

    def _call_for_help(self, reader: Reader) -> None:
        """A second connection, in the same snapshot, where there is much to read."""
        if not self._alone or self.share:
            return
        row = self.connection.execute(
            "SELECT CASE WHEN COUNT(*) > %s THEN pg_catalog.pg_export_snapshot() END"
            " FROM pg_catalog.pg_class WHERE oid >= 16384",
            [_MANY],
        ).fetchone()
        if row is not None and row[0] is not None:
            reader.help(str(row[0]), _SETTINGS)

    def _unnamed(self, kind: Kind, facts: dict[Ref, Fact]) -> dict[Ref, Fact]:
        """The facts, without the name of `nobody` where theirs tells who makes things."""
        if kind.maker is None or not self.nobody:
            return facts
        at = kind.maker
        to = {
            ref: ref._replace(name=(*ref.name[:at], "", *ref.name[at + 1 :]))
            for ref in facts
            if ref.name[at] == self.nobody
        }
        if to:
            self.at = {address: to.get(ref, ref) for address, ref in self.at.items()}
        return {to.get(r, r): Fact(to.get(r, r), f.attrs, f.parent) for r, f in facts.items()}

    def _queries(self) -> list[tuple[str, str]]:
        """What to ask, in two halves from the two ends."""
        superuser = self.connection.info.parameter_status("is_superuser") == "on"
        asked = [
            kind
            for kind in kinds().values()
            if not (kind.skip & {"extract"} or (kind.cluster and not self.roles))
            and (superuser or not kind.superuser)
        ]
        probed = [kind for kind in asked if kind.probe]
        probes = ",\n    ".join(kind.probe for kind in probed)
        there = self.connection.execute(_text("probe.sql").replace("-- ask:", probes)).fetchone()
        assert there is not None
        absent = {kind for kind, found in zip(probed, there, strict=True) if not found}
        major = self.version // 10000
        queries = [(kind.name, kind.query(major)) for kind in asked if kind not in absent]
        queries += [(name, _text(name)) for name in _OTHERS]
        queries.sort(key=lambda q: _MANY_ROWS.index(q[0]) + 1 if q[0] in _MANY_ROWS else 0)
        queries.sort(key=lambda q: q[0] not in _DEPARSED)
        return queries

    def _read(self, kind: Kind, answer: Answer) -> dict[Ref, Fact]:
        """The facts of one kind, and what hangs on them."""
        names, arrays, rows = answer
        at = {name: names.index(name) for name in _SPECIAL if name in names}
        rest = [(i, n) for i, n in enumerate(names) if n not in at]
        for name in (n for _, n in rest):
            if name not in kind.attributes:
                raise Bug(f"kind {kind.name} reads {name} and does not say how it changes")
        class_at, object_at, part_at = at["classid"], at["objid"], at["objsubid"]
        # The row itself stands in for its attributes where there is none.
        key_of = itemgetter(*(i for i, _ in rest)) if rest else None
        name_at, owner_at = at["name"], at.get("owner")
        acl_at, acl_owner_at = at.get("acl"), at.get("owner", at.get("acl_owner", -1))
        parent_at, parent_kind_at = at.get("parent"), at.get("parent_kind", -1)
        facts: dict[Ref, Fact] = {}
        addresses, exclude, name_of = self.at, self.exclude, self.text.name
        known: dict[Any, dict[str, Value]] = {}
        parents, kind_name, new = self.parents, kind.name, tuple.__new__
        count = 0
        # A fact is frozen: it is made by its slots, in half the time that its own __init__ takes.
        blank = object.__new__
        set_ref, set_attrs, set_parent = (
            vars(Fact)[name].__set__ for name in ("ref", "attrs", "parent")
        )
        # Mostly the parts of one thing come one after another, and have its name before their own.
        beginning, depth = "\0", 0
        whole: tuple[str, ...] = ()
        # This loop runs for every column of every table: it uses no abstraction.
        for row in rows:
            text = row[name_at]
            if '"' in text:
                path = name_of(text)
            elif text.startswith(beginning) and "," not in (own := text[depth:-1]):
                path = (*whole, intern(own))
            else:
                path = tuple(map(intern, text[1:-1].split(",")))
                depth = text.rfind(",") + 1
                beginning, whole = text[:depth] or "\0", path[:-1]
            if path[0] in exclude:
                continue
            ref = new(Ref, (kind_name, path))
            key = key_of(row) if key_of is not None else None
            attrs = known.get(key)
            if attrs is None:
                attrs = known[key] = self._attrs(row, rest, arrays)
            parent: Ref | None
            if parent_at is None:
                parent = kind.parent(path)
                if parent is not None:
                    self.above.append(parent)
            elif row[parent_at] is None:
                parent = None
            else:
                parent = parents.get((row[parent_kind_at], row[parent_at]))
                if parent is None:
                    parent = self._parent(row[parent_kind_at], row[parent_at])
            count += 1
            fact = blank(Fact)
            set_ref(fact, ref)
            set_attrs(fact, attrs)
            set_parent(fact, parent)
            facts[ref] = fact
            addresses[(row[class_at] << 43) + (row[object_at] << 11) + row[part_at] + 8] = ref
            if owner_at is not None:
                owner = row[owner_at]
                if owner is not None and owner != self.nobody:
                    count += 1
                    own = Ref("owner", (kind.name, *path))
                    facts[own] = Fact(own, {"owner": str(owner)}, ref)
            if acl_at is not None and row[acl_at] is not None:
                for grantee, held in self._grants(kind, row[acl_owner_at], row[acl_at]):
                    count += 1
                    grant = Ref("grant", (kind.name, *path, grantee))
                    facts[grant] = Fact(grant, held, ref)
        if len(facts) != count:
            raise Bug(f"two objects of kind {kind.name} have one name")
        return facts

    def _attrs(
        self, row: tuple[Any, ...], rest: list[tuple[int, str]], arrays: set[int]
    ) -> dict[str, Value]:
        attrs: dict[str, Value] = {}
        for i, key in rest:
            value = row[i]
            if value is None or value is False:
                continue
            if i in arrays:
                attrs[key] = _frozen(self.text.array(value))
            elif value.__class__ is str:
                attrs[key] = canonical.expression(value) if "ARRAY[" in value else value
            else:
                attrs[key] = _frozen(value)
        return attrs

    def _parent(self, kind: str, path: str) -> Ref:
        """The reference to a parent: what is below one thing shares it."""
        found = self.parents[kind, path] = Ref(kind, self.text.name(path))
        return found

    def _grants(self, kind: Kind, owner: str, acl: str) -> list[tuple[str, Mapping[str, Value]]]:
        """What each role has whose privileges are not what they are by default."""
        from ringfence.kinds._acl import parse

        key = (kind.name, owner, acl)
        found = self.acls.get(key)
        if found is None:
            found = self.acls[key] = []
            for grantee, held in parse(self.text.array(acl), kind, owner).items():
                privileges, options = ("".join(sorted(letters)) for letters in held.own)
                attrs: dict[str, Value] = {"privileges": privileges}
                if options:
                    attrs["options"] = options
                if held.via:
                    attrs["via"] = tuple(
                        (by, *("".join(sorted(letters)) for letters in held.via[by]))
                        for by in sorted(held.via)
                    )
                found.append((grantee, attrs))
        return found

    def _satellites(self, kind: str, answer: Answer, facts: dict[Ref, Fact]) -> None:
        """Comments, security labels and dependences on extensions, of whatever they are on."""
        for classid, objid, objsubid, provider, text in answer.rows:
            ref = self.at.get(_address(classid, objid, objsubid))
            if ref is None:
                continue
            name = (ref.kind, *ref.name, *([str(provider)] if provider else []))
            on = Ref(kind, name)
            facts[on] = Fact(on, {"text": str(text)} if text else {}, ref)

    def _uses(
        self, facts: Mapping[Ref, Fact], aliases: Answer, depend: Answer
    ) -> Mapping[Ref, frozenset[Ref]]:
        """pg_depend, with each address led to the fact that stands for it."""
        alias: dict[Address, Address] = {
            _address(*row[:3]): _address(*row[3:]) for row in aliases.rows
        }
        at = self.at

        def lead(address: Address) -> Ref | None:
            for _ in range(8):
                ref = at.get(address)
                if ref is not None:
                    return ref
                onward = alias.get(address)
                if onward is None:
                    onward = address - address % 2048 + 8  # the whole of which it is a part
                    if onward == address:
                        return None
                address = onward
            return None

        known = kinds()
        # Most kinds have nothing to say of it: they are not asked for every fact they have.
        told = {n: kind.user for n, kind in known.items() if type(kind).user is not Kind.user}
        found: dict[Ref, set[Ref]] = {}
        for address, on in depend.rows:
            user = at.get(address) or lead(address)
            used = at.get(on) or lead(on)
            if user is None or used is None:
                continue
            if user[0] in told:
                user = told[user[0]](user, used)
            if user == used or user not in facts or used not in facts:
                continue
            if user in found:
                found[user].add(used)
            else:
                found[user] = {used}
        asked = {name: kind for name, kind in known.items() if type(kind).needs is not Kind.needs}
        for ref, fact in facts.items():
            if ref.kind in asked:
                needed = {n for n in asked[ref.kind].needs(fact, facts) if n in facts}
                if needed:
                    found.setdefault(ref, set()).update(needed)
        if self.roles:
            for ref, fact in facts.items():
                named = {Ref("role", (role,)) for role in known[ref.kind].roles(fact)}
                if needed := named & facts.keys():
                    found.setdefault(ref, set()).update(needed)
        tangled = {n for n, kind in known.items() if type(kind).untangle is not Kind.untangle}
        for ref in facts:
            if ref.kind in tangled:
                known[ref.kind].untangle(ref, found)
        return {ref: frozenset(used) for ref, used in found.items()}


def _told(answer: Answer) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """What gives of a row all but the object's number."""
    kept = [i for i, n in enumerate(answer.names) if n not in _ADDRESS]
    return itemgetter(*kept) if len(kept) > 1 else itemgetter(slice(kept[0], kept[0] + 1))


@contextmanager
def _no_garbage() -> Iterator[None]:
    """A hundred thousand small objects are made and none is thrown away: looking for garbage among
    them would take longer than making them."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            # They would be looked through as soon as it is on again. Frozen and thawed they count as
            # old; what somebody froze before must stay so.
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _begun(schema: str) -> Iterator[str]:
    """How an array begins whose first text is the schema, in either way of writing it."""
    escaped = schema.replace("\\", "\\\\").replace('"', '\\"')
    yield from (f"{{{schema},", f"{{{schema}}}", f'{{"{escaped}",', f'{{"{escaped}"}}')


def _sane(facts: dict[Ref, Fact], parents: Iterable[Ref]) -> dict[Ref, Fact]:
    """The facts whose `parents` are there: what hangs on something left out is left out too."""
    while gone := {parent for parent in parents if parent not in facts}:
        lost = {ref for ref, fact in facts.items() if fact.parent in gone}
        if not lost:
            break
        facts = {ref: fact for ref, fact in facts.items() if ref not in lost}
        parents = lost
    return facts


def _address(classid: int, objid: int, objsubid: int) -> Address:
    """As depend.sql has it: the columns of a system catalog, too, have numbers, from -8 on."""
    return (classid << 43) + (objid << 11) + objsubid + 8


def _frozen(value: object) -> Value:
    if isinstance(value, list):
        return tuple(_frozen(v) for v in value)
    if isinstance(value, dict):
        return tuple((str(k), _frozen(v)) for k, v in sorted(value.items()))
    if isinstance(value, (str, int, bool)) or value is None:
        return value
    if isinstance(value, float):
        return str(value)
    raise Bug(f"a catalog query gave {type(value).__name__}")


def _text(name: str) -> str:
    return (files(__package__) / "catalog" / name).read_text(encoding="utf-8")

"""A live database as a `Catalog`: one read-only snapshot, one statement a kind, none per object."""

from __future__ import annotations

import gc
import hashlib
import json
import marshal
import re
from collections import deque
from contextlib import ExitStack, closing, contextmanager
from importlib.resources import files
from itertools import chain, compress, islice, repeat
from operator import add, eq, itemgetter, le
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus

from ringfence.errors import Bug, Misuse
from ringfence.kinds import Kind, kinds, query
from ringfence.model import Catalog, Fact, Lazily, Ref, Unmodeled
from ringfence.pg import canonical
from ringfence.pg.ahead import Query, Reader, Rows, columns
from ringfence.pg.composed import COMPOSED, INDEXED_AS, NEEDED, Composer
from ringfence.pg.connect import server_error
from ringfence.pg.said import Noting

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

    from psycopg import Connection

    from ringfence.model import Value

    Address = int
    """What pg_depend knows a thing by (see `_address`), as one number: there are many."""

_ADDRESS = ("classid", "objid", "objsubid")
_NUMBERS = (*_ADDRESS, "under", "under_part", INDEXED_AS)
_SPECIAL = (
    *_NUMBERS,
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
_PROBE = "probe.sql"
_RELATIONS = "relations.sql"
_WORDS = "words.sql"
_OTHERS = (_RELATIONS, _WORDS, "unmodeled.sql", *_SATELLITES, *_LATE)
_MORE = "more"
_RARE = (
    "collation",
    "not_null_name",
    "not_null_no_inherit",
    "not_null_not_valid",
    "not_null_inherited",
    "generated",
    "expression",
    "storage",
    "compression",
    "statistics",
    "options",
    "fdw_options",
    "inherited",
)
"""What hardly a column has: it comes as one value, for each that there is costs something in each row."""
_FLAGS = ("not_null_no_inherit", "not_null_not_valid", "not_null_inherited", "inherited")
_USUAL = ("name", "acl_owner", "acl", "type", "not_null", "identity", "sequence")
_ONLY = re.compile(r"-- only: (\S+)")
"""Where a query is told which objects it is about, and -- plain: where it leaves nothing to compose."""
_CLASS = 1259
"""pg_class's own number, by which pg_depend knows relations and their columns."""

_FIRST = (_PROBE, _RELATIONS, _WORDS, "constraint", "index", "policy", "view", "trigger", "rule")
_LAST = ("default", "table", "depend.sql", "column")
_SURE = ("constraint", "index", "default", "table", "column")
"""What takes longest. Whichever order it is asked in, the answer is the same: for what is deparsed
the server loads each table, so one connection asks for all of that; the other begins with what has
many rows, which Python then has time for."""

_BUSY = (TransactionStatus.ACTIVE, TransactionStatus.INTRANS, TransactionStatus.INERROR)

_MANY = 200_000
"""Bytes of pg_class from which on a second connection costs less than it saves: those of some 500
tables, indexes and so on beside the system's."""

_BEGIN = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;"
_SETTINGS = (
    "SET LOCAL search_path = pg_catalog; SET LOCAL jit = off; SET LOCAL quote_all_identifiers = off;"
    " SET LOCAL extra_float_digits = 1; SET LOCAL IntervalStyle = postgres;"
    " SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL TimeZone = 'UTC';"
    " SET LOCAL bytea_output = hex; SET LOCAL xmlbinary = base64; SET LOCAL work_mem = '64MB';"
    # The planner knows nothing of the catalogs of a database just made, and would take them for small.
    " SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off"
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
    owner. One that it does name there is told even so. Its default privileges are those of no name. With `roles`, the cluster's roles, their memberships and settings are in it too; passwords
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


class _Shared(dict[tuple[Any, ...], "Mapping[str, Value]"]):
    """The attributes that have these values: made once for all that have the same."""

    def __init__(
        self,
        names: list[tuple[str, bool]],
        make: Callable[[tuple[Any, ...], list[tuple[str, bool]]], Mapping[str, Value]],
    ) -> None:
        super().__init__()
        self._names = names
        self._make = make

    def __missing__(self, values: tuple[Any, ...]) -> Mapping[str, Value]:
        found = self[values] = self._make(values, self._names)
        return found


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
        self.owned = connection.said if isinstance(connection, Noting) else frozenset()
        self.roles = roles
        self.share = share
        self.answers: dict[str, Answer] = {}
        self.late: dict[str, Callable[[], list[tuple[Any, ...]]]] = {}
        """What gives the rows that are looked at when somebody asks what needs what."""
        self.numbered: list[tuple[itemgetter[Any], list[tuple[Any, ...]], list[Ref]]] = []
        """What gives of rows what pg_depend knows things by, the rows, and those things."""
        self.columns: dict[tuple[int, int], Ref] = {}
        """The columns, by the numbers of their relations and their own."""
        self.within: dict[int, Ref] = {}
        """The relations that have parts, by their numbers."""
        self.parents: dict[tuple[str, str], Ref] = {}
        self.above: list[Ref] = []
        """The parents that kinds know without being told."""
        self.acls: dict[tuple[str, str, str], list[tuple[str, Mapping[str, Value]]]] = {}
        self._composes: Composer | None = None
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
            # Copies of one database have their objects' numbers in common, too.
            if self.answers == other.answers:
                return True
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
                and all(map(eq, self._called(one), other._called(two)))
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
        rows = zip(self._called(answer), map(_told(answer), answer.rows), strict=True)
        return {(name, *row) for name, row in rows if name is not None}

    def said(self, name: str) -> list[tuple[Any, ...]]:
        """What hangs on objects, by their names; what hangs on none that is modelled is left out."""
        wanted: dict[tuple[Any, ...], object] = dict.fromkeys(
            row[:3] for row in self.answers[name].rows
        )
        if wanted:
            for kind, answer in sorted(self.answers.items()):
                if kind not in kinds():
                    continue
                address = itemgetter(*(answer.names.index(n) for n in _ADDRESS))
                for row, called in zip(answer.rows, self._called(answer), strict=True):
                    if called is not None and address(row) in wanted:
                        wanted[address(row)] = (kind, called)
        found = ((wanted[row[:3]], *row[3:]) for row in self.answers[name].rows)
        return sorted((row for row in found if row[0] is not None), key=str)

    def _called(self, answer: Answer) -> Iterator[object]:
        """What stands for each object's name, the same for the same one; None for what is left out."""
        at = {name: i for i, name in enumerate(answer.names)}
        name_at, under_at = at.get("name"), at.get("under", -1)
        if "under_part" in at:
            columns, part_at = self._columns(), at["under_part"]
            for row in answer.rows:
                column = columns.get((row[under_at], row[part_at]))
                yield column and (column, name_at and row[name_at])
        elif under_at >= 0:
            within = self._within()
            for row in answer.rows:
                relation = within.get(row[under_at])
                yield relation and (relation, name_at and row[name_at])
        else:
            assert name_at is not None
            starts = tuple(start for e in self.exclude for start in _begun(e))
            for row in answer.rows:
                yield None if row[name_at].startswith(starts) else row[name_at]

    def _within(self) -> dict[int, Ref]:
        """The relations that have parts, by their numbers; what is left out is not among them."""
        if not self.within:
            self._relations(self.answers[_RELATIONS])
        return self.within

    def _relations(self, answer: Answer) -> None:
        for number, kind, schema, name in answer.rows:
            if kind is not None and schema not in self.exclude:
                self.within[number] = Ref(kind, (intern(schema), intern(name)))

    def _columns(self) -> dict[tuple[int, int], tuple[Ref, str]]:
        """The columns' names, by the numbers of their relations and their own."""
        names, rows = self.answers["column"].names, self.answers["column"].rows
        under, part, name = map(names.index, ("under", "objsubid", "name"))
        within = self._within()
        return {
            (row[under], row[part]): (within[row[under]], row[name])
            for row in rows
            if row[under] in within
        }

    def catalog(self) -> Catalog:
        """Everything that is modelled, made of the `rows`, or of what they will be."""
        with _no_garbage():
            return self._catalog()

    def _catalog(self) -> Catalog:
        by_kind: dict[str, dict[Ref, Fact]] = {}
        others: dict[str, Answer] = {}
        # Closed here whatever happens: no query runs when the transaction is ended.
        with closing(self._asked(late=True)) as answers:
            for name, answer in _in_order(answers):
                if name in kinds():
                    by_kind[name] = self._unnamed(kinds()[name], self._read(kinds()[name], answer))
                else:
                    others[name] = answer
                    if name == _RELATIONS:
                        self._relations(answer)
        facts: dict[Ref, Fact] = {}
        for name in sorted(by_kind):
            facts.update(by_kind[name])
        for name, answer in others.items():
            if name in _SATELLITES:
                self._satellites(_SATELLITES[name], answer, facts)
        facts = _sane(facts, chain(self.parents.values(), self.above, self.within.values()))
        uses = Lazily(lambda: self._uses(facts, *(self.late[name]() for name in _LATE)))
        unmodeled = (Unmodeled(*map(str, row)) for row in others["unmodeled.sql"].rows)
        return Catalog(facts, uses, self.version, tuple(unmodeled))

    def _asked(self, *, late: bool) -> Generator[tuple[str, Answer]]:
        """The answers that are here, then those to what was not asked yet."""
        yield from list(self.answers.items())
        needed: dict[str, Answer] = {}
        waiting: list[tuple[str, Answer]] = []
        doubtful: list[tuple[str, Answer, list[int]]] = []
        with closing(self._told_of(late=late)) as answers:
            for name, answer in answers:
                if name in NEEDED:
                    needed[name] = answer
                if name in COMPOSED:
                    waiting.append((name, answer))
                else:
                    yield name, answer
                if waiting and needed.keys() >= NEEDED:
                    composer = self._composer(needed)
                    for of, incomplete in waiting:
                        whole, asked_again = _completed(composer, of, incomplete)
                        if asked_again:
                            doubtful.append((of, whole, asked_again))
                        else:
                            yield of, whole
                    waiting = []
        # Nobody reads any more.
        for name, answer, numbers in doubtful:
            yield name, self._said(name, answer, numbers)

    def _composer(self, needed: Mapping[str, Answer]) -> Composer:
        if self._composes is None:
            names, _, rows = needed["column"]
            words, relations = needed[_WORDS].rows, needed[_RELATIONS].rows
            self._composes = Composer(words, relations, (names, rows))
        return self._composes

    def _said(self, name: str, answer: Answer, numbers: list[int]) -> Answer:
        """The answer, with what is in doubt in it as the server says it."""
        text = self._query(name).text.replace("-- plain:", "AND FALSE")
        text = _ONLY.sub(rf"AND \1 IN ({', '.join(map(str, numbers))})", text)
        result = self.connection.pgconn.exec_params(text.encode(), None)
        if result.status != ExecStatus.TUPLES_OK:
            raise error_from_result(result)
        number, width = itemgetter(answer.names.index("objid")), len(answer.names)
        said = {number(row): row[:width] for row in self.text.of(result)}
        return answer._replace(rows=[said.get(number(row), row) for row in answer.rows])

    def _told_of(self, *, late: bool) -> Generator[tuple[str, Answer]]:
        """The answers to what was not asked yet, as they come."""
        with Reader(self.connection) as reader:
            if self.answers:
                reader.ask([self._query(name) for name in _LATE])
            else:
                self._call_for_help(reader)
                # What takes long is asked while the kinds are imported that tell of the rest.
                sure = (_RELATIONS, _WORDS, *_SURE)
                reader.ask([self._query(name) for name in sure], more=True)
                others = [n for n in _OTHERS if n not in sure and (late or n not in _LATE)]
                probe, probed = self._probe()
                reader.ask([probe, *self._queries(), *map(self._query, others)], more=True)
            for name, result in reader:
                if name == _PROBE:
                    there = self.text.of(result)[0]
                    found = [kind for kind, is_there in zip(probed, there, strict=True) if is_there]
                    reader.ask([self._query(kind.name) for kind in found])
                elif name in _LATE:
                    self.late[name] = self.text.later(result)
                else:
                    yield name, Answer(*columns(result), self.text.of(result))

    def _call_for_help(self, reader: Reader) -> None:
        """A second connection, in the same snapshot, where there is much to read."""
        if not self._alone or self.share:
            return
        row = self.connection.execute(
            "SELECT CASE WHEN pg_catalog.pg_relation_size('pg_catalog.pg_class') > %s"
            " THEN pg_catalog.pg_export_snapshot() END",
            [_MANY],
        ).fetchone()
        if row is not None and row[0] is not None:
            reader.help(str(row[0]), _SETTINGS)

    def _kinds(self) -> Iterator[Kind]:
        """The kinds that can be read."""
        superuser = self.connection.info.parameter_status("is_superuser") == "on"
        for kind in kinds().values():
            if not (kind.skip & {"extract"} or (kind.cluster and not self.roles)) and (
                superuser or not kind.superuser
            ):
                yield kind

    def _probe(self) -> tuple[Query, list[Kind]]:
        """The question that tells of which kinds there are objects at all, and those kinds."""
        probed = [kind for kind in self._kinds() if kind.probe]
        probes = ",\n    ".join(kind.probe for kind in probed)
        return self._query(_PROBE, probes), probed

    def _queries(self) -> list[Query]:
        """What else is asked of the kinds in any case."""
        asked = (kind.name for kind in self._kinds() if not kind.probe)
        return [self._query(name) for name in asked if name not in _SURE]

    def _query(self, name: str, ask: str = "") -> Query:
        """The question of that name, with what is to `ask` put in."""
        if name.endswith(".sql"):
            text = (files(__package__) / "catalog" / name).read_text(encoding="utf-8")
            text = text.replace("-- ask:", ask)
        elif name in _SURE:
            text = query(name, self.version // 10000)
        else:
            text = kinds()[name].query(self.version // 10000)
        if name == "column":
            text = _together(text)
        if name in _FIRST:
            return Query(_FIRST.index(name), name, text)
        return Query(100 + (_LAST.index(name) + 1 if name in _LAST else 0), name, text)

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
            number, rows, refs = self.numbered.pop()
            self.numbered.append((number, rows, [to.get(ref, ref) for ref in refs]))
        return {to.get(r, r): Fact(to.get(r, r), f.attrs, f.parent) for r, f in facts.items()}

    def _read(self, kind: Kind, answer: Answer) -> dict[Ref, Fact]:
        """The facts of one kind, and what hangs on them."""
        names, arrays, rows = answer
        at = {name: names.index(name) for name in _SPECIAL if name in names}
        rest = [(i, n) for i, n in enumerate(names) if n not in at]
        for name in (n for _, n in rest):
            if name not in kind.attributes and name != _MORE:
                raise Bug(f"kind {kind.name} reads {name} and does not say how it changes")
        class_at, object_at, part_at = at["classid"], at["objid"], at["objsubid"]
        place = itemgetter(object_at, part_at)
        if kind.placed:
            places = list(map(place, rows))
            if not all(map(le, places, islice(places, 1, None))):  # mostly they come in order
                rows = sorted(rows, key=place)
        rows, paths, parents = (
            self._parts(at, arrays, rows) if "under" in at else self._wholes(kind, at, rows)
        )
        # There is a row for every column of every table: each pass over them is one in C, or nearly.
        refs: list[Ref] = list(map(tuple.__new__, repeat(Ref), zip(repeat(kind.name), paths)))
        facts = _facts(refs, self._shared(rows, rest, arrays), parents)
        self.numbered.append((itemgetter(class_at, object_at, part_at), rows, refs))
        if kind.name == "column":
            self.columns = dict(zip(map(place, rows), refs, strict=True))
        count = len(refs)
        if (owner_at := at.get("owner")) is not None:
            for row, ref in zip(rows, refs, strict=True):
                owner = row[owner_at]
                by_name = owner != self.nobody or (row[class_at], row[object_at]) in self.owned
                if owner is not None and by_name:
                    count += 1
                    own = Ref("owner", (kind.name, *ref.name))
                    facts[own] = Fact(own, {"owner": str(owner)}, ref)
        if (acl_at := at.get("acl")) is not None:
            acl_owner_at = at.get("owner", at.get("acl_owner", -1))
            for row, ref in zip(rows, refs, strict=True):
                if row[acl_at] is not None:
                    for grantee, held in self._grants(kind, row[acl_owner_at], row[acl_at]):
                        count += 1
                        grant = Ref("grant", (kind.name, *ref.name, grantee))
                        facts[grant] = Fact(grant, held, ref)
        if len(facts) != count:
            raise Bug(f"two objects of kind {kind.name} have one name")
        return facts

    def _parts(
        self, at: Mapping[str, int], arrays: set[int], rows: list[tuple[Any, ...]]
    ) -> tuple[list[tuple[Any, ...]], list[tuple[str, ...]], list[Ref | None]]:
        """The rows of what is part of a relation, with names and parents: a part's own name is below
        its relation's, but for one that is said whole; what belongs to a column has its name."""
        above: list[Ref | None]
        under_at, name_at = at["under"], at.get("name")
        if "under_part" in at:
            columns = map(itemgetter(under_at, at["under_part"]), rows)
            above = list(map(self.columns.get, columns))
        else:
            above = list(map(self.within.get, map(itemgetter(under_at), rows)))
        if not all(above):
            rows = [row for row, ref in zip(rows, above, strict=True) if ref]
            above = [ref for ref in above if ref]
        if name_at is None:
            return rows, [ref[1] for ref in above if ref], above
        names = map(itemgetter(name_at), rows)
        if name_at in arrays:
            return rows, list(map(self.text.name, names)), above
        whole: list[tuple[str, ...]] = [ref[1] for ref in above if ref]
        return rows, list(map(add, whole, zip(map(intern, names)))), above

    def _wholes(
        self, kind: Kind, at: Mapping[str, int], rows: list[tuple[Any, ...]]
    ) -> tuple[list[tuple[Any, ...]], list[tuple[str, ...]], list[Ref | None]]:
        """The rows of what is named in full, with names and parents."""
        paths = list(map(self.text.name, map(itemgetter(at["name"]), rows)))
        if any(path[0] in self.exclude for path in paths):
            chosen = [path[0] not in self.exclude for path in paths]
            rows, paths = list(compress(rows, chosen)), list(compress(paths, chosen))
        above: list[Ref | None]
        if "parent" not in at:
            above = list(map(kind.parent, paths))
            self.above += filter(None, above)
        else:
            told = map(itemgetter(at["parent_kind"], at["parent"]), rows)
            above = [path and self._parent(name, path) for name, path in told]
        return rows, paths, above

    def _shared(
        self, rows: list[tuple[Any, ...]], rest: list[tuple[int, str]], arrays: set[int]
    ) -> list[Mapping[str, Value]]:
        """The attributes in each row: what has the same shares them."""
        if not rest:
            return [{}] * len(rows)
        first, last = rest[0][0], rest[-1][0] + 1
        together = last - first == len(rest)  # mostly: a slice is taken out in no time
        at = [slice(first, last)] if together else [i for i, _ in rest]
        values = map(itemgetter(*at), rows)
        known = _Shared([(name, i in arrays) for i, name in rest], self._attrs)
        return list(map(known.__getitem__, values))

    def _attrs(self, values: tuple[Any, ...], names: list[tuple[str, bool]]) -> dict[str, Value]:
        attrs: dict[str, Value] = {}
        for value, (key, is_array) in zip(values, names, strict=True):
            if value is None or value is False:
                continue
            if key == _MORE:
                more = json.loads(value)
                attrs.update(self._attrs(tuple(more.values()), [(name, False) for name in more]))
            elif is_array:
                attrs[key] = self.text.value(value)
            elif value.__class__ is str:
                attrs[key] = canonical.expression(value) if "ARRAY[" in value else value
            else:
                attrs[key] = _frozen(value)
        return attrs

    def _parent(self, kind: str, path: str) -> Ref:
        """The reference to a parent: what is below one thing shares it."""
        found = self.parents.get((kind, path))
        if found is None:
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
                found.append((grantee, held.attrs()))
        return found

    def _satellites(self, kind: str, answer: Answer, facts: dict[Ref, Fact]) -> None:
        """Comments, security labels and dependences on extensions, of whatever they are on."""
        at = self._refs(row[:3] for row in answer.rows)
        for classid, objid, objsubid, provider, text in answer.rows:
            ref = at.get((classid, objid, objsubid))
            if ref is None:
                continue
            name = (ref.kind, *ref.name, *([str(provider)] if provider else []))
            on = Ref(kind, name)
            facts[on] = Fact(on, {"text": str(text)} if text else {}, ref)

    def _refs(self, wanted: Iterable[tuple[int, int, int]]) -> dict[tuple[int, int, int], Ref]:
        """What those are that pg_depend knows by these numbers, where it is modelled."""
        numbers = set(wanted)
        kinds = {(classid, part > 0) for classid, _, part in numbers}
        found: dict[tuple[int, int, int], Ref] = {}
        for number, rows, refs in self.numbered:
            if rows and (number(rows[0])[0], number(rows[0])[2] > 0) in kinds:
                at = dict(zip(map(number, rows), refs, strict=True))
                found.update((n, at[n]) for n in numbers & at.keys())
        return found

    def _uses(
        self,
        facts: Mapping[Ref, Fact],
        aliases: Iterable[tuple[Address, Address]],
        depend: Iterable[tuple[Address, Address]],
    ) -> Mapping[Ref, frozenset[Ref]]:
        """pg_depend, with each address led to the fact that stands for it."""
        alias: dict[Address, Address] = dict(aliases)
        at: dict[Address, Ref] = {}
        while self.numbered:
            number, rows, refs = self.numbered.pop()
            at.update(zip([_address(*n) for n in map(number, rows)], refs, strict=True))

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
        for address, on in depend:
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


def _facts(
    refs: list[Ref], attrs: list[Mapping[str, Value]], parents: list[Ref | None]
) -> dict[Ref, Fact]:
    """The facts, by what they are of. They are frozen: each is made by its slots, in a third of the
    time that its own __init__ takes."""
    facts: list[Fact] = list(map(object.__new__, repeat(Fact, len(refs))))
    for name, values in (("ref", refs), ("attrs", attrs), ("parent", parents)):
        deque(map(vars(Fact)[name].__set__, facts, values), maxlen=0)
    return dict(zip(refs, facts, strict=True))


def _completed(composer: Composer, name: str, answer: Answer) -> tuple[Answer, list[int]]:
    """The answer with its definitions, and the numbers of those that are in doubt."""
    names, rows, doubtful = composer.complete(name, answer.names, answer.rows)
    return Answer(names, {i for i in answer.arrays if i < len(names)}, rows), doubtful


def _together(text: str) -> str:
    """The question for columns, with what is rare in one value."""
    rare = [name for name in _RARE if f" AS {name}" in text]
    there = " OR ".join(f"z.{name}" if name in _FLAGS else f"z.{name} IS NOT NULL" for name in rare)
    told = ", ".join(f"'{name}', z.{name}" for name in rare)
    shown = ", ".join(f"z.{name}" for name in (*_ADDRESS, "under", *_USUAL))
    more = f"CASE WHEN {there} THEN json_build_object({told})::TEXT END AS {_MORE}"
    return f"SELECT {shown}, {more}, z.{INDEXED_AS} FROM ({text.rstrip().removesuffix(';')}) AS z"  # noqa: S608 - of a file of ours


def _in_order(answers: Iterable[tuple[str, Answer]]) -> Iterator[tuple[str, Answer]]:
    """The answers, but for those that need others: of parts, what they are parts of comes first."""
    waiting: list[tuple[str, Answer, str]] = []
    come: set[str] = set()
    for name, answer in answers:
        needs = "column" if "under_part" in answer.names else "under" in answer.names and _RELATIONS
        waiting.append((name, answer, needs or ""))
        while ready := [w for w in waiting if not w[2] or w[2] in come]:
            waiting = [w for w in waiting if w not in ready]
            for each in ready:
                yield each[:2]
                come.add(each[0])


def _told(answer: Answer) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """What gives of a row all but the object's number."""
    kept = [i for i, n in enumerate(answer.names) if n not in _NUMBERS]
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

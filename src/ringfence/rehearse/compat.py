"""Whether those who knew the schema before can still read and write: tried, not deduced.

Before a change, every relation's columns, every function's arguments and one row of every table are
kept, and who may use what. After it, each relation is read by the columns it had, each function is
looked up by the arguments it had, and the row is written again: whole, with what has to be given, and
with NULL for what may be left out, as far as that worked before. So is a row updated, and deleted.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ringfence.model import Ref, quoted
from ringfence.rehearse import afar, alter, asroles
from ringfence.rehearse.asks import Asks, asks
from ringfence.rehearse.demands import Demand, demands
from ringfence.rehearse.guards import Guards, guards, superusers
from ringfence.rehearse.interim import without
from ringfence.rehearse.promises import Lost, Promises, lost, promises
from ringfence.rehearse.shut import Shut, shut
from ringfence.rehearse.stored import Overwritten, fired, overwritten

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Hashable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from psycopg import Connection

_KINDS = {
    "r": "table", "p": "table", "v": "view", "m": "materialized_view", "f": "foreign_table",
    "S": "sequence",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column as somebody may have named it. `required`: it may not be NULL; `filled`: it has a
    default, or numbers itself."""

    name: str
    type: str
    writable: bool
    required: bool = False
    filled: bool = False
    number: int = 0
    default: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """A way to write a row: which columns are given (`whole`, `short`, `nulls`), or that one which is
    there is changed (`update`, `delete`); and whether triggers, foreign keys among them, have their say.
    """

    given: str
    triggers: bool

    @property
    def verb(self) -> str:
        """What it is to PostgreSQL."""
        return _VERBS.get(self.given, "INSERT")


_VERBS = {"update": "UPDATE", "delete": "DELETE"}


@dataclass(frozen=True, slots=True)
class Known:
    """A relation as it was: its columns, and a row of it as texts where it had one.

    `works` are the ways in which that row could be written, `reads` whether it could be read: a
    materialized view without data cannot. `afar`: it leads to another server, and is not read.
    `checks`: it is a view with a CHECK OPTION.
    """

    schema: str
    name: str
    kind: str
    columns: tuple[Column, ...]
    row: tuple[str | None, ...] | None = None
    works: tuple[Way, ...] = ()
    reads: bool = True
    oid: int = 0
    afar: bool = False
    unlogged: bool = False
    checks: bool = False

    @property
    def ref(self) -> Ref:
        """What findings call it."""
        return Ref(_KINDS[self.kind], (self.schema, self.name))

    def given(self, form: str) -> dict[str, str | None]:
        """The columns that a way of writing gives, and their values."""
        writable = [c for c in self.columns if c.writable]
        assert self.row is not None
        values = dict(zip((c.name for c in writable), self.row, strict=True))
        if form == "short":
            return {c.name: values[c.name] for c in writable if c.required and not c.filled}
        if form == "nulls":
            return {c.name: values[c.name] if c.required else None for c in writable}
        return values

    @property
    def empty(self) -> bool:
        """Whether it is a table, and had no row that could be written again."""
        writable = any(c.writable for c in self.columns)
        return self.kind in "rp" and self.row is None and writable and not self.afar


@dataclass(frozen=True, slots=True)
class Routine:
    """A function or procedure as it was. `works`: the ways, by name or not, it could be called in;
    `given`: what a CALL gives; `steady`: it says of itself that it changes nothing."""

    schema: str
    name: str
    kind: str
    language: str
    arguments: tuple[str, ...]
    names: tuple[str, ...]
    result: str
    body: str
    is_trigger: bool
    given: tuple[str, ...] = ()
    works: tuple[bool, ...] = ()
    oid: int = 0
    steady: bool = False
    definition: str = ""

    @property
    def ref(self) -> Ref:
        """What findings call it."""
        return Ref("routine", (self.schema, self.name, f"({', '.join(self.arguments)})"))


@dataclass(frozen=True, slots=True)
class World:
    """What readers and writers know of a database."""

    relations: tuple[Known, ...]
    routines: tuple[Routine, ...]
    rights: frozenset[Right] = frozenset()
    sequences: frozenset[tuple[Ref, int]] = frozenset()
    promises: Promises = field(default_factory=Promises)
    shut: frozenset[Shut] = frozenset()
    asks: Asks = field(default_factory=Asks)
    demands: tuple[Demand, ...] = field(default=(), hash=False)
    overwritten: frozenset[Overwritten] = frozenset()
    fired: frozenset[tuple[object, ...]] = field(default=frozenset(), hash=False)
    as_roles: asroles.Tried | None = field(default=None, hash=False)
    below: Mapping[int, frozenset[int]] = field(default_factory=dict, hash=False)
    """The partitions and heirs of each table that has some, by OID."""
    guards: Guards = field(default_factory=Guards, hash=False)


PUBLIC = "PUBLIC"
"""Whoever has no role that is known here."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """What a role may do with a relation, a sequence or a routine; with which columns, where not all.

    `owned` is the OID of what is the role's own.
    """

    schema: str
    name: str
    kind: str
    role: str
    right: str
    columns: tuple[str, ...] | None = None
    arguments: str = ""
    owned: int | None = None

    @property
    def called(self) -> Hashable:
        """What it may do it with as those say who do: a view goes by a name as a table does."""
        return (self.schema, self.name) if self.kind in "rpvm" else self.ref

    @property
    def ref(self) -> Ref:
        """What it may do it with."""
        if self.kind == "f":
            return Ref("routine", (self.schema, self.name, f"({self.arguments})"))
        return Ref(_KINDS[self.kind], (self.schema, self.name))


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that worked before and does not now. `verb`: what does not, SELECT for a call too.

    `doubt` is what somebody has to look at before it is known to be broken; "" where it is. `likely`
    is the same of what somebody may well do. `sure`: it is broken whatever is written.
    """

    ref: Ref
    verb: str
    message: str
    sqlstate: str = ""
    doubt: str = ""
    likely: str = ""
    sure: bool = False
    constraint: str = ""

    @property
    def writes(self) -> bool:
        """Whether it is so for writers, else for readers."""
        return self.verb != "SELECT"

    @property
    def key(self) -> tuple[Ref, str]:
        """What it is the same by, whatever is said of it."""
        return self.ref, self.verb


def _query(name: str) -> str:
    return (files("ringfence.rehearse") / name).read_text(encoding="utf-8")


def world(
    connection: Connection[tuple[object, ...]],
    hidden: Sequence[str],
    *,
    before: World | None = None,
    interim: Collection[Ref] = (),
) -> World:
    """What there is to know now, but for the schemas in `hidden` and columns that are `interim`.

    What works is found out by doing it, or only what is done with the rows that were known `before`;
    nothing is left behind. The connection is a superuser's.
    """
    trying = before is None
    columns: dict[tuple[int, str, str, str, bool, bool], list[Column]] = {}
    listed: list[tuple[Any, ...]] = connection.execute(_query("columns.sql")).fetchall()
    for oid, schema, name, kind, *column, unlogged, checks in listed:
        if schema not in hidden and Ref("column", (schema, name, column[0])) not in interim:
            key = (oid, schema, name, kind, unlogged, checks)
            columns.setdefault(key, []).append(Column(*column))
    rows: list[tuple[Any, ...]] = connection.execute(_query("routines.sql")).fetchall()
    routines = [
        Routine(
            schema,
            name,
            kind,
            language,
            tuple(args),
            tuple(names or ()),
            result,
            body,
            trigger,
            tuple(given),
            oid=oid,
            steady=steady,
            definition=definition,
        )
        for oid, schema, name, kind, language, args, names, result, body, trigger, given, steady, definition in rows
        if schema not in hidden
    ]
    found: list[tuple[Any, ...]] = connection.execute(_query("rights.sql")).fetchall()
    rights = frozenset(
        Right(schema, name, kind, role, right, columns and tuple(columns), arguments, owned)
        for schema, name, kind, role, right, columns, arguments, owned in found
        if schema not in hidden
    )
    abroad = afar.names(connection)
    relations = [
        Known(
            schema,
            name,
            kind,
            tuple(its),
            _row(connection, schema, name, kind, its)
            if trying and (schema, name) not in abroad
            else None,
            oid=oid,
            afar=(schema, name) in abroad,
            unlogged=unlogged,
            checks=checks,
        )
        for (oid, schema, name, kind, unlogged, checks), its in columns.items()
    ]
    if trying:
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL session_replication_role = replica")
            relations = [
                replace(
                    each,
                    works=_ways(connection, each),
                    reads=_attempt(connection, *_select(each)) is None,
                )
                for each in relations
            ]
            routines = [
                replace(
                    each,
                    works=tuple(w for w in (False, True) if _call(connection, each, w) is None),
                )
                for each in routines
            ]
    sequences = frozenset(
        (Ref("sequence", (str(schema), str(name))), int(str(oid)))
        for schema, name, oid in connection.execute(_SEQUENCES).fetchall()
    )
    fires = fired(connection)
    if before is None or fires != before.fired or _bodies(routines) != _bodies(before.routines):
        stores = overwritten(connection, relations if before is None else before.relations)
    else:
        stores = before.overwritten
    return World(
        tuple(relations),
        tuple(routines),
        rights,
        sequences,
        without(promises(connection, hidden), interim),
        shut(connection, [right for right in rights if right.role != PUBLIC]),
        asks(connection, hidden),
        demands(connection),
        stores,
        fires,
        asroles.tried(
            connection,
            relations if before is None else before.relations,
            rights if before is None else before.rights,
        ),
        _below(connection),
        guards(connection, hidden),
    )


def _bodies(routines: Iterable[Routine]) -> set[tuple[Ref, str]]:
    return {(routine.ref, routine.definition or routine.body) for routine in routines}


def _below(connection: Connection[tuple[object, ...]]) -> dict[int, frozenset[int]]:
    found: list[tuple[Any, ...]] = connection.execute(_query("below.sql")).fetchall()
    return {whole: frozenset(parts) for whole, parts in found}


_SEQUENCES = """
    SELECT n.nspname, c.relname, c.oid::bigint FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid WHERE c.relkind = 'S'
"""


def _ways(connection: Connection[tuple[object, ...]], relation: Known) -> tuple[Way, ...]:
    """The ways in which a relation's row can be written now; with triggers, where that works."""
    found: list[Way] = []
    if relation.afar:
        return ()
    if relation.kind == "v":
        through = (Way(form, triggers=False) for form in ("whole", *_VERBS))
        return tuple(way for way in through if _through(connection, relation, way) is None)
    if relation.row is None:
        return ()
    with _alone(connection, relation) as refused:
        for given in _FORMS if refused is None else ():
            if given == "whole" or relation.given(given) != relation.given("whole"):
                both = (Way(given, triggers=True), Way(given, triggers=False))
                found += [w for w in both if _write(connection, relation, w) is None][:1]
    for given in _VERBS:
        both = (Way(given, triggers=True), Way(given, triggers=False))
        found += [w for w in both if _change(connection, relation, w) is None][:1]
    return tuple(found)


@contextmanager
def _alone(
    connection: Connection[tuple[object, ...]], relation: Known
) -> Iterator[psycopg.Error | None]:
    """A relation without its rows, which no row that is written can collide with; or why it keeps them."""
    table = sql.Identifier(relation.schema, relation.name)
    with connection.transaction(force_rollback=True):
        error = _attempt(connection, alter.delete(table, every=True))
        if error is None or _is_view(connection, relation):
            yield None
        else:  # who may not delete may insert all the same
            yield _attempt(connection, sql.SQL("TRUNCATE {} CASCADE").format(table))


_NULL = "23502"
_MADE_UP = {"23503", "23514", "23P01"}
"""What is said of a value: that no such row is referred to, that a check does not hold, that two collide."""

_NO_VALUE = "22"
"""How the states begin of what is said of a value that is none of its type, is too long or too large."""

_FORMS = ("whole", "short", "nulls")


def _row(
    connection: Connection[tuple[object, ...]],
    schema: str,
    name: str,
    kind: str,
    columns: Sequence[Column],
) -> tuple[str | None, ...] | None:
    if kind not in "rp":
        return None
    writable = [sql.SQL("{}::text").format(sql.Identifier(c.name)) for c in columns if c.writable]
    if not writable:
        return None
    found = connection.execute(
        sql.SQL("SELECT {} FROM {} LIMIT 1").format(
            sql.SQL(", ").join(writable), sql.Identifier(schema, name)
        )
    ).fetchone()
    return None if found is None else tuple(None if v is None else str(v) for v in found)


@dataclass
class Trial:
    """How much was tried, and what does not work any more."""

    reads: int = 0
    writes: int = 0
    calls: int = 0
    broken: list[Broken] = field(default_factory=list)


def tried(connection: Connection[tuple[object, ...]], before: World) -> Trial:
    """Do what worked before. Nothing is left behind. The connection is a superuser's."""
    trial = Trial()
    if _all_well(connection, before):
        trial.reads = sum(each.reads for each in before.relations)
        trial.writes = sum(map(_written, before.relations))
        trial.calls = len(before.routines)
        return trial
    with connection.transaction(force_rollback=True):
        # Triggers and keys have their say only where the row was written with them before.
        connection.execute(_ASIDE)
        abroad = afar.names(connection)
        # Views last: what a table refuses is told of that.
        for relation in sorted(before.relations, key=lambda each: each.kind == "v"):
            if not relation.reads:
                continue
            trial.reads += 1
            away = (relation.schema, relation.name) in abroad
            error = _attempt(connection, *_select(replace(relation, afar=away)))
            if error is not None:
                trial.broken.append(_no(relation.ref, error, "SELECT"))
                continue
            if away:
                continue
            trial.writes += _written(relation)
            told = {each.message for each in trial.broken} if relation.kind == "v" else set()
            no = (each for each in _unwritable(connection, relation) if each.message not in told)
            trial.broken.extend(no)
    for routine in before.routines:
        trial.calls += 1
        trial.broken.extend(_called(connection, routine))
    return trial


def _written(relation: Known) -> bool:
    """Whether a row of it is written again."""
    return relation.reads and relation.row is not None and bool(relation.works)


def _unwritable(connection: Connection[tuple[object, ...]], relation: Known) -> Iterator[Broken]:
    """What cannot be done to a relation's rows any more: each verb once, and each reason."""
    told: set[str] = set()
    if relation.kind == "v":
        for way in relation.works:
            error = _through(connection, relation, way)
            if error is not None and (no := _no(relation.ref, error, way.verb)).message not in told:
                told.add(no.message)
                yield replace(no, likely=_WRITTEN_THROUGH)
        return
    inserts = [way for way in relation.works if way.verb == "INSERT"]
    with _alone(connection, relation) if inserts else nullcontext() as refused:
        for way in inserts:
            no_ = _refused(connection, relation, way, _write, refused)
            if no_ is not None:
                told.add(no_.message)
                yield no_
                break
    for way in relation.works:
        if way.verb != "INSERT":
            no_ = _refused(connection, relation, way, _change)
            if no_ is not None and no_.message not in told:
                told.add(no_.message)
                yield no_


def _refused(
    connection: Connection[tuple[object, ...]],
    relation: Known,
    way: Way,
    write: Callable[[Connection[tuple[object, ...]], Known, Way], psycopg.Error | None],
    refused: psycopg.Error | None = None,
) -> Broken | None:
    """What is said against a way of writing; where columns take no value any more, without those."""
    error = refused or write(connection, relation, way)
    if error is None:
        return None
    rest = _rest(connection, relation, way, error)
    if rest is None:
        return _no(relation.ref, error, way.verb, way, relation)
    if (worse := write(connection, rest, way)) is not None:
        return _no(relation.ref, worse, way.verb, way, rest)
    if way.verb == "UPDATE":
        return None  # whoever inserts is told the same
    return replace(_no(relation.ref, error, way.verb, way, relation), likely=_GIVEN)


_WRITTEN_THROUGH = (
    "look whether somebody writes by way of the view: an INSTEAD OF trigger lets them"
)


_ASIDE = "SET LOCAL session_replication_role = replica; SET LOCAL track_counts = off"
"""What is tried is none of what the statement that is looked at reads and writes."""


def _all_well(connection: Connection[tuple[object, ...]], before: World) -> bool:
    """Whether all of it works, done at one go: what does not is found out one by one."""
    try:
        with connection.transaction(force_rollback=True):
            text, writing = _at_one_go(before)
            done = connection.execute(text)
            for number in count():
                if number in writing and done.rowcount == 0:
                    return False  # what is written is not there afterwards
                if not done.nextset():
                    break
            for routine in before.routines:
                if routine.kind == "p" and routine.works:
                    _parse(connection, _calling(routine, False))
    except psycopg.Error:
        return False
    return True


@lru_cache(maxsize=8)
def _at_one_go(before: World) -> tuple[bytes, frozenset[int]]:
    """Everything that worked, as one text of many statements, and the numbers of those that write a row.

    What is inserted comes to a table that is empty.
    """
    parts: list[sql.Composable] = list(map(sql.SQL, _ASIDE.split("; ")))
    writing = set()
    for relation in before.relations:
        if not relation.reads:
            continue
        parts += _select(relation)
        table = sql.Identifier(relation.schema, relation.name)
        columns = [c.name for c in relation.columns if c.writable]
        if relation.kind == "v":
            parts += [alter.through(table, way.given, columns) for way in relation.works]
            continue
        for emptied in (True, False):
            ways = [way for way in relation.works if (way.verb == "INSERT") is emptied]
            if not ways:
                continue
            parts.append(sql.SQL("SAVEPOINT a"))
            if emptied:
                parts.append(alter.delete(table, every=True))
            for way in ways:
                parts.append(sql.SQL("SAVEPOINT b"))
                if way.verb == "DELETE":
                    parts.append(alter.unreferenced(table))
                role = sql.SQL("origin" if way.triggers else "replica")
                parts.append(sql.SQL("SET LOCAL session_replication_role = {}").format(role))
                writing.add(len(parts))
                parts += [_writing(relation, way), sql.SQL("ROLLBACK TO SAVEPOINT b")]
            parts += [sql.SQL("ROLLBACK TO SAVEPOINT a"), sql.SQL("RELEASE SAVEPOINT a")]
    functions = (routine for routine in before.routines if routine.kind != "p")
    parts += [_calling(routine, named) for routine in functions for named in routine.works]
    return sql.SQL(";\n").join(parts).as_bytes(None), frozenset(writing)


def part(before: World, relations: Collection[str] | None, broken: Collection[Ref]) -> World:
    """Of what was known only these relations, by name, or all; not what is known to be broken.

    Nobody writes by way of its views: whether that is for a table that is broken is not to be seen.
    """
    return replace(
        before,
        relations=tuple(
            replace(each, works=()) if each.kind == "v" else each
            for each in before.relations
            if each.ref not in broken and (relations is None or each.ref.path in relations)
        ),
        routines=tuple(each for each in before.routines if each.ref not in broken),
    )


def _no(
    ref: Ref,
    error: psycopg.Error,
    verb: str,
    way: Way | None = None,
    known: Known | None = None,
) -> Broken:
    said, state = error.diag, error.sqlstate or ""
    doubt = ""
    if state == _NULL and way is not None and known is not None and way.given != "whole":
        optional = {c.name for c in known.columns if not c.required} | {None}
        if said.column_name in optional:
            doubt = "it could be NULL before: look whether somebody leaves it out"
    elif (state in _MADE_UP and said.constraint_name) or state[:2] == _NO_VALUE:
        doubt = "the value was made up: look whether somebody writes such"
    refuses = said.constraint_name or ""
    return Broken(ref, verb, said.message_primary or str(error), state, doubt, constraint=refuses)


def _attempt(
    connection: Connection[tuple[object, ...]], *queries: sql.Composed
) -> psycopg.Error | None:
    try:
        with connection.transaction():
            for query in queries:
                connection.execute(query)
    except psycopg.Error as error:
        return error
    return None


def _select(relation: Known) -> list[sql.Composed]:
    """Reading a relation by the columns that it had; of what leads to another server, its names."""
    columns = sql.SQL(", ").join(sql.Identifier(c.name) for c in relation.columns)
    query = sql.SQL("SELECT {} FROM {} LIMIT 0").format(
        columns, sql.Identifier(relation.schema, relation.name)
    )
    if not relation.afar:
        return [query]
    return [sql.SQL("PREPARE afar AS {}").format(query), sql.Composed([sql.SQL("DEALLOCATE afar")])]


class _Vanished(psycopg.Error):
    """A row that was written is not there."""


def _write(
    connection: Connection[tuple[object, ...]], relation: Known, way: Way
) -> psycopg.Error | None:
    table = sql.Identifier(relation.schema, relation.name)
    given = relation.given(way.given)
    try:
        with connection.transaction(force_rollback=True):
            if way.triggers:
                connection.execute("SET LOCAL session_replication_role = origin")
            done = connection.execute(alter.insert(table, given))
            if done.rowcount == 0:
                return _Vanished("what is written is not there afterwards")
    except psycopg.errors.UniqueViolation as error:
        return None if _is_view(connection, relation) else error  # it may have kept its rows
    except psycopg.Error as error:
        return error
    return None


def _writing(relation: Known, way: Way, *, every: bool = False) -> sql.Composed:
    """The statement that a way is; one that changes rows changes one of them, or `every` one."""
    table = sql.Identifier(relation.schema, relation.name)
    if way.verb == "DELETE":
        return alter.delete(table, every=every)
    if way.verb == "UPDATE":
        columns = [c.name for c in relation.columns if c.writable]
        return alter.update(table, columns, every=every)
    return alter.insert(table, relation.given(way.given))


def _change(
    connection: Connection[tuple[object, ...]], relation: Known, way: Way
) -> psycopg.Error | None:
    """What is said against changing a row of a relation. Where none is left, nothing is."""
    table = sql.Identifier(relation.schema, relation.name)
    view = _is_view(connection, relation)
    try:
        with connection.transaction(force_rollback=True):
            if view:
                # What took a table's name has no place of a row to go by: one is written first.
                row = alter.insert(table, relation.given("whole"))
                _attempt(connection, alter.delete(table, every=True), row)
            elif way.given == "delete":
                connection.execute(alter.unreferenced(table))
            if way.triggers:
                connection.execute("SET LOCAL session_replication_role = origin")
            done = connection.execute(_writing(relation, way, every=view))
            if done.rowcount == 0 and _any(connection, table):
                return _Vanished(f"{way.verb} does nothing")
    except psycopg.errors.ForeignKeyViolation as error:
        return None if view else error  # what refers to the row is not known here
    except psycopg.Error as error:
        return error
    return None


def _is_view(connection: Connection[tuple[object, ...]], relation: Known) -> bool:
    name = sql.Identifier(relation.schema, relation.name).as_string(None)
    found = connection.execute(
        "SELECT FROM pg_class WHERE oid = to_regclass(%s) AND relkind = 'v'", [name]
    )
    return found.rowcount > 0


def _any(connection: Connection[tuple[object, ...]], table: sql.Identifier) -> bool:
    return connection.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(table)).rowcount > 0


def _through(
    connection: Connection[tuple[object, ...]], relation: Known, way: Way
) -> psycopg.Error | None:
    """What is said against writing by way of a view."""
    columns = [c.name for c in relation.columns if c.writable]
    if not columns:
        return psycopg.NotSupportedError("nobody writes it")
    view = sql.Identifier(relation.schema, relation.name)
    return _attempt(connection, alter.through(view, way.given, columns))


_GIVEN = (
    "who leaves the column out can write: look whether somebody gives it, as with GENERATED BY"
    " DEFAULT one may"
)


def _rest(
    connection: Connection[tuple[object, ...]], relation: Known, way: Way, error: psycopg.Error
) -> Known | None:
    """A relation as those write it who leave out what takes no value from anybody now.

    What they gave else they still give: what else a default would be, nobody has tried.
    """
    given = relation.given(way.given)
    if not isinstance(error, psycopg.errors.GeneratedAlways):
        return None
    always = {
        str(name) for (name,) in connection.execute(_ALWAYS, [relation.schema, relation.name])
    }
    filled = {c.name for c in relation.columns if c.filled} & always
    if not filled & set(given):
        return None
    return replace(
        relation,
        columns=tuple(
            replace(c, writable=c.writable and c.name not in filled) for c in relation.columns
        ),
        row=tuple(v for c, v in relation.given("whole").items() if c not in filled),
    )


_ALWAYS = """
    SELECT a.attname FROM pg_attribute AS a
    INNER JOIN pg_class AS c ON a.attrelid = c.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE n.nspname = %s AND c.relname = %s AND (a.attidentity = 'a' OR a.attgenerated <> '')
"""


def _called(connection: Connection[tuple[object, ...]], routine: Routine) -> Iterator[Broken]:
    """Look a routine up as a call would, by the names of its arguments too, where that worked."""
    for named in routine.works:
        error = _call(connection, routine, named)
        if error is not None:
            yield _no(routine.ref, error, "SELECT")
            return


def _call(
    connection: Connection[tuple[object, ...]], routine: Routine, named: bool
) -> psycopg.Error | None:
    """What is said against a call of a routine; nothing is called. A body in SQL is looked into."""
    if routine.is_trigger or (named and (routine.kind == "p" or not all(routine.names or [""]))):
        return psycopg.NotSupportedError("nobody calls it so")
    if routine.kind != "p":
        return _attempt(connection, _calling(routine, named))
    try:
        with connection.transaction():
            _parse(connection, _calling(routine, named))
    except psycopg.Error as error:
        return error
    return None


def _parse(connection: Connection[tuple[object, ...]], query: sql.Composed) -> None:
    """Let the server look up what a statement names, and not run it."""
    said = connection.pgconn.prepare(b"", query.as_bytes(connection))
    if said.status == psycopg.pq.ExecStatus.FATAL_ERROR:
        raise psycopg.errors.error_from_result(said, connection.info.encoding)


def _calling(routine: Routine, named: bool) -> sql.Composed:
    name = sql.Identifier(routine.schema, routine.name)
    if routine.kind == "p":
        given = sql.SQL(", ").join([sql.SQL(each) for each in routine.given])
        return sql.SQL("CALL {}({})").format(name, given)
    nulls = [sql.SQL("NULL::{}").format(sql.SQL(type_)) for type_ in routine.arguments]
    if named:
        nulls = [
            sql.SQL("{} => {}").format(sql.Identifier(argument), null)
            for argument, null in zip(routine.names, nulls, strict=True)
        ]
    return sql.SQL("SELECT {}({}) WHERE false").format(name, sql.SQL(", ").join(nulls))


def returned(before: World, after: World) -> Iterator[tuple[Routine, Routine]]:
    """Routines that callers get something of another type from than before."""
    now = {(r.schema, r.name, r.arguments): r for r in after.routines}
    for routine in before.routines:
        here = now.get((routine.schema, routine.name, routine.arguments))
        if here is not None and here.result != routine.result and not routine.is_trigger:
            yield routine, here


def unkept(before: World, after: World, broken: Collection[tuple[Ref, str]]) -> Iterator[Lost]:
    """What writers can rely on no more, but of what cannot be read as before."""
    now = {r.ref: {c.name for c in r.columns} for r in after.relations}
    there = {
        r.ref: now[r.ref]
        for r in before.relations
        if {c.name for c in r.columns} <= now.get(r.ref, set()) and (r.ref, "SELECT") not in broken
    }
    return lost(before.promises, after.promises, there)


def revoked(before: World, after: World) -> Iterator[tuple[Ref, bool, str, list[str]]]:
    """What a role may not use any more: whether to write to, the role, and what it may not."""
    there: dict[Hashable, set[str]] = {
        (r.schema, r.name): {c.name for c in r.columns} for r in after.relations
    }
    there.update({r.ref: set() for r in after.routines})
    there.update({ref: set() for ref, _ in after.sequences})
    same = {r.oid for r in after.relations} | {r.oid for r in after.routines}
    same |= {oid for _, oid in after.sequences}
    now = {(r.called, r.role, r.right): r for r in after.rights}
    held = {(r.called, r.right) for r in after.rights if r.role != PUBLIC and r.owned is None}
    lost: dict[tuple[Ref, bool, str], list[str]] = {}
    above = superusers(after.guards)
    for right in sorted(before.rights, key=lambda r: (r.ref, r.role, r.right)):
        if right.called not in there or right.role in above:
            continue
        if right.role == PUBLIC and (right.called, right.right) in held:
            continue  # somebody was granted it: these are who used it
        if right.owned is not None and right.owned not in same:
            continue  # made anew, it is whose who runs the file
        here = now.get((right.called, right.role, right.right))
        what = right.right if here is None else ""
        if here is not None and here.columns is not None:
            its = there[right.called]
            had = its if right.columns is None else set(right.columns)
            gone = sorted((had & its) - set(here.columns))
            what = f"{right.right} ({', '.join(map(quoted, gone))})" if gone else ""
        if what:
            key = (right.ref, right.right not in ("SELECT", "EXECUTE"), right.role)
            lost.setdefault(key, []).append(what)
    for (ref, writes, role), rights in lost.items():
        yield ref, writes, role, rights


def shut_out(before: World, after: World) -> Iterator[tuple[Ref, bool, str, list[str]]]:
    """What row security lets a role do with no row any more, though it may still: whether to write,
    the role, and what."""
    had = {(r.schema, r.name, r.role, r.right): r.ref for r in before.rights}
    lost: dict[tuple[Ref, bool, str], list[str]] = {}
    for each in sorted(after.shut - before.shut):
        ref = had.get((each.schema, each.name, each.role, each.right))
        if ref is not None:
            lost.setdefault((ref, each.right != "SELECT", each.role), []).append(each.right)
    for (ref, writes, role), rights in lost.items():
        yield ref, writes, role, rights


def mentions(now: World, before: World) -> Iterator[tuple[Routine, str]]:
    """Functions of now with the names of something gone in their body, and what that was.

    PostgreSQL reads a body when it runs: words are all there is to go by.
    """
    gone = list(_gone(before, now))
    for routine in now.routines:
        if routine.language not in ("plpgsql", "sql"):
            continue
        words = set(_WORD.findall(routine.body))
        for named, what in gone:
            if named <= words:
                yield routine, what
                break


_WORD = re.compile(r"[\w$]+")


def _gone(before: World, now: World) -> Iterator[tuple[set[str], str]]:
    """The relations and columns that are not there any more: the words of each, and its name."""
    there = {(r.schema, r.name): {c.name for c in r.columns} for r in now.relations}
    for relation in before.relations:
        path = f"{quoted(relation.schema)}.{quoted(relation.name)}"
        columns = there.get((relation.schema, relation.name))
        if columns is None:
            yield {relation.name}, path
            continue
        for column in relation.columns:
            if column.name not in columns:
                yield {relation.name, column.name}, f"{path}.{quoted(column.name)}"


def retyped(before: World, after: World) -> Iterator[tuple[Known, Column, Column]]:
    """Columns that readers get in another type than before."""
    now = {(r.schema, r.name): {c.name: c for c in r.columns} for r in after.relations}
    for relation in before.relations:
        its = now.get((relation.schema, relation.name), {})
        for column in relation.columns:
            here = its.get(column.name)
            if here is not None and here.type != column.type:
                yield relation, column, here

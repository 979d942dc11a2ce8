"""Whether those who knew the schema before can still read and write: tried, not deduced.

Before a change, every relation's columns, every function's arguments and one row of every table are
kept. After it, each relation is read by the columns it had, the row is written again as it was, and
each function is looked up by the arguments it had.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ringfence.model import Ref, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

_KINDS = {"r": "table", "p": "table", "v": "view", "m": "materialized_view"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column as somebody may have named it."""

    name: str
    type: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A relation as it was: its columns, and a row of it as texts where it had one."""

    schema: str
    name: str
    kind: str
    columns: tuple[Column, ...]
    row: tuple[str | None, ...] | None = None

    @property
    def ref(self) -> Ref:
        """What findings call it."""
        return Ref(_KINDS[self.kind], (self.schema, self.name))


@dataclass(frozen=True, slots=True)
class Routine:
    """A function or procedure as it was."""

    schema: str
    name: str
    kind: str
    language: str
    arguments: tuple[str, ...]
    result: str
    body: str
    is_trigger: bool

    @property
    def ref(self) -> Ref:
        """What findings call it."""
        return Ref("routine", (self.schema, self.name, f"({', '.join(self.arguments)})"))


@dataclass(frozen=True, slots=True)
class World:
    """What readers and writers know of a database."""

    relations: tuple[Known, ...]
    routines: tuple[Routine, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that worked before and does not now. `writes`: for writers, else for readers."""

    ref: Ref
    writes: bool
    message: str
    sqlstate: str = ""


def _query(name: str) -> str:
    return (files("ringfence.rehearse") / name).read_text(encoding="utf-8")


def world(connection: Connection[tuple[object, ...]], hidden: Sequence[str]) -> World:
    """What there is to know now, but for the schemas in `hidden`."""
    columns: dict[tuple[str, str, str], list[Column]] = {}
    for _, schema, name, kind, column, type_, writable in connection.execute(
        _query("columns.sql")
    ).fetchall():
        if schema not in hidden:
            key = (str(schema), str(name), str(kind))
            columns.setdefault(key, []).append(Column(str(column), str(type_), bool(writable)))
    relations = tuple(
        Known(schema, name, kind, tuple(its), _row(connection, schema, name, kind, its))
        for (schema, name, kind), its in columns.items()
    )
    rows: list[tuple[Any, ...]] = connection.execute(_query("routines.sql")).fetchall()
    routines = tuple(
        Routine(s, n, k, language, tuple(args), result, body, trigger)
        for _, s, n, k, language, args, result, body, trigger in rows
        if s not in hidden
    )
    return World(relations, routines)


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
    with connection.transaction(force_rollback=True):
        # Keys and triggers have their say elsewhere: here it is about the shape of a row.
        connection.execute("SET LOCAL session_replication_role = replica")
        for relation in before.relations:
            trial.reads += 1
            error = _attempt(connection, _select(relation))
            if error is not None:
                trial.broken.append(_no(relation.ref, error, writes=False))
                continue
            if relation.row is None:
                continue
            trial.writes += 1
            error = _write(connection, relation)
            if error is not None and error.sqlstate in ("23502", "23514"):
                # A trigger may put in what who wrote before did not know of.
                error = _write(connection, relation, triggers=True) and error
            if error is not None:
                trial.broken.append(_no(relation.ref, error, writes=True))
    for routine in before.routines:
        trial.calls += 1
        trial.broken.extend(_called(connection, routine))
    return trial


def _no(ref: Ref, error: psycopg.Error, *, writes: bool) -> Broken:
    return Broken(ref, writes, error.diag.message_primary or str(error), error.sqlstate or "")


def _attempt(
    connection: Connection[tuple[object, ...]], query: sql.Composed
) -> psycopg.Error | None:
    try:
        with connection.transaction():
            connection.execute(query)
    except psycopg.Error as error:
        return error
    return None


def _select(relation: Known) -> sql.Composed:
    columns = sql.SQL(", ").join(sql.Identifier(c.name) for c in relation.columns)
    return sql.SQL("SELECT {} FROM {} LIMIT 0").format(
        columns, sql.Identifier(relation.schema, relation.name)
    )


def _write(
    connection: Connection[tuple[object, ...]], relation: Known, *, triggers: bool = False
) -> psycopg.Error | None:
    assert relation.row is not None
    table = sql.Identifier(relation.schema, relation.name)
    names = [sql.Identifier(c.name) for c in relation.columns if c.writable]
    values = [sql.Literal(v) for v in relation.row]
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(sql.SQL("DELETE FROM {}").format(table))
            if triggers:
                connection.execute("SET LOCAL session_replication_role = origin")
            connection.execute(
                sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
                    table, sql.SQL(", ").join(names), sql.SQL(", ").join(values)
                )
            )
    except psycopg.Error as error:
        return error
    return None


def _called(connection: Connection[tuple[object, ...]], routine: Routine) -> Iterator[Broken]:
    """Look a routine up as a call would, and a body in SQL as its CREATE would."""
    if routine.is_trigger:
        return  # nobody calls it; a trigger that lost it is gone itself
    name = sql.Identifier(routine.schema, routine.name)
    if routine.kind == "p":
        query = sql.SQL("SELECT {}::regprocedure").format(
            sql.Literal(f"{name.as_string(connection)}({','.join(routine.arguments)})")
        )
    else:
        nulls = [sql.SQL("NULL::{}").format(sql.SQL(type_)) for type_ in routine.arguments]
        query = sql.SQL("SELECT {}({}) WHERE false").format(name, sql.SQL(", ").join(nulls))
    error = _attempt(connection, query)
    if error is not None:
        yield _no(routine.ref, error, writes=False)


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

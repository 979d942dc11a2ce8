"""What is asked of writers that was not before, where the one row that is tried says nothing of it:
rows that have to be apart, sequences that end sooner, defaults, the order of columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ringfence.finding import Severity
from ringfence.model import Ref, quoted
from ringfence.rehearse.promises import relabelled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from psycopg import Connection

    from ringfence.rehearse.compat import Column, Known, World

    Session = Connection[tuple[Any, ...]]

_SEQUENCES = """
    SELECT n.nspname, c.relname, q.seqmin, q.seqmax, q.seqcycle
    FROM pg_sequence AS q
    INNER JOIN pg_class AS c ON q.seqrelid = c.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE c.relpersistence <> 't'
"""


@dataclass(frozen=True, slots=True)
class Apart:
    """Rows that may not be alike: in which columns and expressions, and of which rows ("": all).

    `columns` are what these read. `excludes` is the definition of an exclusion constraint.
    """

    schema: str
    name: str
    elements: tuple[str, ...]
    columns: frozenset[str]
    only: str
    nulls_too: bool
    excludes: str | None

    def covers(self, other: Apart) -> bool:
        """Whether rows that it lets stand beside each other are apart as another one wants them."""
        if (self.schema, self.name) != (other.schema, other.name):
            return False
        if self.excludes or other.excludes:
            return self.excludes == other.excludes
        wide = self.only in ("", other.only) and self.nulls_too >= other.nulls_too
        return wide and set(self.elements) <= set(other.elements)

    @property
    def path(self) -> str:
        """The table."""
        return Ref("table", (self.schema, self.name)).path

    @property
    def what(self) -> str:
        """How rows may not be."""
        where = f" WHERE {self.only}" if self.only else ""
        named = f"({', '.join(self.elements)}){where}"
        return self.excludes or f"UNIQUE {'NULLS NOT DISTINCT ' * self.nulls_too}{named}"


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers that a sequence gives, and whether it begins anew behind them."""

    ref: Ref
    least: int
    most: int
    cycles: bool


@dataclass(frozen=True, slots=True)
class Asks:
    """What there is of it in a database."""

    apart: tuple[Apart, ...] = ()
    ranges: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that is asked of writers now. `key` tells it from others of its object."""

    ref: Ref
    message: str
    help: str
    severity: Severity
    key: str


def asks(connection: Session, hidden: Sequence[str]) -> Asks:
    """What is asked now, but in the schemas in `hidden`."""
    query = (files("ringfence.rehearse") / "apart.sql").read_text(encoding="utf-8")
    return Asks(
        tuple(
            Apart(schema, name, tuple(elements), frozenset(columns), only, nulls, definition)
            for schema, name, elements, columns, only, nulls, definition in connection.execute(
                query
            ).fetchall()
            if schema not in hidden
        ),
        tuple(
            Range(Ref("sequence", (schema, name)), least, most, cycles)
            for schema, name, least, most, cycles in connection.execute(_SEQUENCES).fetchall()
            if schema not in hidden
        ),
    )


def asked(before: World, after: World) -> Iterator[Asked]:
    """What is asked of writers that was not before, by the names they know."""
    now = {(r.schema, r.name): r for r in after.relations}
    labels = relabelled(before.promises, after.promises)
    for apart in newly_apart(before, after):
        yield Asked(
            Ref("table", (apart.schema, apart.name)),
            f"{apart.path} refuses rows that are alike now: {apart.what}",
            "look whether somebody writes such, and whether the real rows hold some, of which made-up"
            " rows say nothing: then the statement fails",
            Severity.INFO,
            apart.what,
        )
    for relation in before.relations:
        here = now.get((relation.schema, relation.name))
        if here is not None:
            yield from _of_columns(relation, here, labels)
            yield from _of_views(relation, here)
    yield from _of_sequences(before, after)
    yield from _of_triggers(before, after)


def newly_apart(before: World, after: World) -> Iterator[Apart]:
    """The keys and exclusions that are new, of columns that were there."""
    return apart_of_rows(before, after, ())


def apart_of_rows(before: World, after: World, written: Collection[str]) -> Iterator[Apart]:
    """The same, and of columns that are new in tables `written`, whose rows have values there."""
    there = {(r.schema, r.name): {c.name for c in r.columns} for r in before.relations}
    for apart in after.asks.apart:
        known = there.get((apart.schema, apart.name))
        if known is None or not (apart.columns <= known or apart.path in written):
            continue  # who writes no such column leaves it NULL, or to what makes it different
        if not any(each.covers(apart) for each in before.asks.apart):
            yield apart


def _of_columns(
    relation: Known, here: Known, labels: Mapping[tuple[str, str], Mapping[str, str]]
) -> Iterator[Asked]:
    names = [column.name for column in here.columns]
    known = [column.name for column in relation.columns]
    if set(known) <= set(names) and names[: len(known)] != known:
        shown = ", ".join(map(quoted, names[:_SHOWN])) + ", …" * (len(names) > _SHOWN)
        yield Asked(
            relation.ref,
            f"{relation.ref.path} has its columns in another order, ({shown})",
            "look whether somebody names none: INSERT … VALUES, COPY and SELECT * go by place",
            Severity.INFO,
            "order",
        )
    there = {column.name: column for column in here.columns}
    for column in relation.columns if relation.kind in "rp" and here.kind in "rp" else ():
        # A view has none of its own: what is left out by way of it is what its table says.
        now = there.get(column.name)
        if now is not None and not _renamed(column.default, now.default, labels):
            yield from _of_default(relation, column, now)


_SHOWN = 12


def _renamed(was: str, now: str, labels: Mapping[tuple[str, str], Mapping[str, str]]) -> bool:
    """Whether a default is the same value of an enum, which has another name."""
    for names in labels.values():
        for old, new in names.items():
            was = was.replace(f"{_literal(old)}::", f"{_literal(new)}::")
    return was == now


def _literal(text: str) -> str:
    return sql.Literal(text).as_string(None)


def _of_default(relation: Known, column: Column, here: Column) -> Iterator[Asked]:
    if column.default == here.default or column.type != here.type or not here.writable:
        return
    if not here.default and here.required:
        return  # who leaves it out is refused, which is tried
    path = f"{relation.ref.path}.{quoted(column.name)}"
    yield Asked(
        Ref("column", (relation.schema, relation.name, column.name)),
        f"{path} is {here.default or 'NULL'} where none is given, before {column.default or 'NULL'}",
        "look whether somebody leaves it out and relies on what it was",
        Severity.INFO,
        "default",
    )


def _of_views(relation: Known, here: Known) -> Iterator[Asked]:
    writes = any(way.verb != "DELETE" for way in relation.works)
    if here.kind == "v" and here.checks and not relation.checks and writes:
        yield Asked(
            relation.ref,
            f"{relation.ref.path} has a CHECK OPTION now: a row that it would not show is refused",
            "look whether somebody writes such by way of it",
            Severity.INFO,
            "check option",
        )


def _of_sequences(before: World, after: World) -> Iterator[Asked]:
    now = {each.ref: each for each in after.asks.ranges}
    for was in before.asks.ranges:
        here = now.get(was.ref)
        if here is None:
            continue
        if here.most < was.most or here.least > was.least:
            yield Asked(
                was.ref,
                f"{was.ref.path} gives numbers from {here.least} to {here.most}, before from"
                f" {was.least} to {was.most}",
                "look how far it is: behind the last one nextval is refused"
                if not here.cycles
                else "look how far it is: behind the last one numbers come twice",
                Severity.WARNING,
                "range",
            )
        elif here.cycles != was.cycles:
            how = "begins anew" if here.cycles else "ends"
            help_ = "values come twice then" if here.cycles else "nextval is refused then"
            yield Asked(
                was.ref,
                f"{was.ref.path} {how} when it has given its last number",
                help_,
                Severity.WARNING if here.cycles else Severity.INFO,
                "cycle",
            )


def _of_triggers(before: World, after: World) -> Iterator[Asked]:
    filled = {(r.schema, r.name, c.name) for r in before.relations for c in r.columns if c.filled}
    for each in sorted(after.overwritten - before.overwritten):
        name = (each.schema, each.table, each.column)
        yield Asked(
            Ref("column", name),
            f"{Ref('column', name).path} has another value than is written: a trigger stores its own",
            "look whether somebody writes it and relies on it",
            # What has a default, or is the time of a change, is rarely anybody's own.
            Severity.INFO if each.time or name in filled else Severity.WARNING,
            "overwritten",
        )

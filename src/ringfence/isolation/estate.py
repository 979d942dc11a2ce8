"""What belongs to which tenant: rows, found by following foreign keys up to the tenants' table.

`Estate` is the schema's side of it (a query that tells every row's owner), `Fixture` two tenants'
rows that were made to look at. They are twins: both have rows in every table, and what distinguishes
them is only whose they are.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psycopg

from ringfence.kinds._sql import ident, literal, qualified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from psycopg import Connection

    from ringfence.isolation.surface import Relation, Surface
    from ringfence.seed import Model, Shape
    from ringfence.seed.shape import Reference, Table

    State = Counter[tuple[int, str, str, tuple[str, ...]]]

ROWS = 6
"""Rows a table gets for each tenant: enough for a literal or two of its policies each."""

_TOKEN = 8
"""From how many characters on a value is looked for inside other values."""


@dataclass(frozen=True)
class Estate:
    """The tables whose rows belong to tenants, and how to tell whose a row is."""

    shape: Shape
    model: Model
    every: bool = False
    """Whether all tables count, because there are no tenants."""

    @cached_property
    def tables(self) -> Mapping[int, Table]:
        """The tables whose rows belong to tenants."""
        if self.every:
            return self.shape.tables
        return {oid: t for oid, t in self.shape.tables.items() if self.model.scoped(t)}

    def table(self, relation: Relation) -> Table | None:
        """The table of tenants' rows that a relation is, or is a partition of."""
        return self.tables.get(relation.partition_of or relation.oid)

    def edges(self, table: Table) -> tuple[Reference, ...]:
        """The foreign keys to tenants' rows, the one that decides whose a row is first."""
        own = self.model.path.get(table.oid)
        found = [r for r in table.references if r.target in self.tables and r != own]
        return (*([own] if own else []), *found)

    def owner(self, table: Table, alias: str, depth: int = 1) -> str:
        """An expression for the tenant whose a row is, as the setting names tenants."""
        if column := self.model.own(table):
            return f"{alias}.{ident(column)}::text"
        return self.through(self.model.path[table.oid], alias, depth)

    def through(self, reference: Reference, alias: str, depth: int = 1) -> str:
        """An expression for the tenant of the row that a foreign key points to."""
        target, up = self.tables[reference.target], f"rf{depth}"
        on = " AND ".join(
            f"{up}.{ident(there)} = {alias}.{ident(here)}"
            for here, there in zip(reference.columns, reference.target_columns, strict=True)
        )
        name = lying(target)
        return f"(SELECT {self.owner(target, up, depth + 1)} FROM {name} AS {up} WHERE {on})"

    @cached_property
    def query(self) -> str:
        """A statement that gives every tenants' row with its owner and the owners it points to."""
        parts = []
        for oid, table in self.tables.items():
            through = ", ".join(
                f"COALESCE({self.through(r, 'rf0')}, '')" for r in self.edges(table)
            )
            parts.append(
                f"SELECT {oid}::bigint, (rf0.*)::text, COALESCE({self.owner(table, 'rf0')}, ''),"
                f" ARRAY[{through}]::text[]"
                f" FROM {lying(table)} AS rf0"
            )
        return "\nUNION ALL\n".join(parts)

    @cached_property
    def plan(self) -> str:
        """The name that the query is prepared by."""
        return f"ringfence_{hashlib.blake2b(self.query.encode(), digest_size=8).hexdigest()}"

    def ready(self, conn: Connection[Any]) -> None:
        """Prepare the query, for it takes longer to plan than to run."""
        there = conn.execute("SELECT FROM pg_prepared_statements WHERE name = %s", [self.plan])
        if there.fetchone() is None:
            conn.execute(f"PREPARE {self.plan} AS {self.query}")

    def state(self, conn: Connection[Any]) -> State:
        """Every tenants' row there is now, with its owner and the owners of what it points to."""
        found = conn.execute(f"EXECUTE {self.plan}", prepare=False)
        return Counter((oid, text, owner, tuple(edges)) for oid, text, owner, edges in found)


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was made: where it lies, and what is in it, as text."""

    table: int
    leaf: str
    ctid: str
    values: Mapping[str, str | None]


@dataclass
class Fixture:
    """Two tenants, `a` who looks and `b` who is looked at, and all their rows.

    `nobody` are the rows of tables that belong to no tenant, `lone` rows without a tenant of tables whose
    other rows have one.
    """

    conn: Connection[Any]
    estate: Estate
    surface: Surface
    a: str
    b: str
    rows: Mapping[str, Mapping[int, Sequence[Row]]] = field(default_factory=dict)
    nobody: Mapping[int, Sequence[Row]] = field(default_factory=dict)
    lone: Mapping[int, Sequence[Row]] = field(default_factory=dict)
    vocabulary: str = ""
    matviews: tuple[str, ...] = ()

    def twins(self, table: Table, leaf: str = "") -> tuple[Row, Row] | None:
        """A row of each tenant, in the partition `leaf` where it is named."""
        found = []
        for tenant in (self.a, self.b):
            mine = [r for r in self.rows[tenant].get(table.oid, ()) if not leaf or r.leaf == leaf]
            if not mine:
                return None
            found.append(mine[0])
        return found[0], found[1]

    @contextmanager
    def without(self, tenant: str) -> Iterator[None]:
        """The world as it would be if the tenant had no rows. Inside a transaction; undone after."""
        by_leaf: dict[str, list[str]] = {}
        for rows in self.rows[tenant].values():
            for row in rows:
                by_leaf.setdefault(row.leaf, []).append(row.ctid)
        deletes = [
            f"DELETE FROM ONLY {leaf} WHERE ctid = ANY({literal('{' + _quoted(ctids) + '}')}::tid[])"
            for leaf, ctids in by_leaf.items()
        ]
        self.conn.execute(
            "SAVEPOINT ringfence_world; SET LOCAL session_replication_role = replica; "
            + "; ".join([*deletes, "SET LOCAL session_replication_role = origin"])
        )
        self.refresh()
        try:
            yield
        finally:
            self.conn.execute(
                "ROLLBACK TO SAVEPOINT ringfence_world; RELEASE SAVEPOINT ringfence_world"
            )

    def refresh(self) -> None:
        """Fill the materialized views in B's name: their owner may be bound by policies. In a
        transaction."""
        if self.matviews:
            setting = self.estate.model.setting
            become = [
                f"SELECT set_config({literal(setting)}, {literal(self.estate.model.named(self.b))}, true)"
            ]
            fill = [f"REFRESH MATERIALIZED VIEW {name}" for name in self.matviews]
            with suppress(psycopg.Error), self.conn.transaction():
                # One that cannot be filled stays as it is, which its probes will tell. Triggers on
                # DDL are not to see it.
                quiet = "SET LOCAL session_replication_role ="
                lines = [f"{quiet} replica", *(become if setting else []), *fill, f"{quiet} origin"]
                self.conn.execute("; ".join(lines))

    @cached_property
    def tokens(self) -> frozenset[str]:
        """Values that occur in rows of `b` and nowhere else: who shows one has seen such a row."""
        return self._only(self.b, self.a)

    @cached_property
    def own_tokens(self) -> frozenset[str]:
        """Values that occur in rows of `a` and nowhere else."""
        return self._only(self.a, self.b)

    def _only(self, tenant: str, other: str) -> frozenset[str]:
        # A word of the schema's own (a label, a default) is nobody's secret, nor a part of another
        # value: `connected` is in `disconnected`.
        known = self._values(other) | self._nobodys
        text = "\n".join([self.vocabulary, *known])
        return frozenset(v for v in self._values(tenant) - known if v not in text)

    @cached_property
    def _nobodys(self) -> frozenset[str]:
        groups = (*self.nobody.values(), *self.lone.values())
        return frozenset(v for rows in groups for r in rows for v in _telling(r))

    def _values(self, tenant: str) -> frozenset[str]:
        rows = (r for rows in self.rows[tenant].values() for r in rows)
        return frozenset(v for row in rows for v in _telling(row)) | {tenant}

    def shown(self, texts: Iterable[str], *, own: bool = False, but: Sequence[str] = ()) -> str:
        """A value of `b`'s (of `a`'s with `own`) that these texts show, or nothing.

        Values in `but` are known to who asked.
        """
        tokens = self.own_tokens if own else self.tokens
        long = self._long_own if own else self._long
        known = frozenset(but)
        for text in texts:
            if text in tokens and text not in known:
                return text
            if len(text) >= _TOKEN:
                for match in long.finditer(text):
                    if match.group() not in known and not any(match.group() in k for k in known):
                        return match.group()
        return ""

    def said(self, words: Iterable[str], but: Sequence[str] = ()) -> str:
        """A value of `b`'s that occurs in what was said, as a word of its own, or nothing."""
        for text in words:
            for match in self._word.finditer(text):
                if not any(match.group() in k for k in but):
                    return match.group()
        return ""

    @cached_property
    def _word(self) -> re.Pattern[str]:
        words = sorted((t for t in self.tokens if not re.fullmatch(_COUNT, t)), key=len)
        said = "|".join(map(re.escape, reversed(words)))
        return re.compile(rf"(?<!\w)(?:{said})(?!\w)" if said else r"(?!)")

    @cached_property
    def _long(self) -> re.Pattern[str]:
        return _search(self.tokens)

    @cached_property
    def _long_own(self) -> re.Pattern[str]:
        return _search(self.own_tokens)


_COUNT = r"[\d.,:+ -]*"


def _search(tokens: Iterable[str]) -> re.Pattern[str]:
    # Digits alone turn up inside other values by chance.
    long = sorted(t for t in tokens if len(t) >= _TOKEN and not re.fullmatch(_COUNT, t))
    return re.compile("|".join(map(re.escape, long)) or r"(?!)")


def _telling(row: Row) -> Iterator[str]:
    for value in row.values.values():
        if value is not None and len(value) >= 5 and value not in ("false", "true"):
            yield value
            if value[0] in "{[(" and len(value) > _TOKEN:
                yield from (m for m in re.findall(r"[^\"{}\[\](),:\\]{8,}", value))


def _quoted(ctids: Iterable[str]) -> str:
    return ",".join(f'"{ctid}"' for ctid in ctids)


def make(
    conn: Connection[Any],
    estate: Estate,
    surface: Surface,
    tenants: Sequence[str],
    more: Callable[[Fixture], None] = lambda _: None,
) -> Fixture:
    """The fixture over a database that was seeded with two tenants; in autocommit mode.

    Rows are changed so that each literal and each moment that a policy, a view or a function
    compares a column with occurs in rows of both, and `more` makes what is wanted besides.
    Materialized views are filled.
    """
    views = tuple(
        surface.relations[oid].sql
        for oid in _ordered(surface)
        if surface.relations[oid].kind == "m"
    )
    before = _collect(conn, estate, surface, tenants, views)
    _spread(conn, before)
    _fill(conn, _collect(conn, estate, surface, tenants, views))
    _vary(conn, _collect(conn, estate, surface, tenants, views))
    more(_collect(conn, estate, surface, tenants, views))
    with conn.transaction():
        before.refresh()
    conn.execute("ANALYZE")
    return _collect(conn, estate, surface, tenants, views)


def _ordered(surface: Surface) -> list[int]:
    """Views behind those that they read."""
    return sorted(surface.relations, key=lambda oid: (len(surface.reads(oid)), oid))


def _collect(
    conn: Connection[Any],
    estate: Estate,
    surface: Surface,
    tenants: Sequence[str],
    views: tuple[str, ...],
) -> Fixture:
    a, b = tenants
    rows: dict[str, dict[int, list[Row]]] = {a: {}, b: {}}
    nobody: dict[int, list[Row]] = {}
    lone: dict[int, list[Row]] = {}
    for oid, table in estate.shape.tables.items():
        owner = estate.owner(table, "rf0") if oid in estate.tables else "NULL"
        cursor = conn.execute(
            f"SELECT rf0.tableoid::regclass::text, rf0.ctid::text, {owner}, rf0.*"
            f" FROM {lying(table)} AS rf0 ORDER BY rf0.ctid"
        )
        names = [d.name for d in (cursor.description or ())[3:]]
        for leaf, ctid, whose, *values in texts(cursor):
            row = Row(oid, str(leaf), str(ctid), dict(zip(names, values, strict=True)))
            if whose in rows:
                rows[str(whose)].setdefault(oid, []).append(row)
            elif whose is None:
                (lone if oid in estate.tables else nobody).setdefault(oid, []).append(row)
    words = conn.execute(_VOCABULARY).fetchone()
    said = str(words[0]) if words and words[0] else ""
    return Fixture(conn, estate, surface, a, b, rows, nobody, lone, said, views)


def lying(table: Table) -> str:
    """A table as FROM has it: what inherits from it is a table of its own, a partition is not."""
    only = "ONLY " if table.has_children and not table.partitioned else ""
    return f"{only}{qualified((table.schema, table.name))}"


_VOCABULARY = (
    "SELECT string_agg(said, E'\\n') FROM ("
    " SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype IN ('c', 'x')"
    " UNION ALL SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef"
    " UNION ALL SELECT enumlabel FROM pg_enum"
    " UNION ALL SELECT p.prosrc FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace"
    "  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')"
    " UNION ALL SELECT definition FROM pg_views"
    "  WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    ") AS words (said)"
)


def texts(cursor: psycopg.Cursor[Any]) -> list[tuple[str | None, ...]]:
    """A result as the server wrote it, nothing interpreted."""
    result = cursor.pgresult
    if result is None:
        return []
    return [
        tuple(
            None if (value := result.get_value(row, column)) is None else value.decode()
            for column in range(result.nfields)
        )
        for row in range(result.ntuples)
    ]


_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_NUMBER = re.compile(r"(?:[<>]=?|=|<>|!=)\s*\(?'?(-?\d{1,9})\b")
_NOW = re.compile(
    r"\b(now\s*\(|current_(date|timestamp)|clock_timestamp|transaction_timestamp)", re.IGNORECASE
)


def _vary(conn: Connection[Any], fixture: Fixture) -> None:
    """Let what policies, views and functions tell rows apart by occur in rows of both tenants."""
    surface, estate = fixture.surface, fixture.estate
    bodies: dict[int, list[str]] = {}
    for policy in surface.policies:
        said = f"{policy.using_expression} {policy.check_expression}"
        bodies.setdefault(policy.relation, []).append(said)
    views = [oid for oid, r in surface.relations.items() if r.kind in "vm"]
    definitions = conn.execute(
        "SELECT v.oid::bigint, pg_get_viewdef(v.oid::oid) FROM unnest(%s::bigint[]) AS v (oid)",
        (views,),
    ).fetchall()
    for oid, definition in definitions:
        for base in surface.reads(oid):
            bodies.setdefault(base, []).append(str(definition))
    for routine in surface.routines:
        for oid, table in estate.tables.items():
            if re.search(rf"\b{re.escape(table.name)}\b", routine.body):
                bodies.setdefault(oid, []).append(routine.body)
    turn = 0
    for oid, table in estate.tables.items():
        bound = {c for r in table.references for c in r.columns}
        bound |= {c for k in table.keys if k.primary for c in k.columns} | {estate.model.own(table)}
        wanted: dict[tuple[str, str], None] = {}
        for body in bodies.get(oid, ()):
            for column in table.columns:
                if column.name in bound or column.generated:
                    continue
                for value in compared_with(column.sql, column.name, body):
                    wanted[column.name, value] = None
        for name, value in list(wanted)[:60]:
            turn += 1
            for tenant in (fixture.a, fixture.b):
                rows = fixture.rows[tenant].get(oid, ())
                if rows:
                    row = rows[turn % len(rows)]
                    _set(conn, table, row, name, value)
        # What asks for a flag and a moment at once: one row of each has all flags, and has not run
        # out.
        together = [
            (name, value)
            for name, value in wanted
            if value in ("true", "now() + interval '400 days'")
        ]
        if len(together) > 1:
            for tenant in (fixture.a, fixture.b):
                for row in list(fixture.rows[tenant].get(oid, ()))[:1]:
                    for name, value in together:
                        _set(conn, table, row, name, value)


def _spread(conn: Connection[Any], fixture: Fixture) -> None:
    """Let each partition that has rows at all have rows of both tenants.

    A row moves to a partition when it takes over the values by which another row is there.
    """
    for oid, table in fixture.estate.tables.items():
        if not table.partitioned:
            continue
        rows = [r for t in (fixture.a, fixture.b) for r in fixture.rows[t].get(oid, ())]
        examples = {row.leaf: row for row in rows}
        own = fixture.estate.model.own(table)
        free = [
            c.name
            for c in table.columns
            if not c.generated
            and c.name != own
            and not any(c.name in r.columns for r in table.references)
        ]
        for tenant in (fixture.a, fixture.b):
            mine = list(fixture.rows[tenant].get(oid, ()))
            missing = [leaf for leaf in examples if all(r.leaf != leaf for r in mine)]
            for leaf in missing:
                many = [r for r in mine if sum(o.leaf == r.leaf for o in mine) > 1]
                for row in many[-1:]:
                    mine.remove(row)
                    taken = _alone(table)
                    for name in free:
                        value = examples[leaf].values[name]
                        if name not in taken and value != row.values[name]:
                            _move(conn, table, row, name, value, leaf)


def _fill(conn: Connection[Any], fixture: Fixture) -> None:
    """Put a row of each tenant into each partition that has none: one like another of its rows, but
    for what the partition's bound asks for."""
    for oid, table in fixture.estate.tables.items():
        names = [c.name for c in table.columns if not c.generated]
        for tenant in (fixture.a, fixture.b):
            mine = fixture.rows[tenant].get(oid, ())
            there = {row.leaf for row in mine}
            for leaf in table.partitions[:_LEAVES]:
                # The name is qualified where the one that a row tells need not be.
                if not mine or any(f".{leaf.name}".endswith(f".{name}") for name in there):
                    continue
                for name, value in _asked(leaf.bound, names):
                    if _copied(conn, table, mine[0], name, value, leaf.oid):
                        break


_LEAVES = 64
"""How many partitions of a table are filled."""


def _asked(bound: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Values that a partition's bound may ask a column for, as SQL."""
    for name in names:
        said = rf"(?<![\w$\"]){re.escape(ident(name))}(?![\w$\"])"
        for match in re.finditer(said, bound):
            near = re.split(r"\bAND\b|\bOR\b", bound[match.end() :])[0]
            for literal_ in re.findall(r"'(?:[^']|'')*'|(?<![\w.'-])-?\d+(?:\.\d+)?", near):
                yield name, literal_
                if not literal_.startswith("'"):
                    yield name, f"{literal_} - 1"


def _copied(
    conn: Connection[Any], table: Table, row: Row, name: str, value: str, leaf: int
) -> bool:
    """Whether a row like this one, but for one value, went into a partition."""
    where = by_key(table, row)
    if where is None:
        return False
    columns = [c.name for c in table.columns if not c.generated]
    given = ", ".join(value if c == name else ident(c) for c in columns)
    at = qualified((table.schema, table.name))
    with suppress(psycopg.Error), conn.transaction():
        found = conn.execute(
            f"INSERT INTO {at} ({', '.join(map(ident, columns))}) OVERRIDING SYSTEM VALUE"
            f" SELECT {given} FROM {at} WHERE {where} RETURNING tableoid::bigint",
            prepare=False,
        ).fetchone()
        if found is None or int(str(found[0])) != leaf:
            raise psycopg.Rollback
        return True
    return False


def _move(
    conn: Connection[Any], table: Table, row: Row, name: str, value: str | None, leaf: str
) -> None:
    """Give a row a value, if that brings it to a partition."""
    where = by_key(table, row)
    if where is None:
        return
    with suppress(psycopg.Error), conn.transaction():
        found = conn.execute(
            f"UPDATE {qualified((table.schema, table.name))} SET {ident(name)} = {literal(value)}"
            f" WHERE {where} RETURNING tableoid::regclass::text",
            prepare=False,
        ).fetchone()
        if found is None or found[0] != leaf:
            raise psycopg.Rollback


def _alone(table: Table) -> set[str]:
    """Columns that are a key by themselves: no row takes over such a value."""
    return {k.columns[0] for k in table.keys if len(k.columns) == 1 and k.columns[0]}


def compared_with(type_: str, name: str, body: str) -> Iterator[str]:
    """SQL for values that a body compares a column of this type and name with."""
    near = " ".join(m.group() for m in re.finditer(_near(name), body, re.DOTALL))
    yield from _candidates(type_, near)


def _near(name: str) -> str:
    """A column's name and what it is compared with: up to the next AND, OR or semicolon."""
    end = r"\b(?:and|or|then|else|where|group|order|from|join)\b|;"
    before = r"(?:[^\s(),]+(?:::\w+)?\s*(?:=|<>|!=|[<>]=?)\s*(?:ANY\s*\()?)?"
    return rf"(?i:{before}(?<![\w$]){re.escape(name)}(?![\w$])(?:(?!{end}).){{0,200}})"


def _candidates(type_: str, body: str) -> Iterator[str]:
    """SQL expressions that a column is worth having because of what a body compares it with."""
    if type_ == "boolean":
        yield from ("true", "false")
    elif type_.startswith(("timestamp", "date")):
        if _NOW.search(body):
            yield from ("now() - interval '400 days'", "now() + interval '400 days'", "now()")
    elif type_.startswith(("character", "text", "varchar", '"', "public.")) or "." in type_:
        for found in dict.fromkeys(_LITERAL.findall(body)):
            if 0 < len(found) < 40:
                yield f"'{found}'"
    elif type_ in ("integer", "bigint", "smallint") or type_.startswith("numeric"):
        for found in dict.fromkeys(_NUMBER.findall(body)):
            yield from (str(int(found) + more) for more in (-1, 0, 1))


def _set(conn: Connection[Any], table: Table, row: Row, name: str, value: str) -> None:
    """Change a row where the schema lets it be changed so.

    By its key, for every change moves a row.
    """
    where = by_key(table, row)
    if where is None:
        return
    try:
        with conn.transaction():
            conn.execute(
                f"UPDATE {qualified((table.schema, table.name))}"
                f" SET {ident(name)} = {value} WHERE {where}",
                prepare=False,
            )
    except psycopg.Error:
        return  # what the schema refuses no row will have


def by_key(table: Table, row: Row) -> str | None:
    """A condition that only this row meets: its primary key's columns, or those of a unique key."""
    keys = sorted(table.keys, key=lambda k: not k.primary)
    for key in keys:
        if key.predicate or key.operators or not all(key.columns):
            continue
        if all(row.values.get(c) is not None for c in key.columns):
            return " AND ".join(f"{ident(c)} = {literal(row.values[c])}" for c in key.columns)
    return None

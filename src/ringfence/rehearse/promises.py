"""What writers rely on beside columns: keys that ON CONFLICT names, by columns or by the constraint's
name, labels of enums, fresh numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ringfence.model import Ref, quoted
from ringfence.rehearse import afar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from psycopg import Connection

    Session = Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """A unique index of a relation: its columns and expressions in their order, and the rows that it is
    for ("": all).

    `inherited`: it is part of a partitioned table's, which tells of it.
    """

    schema: str
    name: str
    kind: str
    elements: tuple[str, ...]
    only: str
    plain: bool
    inherited: bool


@dataclass(frozen=True, slots=True)
class Fed:
    """A column that a sequence gives its values: which comes next, and whether it is there already."""

    schema: str
    table: str
    column: str
    sequence: Ref
    step: int
    following: int
    holds: int | None

    @property
    def stale(self) -> bool:
        """Whether values come that the column holds."""
        return self.holds is not None and (self.holds - self.following) * self.step >= 0


@dataclass(frozen=True, slots=True)
class Named:
    """A constraint that ON CONFLICT ON CONSTRAINT can name; `elements` of its key, None of one that
    only excludes."""

    schema: str
    table: str
    name: str
    elements: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Promises:
    """What there is of it in a database."""

    keys: frozenset[Key] = frozenset()
    named: frozenset[Named] = frozenset()
    labels: frozenset[tuple[str, str, str, int]] = frozenset()
    """Schema, enum, label and the OID of the label, which a RENAME VALUE leaves it."""
    fed: frozenset[Fed] = frozenset()


_KEYS = """
    SELECT
        n.nspname, c.relname, c.relkind::text,
        ARRAY(
            SELECT coalesce(quote_ident(a.attname), pg_get_indexdef(i.indexrelid, k.place, true))
            FROM generate_series(1, i.indnkeyatts) AS k (place)
            LEFT JOIN pg_attribute AS a
                ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.place - 1]
                AND i.indkey[k.place - 1] <> 0
            ORDER BY k.place
        ),
        coalesce(pg_get_expr(i.indpred, i.indrelid), ''), i.indexprs IS NULL, x.relispartition
    FROM pg_index AS i
    INNER JOIN pg_class AS c ON i.indrelid = c.oid
    INNER JOIN pg_class AS x ON i.indexrelid = x.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE
        i.indisunique AND i.indimmediate AND i.indisvalid AND NOT i.indisexclusion
        AND c.relkind IN ('r', 'p', 'm')
        AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
_NAMED = """
    SELECT
        n.nspname, c.relname, s.conname,
        CASE
            WHEN s.contype <> 'x'
                THEN ARRAY(
                    SELECT quote_ident(a.attname) FROM pg_attribute AS a
                    WHERE a.attrelid = s.conrelid AND a.attnum = ANY (s.conkey)
                )
        END
    FROM pg_constraint AS s
    INNER JOIN pg_class AS c ON s.conrelid = c.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE s.contype IN ('p', 'u', 'x') AND NOT s.condeferrable AND s.conparentid = 0
"""
_LABELS = """
    SELECT n.nspname, t.typname, e.enumlabel, e.oid::bigint
    FROM pg_enum AS e
    INNER JOIN pg_type AS t ON e.enumtypid = t.oid
    INNER JOIN pg_namespace AS n ON t.typnamespace = n.oid
"""
_FED = """
    SELECT DISTINCT
        n.nspname, c.relname, a.attname, m.nspname, s.relname, q.seqincrement, q.seqmin, q.seqmax
    FROM pg_sequence AS q
    INNER JOIN pg_class AS s ON q.seqrelid = s.oid
    INNER JOIN pg_namespace AS m ON s.relnamespace = m.oid
    INNER JOIN (
        SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS place
        FROM pg_depend AS d
        WHERE
            d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
            AND d.deptype = 'i' AND d.refobjsubid > 0
        UNION
        SELECT d.refobjid, f.adrelid, f.adnum
        FROM pg_depend AS d
        INNER JOIN pg_attrdef AS f ON d.objid = f.oid
        WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
    ) AS u ON q.seqrelid = u.sequence
    INNER JOIN pg_class AS c ON u.relation = c.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    INNER JOIN pg_attribute AS a ON c.oid = a.attrelid AND u.place = a.attnum
    WHERE
        a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
        AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
    ORDER BY 1, 2, 3, 4, 5
"""


def promises(connection: Session, hidden: Sequence[str]) -> Promises:
    """What writers can rely on now, but for the schemas in `hidden`. The connection is a superuser's."""
    keys = frozenset(
        Key(schema, name, kind, tuple(elements), only, plain, inherited)
        for schema, name, kind, elements, only, plain, inherited in connection.execute(_KEYS)
        if schema not in hidden
    )
    named = frozenset(
        Named(schema, table, name, None if elements is None else frozenset(elements))
        for schema, table, name, elements in connection.execute(_NAMED)
        if schema not in hidden
    )
    labels = frozenset(each for each in connection.execute(_LABELS) if each[0] not in hidden)
    fed = frozenset(fed for fed, _ in _read(connection, hidden))
    return Promises(keys, named, labels, fed)


def _read(connection: Session, hidden: Sequence[str]) -> list[tuple[Fed, range]]:
    """The columns that sequences feed, and what each sequence can stand at."""
    abroad = afar.names(connection)
    found = [
        r
        for r in connection.execute(_FED).fetchall()
        if r[0] not in hidden and (r[0], r[1]) not in abroad
    ]
    if not found:
        return []
    asked = [
        sql.SQL(
            "SELECT {place}, last_value, is_called, (SELECT {most}({column})::bigint FROM {table})"
            " FROM {sequence}"
        ).format(
            place=sql.Literal(place),
            most=sql.SQL("max" if step > 0 else "min"),
            column=sql.Identifier(column),
            table=sql.Identifier(schema, table),
            sequence=sql.Identifier(within, sequence),
        )
        for place, (schema, table, column, within, sequence, step, _, _) in enumerate(found)
    ]
    stand = {r[0]: r[1:] for r in connection.execute(sql.SQL(" UNION ALL ").join(asked))}
    read = []
    for place, (schema, table, column, within, sequence, step, least, most) in enumerate(found):
        last, called, holds = stand[place]
        ref = Ref("sequence", (within, sequence))
        fed = Fed(schema, table, column, ref, step, last + step * bool(called), holds)
        read.append((fed, range(least, most + 1)))
    return read


def advance(connection: Session, hidden: Sequence[str] = ()) -> None:
    """Let sequences stand behind the rows that were made up, as those of a database in use do."""
    far: dict[Ref, int] = {}
    for fed, can in _read(connection, hidden):
        if fed.stale and fed.holds is not None and fed.holds in can:
            most = max if fed.step > 0 else min
            far[fed.sequence] = most(fed.holds, far.get(fed.sequence, fed.holds))
    for ref, value in far.items():
        name = sql.Identifier(*ref.name).as_string(None)
        connection.execute("SELECT setval(%s::regclass, %s)", [name, value])


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that writers can rely on no more. `sure`: who does is refused."""

    ref: Ref
    message: str
    help: str
    sure: bool
    key: str = ""


def relabelled(before: Promises, after: Promises) -> dict[tuple[str, str], dict[str, str]]:
    """The enums of which a value has another name, by schema and name: old → new name."""
    now = {oid: label for _, _, label, oid in after.labels}
    found: dict[tuple[str, str], dict[str, str]] = {}
    for schema, type_, label, oid in before.labels:
        if now.get(oid, label) != label:
            found.setdefault((schema, type_), {})[label] = now[oid]
    return found


def names_label(
    sqlstate: str, message: str, labels: Mapping[tuple[str, str], Mapping[str, str]]
) -> bool:
    """Whether a value is refused as it is a label that has another name, which is told of the enum."""
    old = {label for names in labels.values() for label in names}
    return sqlstate == _NO_LABEL and any(message.endswith(f': "{label}"') for label in old)


_NO_LABEL = "22P02"


def lost(
    before: Promises, after: Promises, columns: Mapping[Ref, Collection[str]]
) -> Iterator[Lost]:
    """What is not there any more. `columns`: those of relations that can be read as before."""
    gone = list(_keys(before.keys, after.keys, columns))
    yield from gone
    yield from _names(before.named, after.named, columns, {(g.ref, g.key) for g in gone})
    there = {label[:2] for label in after.labels}
    named = {label[:3] for label in after.labels}
    for schema, type_, label in sorted({label[:3] for label in before.labels} - named):
        if (schema, type_) in there:
            ref = Ref("enum", (schema, type_))
            yield Lost(
                ref,
                f"{ref.path} has no value {sql.Literal(label).as_string(None)} any more:"
                " who writes it or compares with it is refused",
                "add the new value beside the old one, and let both stand until nobody uses the old",
                sure=True,
                key=label,
            )
    had = {(f.schema, f.table, f.column): f for f in before.fed}
    known = {ref.name for ref in columns}
    told: set[Ref] = set()
    for fed in sorted(after.fed, key=lambda f: (f.sequence, f.schema, f.table, f.column)):
        was = had.get((fed.schema, fed.table, fed.column))
        if was is not None and (was.stale or (fed.following - was.following) * fed.step >= 0):
            continue  # it stands where it stood, or further
        if not fed.stale or (fed.schema, fed.table) not in known or fed.sequence in told:
            continue
        told.add(fed.sequence)
        column = Ref("column", (fed.schema, fed.table, fed.column)).path
        unique = any(
            (k.schema, k.name) == (fed.schema, fed.table) and quoted(fed.column) in k.elements
            for k in after.keys
        )
        yield Lost(
            fed.sequence,
            f"{fed.sequence.path} goes on at {fed.following}, and {column} holds values up to"
            f" {fed.holds}: "
            + ("an INSERT that leaves it out is refused" if unique else "values come twice"),
            "let it go on behind what the column holds: setval with its largest value",
            sure=unique,
        )


def _keys(
    before: frozenset[Key], after: frozenset[Key], columns: Mapping[Ref, Collection[str]]
) -> Iterator[Lost]:
    now: dict[tuple[str, str], list[Key]] = {}
    for key in after:
        now.setdefault((key.schema, key.name), []).append(key)
    told: set[tuple[Ref, str]] = set()
    for key in sorted(before, key=lambda k: (k.schema, k.name, sorted(k.elements), k)):
        ref = Ref("materialized_view" if key.kind == "m" else "table", (key.schema, key.name))
        if ref not in columns or key.inherited:
            continue
        here = now.get((key.schema, key.name), [])
        named, same = ", ".join(key.elements), ", ".join(sorted(key.elements))
        if key.kind == "m":
            whole = any(k.plain and not k.only for k in here)
            if key.plain and not key.only and not whole and (ref, "") not in told:
                told.add((ref, ""))
                message = (
                    f"{ref.path} has no unique index of columns any more, as ({named}):"
                    " REFRESH MATERIALIZED VIEW CONCURRENTLY is refused"
                )
                yield Lost(ref, message, "build another one before this one goes", sure=False)
            continue
        if any({*k.elements} == {*key.elements} and k.only in ("", key.only) for k in here):
            continue
        where = f" WHERE {key.only}" if key.only else ""
        if (ref, f"{same}{where}") in told:
            continue  # of another index of the same
        told.add((ref, f"{same}{where}"))
        yield Lost(
            ref,
            f"nothing keeps ({named}){where} of {ref.path} unique any more: INSERT … ON CONFLICT"
            f" ({named}){where} is refused",
            "look whether somebody writes so; another unique index of them serves as well",
            sure=False,
            key=f"{same}{where}",
        )


def _names(
    before: frozenset[Named],
    after: frozenset[Named],
    columns: Mapping[Ref, Collection[str]],
    told: Collection[tuple[Ref, str]],
) -> Iterator[Lost]:
    """Constraints that go by another name now, or are none any more; not those whose key is `told`."""
    there = {(n.schema, n.table, n.name) for n in after}
    for named in sorted(before, key=lambda n: (n.schema, n.table, n.name)):
        ref = Ref("table", (named.schema, named.table))
        if ref not in columns or (named.schema, named.table, named.name) in there:
            continue
        if named.elements is not None and (ref, ", ".join(sorted(named.elements))) in told:
            continue
        name = quoted(named.name)
        yield Lost(
            ref,
            f"{ref.path} has no constraint {name} any more that INSERT … ON CONFLICT ON CONSTRAINT"
            f" {name} could name: it is refused",
            "look whether somebody writes so; let the new one have the old name"
            + ", or name the columns instead" * (named.elements is not None),
            sure=False,
            key=f"constraint {name}",
        )

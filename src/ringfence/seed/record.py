"""What was seeded, kept in the database, so that exactly that can be taken away again.

A row of `seeds` is a run: its number, what was asked, the tenants' keys. `seed_rows` holds the keys
of the rows that it wrote, some thousands in an array, read back from the tables after the run, so
that rows which triggers wrote are among them.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from ringfence.errors import Refused, ServerError
from ringfence.model import Ref, quoted
from ringfence.seed import order
from ringfence.seed.probe import ask, verbatim
from ringfence.seed.session import acquaint, alone, snapshot, steady

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from psycopg import Connection

    from ringfence.seed.planning import Plan
    from ringfence.seed.shape import Shape, Table

CHUNK = 10_000
"""How many rows' keys lie in one array."""


@dataclass(frozen=True, slots=True)
class Run:
    """A seed that was written. `asked` is what it was to be, `cursor` where it stands when it is
    not `finished`."""

    id: int
    seed: int
    tenants: tuple[str, ...]
    asked: Mapping[str, Any]
    cursor: Mapping[str, Any]
    finished: bool


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was taken away: rows by table, and how many recorded ones were gone already."""

    seeds: tuple[int, ...]
    tables: Mapping[str, int]
    gone: Mapping[str, int]

    @property
    def rows(self) -> int:
        """All rows of all tables."""
        return sum(self.tables.values())


class Record:
    """The record in a schema of one database."""

    def __init__(self, conn: Connection[Any], schema: str) -> None:
        self.conn = conn
        self.schema = schema
        self.runs_ = sql.Identifier(schema, "seeds")
        self.rows_ = sql.Identifier(schema, "seed_rows")

    @property
    def exists(self) -> bool:
        """Whether anything was ever recorded."""
        answer = self.conn.execute(
            "SELECT to_regclass(%s) IS NOT NULL AND to_regclass(%s) IS NOT NULL",
            tuple(each.as_string(self.conn) for each in (self.runs_, self.rows_)),
        ).fetchone()
        return answer is not None and bool(answer[0])

    def open(self) -> bool:
        """Make ready to record; False where the role may not."""
        if self.exists:
            return True
        try:
            with self.conn.transaction():
                # IF NOT EXISTS would ask for the right to create schemas even where this one exists.
                found = self.conn.execute(
                    "SELECT FROM pg_namespace WHERE nspname = %s", (self.schema,)
                ).fetchone()
                if found is None:
                    self.conn.execute(
                        sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self.schema))
                    )
                self.conn.execute(_TABLES.format(
                    schema=sql.Identifier(self.schema), runs=self.runs_, rows=self.rows_
                ))  # fmt: skip
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True

    def begin(self, seed: int, asked: Mapping[str, Any]) -> int:
        """Record that a run begins; gives its id."""
        query = sql.SQL("INSERT INTO {} (seed, asked) VALUES (%s, %s) RETURNING id")
        answer = self.conn.execute(query.format(self.runs_), (seed, Jsonb(asked))).fetchone()
        assert answer is not None
        return int(answer[0])

    def reach(self, run: int, cursor: Mapping[str, Any], tenants: Sequence[str]) -> None:
        """Record how far a run has come."""
        query = sql.SQL("UPDATE {} SET cursor = %s, tenants = %s WHERE id = %s")
        self.conn.execute(query.format(self.runs_), (Jsonb(cursor), list(tenants), run))

    def finish(
        self, run: int, plan: Plan, kept: Collection[int], ours: Sequence[int] | None = None
    ) -> None:
        """Record that a run is done, with the keys of its rows; of tables in `kept`, which had rows
        before, the keys as planned. With `ours` only rows that these transactions wrote are its."""
        with steady(self.conn):
            self._keep(run, plan, kept, ours)
        query = sql.SQL("UPDATE {} SET cursor = NULL, tenants = %s, finished = now() WHERE id = %s")
        self.conn.execute(query.format(self.runs_), (list(plan.tenant_ids), run))

    def _keep(
        self, run: int, plan: Plan, kept: Collection[int], ours: Sequence[int] | None
    ) -> None:
        for oid, rows in plan.rows.items():
            table = plan.shape.tables[oid]
            names = key_of(table)
            if oid not in kept:
                self._read_back(run, table, names, ours)
            elif names:
                keys = [[row.values.get(name) or "" for name in names] for row in rows]
                for first in range(0, len(keys), CHUNK):
                    self._add(run, table, names, keys[first : first + CHUNK])

    def take_all(self, run: int, shape: Shape, ours: Sequence[int] | None) -> None:
        """Record every row there is, or that these transactions wrote, as the run's."""
        for table in shape.tables.values():
            if table.takes_rows:
                self._read_back(run, table, key_of(table), ours)

    def runs(self) -> list[Run]:
        """Every run, the first first."""
        if not self.exists:
            return []
        query = sql.SQL(
            "SELECT id, seed, tenants, asked, cursor, finished IS NOT NULL FROM {} ORDER BY id"
        )
        return [
            Run(id_, int(seed), tuple(tenants or ()), asked, cursor or {}, done)
            for id_, seed, tenants, asked, cursor, done in self.conn.execute(
                query.format(self.runs_)
            ).fetchall()
        ]

    def _add(
        self, run: int, table: Table, names: Sequence[str], keys: Sequence[Sequence[str]]
    ) -> None:
        self.conn.execute(
            sql.SQL(
                "INSERT INTO {} (seed_id, relation, columns, keys) VALUES (%s, %s, %s, %s)"
            ).format(self.rows_),
            (run, [table.schema, table.name], list(names), [list(key) for key in keys]),
        )

    def _read_back(
        self, run: int, table: Table, names: Sequence[str], ours: Sequence[int] | None
    ) -> None:
        parts = [sql.SQL("{}::TEXT").format(sql.Identifier(name)) for name in names]
        key = sql.SQL(", ").join(parts) if parts else sql.SQL("md5((t.*)::TEXT)")
        self.conn.execute(
            sql.SQL(
                "INSERT INTO {rows} (seed_id, relation, columns, keys)"
                " SELECT {run}, {relation}, {names}, array_agg(k) FROM"
                " (SELECT ARRAY[{key}] AS k, (row_number() OVER () - 1) / {chunk} AS n FROM {table} AS t{whose})"
                " AS keyed GROUP BY n"
            ).format(
                rows=self.rows_,
                run=sql.Literal(run),
                relation=sql.Literal([table.schema, table.name]),
                names=sql.SQL("{}::TEXT[]").format(sql.Literal(list(names))),
                key=key,
                chunk=sql.Literal(CHUNK),
                table=source(table),
                whose=sql.SQL("")
                if ours is None
                else sql.SQL(" WHERE {}").format(written_by(ours)),
            )
        )


def written_by(transactions: Sequence[int]) -> sql.Composed:
    """The condition that a row is as one of these transactions left it."""
    return sql.SQL("xmin = ANY({}::XID[])").format(
        sql.Literal("{" + ",".join(str(each) for each in transactions) + "}")
    )


def writers(conn: Connection[Any], tables: Iterable[Table]) -> list[int]:
    """The transactions, savepoints' too, that wrote the rows that are to be seen."""
    found: set[int] = set()
    for table in tables:
        query = sql.SQL("SELECT DISTINCT xmin::TEXT FROM {}").format(source(table))
        found |= {int(xid) for (xid,) in conn.execute(query).fetchall()}
    return sorted(found)


def clean(
    conn: Connection[Any],
    shape: Shape,
    *,
    schema: str = "ringfence",
    seed: int | None = None,
    force: bool = False,
) -> Cleaned:
    """Take away exactly the rows that recorded seeds wrote: that of one number, or all.

    Of a load in batches that was not finished, `force` takes away what its batches wrote. In one transaction, children first. Raises `Refused` where nothing is recorded,
    a run is not finished, other rows hang on those that are to go (whatever their foreign keys would
    do to them), or policies hide rows from who is connected; nothing is removed then.
    """
    with alone(conn):
        return _clean(conn, shape, schema, seed, force=force)


def _clean(
    conn: Connection[Any], shape: Shape, schema: str, seed: int | None, *, force: bool
) -> Cleaned:
    record = Record(conn, schema)
    runs = [run for run in record.runs() if seed is None or run.seed == seed]
    if not runs:
        which = "no seed" if seed is None else f"no seed {seed}"
        raise Refused(
            f"{which} is recorded in this database",
            hint="only what ringfence seed wrote, and recorded, can be removed",
        )
    unfinished = next((run for run in runs if not run.finished), None)
    if unfinished is not None and not force:
        raise Refused(
            f"seed {unfinished.seed} is not finished, and its rows are not all recorded",
            hint="ringfence seed --resume, then --clean; or --clean --force, which removes the rows"
            " that its batches wrote, and none of others'",
        )
    # What is recorded is so many rows that a nested loop over them never ends.
    with snapshot(conn), steady(conn, enable_nestloop="off"), _unhidden(conn):
        if unfinished is not None:
            record.take_all(unfinished.id, shape, unfinished.cursor.get("ours"))
        wanted = record.conn.execute(
            sql.SQL("SELECT DISTINCT relation, columns FROM {} WHERE seed_id = ANY(%s)").format(
                record.rows_
            ),
            ([run.id for run in runs],),
        ).fetchall()
        recorded = {tuple(relation): tuple(columns) for relation, columns in wanted}
        _refuse_hanging(record, shape, [run.id for run in runs], recorded)
        removed: Counter[str] = Counter()
        gone: Counter[str] = Counter()
        helping = _help(record, shape, recorded)
        for group in reversed(order.groups(shape)):
            tables = [t for t in reversed(group.tables) if (t.schema, t.name) in recorded]
            _remove(record, tables, [run.id for run in runs], recorded, removed, gone)
        conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for index in helping:
            conn.execute(sql.SQL("DROP INDEX {}").format(index))
        query = sql.SQL("DELETE FROM {} WHERE id = ANY(%s)").format(record.runs_)
        conn.execute(query, ([run.id for run in runs],))
    return Cleaned(tuple(dict.fromkeys(run.seed for run in runs)), removed, gone)


@contextmanager
def _unhidden(conn: Connection[Any]) -> Iterator[None]:
    """Have the server complain where policies hide rows, rather than leave those out."""
    setting = "SELECT set_config('row_security', %s, true)"
    before = conn.execute("SELECT current_setting('row_security')").fetchone()
    assert before is not None
    conn.execute(setting, ("off",))
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refused(
            f"not all rows can be seen or removed by {conn.info.user}: {error.diag.message_primary}",
            hint="clean as the tables' owner, or as a role that policies do not bind; nothing was"
            " removed",
        ) from error
    conn.execute(setting, before)


def _help(
    record: Record, shape: Shape, recorded: Mapping[tuple[str, ...], tuple[str, ...]]
) -> list[sql.Identifier]:
    """Make indexes by which foreign keys are followed back where there are none, and name them.

    Without, the server reads through a large table for every row that goes elsewhere. Nobody but
    this transaction sees them; who may not make one does without.
    """
    conn = record.conn
    going = [t for t in shape.tables.values() if (t.schema, t.name) in recorded]
    made: list[sql.Identifier] = []
    text = files("ringfence.seed").joinpath("unindexed.sql").read_bytes()
    oids = [table.oid for table in going]
    links = psycopg.RawCursor(conn).execute(text, [oids, _LARGE]).fetchall()
    for number, (child, columns) in enumerate(links):
        name = f"ringfence_clean_{conn.info.backend_pid}_{number}"
        statement = sql.SQL("CREATE INDEX {} ON {} ({})").format(
            sql.Identifier(name),
            sql.Identifier(*child),
            sql.SQL(", ").join(sql.Identifier(column) for column in columns),
        )
        with suppress(psycopg.Error), conn.transaction():
            conn.execute(statement)
            made.append(sql.Identifier(child[0], name))
    children = {child for child, _ in links for child in [tuple(child)]}
    large = conn.execute(
        "SELECT oid::BIGINT FROM pg_class WHERE oid = ANY(%s::OID[])"
        " AND (relkind = 'p' OR pg_relation_size(oid) > %s)",
        (oids, _LARGE),
    ).fetchall()
    told = {oid for (oid,) in large}
    acquaint(conn, (t for t in going if t.oid in told or (t.schema, t.name) in children))
    return made


_LARGE = 1 << 18
"""How many bytes a table has at least that is better not read through again and again."""


def _refuse_hanging(
    record: Record,
    shape: Shape,
    runs: Sequence[int],
    recorded: Mapping[tuple[str, ...], tuple[str, ...]],
) -> None:
    """Raise `Refused` where rows that no seed wrote point to rows that are to go."""
    going = {t.oid: t for t in shape.tables.values() if (t.schema, t.name) in recorded}
    text = files("ringfence.seed").joinpath("hanging.sql").read_bytes()
    with record.conn.cursor(row_factory=dict_row) as cursor:
        links = [link for link in cursor.execute(text).fetchall() if link["parent"] in going]
    if not links:
        return
    needed = {link["parent"] for link in links} | {link["child"] for link in links} & set(going)
    doomed = [
        sql.SQL("{} AS MATERIALIZED ({})").format(
            sql.Identifier(f"d{oid}"),
            _doomed(record, going[oid], recorded[going[oid].schema, going[oid].name], runs,
                    {name for link in links if link["parent"] == oid for name in link["target_columns"]}),
        )
        for oid in sorted(needed)
    ]  # fmt: skip
    branches = [_hanging(n, link, shape, going) for n, link in enumerate(links)]
    found = ask(
        record.conn,
        sql.SQL("WITH {} {}").format(
            sql.SQL(", ").join(doomed), sql.SQL(" UNION ALL ").join(branches)
        ),
    ).fetchall()
    if not found:
        return
    many = {n: count for n, count, _ in found}
    lines = []
    for n, _, shown in found:
        link = links[n]
        child, parent = Ref("table", tuple(link["child_table"])).path, going[link["parent"]].path
        what = _ON_DELETE.get(link["on_delete"], "")
        lines.append(f"{child} ({shown}) points to {parent} by {quoted(link['name'])}{what}")
    total = sum(many.values())
    lines += [f"and {total - len(found)} more"] if total > len(found) else []
    raise Refused(
        "rows that were seeded are still needed: "
        + (f"{total} others point to them" if total > 1 else "another points to them"),
        detail="\n".join(lines),
        hint="remove the rows that point to them first; nothing was removed",
    )


_ON_DELETE = {
    "c": ", ON DELETE CASCADE",
    "n": ", ON DELETE SET NULL",
    "d": ", ON DELETE SET DEFAULT",
}
_SHOWN = 5
"""How many rows of a foreign key are named."""


def _hanging(
    number: int, link: Mapping[str, Any], shape: Shape, going: Mapping[int, Table]
) -> sql.Composed:
    """Rows of a foreign key's table that stay, while those they point to go."""
    pairs = zip(link["target_columns"], link["operators"], link["columns"], strict=True)
    same = sql.SQL(" AND ").join(
        sql.SQL("d.{} {} c.{}").format(sql.Identifier(mine), verbatim(operator), sql.Identifier(their))
        for mine, operator, their in pairs
    )  # fmt: skip
    child = shape.tables.get(link["child"])
    names = dict.fromkeys((*(key_of(child) if child is not None else ()), *link["columns"]))
    shown = sql.SQL(", ").join(
        sql.SQL("{} || coalesce(left(c.{}::TEXT, 60), 'NULL')").format(
            sql.Literal(f"{quoted(name)} = "), sql.Identifier(name)
        )
        for name in names
    )
    stays: sql.Composable = sql.SQL("")
    if link["child"] in going:
        stays = sql.SQL(
            " AND NOT EXISTS (SELECT FROM {} AS e WHERE e.ringfence_at = c.tableoid AND e.ringfence_row = c.ctid)"
        ).format(sql.Identifier(f"d{link['child']}"))
    return sql.SQL(
        "(SELECT {number}, count(*) OVER (), concat_ws(', ', {shown}) FROM {only}{table} AS c"
        " WHERE EXISTS (SELECT FROM {doomed} AS d WHERE {same}){stays} LIMIT {limit})"
    ).format(
        number=sql.Literal(number),
        shown=shown,
        only=sql.SQL("" if link["child_partitioned"] else "ONLY "),
        table=sql.Identifier(*link["child_table"]),
        doomed=sql.Identifier(f"d{link['parent']}"),
        same=same,
        stays=stays,
        limit=sql.Literal(_SHOWN),
    )


def _remove(
    record: Record,
    tables: Sequence[Table],
    runs: Sequence[int],
    recorded: Mapping[tuple[str, ...], tuple[str, ...]],
    removed: Counter[str],
    gone: Counter[str],
) -> None:
    if not tables:
        return
    parts = [
        sql.SQL("{} AS ({} RETURNING 1)").format(
            sql.Identifier(f"d{n}"),
            _deletion(record, table, recorded[table.schema, table.name], runs),
        )
        for n, table in enumerate(tables)
    ]
    counts = sql.SQL(", ").join(
        sql.SQL("(SELECT count(*) FROM {})").format(sql.Identifier(f"d{n}"))
        for n in range(len(tables))
    )
    statement = sql.SQL("WITH {} SELECT {}").format(sql.SQL(", ").join(parts), counts)
    try:
        answer = ask(record.conn, statement).fetchone()
    except psycopg.errors.IntegrityError as error:
        # The constraint is one that holds periods, or the row that holds on cannot be seen.
        raise ServerError(
            f"rows that were seeded are still needed: {error.diag.message_primary}",
            sqlstate=error.sqlstate or "",
            detail=error.diag.message_detail or "",
            hint="remove the rows that point to them first; nothing was removed",
        ) from error
    assert answer is not None
    for table, count in zip(tables, answer, strict=True):
        expected = record.conn.execute(
            sql.SQL(
                "SELECT coalesce(sum(array_length(keys, 1)), 0) FROM {} WHERE seed_id = ANY(%s)"
                " AND relation = %s"
            ).format(record.rows_),
            (list(runs), [table.schema, table.name]),
        ).fetchone()
        assert expected is not None
        removed[table.path] += count
        if int(expected[0]) > count:
            gone[table.path] += int(expected[0]) - count


def _deletion(
    record: Record, table: Table, names: Sequence[str], runs: Sequence[int]
) -> sql.Composed:
    return sql.SQL(
        "DELETE FROM {} AS t USING ({}) AS y WHERE t.ctid = y.ringfence_row AND t.tableoid = y.ringfence_at"
    ).format(source(table), _doomed(record, table, names, runs, ()))


def _doomed(
    record: Record,
    table: Table,
    names: Sequence[str],
    runs: Sequence[int],
    columns: Iterable[str],
) -> sql.Composed:
    """The recorded rows that are there, each with where it lies (`ringfence_at`, `ringfence_row`) and some columns."""
    width = max(1, len(names))
    parts = sql.SQL(", ").join(
        sql.SQL("max(v) FILTER (WHERE (o - 1) % {} = {}) AS {}").format(
            sql.Literal(width), sql.Literal(n), sql.Identifier(f"k{n}")
        )
        for n in range(width)
    )
    keys = sql.SQL(
        "SELECT {columns} FROM {rows} AS s CROSS JOIN LATERAL unnest(s.keys) WITH ORDINALITY AS u (v, o)"
        " WHERE s.seed_id = ANY({runs}) AND s.relation = {relation} GROUP BY s.ctid, (o - 1) / {width}"
    ).format(
        columns=parts,
        rows=record.rows_,
        runs=sql.Literal(list(runs)),
        relation=sql.Literal([table.schema, table.name]),
        width=sql.Literal(width),
    )
    more = [sql.SQL(", t.{}").format(sql.Identifier(name)) for name in sorted(columns)]
    chosen = sql.SQL("SELECT t.tableoid AS ringfence_at, t.ctid AS ringfence_row{}").format(
        sql.SQL("").join(more)
    )
    if not names:
        return sql.SQL(
            "{chosen} FROM (SELECT r.tableoid, r.ctid, r.*, md5((r.*)::TEXT) AS ringfence_hash,"
            " row_number() OVER (PARTITION BY md5((r.*)::TEXT)) AS ringfence_turn FROM {table} AS r) AS t"
            " INNER JOIN (SELECT k0, count(*) AS c FROM ({keys}) AS k GROUP BY k0) AS k"
            " ON t.ringfence_hash = k.k0 AND t.ringfence_turn <= k.c"
        ).format(chosen=chosen, table=source(table), keys=keys)
    same = sql.SQL(" AND ").join(
        sql.SQL("t.{} = k.{}::{}").format(
            sql.Identifier(name), sql.Identifier(f"k{n}"), verbatim(table.column[name].sql)
        )
        for n, name in enumerate(names)
    )
    return sql.SQL("{} FROM {} AS t INNER JOIN ({}) AS k ON {}").format(
        chosen, source(table), keys, same
    )


def key_of(table: Table) -> tuple[str, ...]:
    """Columns that tell a table's rows apart and are never NULL; none where there are no such."""
    usable = [
        key.columns
        for key in sorted(table.keys, key=lambda key: not key.primary)
        if not key.operators
        and not key.predicate
        and all(name and table.column[name].not_null for name in key.columns)
    ]
    return usable[0] if usable else ()


def source(table: Table) -> sql.Composed:
    """The table's own rows: those of its partitions, not those of tables that inherit from it."""
    only = sql.SQL("" if table.partitioned else "ONLY ")
    return sql.SQL("{}{}").format(only, sql.Identifier(table.schema, table.name))


def kept_tables(shape: Shape, taken: Iterable[str]) -> set[int]:
    """The tables, by OID, that had rows before."""
    paths = set(taken)
    return {table.oid for table in shape.tables.values() if table.path in paths}


_TABLES = sql.SQL("""
CREATE TABLE IF NOT EXISTS {runs} (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seed NUMERIC NOT NULL,
    asked JSONB NOT NULL,
    tenants TEXT[],
    cursor JSONB,
    begun TIMESTAMPTZ NOT NULL DEFAULT now(),
    finished TIMESTAMPTZ
);
CREATE TABLE IF NOT EXISTS {rows} (
    seed_id BIGINT NOT NULL REFERENCES {runs} ON DELETE CASCADE,
    relation TEXT[] NOT NULL,
    columns TEXT[] NOT NULL,
    keys TEXT[] NOT NULL
);
""")

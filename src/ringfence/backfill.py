"""Change many rows a little at a time: one statement, run over a table's keys in small transactions.

`-- ringfence: backfill key=id batch=200ms` at the top of a revision makes its one UPDATE, DELETE or
INSERT … SELECT a backfill. Each batch takes the next rows by key, in a transaction that also keeps the key it came to:
killed, it goes on behind the last batch that was committed. Batches grow and shrink to the time they
may take. Rows that come after it began are not its own: what fills them must be there before.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from ringfence.errors import BadProject, Busy, Refused
from ringfence.execute import STAYS, Paused, Progress, forget, reset, seconds
from ringfence.model import quoted
from ringfence.pg import ledger, runner
from ringfence.script import Script, Statement, checksum

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from ringfence.execute import Executor
    from ringfence.pg.connect import Target
    from ringfence.project import Project
    from ringfence.revisions import Direction, Revision

    Connection = psycopg.Connection[tuple[object, ...]]

_FIRST_BATCH = 1000
_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """A backfill as its file says it: `head` and `tail` are the statement around the batch's condition.

    `calls` are the functions that a query calls of its rows: none may be an aggregate.
    """

    statement: Statement
    settings: tuple[Statement, ...]
    table: str
    alias: str
    key: tuple[str, ...]
    head: str
    tail: str
    calls: tuple[str, ...]
    batch: float
    rows: int
    lag: str | None

    @property
    def columns(self) -> str:
        """The key's columns, as SQL writes them."""
        return ", ".join(f"{self.alias}.{quoted(column)}" for column in self.key)

    def over(self, condition: str) -> str:
        """The statement for the rows of a condition."""
        return f"{self.head}{condition}{self.tail}"


def read(text: Script) -> Job:
    """What a file's directive and its statement say. Raises `BadProject` where they do not fit."""
    import postgast

    said = text.backfill
    statements = [s for s in text.statements if not s.sets_session]
    if len(statements) != 1:
        at = text.span(statements[1].start) if statements else None
        raise BadProject(
            f"{text.path} is a backfill and has {len(statements)} statements",
            span=at,
            hint="one UPDATE, DELETE or INSERT; put the rest in revisions of their own",
        )
    (statement,) = statements
    try:
        parsed: Any = postgast.parse(statement.text)
    except postgast.PgQueryError as error:
        place = statement.start + max(0, error.cursorpos - 1)
        raise BadProject(error.message, span=text.span(place)) from None
    node = parsed.stmts[0].stmt
    relation = _rows_of(node)
    if relation is None:
        raise BadProject(
            "a backfill is an UPDATE, a DELETE, or an INSERT … SELECT of one table's rows",
            span=text.span(statement.start),
            hint="leave the directive out, or write what it does as an UPDATE",
        )
    key = key_of(said["key"])
    if why := _not_in_batches(node, relation, key):
        raise BadProject(
            f"in batches it would not be the same: {why}",
            span=text.span(statement.start),
            hint="write it such that what comes of a row does not depend on other batches",
        )
    parts = [quoted(p) for p in (relation.schemaname, relation.relname) if p]
    alias = quoted(relation.alias.aliasname or relation.relname)
    where, end = _places(statement.text, text.path)
    body = statement.text
    if where is None:
        # A comment may stand at its end.
        head, tail = f"{body[:end].rstrip()}\nWHERE ", f" {body[end:]}".rstrip()
    else:
        inner = body[where:end].strip()
        if inner.upper().startswith("CURRENT OF"):
            raise BadProject(
                "a backfill cannot follow a cursor", span=text.span(statement.start + where)
            )
        # The condition may end in a comment: the bracket stands on a line of its own.
        head, tail = f"{body[:where]} ", f" AND (\n{inner}\n) {body[end:]}".rstrip()
    return Job(
        statement,
        tuple(s for s in text.statements if s.sets_session),
        ".".join(parts),
        alias,
        key,
        head,
        tail,
        tuple(sorted(_calls(node))),
        seconds(said.get("batch", "200ms")),
        int(said.get("rows", _FIRST_BATCH)),
        said.get("lag"),
    )


_COLUMN = re.compile(r'"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^",]+)')


def key_of(said: str) -> tuple[str, ...]:
    """The columns that `key=` names: `a,"b c"`. A name without quotes is taken as it stands, capitals too."""
    return tuple(m["plain"] or m["quoted"].replace('""', '"') for m in _COLUMN.finditer(said))


_NOT_BY_ROW = (
    "distinct_clause", "group_clause", "having_clause", "window_clause", "sort_clause",
    "limit_count", "limit_offset", "values_lists",
)  # fmt: skip


def _rows_of(node: Any) -> Any:
    """The table whose rows a statement takes one by one, as the parser has it; None where it does not."""
    kind = node.WhichOneof("node")
    if kind in ("update_stmt", "delete_stmt"):
        return getattr(node, kind).relation
    if kind != "insert_stmt" or node.insert_stmt.select_stmt.WhichOneof("node") != "select_stmt":
        return None
    select = node.insert_stmt.select_stmt.select_stmt
    if not select.from_clause or _by_group(select):
        return None
    first = select.from_clause[0]
    while first.WhichOneof("node") == "join_expr":
        first = first.join_expr.larg
    return first.range_var if first.WhichOneof("node") == "range_var" else None


def _by_group(select: Any) -> bool:
    """Whether a query makes other rows than one of each row: by groups, sorted, cut off, united."""
    present = {field.name for field, _ in select.ListFields()}
    return bool(present.intersection(_NOT_BY_ROW)) or "larg" in present


def _not_in_batches(node: Any, relation: Any, key: Collection[str]) -> str:
    """Why a statement over some of the rows at a time is another than over all; empty where it is not."""
    kind = node.WhichOneof("node")
    statement = getattr(node, kind)
    withs = [statement.with_clause]
    if kind == "insert_stmt":
        withs.append(statement.select_stmt.select_stmt.with_clause)
    for cte in (c.common_table_expr for clause in withs for c in clause.ctes):
        if cte.ctequery.WhichOneof("node") != "select_stmt":
            return f"WITH {quoted(cte.ctename)} writes, and would do all of it in the first batch"
    if kind == "update_stmt":
        names = {target.res_target.name for target in statement.target_list}
        changed = [column for column in key if column in names]
        return f"it changes its own key ({quoted(changed[0])})" if changed else ""
    if kind == "delete_stmt":
        return ""
    schemas = {r.schemaname for r in (relation, statement.relation) if r.schemaname}
    if relation.relname == statement.relation.relname and len(schemas) < 2:
        return f"it reads the table that it writes ({quoted(relation.relname)})"
    select = statement.select_stmt.select_stmt
    first = select.from_clause[0]
    while first.WhichOneof("node") == "join_expr":
        if first.join_expr.jointype not in _FOLLOWING:
            return "a RIGHT or FULL JOIN gives rows that are of no batch"
        first = first.join_expr.larg
    if any(call.HasField("over") for call in _own_calls(select)):
        return "a window function looks at other rows"
    if any(_aggregates(call) for call in _own_calls(select)):
        return "an aggregate makes one row of all"
    return ""


_FOLLOWING = (1, 2)
"""JOIN_INNER and JOIN_LEFT: what is on the left decides which rows there are."""


def _aggregates(call: Any) -> bool:
    """Whether a call is written as only that of an aggregate is."""
    return bool(
        call.agg_star or call.agg_distinct or call.agg_within_group or call.agg_order
        or call.HasField("agg_filter")
    )  # fmt: skip


def _calls(node: Any) -> set[str]:
    """The names of the functions that an INSERT's query calls of its own rows."""
    if node.WhichOneof("node") != "insert_stmt":
        return set()
    found = _own_calls(node.insert_stmt.select_stmt.select_stmt)
    return {call.funcname[-1].string.sval for call in found}


def _own_calls(select: Any) -> Iterator[Any]:
    """The calls in what a query gives, but those within subqueries."""
    todo = [target.res_target.val for target in select.target_list]
    while todo:
        node = todo.pop()
        if node.DESCRIPTOR.name in ("SubLink", "SelectStmt"):
            continue
        if node.DESCRIPTOR.name == "FuncCall":
            yield node
        for field, value in node.ListFields():
            if field.message_type is not None:
                todo += list(value) if field.is_repeated else [value]


def _places(statement: str, path: str) -> tuple[int | None, int]:
    """Where the condition of a statement begins, and where it ends."""
    depth, where, end, last = 0, None, len(statement), 0
    ended = False
    for token in Script(path, statement).code():
        depth += (token.text == "(") - (token.text == ")")
        if depth or not token.word:
            continue
        word = token.text.upper()
        if word == "WHERE" and not ended:
            where = token.end
        elif word in ("RETURNING", "FOR", "CONFLICT") and not ended:
            # ON CONFLICT begins a word before.
            end, ended = (last if word == "CONFLICT" else token.start), True
        last = token.start
    return where, end


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a backfill has come; `stopped` where no run is at it. `seen` counts rows that batches went over, `changed` their work."""

    revision: str
    direction: str
    state: str
    seen: int
    changed: int
    batches: int
    batch: int
    estimate: int | None
    seconds: float
    at: datetime | None
    by: str

    @property
    def left(self) -> float | None:
        """About how many seconds it takes from here, where that can be told."""
        if self.state == "finished" or not self.seen or not self.estimate:
            return None
        return max(0.0, self.seconds * (self.estimate - self.seen) / self.seen)


_STATE = """
CASE WHEN state = 'running' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted
        AND classid::bigint = {lock} AND objid::bigint = {key} AND database = (
            SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
THEN 'stopped' ELSE state END
"""
_COLUMNS = (
    f"revision, direction, {_STATE}, seen, changed, batches, batch, estimate, seconds, at, by"
)


def standings(connection: Connection, schema: str) -> tuple[Standing, ...]:
    """Every backfill that this database has begun, the newest last."""
    if not ledger.has_backfills(connection, schema):
        return ()
    rows = connection.execute(
        sql.SQL("SELECT {} FROM {} ORDER BY began").format(
            sql.SQL(_COLUMNS).format(lock=runner.LOCK_CLASS, key=runner.key(schema) & 0xFFFFFFFF),
            sql.Identifier(schema, "backfills"),
        )
    ).fetchall()
    made: list[Any] = [Standing(*row) for row in rows]  # type: ignore[arg-type] # as selected
    return tuple(made)


def turn(connection: Connection, schema: str, wanted: str, name: str | None) -> tuple[str, ...]:
    """Pause, resume (`running`) or forget (`restart`) the backfill of a revision, or of all; which."""
    if not ledger.has_backfills(connection, schema):
        return ()
    table = sql.Identifier(schema, "backfills")
    which = sql.SQL("state <> 'finished' AND (%(name)s::text IS NULL OR revision = %(name)s)")
    if wanted == "restart":
        query = sql.SQL("DELETE FROM {} WHERE {} RETURNING revision").format(table, which)
    else:
        query = sql.SQL(
            "UPDATE {} SET state = %(state)s, at = clock_timestamp(), by = SESSION_USER"
            " WHERE {} AND state <> %(state)s RETURNING revision"
        ).format(table, which)
    rows = connection.execute(query, {"state": wanted, "name": name}).fetchall()
    return tuple(sorted(str(row[0]) for row in rows))


def run(executor: Executor, revision: Revision, direction: Direction, text: Script) -> None:
    """Run a backfill to its end, from where it stands. Raises `Busy` where somebody paused it.

    The connection is in autocommit mode.
    """
    _Backfill(executor, revision, direction, text, read(text)).run()


def key_types(connection: Connection, text: Script, job: Job) -> tuple[str, ...]:
    """The types of the key's columns. Raises `BadProject` where they are no key to go by."""
    rows = connection.execute(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
        " EXISTS (SELECT FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
        " JOIN pg_am AS m ON m.oid = c.relam"
        " WHERE i.indrelid = a.attrelid AND i.indisvalid AND m.amname = 'btree'"
        " AND i.indpred IS NULL AND (SELECT array_agg(k.attname::text ORDER BY o.n)"
        " FROM unnest(i.indkey) WITH ORDINALITY AS o (attnum, n)"
        " JOIN pg_attribute AS k ON k.attrelid = i.indrelid AND k.attnum = o.attnum"
        " WHERE o.n <= %(count)s) = %(key)s::text[])"
        " FROM pg_attribute AS a WHERE a.attrelid = to_regclass(%(table)s)"
        " AND a.attname = ANY (%(key)s::text[]) AND a.attnum > 0 AND NOT a.attisdropped",
        {"table": job.table, "key": list(job.key), "count": len(job.key)},
    ).fetchall()
    found = {str(name): (str(kind), bool(kept), bool(led)) for name, kind, kept, led in rows}
    place = text.span(job.statement.start)
    if job.calls:
        row = connection.execute(
            "SELECT min(proname) FROM pg_catalog.pg_proc WHERE prokind = 'a' AND proname = ANY (%s)",
            [list(job.calls)],
        ).fetchone()
        if row is not None and row[0] is not None:
            raise BadProject(
                f"in batches it would not be the same: the aggregate {row[0]} makes one row of all",
                span=place,
                hint="write it such that what comes of a row does not depend on other batches",
            )
    for column in job.key:
        if column not in found:
            raise BadProject(
                f"the backfill's key {column} is no column of {job.table}",
                span=place,
                hint="name the table's key: -- ringfence: backfill key=…",
            )
        if not found[column][1]:
            raise BadProject(
                f"the backfill's key {column} may be NULL, and such rows would be passed over",
                span=place,
                hint="name a key whose columns are NOT NULL",
            )
    if not found[job.key[0]][2]:
        raise BadProject(
            f"no index of {job.table} begins with the backfill's key ({', '.join(job.key)})",
            span=place,
            hint="name the primary key, or build an index: each batch would read the whole table",
        )
    return tuple(found[column][0] for column in job.key)


class _Backfill:
    def __init__(
        self,
        executor: Executor,
        revision: Revision,
        direction: Direction,
        text: Script,
        job: Job,
    ) -> None:
        self._executor, self._connection = executor, executor.connection
        self._revision, self._direction = revision, direction
        self._text, self._job = text, job
        self._table = sql.Identifier(executor.schema, "backfills")
        self._which = [revision.id, direction]
        self._types: tuple[str, ...] = ()
        self._mark = "0/0", time.monotonic()

    def run(self) -> None:
        limits = self._executor.settings(self._text.directives, "SET")
        self._connection.execute(limits)
        self._settings()
        self._types = key_types(self._connection, self._text, self._job)
        self._refuse_policies()
        reset(self._connection)
        self._begin()
        while self._batch():
            self._keep_up()
        forget(self._connection)

    def _refuse_policies(self) -> None:
        """Raise `Refused` where policies would hide rows: passed over, they would count as done."""
        row = self._connection.execute(
            "SELECT current_user, row_security_active(%s)", [self._job.table]
        ).fetchone()
        if row is not None and row[1] and self._text.backfill.get("policies") != "bind":
            raise Refused(
                f"policies of {self._job.table} bind {quoted(str(row[0]))}: the backfill would pass"
                " over the rows that they hide",
                span=self._text.span(self._job.statement.start),
                hint="run it as a role with BYPASSRLS, or say that it is for the rows that they let it"
                f" see: -- ringfence: backfill key={self._text.backfill['key']} policies=bind",
            )

    def _settings(self) -> None:
        for setting in self._job.settings:
            self._executor.execute(self._text, setting)

    def _begin(self) -> None:
        """Have a row that says where it stands: the one there is, or a new one."""
        connection, mark = self._connection, checksum(self._job.statement.text.encode())
        row = connection.execute(
            sql.SQL(
                "SELECT b.state, b.checksum, b.batches, EXISTS (SELECT FROM {} AS h"
                " WHERE h.revision = b.revision AND h.event IN ('finished', 'stamped', 'baseline')"
                " AND h.at >= b.at) FROM {} AS b WHERE b.revision = %s AND b.direction = %s"
            ).format(sql.Identifier(self._executor.schema, "history"), self._table),
            self._which,
        ).fetchone()
        if row is not None and not row[3]:
            if row[2]:
                self._executor.left = STAYS
            if row[1] == mark:
                return
            if row[2]:
                raise Refused(
                    f"statement 1 of revision {self._revision.id} has run over part of"
                    f" {self._job.table} and was edited since",
                    span=self._text.span(self._job.statement.start),
                    hint="restore it, or have it begin anew:"
                    f" ringfence backfill restart {self._revision.id}",
                )
        connection.execute(self._executor.settings(self._text.directives, "SET"))
        self._settings()
        last = self._key("DESC", "")
        estimate = self._estimate()
        reset(connection)
        # Somebody may have it stand still in this very moment.
        connection.execute(
            sql.SQL(
                "INSERT INTO {} AS b (revision, direction, state, checksum, until, batch, estimate)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (revision, direction) DO UPDATE"
                " SET state = CASE WHEN b.state = 'paused' AND %s THEN b.state"
                " ELSE EXCLUDED.state END, checksum = EXCLUDED.checksum, cursor = NULL,"
                " until = EXCLUDED.until, batch = EXCLUDED.batch, estimate = EXCLUDED.estimate,"
                " batches = 0, seen = 0, changed = 0, seconds = 0, began = clock_timestamp(),"
                " at = clock_timestamp(), by = SESSION_USER"
            ).format(self._table),
            [
                *self._which, "running" if last else "finished", mark, Jsonb(last),
                self._job.rows, estimate, last is not None and (row is None or not row[3]),
            ],
        )  # fmt: skip

    def _estimate(self) -> int:
        """About how many rows there are: the planner has an idea of tables nobody has analysed, too."""
        row = self._connection.execute(
            f"EXPLAIN (FORMAT JSON) SELECT FROM {self._job.table}"
        ).fetchone()
        assert row is not None
        plan: Any = row[0]
        return int(plan[0]["Plan"]["Plan Rows"])

    def _batch(self) -> bool:
        """Run one batch, or the same again with fewer rows as long as a lock is not to be had."""
        more = False
        fewer = 1

        def attempt() -> None:
            nonlocal more, fewer
            try:
                more = self._once(fewer)
            except Busy:
                fewer *= 2
                raise

        self._executor.patiently(attempt, lambda: self._text.directives, "the batch")
        return more

    def _once(self, fewer: int) -> bool:
        connection, job = self._connection, self._job
        began = time.monotonic()
        limits = self._executor.settings(self._text.directives, "SET LOCAL")
        connection.execute(sql.SQL("BEGIN; ") + limits)
        try:
            row = connection.execute(
                sql.SQL(
                    "SELECT state, cursor, until, batch FROM {} WHERE revision = %s"
                    " AND direction = %s FOR UPDATE"
                ).format(self._table),
                self._which,
            ).fetchone()
            if row is None or row[0] != "running":
                connection.rollback()
                if row is not None and row[0] == "finished":
                    return False
                raise Paused(
                    f"the backfill of revision {self._revision.id} is paused",
                    hint="ringfence backfill resume, then migrate again",
                )
            cursor: Any
            until: Any
            _, cursor, until, size = row
            rows = max(1, int(str(size)) // fewer)
            self._settings()
            below = f"({job.columns}) <= {self._values(until)}"
            above = f"({job.columns}) > {self._values(cursor)} AND " if cursor else ""
            last = self._key("ASC", f"WHERE {above}{below}", skip=rows - 1)
            upto = f"({job.columns}) <= {self._values(last)}" if last else below
            statement = Statement(
                job.over(f"{above}{upto}"), job.statement.start, job.statement.words
            )
            changed = self._executor.execute(self._text, statement)
            reset(connection)
            took = time.monotonic() - began
            size = min(max(int(rows * min(2.0, max(0.5, job.batch / took))), 1), _LARGEST)
            told = connection.execute(
                sql.SQL(
                    "UPDATE {} SET cursor = %s, batch = %s, batches = batches + 1,"
                    " seen = seen + %s, changed = changed + %s, seconds = seconds + %s,"
                    " state = %s, at = clock_timestamp() WHERE revision = %s AND direction = %s"
                    " RETURNING seen, estimate, seconds"
                ).format(self._table),
                [
                    Jsonb(last or until), size, rows if last else changed, changed, took,
                    "running" if last else "finished", *self._which,
                ],
            ).fetchone()  # fmt: skip
            connection.execute("COMMIT")
        except BaseException:
            with suppress(psycopg.Error):
                connection.rollback()
            raise
        assert told is not None
        seen, estimate, spent = int(str(told[0])), int(str(told[1] or 0)), float(str(told[2]))
        self._executor.left = f"{seen} rows of it are done: run it again to go on"
        self._executor.listen(
            Progress("batch", self._revision, self._direction, seen, max(estimate, seen), spent)
        )
        return last is not None

    def _key(self, order: str, where: str, skip: int = 0) -> list[str] | None:
        """The key of a row, as text, in the order of keys; None where there is none."""
        columns = [f"{self._job.alias}.{quoted(c)}" for c in self._job.key]
        connection = self._connection
        digits = connection.execute("SHOW extra_float_digits").fetchone()
        assert digits is not None
        connection.execute("SET extra_float_digits = 3")  # else it would be another number's key
        row = connection.execute(
            f"SELECT {', '.join(f'{c}::text' for c in columns)}"  # noqa: S608 - quoted
            f" FROM {self._job.table} AS {self._job.alias} {where}"
            f" ORDER BY {', '.join(f'{c} {order}' for c in columns)} OFFSET {skip} LIMIT 1"
        ).fetchone()
        connection.execute("SELECT set_config('extra_float_digits', %s, FALSE)", [str(digits[0])])
        return None if row is None else [str(value) for value in row]

    def _values(self, key: Sequence[str]) -> str:
        literals = (
            f"{sql.Literal(value).as_string(self._connection)}::{kind}"
            for value, kind in zip(key, self._types, strict=True)
        )
        return f"({', '.join(literals)})"

    def _keep_up(self) -> None:
        """Wait until no replica is further behind than it may be."""
        allowed = seconds(self._job.lag or self._executor.config.lag)
        told = False
        while (behind := self._behind()) > allowed:
            if not told:
                self._executor.listen(
                    Progress(
                        "blocked", self._revision, self._direction,
                        text=f"a replica is {behind:.0f} s behind: waiting for it",
                    )
                )  # fmt: skip
                told = True
            time.sleep(0.5)

    def _behind(self) -> float:
        """By how many seconds the furthest replica is behind; 0 without one, or who may not see.

        The server says it of what was replayed. Of a replica that stands still it says nothing: there it
        counts since when it has not reached a place that we know of.
        """
        lsn, since = self._mark
        row = self._connection.execute(
            "SELECT max(extract(epoch FROM replay_lag))::float8,"
            " coalesce(bool_or(replay_lsn < %s::pg_lsn), FALSE), pg_current_wal_flush_lsn()::text"
            " FROM pg_catalog.pg_stat_replication WHERE state = 'streaming'",
            [lsn],
        ).fetchone()
        assert row is not None
        now = time.monotonic()
        if not row[1]:
            self._mark = str(row[2]), now
            since = now
        return max(float(str(row[0] or 0)), now - since)


def pending(project: Project, connection: Connection) -> tuple[str, ...]:
    """The revisions that are backfills, and have not been applied to a database."""
    from ringfence import revisions

    graph = revisions.read(project)
    stands = ledger.state(connection, project.config.migrate.schema).current
    return tuple(r.id for r in graph.pending(stands) if r.sql and r.script("up").backfill)


def hold(connection: Connection, schema: str, names: Sequence[str]) -> tuple[str, ...]:
    """Have backfills that have not begun be paused when they are come to; those that were not yet."""
    if not ledger.has_backfills(connection, schema):
        with runner.held(connection, schema, 0, lambda _: None):
            ledger.ensure(connection, schema)
    rows = connection.execute(
        sql.SQL(
            "INSERT INTO {} AS b (revision, direction, state, checksum, batch)"
            " SELECT r, 'up', 'paused', '', 1 FROM unnest(%s::text[]) AS r"
            " ON CONFLICT (revision, direction) DO UPDATE SET state = 'paused', checksum = '',"
            " cursor = NULL, until = NULL, batch = 1, batches = 0, seen = 0, changed = 0,"
            " seconds = 0, began = clock_timestamp(), at = clock_timestamp(), by = SESSION_USER"
            # Of an earlier life: it was undone since.
            " WHERE b.state = 'finished' RETURNING revision"
        ).format(sql.Identifier(schema, "backfills")),
        [list(names)],
    ).fetchall()
    return tuple(sorted(str(row[0]) for row in rows))


def connect_and_turn(
    project: Project, target: Target, wanted: str, name: str | None
) -> tuple[str, ...]:
    """The same as `turn`, on a connection of its own; what has not begun is paused, too."""
    from ringfence.pg.connect import connect

    schema = project.config.migrate.schema
    with connect(target, pinned=True) as connection, ledger.writing(connection, schema):
        turned = turn(connection, schema, wanted, name)
        if wanted == "paused":
            left = [r for r in pending(project, connection) if name in (None, r)]
            if more := [r for r in left if r not in turned]:
                turned += hold(connection, schema, more)
    return turned

"""Is it in effect already? One probe for each kind of statement that no transaction can hold.

Between such a statement's end and the row that says so a runner may die. The row written *before* it
keeps what the probe found then (`look`); the next run compares (`settle`), clears away what a broken
build left, and says whether the statement has to run again. What was there before is somebody else's
and is never touched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from psycopg import sql

from ringfence.errors import Refused
from ringfence.model import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Connection = psycopg.Connection[tuple[object, ...]]

Found = dict[str, Any]
"""What a probe found, as JSON keeps it."""


class Probe(Protocol):
    """How to tell what one statement has done. Every method is called outside a transaction."""

    def look(self, connection: Connection) -> Found:
        """What is there now. Raises `Refused` where somebody else's object is in the way."""

    def settle(self, connection: Connection, found: Mapping[str, Any]) -> bool:
        """Whether the statement is in effect, `found` being what was there before it began.

        What it left half done is cleared away or brought to its end.
        """


def probe(text: str) -> Probe | None:
    """The probe of a statement, or None: then it is run again where nobody knows whether it ran."""
    import postgast

    try:
        tree: Any = postgast.parse(text)  # the messages that protobuf makes have no types
    except postgast.PgQueryError:
        return None  # newer syntax than the parser's
    if len(tree.stmts) != 1:
        return None
    kind = tree.stmts[0].stmt.WhichOneof("node")
    node = getattr(tree.stmts[0].stmt, kind)
    if kind == "index_stmt" and node.concurrent:
        return CreateIndex(tree, _name(node.relation), node.idxname)
    if kind == "drop_stmt" and node.concurrent:
        names = [[part.string.sval for part in o.list.items] for o in node.objects]
        return DropIndex(_written(names[0])) if len(names) == 1 else None
    if kind == "reindex_stmt":
        if any(option.def_elem.defname == "concurrently" for option in node.params):
            index = node.kind == postgast.pg_query_pb2.REINDEX_OBJECT_INDEX
            named = node.relation.relname != ""
            return Reindex(_name(node.relation) if named else "", index=index)
        return None
    if kind == "alter_table_stmt" and len(node.cmds) == 1:
        command = node.cmds[0].alter_table_cmd
        partition = getattr(command, "def").partition_cmd
        if command.subtype == postgast.pg_query_pb2.AT_DetachPartition and partition.concurrent:
            return Detach(_name(node.relation), _name(partition.name))
    catalogs = {
        "createdb_stmt": ("pg_database", "datname", "dbname", True),
        "dropdb_stmt": ("pg_database", "datname", "dbname", False),
        "create_table_space_stmt": ("pg_tablespace", "spcname", "tablespacename", True),
        "drop_table_space_stmt": ("pg_tablespace", "spcname", "tablespacename", False),
    }
    if kind in catalogs:
        catalog, column, field, makes = catalogs[kind]
        return Shared(catalog, column, getattr(node, field), makes=makes)
    return None


def _written(parts: Sequence[str]) -> str:
    return ".".join(quoted(part) for part in parts)


def _name(relation: Any) -> str:
    return _written([part for part in (relation.schemaname, relation.relname) if part])


@dataclass(frozen=True, slots=True)
class _Index:
    """An index as the catalog has it. `same` is whether it is what the statement makes, if known."""

    schema: str
    name: str
    valid: bool
    definition: str

    @property
    def shown(self) -> str:
        return _written([self.schema, self.name])


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """CREATE INDEX CONCURRENTLY: the index exists, is valid, and is what the statement says."""

    tree: Any
    table: str
    name: str

    def look(self, connection: Connection) -> Found:
        """The indexes there are. One of the same name that is invalid, or is another one, is refused."""
        there = _indexes(connection, self.table)
        node = self.tree.stmts[0].stmt.index_stmt
        same_name = [index for index in there if index.name == self.name]
        for index in same_name:
            if not index.valid:
                raise Refused(
                    f"index {index.shown} is there and invalid, and no run of this statement left it",
                    detail="IF NOT EXISTS would take it for what is wanted"
                    if node.if_not_exists
                    else "",
                    hint=f"see whose it is, then: DROP INDEX CONCURRENTLY {index.shown};",
                )
            wanted = self._wanted(connection)
            if node.if_not_exists and wanted is not None and index.definition != wanted:
                raise Refused(
                    f"index {index.shown} is there and is not what this statement makes",
                    detail=f"it is {index.definition}\n  and should be {wanted}",
                    hint=f"give yours another name, or drop the other one: {index.shown}",
                )
        return {"indexes": sorted(index.name for index in there)}

    def settle(self, connection: Connection, found: Mapping[str, Any]) -> bool:
        """Drop what a build of ours left invalid; whether there is a whole one."""
        before = set(found["indexes"])
        wanted = self._wanted(connection)
        done = False
        for index in _indexes(connection, self.table):
            ours = index.name == self.name if self.name else index.definition == wanted
            if not ours or index.name in before:
                continue
            if not index.valid:
                _drop(connection, index)
            elif wanted is None or index.definition == wanted:
                done = True
        node = self.tree.stmts[0].stmt.index_stmt
        return done or bool(node.if_not_exists and self.name in before)

    def _wanted(self, connection: Connection) -> str | None:
        """What the catalog would say of the index, found by making one on an empty copy of the table."""
        import postgast

        copy = type(self.tree)()
        copy.CopyFrom(self.tree)
        node = copy.stmts[0].stmt.index_stmt
        node.concurrent = node.if_not_exists = False
        node.relation.schemaname, node.relation.relname = "pg_temp", _COPY
        node.idxname = _COPY_INDEX
        try:
            with connection.transaction(force_rollback=True):
                table = sql.SQL(self.table)  # quoted by `_written`
                connection.execute(
                    sql.SQL("CREATE TEMP TABLE {} (LIKE {})").format(sql.Identifier(_COPY), table)
                )
                connection.execute(postgast.deparse(copy))
                made = _indexes(connection, f"pg_temp.{_COPY}")
        except (psycopg.Error, postgast.PgQueryError):
            return None  # may not make it here, or cannot: then nobody knows
        return made[0].definition if made else None


_LEFT = re.compile(r"_cc(new|old)\d*\Z")
_COPY = "ringfence_copy"
_COPY_INDEX = "ringfence_copy_index"


@dataclass(frozen=True, slots=True)
class DropIndex:
    """DROP INDEX CONCURRENTLY: there is none of that name. Half dropped, it is dropped again."""

    name: str

    def look(self, connection: Connection) -> Found:
        """Whether there is one."""
        return {"exists": _exists(connection, self.name)}

    def settle(self, connection: Connection, found: Mapping[str, Any]) -> bool:
        """Whether it is gone."""
        return bool(found["exists"]) and not _exists(connection, self.name)


@dataclass(frozen=True, slots=True)
class Reindex:
    """REINDEX CONCURRENTLY: may run again; what a broken one left (`_ccnew`, `_ccold`) is dropped."""

    name: str
    index: bool

    def look(self, connection: Connection) -> Found:
        """The indexes that there are, and which one is meant: the new one has another oid."""
        oid = None
        if self.index:
            row = connection.execute("SELECT to_regclass(%s)::oid::bigint", [self.name]).fetchone()
            oid = row[0] if row else None
        return {"indexes": [i.shown for i in self._there(connection)], "oid": oid}

    def settle(self, connection: Connection, found: Mapping[str, Any]) -> bool:
        """Drop the leftovers; of a single index, whether it is a new one."""
        before = set(found["indexes"])
        for index in self._there(connection):
            if not index.valid and index.shown not in before and _LEFT.search(index.name):
                _drop(connection, index)
        if not self.index or found["oid"] is None:
            return False
        row = connection.execute(
            "SELECT indexrelid::bigint <> %s AND indisvalid FROM pg_index"
            " WHERE indexrelid = to_regclass(%s)",
            [found["oid"], self.name],
        ).fetchone()
        return bool(row and row[0])

    def _there(self, connection: Connection) -> list[_Index]:
        if not self.name:
            return _indexes(connection, None)
        if not self.index:
            return _indexes(connection, self.name)
        row = connection.execute(
            "SELECT indrelid::regclass::text FROM pg_index WHERE indexrelid = to_regclass(%s)",
            [self.name],
        ).fetchone()
        return _indexes(connection, str(row[0])) if row else []


@dataclass(frozen=True, slots=True)
class Detach:
    """DETACH PARTITION CONCURRENTLY: it is no partition; one that hangs in between is finalized."""

    table: str
    partition: str

    def look(self, connection: Connection) -> Found:
        """Whether it is a partition, and of nobody's unfinished work."""
        state = self._state(connection)
        if state == "pending":
            raise Refused(
                f"{self.partition} is half detached from {self.table}, and no run of this statement"
                " did that",
                hint=f"ALTER TABLE {self.table} DETACH PARTITION {self.partition} FINALIZE;",
            )
        return {"state": state}

    def settle(self, connection: Connection, found: Mapping[str, Any]) -> bool:
        """Whether it is detached, brought to the end where that had begun."""
        state = self._state(connection)
        if state == "pending":
            connection.execute(
                f"ALTER TABLE {self.table} DETACH PARTITION {self.partition} FINALIZE"
            )
            return True
        return found["state"] == "attached" and state == "detached"

    def _state(self, connection: Connection) -> str:
        row = connection.execute(
            "SELECT inhdetachpending FROM pg_inherits"
            " WHERE inhparent = to_regclass(%s) AND inhrelid = to_regclass(%s)",
            [self.table, self.partition],
        ).fetchone()
        if row is None:
            return "detached"
        return "pending" if row[0] else "attached"


@dataclass(frozen=True, slots=True)
class Shared:
    """CREATE and DROP of a database or a tablespace: there is one of that name, or there is none."""

    catalog: str
    column: str
    name: str
    makes: bool

    def look(self, connection: Connection) -> Found:
        """Whether there is one."""
        return {"exists": self._exists(connection)}

    def settle(self, connection: Connection, found: Mapping[str, Any]) -> bool:
        """Whether there is one now, or none, that was not so before."""
        now = self._exists(connection)
        return now is self.makes and found["exists"] is not self.makes

    def _exists(self, connection: Connection) -> bool:
        query = sql.SQL("SELECT EXISTS (SELECT FROM pg_catalog.{} WHERE {} = %s)").format(
            sql.Identifier(self.catalog), sql.Identifier(self.column)
        )
        row = connection.execute(query, [self.name]).fetchone()
        return bool(row and row[0])


def _exists(connection: Connection, name: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [name]).fetchone()
    return bool(row and row[0])


def _drop(connection: Connection, index: _Index) -> None:
    connection.execute(
        sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(
            sql.Identifier(index.schema, index.name)
        )
    )


def _indexes(connection: Connection, table: str | None) -> list[_Index]:
    """The indexes of a table, or of the database; their definitions without name and table."""
    condition = sql.SQL("i.indrelid = to_regclass(%s)" if table is not None else "TRUE")
    rows = connection.execute(
        sql.SQL(
            "SELECT n.nspname, c.relname, i.indisvalid AND i.indisready AND i.indislive,"
            " CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END || substr(d.text,"
            " strpos(d.text, d.place || 'USING ') + length(d.place))"
            " FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " JOIN pg_class AS t ON t.oid = i.indrelid"
            " JOIN pg_namespace AS tn ON tn.oid = t.relnamespace"
            # PostgreSQL 14 calls it pg_temp_3.
            " CROSS JOIN LATERAL (SELECT CASE WHEN tn.oid = pg_my_temp_schema()"
            " THEN replace(pg_get_indexdef(c.oid), ' ON ' || tn.nspname || '.', ' ON pg_temp.')"
            " ELSE pg_get_indexdef(c.oid) END AS text, format(' ON %%s%%I.%%I ',"
            " CASE WHEN c.relkind = 'I' THEN 'ONLY ' ELSE '' END,"
            " CASE WHEN tn.oid = pg_my_temp_schema() THEN 'pg_temp' ELSE tn.nspname END,"
            " t.relname) AS place) AS d"
            " WHERE {} ORDER BY 1, 2"
        ).format(condition),
        [table] if table is not None else [],
    ).fetchall()
    return [_Index(str(s), str(n), bool(v), str(d)) for s, n, v, d in rows]

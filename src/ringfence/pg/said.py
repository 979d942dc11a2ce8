"""Whose an object is by name, in a database of ours that is filled as one role.

`ALTER … OWNER TO deploy`, run as deploy, leaves no trace: the catalog has the same owner where nobody
said anything. So what says of an owner is noted as it runs, by the object's number, which copies of the
database have too.
"""

from __future__ import annotations

import re
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

_SAYS = re.compile(r"\b(OWNER\s+TO|AUTHORIZATION)\b", re.IGNORECASE)

_CASTS = {
    "OBJECT_AGGREGATE": "to_regprocedure",
    "OBJECT_COLLATION": "to_regcollation",
    "OBJECT_DOMAIN": "to_regtype",
    "OBJECT_FUNCTION": "to_regprocedure",
    "OBJECT_OPERATOR": "to_regoperator",
    "OBJECT_PROCEDURE": "to_regprocedure",
    "OBJECT_ROUTINE": "to_regprocedure",
    "OBJECT_SCHEMA": "to_regnamespace",
    "OBJECT_TYPE": "to_regtype",
}
"""What finds an object by its name, in the words of the parser; and gives none where there is none."""

_CATALOGS = {
    "to_regcollation": "pg_collation",
    "to_regnamespace": "pg_namespace",
    "to_regoperator": "pg_operator",
    "to_regproc": "pg_proc",
    "to_regprocedure": "pg_proc",
    "to_regtype": "pg_type",
}

_ADDRESSES = {
    "OBJECT_CONVERSION": "conversion",
    "OBJECT_EVENT_TRIGGER": "event trigger",
    "OBJECT_FDW": "foreign-data wrapper",
    "OBJECT_FOREIGN_SERVER": "server",
    "OBJECT_LANGUAGE": "language",
    "OBJECT_OPCLASS": "operator class",
    "OBJECT_OPFAMILY": "operator family",
    "OBJECT_PUBLICATION": "publication",
    "OBJECT_STATISTIC_EXT": "statistics object",
    "OBJECT_SUBSCRIPTION": "subscription",
    "OBJECT_TSCONFIGURATION": "text search configuration",
    "OBJECT_TSDICTIONARY": "text search dictionary",
}
"""What pg_get_object_address calls the other kinds that have an owner."""


_RELATION = """
    SELECT 'pg_catalog.pg_class'::regclass::oid, r.oid
    FROM (SELECT pg_catalog.to_regclass(%(name)s)::oid AS oid) AS r
    UNION
    SELECT d.classid, d.objid
    FROM pg_catalog.pg_depend AS d
    INNER JOIN pg_catalog.pg_class AS s ON d.objid = s.oid AND s.relkind = 'S'
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = d.classid
    AND d.refobjid = (SELECT pg_catalog.to_regclass(%(name)s)::oid) AND d.deptype IN ('a', 'i')
"""
"""A relation's number, and those of the sequences that come along to another owner."""


class Noting(psycopg.Connection[tuple[object, ...]]):
    """A connection that notes, in `said`, the classid and objid of what gets an owner by name."""

    said: set[tuple[int, int]]

    @classmethod
    def to(cls, conninfo: str, said: set[tuple[int, int]], **options: Any) -> Self:
        """A connection to a database of which as much is known as `said`; that is added to."""
        made = cls.connect(conninfo, cursor_factory=_Cursor, **options)
        made.said = said
        return made


class _Cursor(psycopg.Cursor[tuple[object, ...]]):
    def execute(self, query: Any, *arguments: Any, **options: Any) -> Self:
        super().execute(query, *arguments, **options)
        if isinstance(query, str | bytes):
            text = query if isinstance(query, str) else query.decode(errors="replace")
            if _SAYS.search(text) and isinstance(self.connection, Noting):
                _note(self.connection, text)
        return self


def _note(connection: Noting, text: str) -> None:
    """Have what the text gave this very role be known; what it left to whoever it is, be known no more."""
    for role, question, arguments in _owned(text):
        if role not in ("", connection.info.user):
            continue  # the catalog shows it
        inside = connection.info.transaction_status != TransactionStatus.IDLE
        with (
            suppress(psycopg.Error),
            connection.transaction() if inside else nullcontext(),
            psycopg.Cursor(connection) as plain,
        ):
            found = plain.execute(question, arguments).fetchall()
            numbers = {(int(str(one)), int(str(two))) for one, two in found if two is not None}
            connection.said -= numbers
            connection.said |= numbers if role else set()


def _owned(text: str) -> Iterator[tuple[str, str, list[object] | dict[str, str]]]:
    """Of each object that gets an owner: its name, empty for CURRENT_USER; and what asks for the number."""
    import postgast

    try:
        tree: Any = postgast.parse(text)  # the messages that protobuf makes have no types
    except postgast.PgQueryError:
        return  # newer syntax than the parser's, or an option that has no place in it
    pb: Any = postgast.pg_query_pb2
    for one in tree.stmts:
        kind = one.stmt.WhichOneof("node")
        node = getattr(one.stmt, kind)
        if kind == "alter_table_stmt":
            for command in (c.alter_table_cmd for c in node.cmds):
                if command.subtype == pb.AT_ChangeOwner:
                    relation = [p for p in (node.relation.schemaname, node.relation.relname) if p]
                    yield command.newowner.rolename, _RELATION, {"name": _dotted(relation)}
        elif kind == "create_schema_stmt" and node.HasField("authrole"):
            name = node.schemaname or node.authrole.rolename
            yield node.authrole.rolename, *_cast("to_regnamespace", _dotted([name]))
        elif kind == "alter_owner_stmt":
            word = pb.ObjectType.Name(node.object_type)
            if node.object.object_with_args.args_unspecified:  # it is the only one of its name
                name = [n.string.sval for n in node.object.object_with_args.objname]
                yield node.newowner.rolename, *_cast("to_regproc", _dotted(name))
            elif word in _CASTS:
                yield node.newowner.rolename, *_cast(_CASTS[word], _called(node.object))
            elif word in _ADDRESSES:
                ask = "SELECT classid, objid FROM pg_catalog.pg_get_object_address(%s, %s, '{}')"
                yield node.newowner.rolename, ask, [_ADDRESSES[word], _parts(node.object)]


def _cast(function: str, name: str) -> tuple[str, list[object]]:
    catalog = _CATALOGS[function]
    return f"SELECT 'pg_catalog.{catalog}'::regclass::oid, pg_catalog.{function}(%s)::oid", [name]


def _dotted(parts: list[str]) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def _parts(node: Any) -> list[str]:
    kind = node.WhichOneof("node")
    if kind == "string":
        return [node.string.sval]
    return [item.string.sval for item in node.list.items]


def _called(node: Any) -> str:
    """The name of an object, with the types of its arguments where it has any."""
    kind = node.WhichOneof("node")
    if kind == "type_name":
        return _type(node)
    if kind != "object_with_args":
        return _dotted(_parts(node))
    names = [n.string.sval for n in node.object_with_args.objname]
    types = ", ".join(map(_type, node.object_with_args.objargs))
    own = names[-1] if re.fullmatch(r"[^\w\"]+", names[-1]) else _dotted(names[-1:])
    return ".".join([*map(_dotted, ([n] for n in names[:-1])), own]) + f"({types})"


def _type(node: Any) -> str:
    """A type in SQL; NONE where an operator has no operand."""
    import postgast

    if node.WhichOneof("node") != "type_name":
        return "NONE"
    tree: Any = postgast.parse("SELECT NULL::int")
    cast = tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val.type_cast
    cast.type_name.CopyFrom(node.type_name)
    return str(postgast.deparse(tree)).removeprefix("SELECT NULL::")

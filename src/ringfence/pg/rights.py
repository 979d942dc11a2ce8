"""What a role lacks that was refused something: whose the object is, and the GRANT that says it.

PostgreSQL names the object without its schema and not the right that was missing: the schema comes
from the catalog, the right from the statement, so that what a hint says can be run and gives no more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.model import quoted

if TYPE_CHECKING:
    from psycopg import Connection

    from ringfence.errors import Error

_GRANTS = {
    "database": "GRANT CREATE ON DATABASE {} TO {}",
    "schema": "GRANT {rights} ON SCHEMA {} TO {}",
    "table": "GRANT {rights} ON {} TO {}",
    "sequence": "GRANT USAGE ON SEQUENCE {} TO {}",
    "function": "GRANT EXECUTE ON FUNCTION {} TO {}",
    "language": "GRANT USAGE ON LANGUAGE {} TO {}",
    "type": "GRANT USAGE ON TYPE {} TO {}",
}
_TABLES = ("relation", "view", "materialized view", "foreign table")


def denied(message: str) -> tuple[str, str] | None:
    """The kind and the name in `permission denied for KIND NAME`, as the server writes the name."""
    said = re.match(r"permission denied for ((?:materialized |foreign )?\w+) (.+)", message)
    return (said[1], said[2]) if said else None


def grant(kind: str, name: str, role: str, text: str = "", shown: str = "") -> str:
    """The hint that gives `role` what the statement `text` asks of the object; "" where none is known.

    `shown` is the name as SQL has it, where more of it is known than the server said.
    """
    kind = "table" if kind in _TABLES else kind
    if kind not in _GRANTS:
        return ""
    rights = _of_schema(text) if kind == "schema" else _of_table(text, name)
    said = _GRANTS[kind].format(
        shown or quoted(name), quoted(role) if role else "…", rights=", ".join(rights)
    )
    return f"have its owner say: {said};"


def membership(message: str, role: str) -> str:
    """The hint for what only a member of a role may do, or who hands it out; "" where it is neither."""
    who = quoted(role) if role else "…"
    given = re.match(
        r'(?:permission denied to grant|must have admin option on) role "(.+)"', message
    )
    if given:
        return f"have a superuser say: GRANT {quoted(given[1])} TO {who} WITH ADMIN OPTION;"
    worn = re.match(
        r'(?:must be able to SET ROLE|must be member of role|permission denied to set role) "(.+)"',
        message,
    )
    if worn:
        return f"have a superuser say: GRANT {quoted(worn[1])} TO {who};"
    if message == "permission denied to create role":
        return f"have a superuser say: ALTER ROLE {who} CREATEROLE;"
    return ""


def _of_schema(text: str) -> tuple[str, ...]:
    """Only what makes something in a schema needs more than to look into it."""
    makes = not text or re.search(r"(?i)\b(create|rename|set\s+schema)\b", text)
    return ("USAGE", "CREATE") if makes else ("USAGE",)


def _of_table(text: str, name: str) -> tuple[str, ...]:
    """The rights that a statement needs on the table of that name; all of them where it is not known."""
    everything = ("SELECT", "INSERT", "UPDATE", "DELETE")
    if not text:
        return everything
    plain = re.escape(name)
    inner = re.escape(name.replace('"', '""'))
    table = rf'(?:(?:"(?:[^"]|"")+"|[\w$]+)\s*\.\s*)?(?:"{inner}"|\b{plain})(?![\w$"])'

    def says(before: str, after: str = "") -> bool:
        return re.search(rf"(?is)\b{before}\s+(?:only\s+)?{table}{after}", text) is not None

    if says(r"merge\s+into"):
        return everything
    rights = []
    if says(r"insert\s+into", r"(?=[^;]*\breturning\b)") or says(
        r"insert\s+into", r"(?=[^;]*\bon\s+conflict\b)"
    ):
        rights += ["SELECT"]
    if says(r"insert\s+into") or says("copy", r"(?=[^;]*\bfrom\b)"):
        rights += ["INSERT"]
    if says("update") or says(r"insert\s+into", r"(?=[^;]*\bdo\s+update\b)"):
        rights += ["SELECT", "UPDATE"]
    if re.search(r"(?i)\bfor\s+((no\s+key\s+)?update|(key\s+)?share)\b", text):
        rights += ["SELECT", "UPDATE"]
    if says(r"delete\s+from"):
        rights += ["SELECT", "DELETE"]
    if says(r"truncate(?:\s+table)?"):
        rights += ["TRUNCATE"]
    if says("references"):
        rights += ["REFERENCES"]
    if says(r"create\b[^;]*\btrigger\b[^;]*\bon"):
        rights += ["TRIGGER"]
    if not rights or says(r"(?<!delete )from") or says("join") or says("using"):
        rights += ["SELECT"]
    order = (*everything, "TRUNCATE", "REFERENCES", "TRIGGER")
    return tuple(sorted(set(rights), key=order.index))


_OWNERS = """
SELECT w.kind, w.name, pg_get_userbyid(w.owner) FROM (
    SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
        WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index' WHEN 'f' THEN 'foreign table'
        ELSE 'table' END AS kind, format('%%I.%%I', n.nspname, c.relname) AS name,
        c.relowner AS owner, c.relname AS bare, 1 AS rank
    FROM pg_class AS c JOIN pg_namespace AS n ON c.relnamespace = n.oid
    UNION ALL
    SELECT 'schema', quote_ident(nspname), nspowner, nspname, 2 FROM pg_namespace
    UNION ALL
    SELECT 'function', oid::regprocedure::text, proowner, proname, 3 FROM pg_proc
    UNION ALL
    SELECT 'type', oid::regtype::text, typowner, typname, 4 FROM pg_type
    UNION ALL
    SELECT 'database', quote_ident(datname), datdba, datname, 5 FROM pg_database
) AS w
WHERE w.bare = %(name)s
    AND (w.kind = %(kind)s OR %(kind)s IN ('relation', '') OR w.kind LIKE '%%' || %(kind)s)
ORDER BY w.rank, strpos(%(text)s, w.name) = 0 LIMIT 1
"""


def name_owner(connection: Connection[tuple[object, ...]], found: Error, text: str) -> None:
    """Add to what somebody may not do in `text` whose the object is, and what to grant."""
    said = re.search(
        r"(?:must be owner of|permission denied for) ([a-z]+(?: [a-z]+)?) (.+)", found.message
    )
    if said is None:
        return
    bare = said[2].strip('"').rpartition(".")[2]
    row = connection.execute(_OWNERS, {"kind": said[1], "name": bare, "text": text}).fetchone()
    if row is None:
        return
    kind, name, owner = map(str, row)
    who = connection.info.user
    found.detail = "\n".join(filter(None, (found.detail, f"{kind} {name} belongs to role {owner}")))
    if found.message.startswith("must be owner of"):
        found.hint = f"connect as {owner}, or have it say: GRANT {quoted(owner)} TO {quoted(who)};"
    else:
        found.hint = grant(kind, bare, who, text, name) or found.hint

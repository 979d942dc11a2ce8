"""The SQL that makes a partition as another one is: owner, grants, policies, where and how it is kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ringfence.kinds._sql import ident, literal, qualified

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    Connection = psycopg.Connection[tuple[object, ...]]


class Shape:
    """What a new partition has of the one before it: owner, grants, policies, where and how it is kept."""

    def __init__(
        self, connection: Connection, table: tuple[str, str], like: tuple[str, str], oid: int
    ) -> None:
        self._table, self._like = qualified(table), like
        given = {"oid": oid, "schema": ident(like[0])}
        row: Any = connection.execute(_LIKE, given).fetchone()
        (
            self._unlogged, self._guarded, self._forced, self._identity, self._method, self._space,
            self._options, self._owner, self._ours, self._defaults,
        ) = row  # fmt: skip
        self._grants: list[Any] = connection.execute(_GRANTS, given).fetchall()
        self._policies: list[Any] = connection.execute(_POLICIES, given).fetchall()

    def statements(self, name: str, lower: str, upper: str) -> Iterator[str]:
        """The SQL that makes and attaches it."""
        at = qualified((self._like[0], name))
        yield (
            f"CREATE {'UNLOGGED ' if self._unlogged else ''}TABLE {at} (LIKE {self._table}"
            " INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE"
            " INCLUDING COMPRESSION)"
            + (f" USING {ident(self._method)}" if self._method else "")
            + (f" WITH ({self._options})" if self._options else "")
            + (f" TABLESPACE {ident(self._space)}" if self._space else "")
        )
        for role in self._defaults:
            yield f"REVOKE ALL ON {at} FROM {role}"
        if not self._ours:
            yield f"ALTER TABLE {at} OWNER TO {ident(self._owner)}"
        for column, privilege, grantable, role in self._grants:
            of = f" ({column})" if column else ""
            option = " WITH GRANT OPTION" if grantable else ""
            yield f"GRANT {privilege}{of} ON {at} TO {role}{option}"
        if self._guarded:
            yield f"ALTER TABLE {at} ENABLE ROW LEVEL SECURITY"
        if self._forced:
            yield f"ALTER TABLE {at} FORCE ROW LEVEL SECURITY"
        if self._identity in "fn":
            what = "FULL" if self._identity == "f" else "NOTHING"
            yield f"ALTER TABLE {at} REPLICA IDENTITY {what}"
        for policy, permissive, verb, roles, using, check in self._policies:
            yield (
                f"CREATE POLICY {ident(policy)} ON {at}"
                + ("" if permissive else " AS RESTRICTIVE")
                + f" FOR {verb} TO {roles}"
                + (f" USING ({self._own(using, name)})" if using else "")
                + (f" WITH CHECK ({self._own(check, name)})" if check else "")
            )
        yield (
            f"ALTER TABLE {self._table} ATTACH PARTITION {at}"
            f" FOR VALUES FROM ({literal(lower)}) TO ({literal(upper)})"
        )
        if self._identity == "i":
            yield self._identified(at)

    def _identified(self, at: str) -> str:
        """The index that tells rows apart, where the table has it: the server has named the new one."""
        body = (
            "BEGIN EXECUTE (SELECT pg_catalog.format("  # noqa: S608 - quoted
            f"'ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', {literal(at)}, c.relname)"
            " FROM pg_catalog.pg_index AS i"
            " JOIN pg_catalog.pg_inherits AS was ON was.inhrelid = i.indexrelid"
            " JOIN pg_catalog.pg_inherits AS now ON now.inhparent = was.inhparent"
            " JOIN pg_catalog.pg_index AS n ON n.indexrelid = now.inhrelid"
            " JOIN pg_catalog.pg_class AS c ON c.oid = n.indexrelid"
            f" WHERE i.indisreplident AND i.indrelid = {literal(qualified(self._like))}::regclass"
            f" AND n.indrelid = {literal(at)}::regclass); END"
        )
        return f"DO {literal(body)}"

    def _own(self, expression: str, name: str) -> str:
        """A policy's expression, where it names the partition that it is of, for the new one."""
        old = re.escape(ident(self._like[1]))
        return re.sub(rf"(?<![\w$\".]){old}(?=\.)", lambda _: ident(name), expression)


_LIKE = r"""
SELECT
    c.relpersistence = 'u', c.relrowsecurity, c.relforcerowsecurity,
    CASE WHEN c.relreplident <> 'i' OR EXISTS (
        SELECT FROM pg_index AS i INNER JOIN pg_inherits AS h ON h.inhrelid = i.indexrelid
        WHERE i.indrelid = c.oid AND i.indisreplident
    ) THEN c.relreplident ELSE 'd' END,
    CASE WHEN m.amname <> current_setting('default_table_access_method') THEN m.amname END,
    s.spcname, array_to_string(c.reloptions || ARRAY(
        SELECT 'toast.' || o FROM pg_class AS x CROSS JOIN unnest(x.reloptions) AS o
        WHERE x.oid = c.reltoastrelid
    ), ', '), pg_get_userbyid(c.relowner),
    c.relowner = CURRENT_USER::regrole,
    ARRAY(
        SELECT DISTINCT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END
        FROM pg_default_acl AS d
        CROSS JOIN LATERAL aclexplode(d.defaclacl) AS x
        LEFT JOIN pg_roles AS r ON r.oid = x.grantee
        WHERE
            d.defaclrole = CURRENT_USER::regrole AND d.defaclobjtype = 'r'
            AND d.defaclnamespace IN (0, %(schema)s::regnamespace) AND x.grantee <> d.defaclrole
        ORDER BY 1
    )
FROM pg_class AS c
LEFT JOIN pg_tablespace AS s ON s.oid = c.reltablespace
LEFT JOIN pg_am AS m ON m.oid = c.relam
WHERE c.oid = %(oid)s::oid
"""

_GRANTS = r"""
SELECT
    '' AS col, x.privilege_type, x.is_grantable,
    CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END
FROM pg_class AS c
CROSS JOIN LATERAL aclexplode(c.relacl) AS x
LEFT JOIN pg_roles AS r ON r.oid = x.grantee
WHERE c.oid = %(oid)s::oid AND x.grantee <> c.relowner
UNION ALL
SELECT
    quote_ident(a.attname), x.privilege_type, x.is_grantable,
    CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END
FROM pg_attribute AS a
INNER JOIN pg_class AS c ON c.oid = a.attrelid
CROSS JOIN LATERAL aclexplode(a.attacl) AS x
LEFT JOIN pg_roles AS r ON r.oid = x.grantee
WHERE a.attrelid = %(oid)s::oid AND a.attnum > 0 AND x.grantee <> c.relowner
ORDER BY 4, 1, 2
"""

_POLICIES = r"""
SELECT
    p.polname, p.polpermissive,
    CASE p.polcmd
        WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
        WHEN 'd' THEN 'DELETE' ELSE 'ALL'
    END,
    CASE WHEN p.polroles = '{0}' THEN 'PUBLIC' ELSE (
        SELECT string_agg(quote_ident(r.rolname), ', ' ORDER BY r.rolname)
        FROM pg_roles AS r WHERE r.oid = ANY(p.polroles)
    ) END,
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
FROM pg_policy AS p
WHERE p.polrelid = %(oid)s::oid
ORDER BY p.polname
"""

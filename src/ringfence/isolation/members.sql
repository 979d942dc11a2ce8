-- A row is a role that works on tenants' tables and may become, or is, a member of who owns some
-- of them.
SELECT
    r.rolname AS role,
    o.rolname AS owner,
    STRING_AGG(c.oid::REGCLASS::TEXT, ', ' ORDER BY c.oid::REGCLASS::TEXT) AS owned
FROM pg_class AS c
INNER JOIN pg_roles AS o ON c.relowner = o.oid
INNER JOIN pg_roles AS r ON o.oid <> r.oid AND PG_HAS_ROLE(r.oid, o.oid, 'MEMBER')
WHERE
    c.oid = ANY(CURRENT_SETTING('ringfence.tables')::BIGINT[])
    AND NOT r.rolsuper
    AND NOT o.rolsuper
    AND r.rolname !~ '^pg_'
    AND (
        r.rolname = ANY(CURRENT_SETTING('ringfence.roles')::TEXT[])
        OR (
            r.rolcanlogin
            AND EXISTS (
                SELECT FROM pg_class AS t
                CROSS JOIN LATERAL ACLEXPLODE(t.relacl) AS a
                WHERE
                    t.oid = ANY(CURRENT_SETTING('ringfence.tables')::BIGINT[])
                    AND a.grantee = r.oid
            )
        )
    )
GROUP BY r.rolname, o.rolname
ORDER BY r.rolname, o.rolname;

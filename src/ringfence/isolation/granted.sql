-- A row is a role that may do something to one of these tables and neither owns any of them nor can
-- become who does: a role that people work as.
SELECT DISTINCT r.rolname AS name
FROM pg_class AS c
CROSS JOIN pg_roles AS r
WHERE
    c.oid = ANY(CURRENT_SETTING('ringfence.tables')::BIGINT[])
    AND NOT r.rolsuper
    AND r.rolname !~ '^pg_'
    AND (
        EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.grantee = r.oid)
        OR EXISTS (
            SELECT FROM pg_attribute AS t
            CROSS JOIN LATERAL aclexplode(t.attacl) AS a
            WHERE t.attrelid = c.oid AND a.grantee = r.oid
        )
    )
    AND NOT EXISTS (
        SELECT FROM pg_class AS t
        WHERE
            t.oid = ANY(CURRENT_SETTING('ringfence.tables')::BIGINT[])
            AND pg_has_role(r.oid, t.relowner, 'USAGE')
    )
ORDER BY r.rolname;

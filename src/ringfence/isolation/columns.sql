-- A row is a column of such a relation, with the roles that may do what to it.
SELECT
    a.attrelid::BIGINT AS relation,
    a.attname AS name,
    format_type(a.atttypid, a.atttypmod) AS type,
    a.attgenerated <> '' AS generated,
    a.attidentity = 'a' AS identity_always,
    CASE
        WHEN c.relkind = 'v' THEN pg_column_is_updatable(c.oid, a.attnum, true)
        ELSE a.attgenerated = ''
    END AS updatable,
    ARRAY(
        SELECT g.privilege || ' ' || r.rolname
        FROM pg_roles AS r
        CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS g (privilege)
        WHERE
            r.rolname = ANY(CURRENT_SETTING('ringfence.roles')::TEXT[])
            AND has_column_privilege(r.oid, c.oid, a.attnum, g.privilege)
    ) AS grants
FROM pg_attribute AS a
INNER JOIN pg_class AS c ON a.attrelid = c.oid
WHERE
    c.oid = ANY(CURRENT_SETTING('ringfence.relations')::BIGINT[])
    AND a.attnum > 0
    AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum;

-- A row is a sign of tenants that no setting names: policies that go by who is logged in (`roles`),
-- tables of one name in several schemas that different roles may use (`schemas`).
SELECT
    'roles' AS sign,
    STRING_AGG(DISTINCT p.polrelid::REGCLASS::TEXT, ', ' ORDER BY p.polrelid::REGCLASS::TEXT)
        AS said
FROM pg_policy AS p
WHERE
    COALESCE(pg_get_expr(p.polqual, p.polrelid), '')
    || COALESCE(pg_get_expr(p.polwithcheck, p.polrelid), '')
    ~* '\y(CURRENT_USER|SESSION_USER|CURRENT_ROLE)\y'
HAVING COUNT(*) > 0
UNION ALL
SELECT
    'schemas',
    STRING_AGG(c.oid::REGCLASS::TEXT, ', ' ORDER BY c.oid::REGCLASS::TEXT)
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE
    c.relkind IN ('r', 'p')
    AND NOT c.relispartition
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname !~ '^pg_'
    AND n.nspname <> ALL(CURRENT_SETTING('ringfence.exclude')::TEXT[])
GROUP BY c.relname
HAVING COUNT(*) > 1 AND COUNT(DISTINCT c.relacl::TEXT) > 1
ORDER BY sign, said;

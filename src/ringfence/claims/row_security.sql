-- A row is a table outside the system's schemas and extensions, with its row security.
SELECT
    n.nspname,
    c.relname,
    c.relrowsecurity,
    c.relforcerowsecurity,
    (SELECT COUNT(*) FROM pg_catalog.pg_policy AS p WHERE p.polrelid = c.oid) AS policies
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
WHERE
    c.relkind IN ('r', 'p')
    AND n.nspname NOT LIKE 'pg\_%'
    AND n.nspname <> 'information_schema'
    AND NOT EXISTS (
        SELECT 1
        FROM pg_catalog.pg_depend AS d
        WHERE d.deptype = 'e' AND d.classid = 'pg_class'::REGCLASS AND d.objid = c.oid
    )
ORDER BY 1, 2;

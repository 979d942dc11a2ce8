-- A row is a constraint of a table or domain outside the system's schemas and extensions.
SELECT
    n.nspname,
    COALESCE(r.relname, t.typname) AS parent,
    c.conname,
    c.convalidated,
    c.conrelid = 0 AS on_domain
FROM pg_catalog.pg_constraint AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.connamespace = n.oid
LEFT JOIN pg_catalog.pg_class AS r ON c.conrelid = r.oid
LEFT JOIN pg_catalog.pg_type AS t ON c.contypid = t.oid
WHERE
    n.nspname NOT LIKE 'pg\_%'
    AND n.nspname <> 'information_schema'
    AND NOT EXISTS (
        SELECT 1
        FROM pg_catalog.pg_depend AS d
        WHERE
            d.deptype = 'e'
            AND (d.classid, d.objid) IN (
                ('pg_class'::REGCLASS, c.conrelid), ('pg_type'::REGCLASS, c.contypid)
            )
    )
ORDER BY 1, 2, 3;

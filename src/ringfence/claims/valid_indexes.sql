-- A row is an index outside the system's schemas and extensions; one being built now says so.
SELECT
    n.nspname,
    r.relname,
    i.indisvalid AND i.indisready AS valid,
    EXISTS (
        SELECT 1 FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.index_relid = r.oid
    ) AS building
FROM pg_catalog.pg_index AS i
INNER JOIN pg_catalog.pg_class AS r ON i.indexrelid = r.oid
INNER JOIN pg_catalog.pg_namespace AS n ON r.relnamespace = n.oid
WHERE
    n.nspname NOT LIKE 'pg\_%'
    AND n.nspname <> 'information_schema'
    AND NOT EXISTS (
        SELECT 1
        FROM pg_catalog.pg_depend AS d
        WHERE
            d.deptype = 'e' AND d.classid = 'pg_class'::REGCLASS AND d.objid = i.indrelid
    )
ORDER BY 1, 2;

-- A row is what a table's changes are known by in logical replication, where that is not its key.
SELECT
    'pg_index'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS name,
    c.relreplident::TEXT AS mode,
    x.relname::TEXT AS index
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_index AS i
    ON c.oid = i.indrelid AND c.relreplident = 'i' AND i.indisreplident
LEFT JOIN pg_catalog.pg_class AS x ON i.indexrelid = x.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid AND e.objsubid = 0
WHERE
    c.relkind IN ('r', 'p')
    AND c.relreplident <> 'd'
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

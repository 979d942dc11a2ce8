-- A row is the index that CLUSTER puts a table or materialized view in the order of.
SELECT
    'pg_index'::REGCLASS::OID AS classid,
    x.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS name,
    CASE c.relkind WHEN 'm' THEN 'materialized_view' ELSE 'table' END AS parent_kind,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS parent,
    x.relname::TEXT AS index
FROM pg_catalog.pg_index AS i
INNER JOIN pg_catalog.pg_class AS x ON i.indexrelid = x.oid
INNER JOIN pg_catalog.pg_class AS c ON i.indrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid AND e.objsubid = 0
WHERE
    i.indisclustered
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

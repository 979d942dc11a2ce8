-- A row is the tables that a table inherits from, in its own order (a partition's is not one).
SELECT
    'pg_inherits'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS name,
    CASE c.relkind WHEN 'f' THEN 'foreign_table' ELSE 'table' END AS parent_kind,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS parent,
    array_agg(ARRAY[pn.nspname::TEXT, p.relname::TEXT] ORDER BY i.inhseqno) AS parents
FROM pg_catalog.pg_inherits AS i
INNER JOIN pg_catalog.pg_class AS c ON i.inhrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
INNER JOIN pg_catalog.pg_class AS p ON i.inhparent = p.oid
INNER JOIN pg_catalog.pg_namespace AS pn ON p.relnamespace = pn.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid AND e.objsubid = 0
WHERE
    NOT c.relispartition
    AND c.relkind IN ('r', 'f')
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL
GROUP BY c.oid, n.nspname, c.relname, c.relkind;

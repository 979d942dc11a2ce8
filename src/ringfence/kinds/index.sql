-- A row is an index that no constraint owns and that PostgreSQL did not make after a parent's.
SELECT
    'pg_class'::REGCLASS::OID AS classid,
    x.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, x.relname::TEXT] AS name,
    CASE c.relkind WHEN 'm' THEN 'materialized_view' ELSE 'table' END AS parent_kind,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS parent,
    pg_catalog.pg_get_indexdef(x.oid) AS definition,
    ts.spcname::TEXT AS tablespace,
    NOT i.indisvalid AS invalid,
    (
        SELECT array_agg(a.attnum::TEXT || '=' || a.attstattarget::TEXT ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = x.oid AND a.attstattarget >= 0
    ) AS statistics
FROM pg_catalog.pg_index AS i
INNER JOIN pg_catalog.pg_class AS x ON i.indexrelid = x.oid
INNER JOIN pg_catalog.pg_class AS c ON i.indrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON x.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_tablespace AS ts ON x.reltablespace = ts.oid
LEFT JOIN pg_catalog.pg_depend AS own
    ON
        own.classid = 'pg_class'::REGCLASS AND x.oid = own.objid
        AND own.deptype = 'i' AND own.refclassid = 'pg_constraint'::REGCLASS
LEFT JOIN pg_catalog.pg_depend AS e
    ON e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid AND e.objsubid = 0 AND e.deptype = 'e'
WHERE
    c.relkind IN ('r', 'p', 'm')
    AND c.relpersistence <> 't'
    AND NOT x.relispartition
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND own.objid IS NULL
    AND e.objid IS NULL;

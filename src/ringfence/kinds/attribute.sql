-- A row is an attribute of a composite type that stands alone, by position.
SELECT
    'pg_class'::REGCLASS::OID AS classid,
    a.attrelid AS objid,
    a.attnum::INTEGER AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT, a.attname::TEXT] AS name,
    pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
    CASE
        WHEN a.attcollation <> t.typcollation THEN a.attcollation::REGCOLLATION::TEXT
    END AS collation
FROM pg_catalog.pg_attribute AS a
INNER JOIN pg_catalog.pg_class AS c ON a.attrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
INNER JOIN pg_catalog.pg_type AS t ON a.atttypid = t.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_type'::REGCLASS AND c.reltype = e.objid
WHERE
    c.relkind = 'c'
    AND a.attnum > 0
    AND NOT a.attisdropped
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL
ORDER BY a.attrelid, a.attnum;

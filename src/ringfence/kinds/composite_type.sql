-- A row is a composite type that stands alone, not a table's row type.
SELECT
    'pg_type'::REGCLASS::OID AS classid,
    t.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, t.typname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(t.typowner) AS owner,
    t.typacl::TEXT[] AS acl,
    (
        SELECT array_agg(a.attname::TEXT ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS attributes
FROM pg_catalog.pg_type AS t
INNER JOIN pg_catalog.pg_class AS c ON t.typrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON t.typnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_type'::REGCLASS AND t.oid = e.objid
WHERE
    c.relkind = 'c'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

-- A row is the sequence of an identity column.
SELECT
    'pg_class'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS name,
    'column' AS parent_kind,
    ARRAY[tn.nspname::TEXT, t.relname::TEXT, a.attname::TEXT] AS parent,
    pg_catalog.pg_get_userbyid(c.relowner) AS acl_owner,
    c.relacl::TEXT[] AS acl
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
INNER JOIN pg_catalog.pg_depend AS d
    ON
        d.classid = 'pg_class'::REGCLASS AND c.oid = d.objid
        AND d.refclassid = 'pg_class'::REGCLASS AND d.deptype = 'i'
INNER JOIN pg_catalog.pg_class AS t ON d.refobjid = t.oid
INNER JOIN pg_catalog.pg_namespace AS tn ON t.relnamespace = tn.oid
INNER JOIN pg_catalog.pg_attribute AS a ON d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_class'::REGCLASS AND t.oid = e.objid
WHERE
    c.relkind = 'S'
    AND a.attidentity <> ''
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

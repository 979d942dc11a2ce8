-- A row is an enumerated type.
SELECT
    'pg_type'::REGCLASS::OID AS classid,
    t.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, t.typname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(t.typowner) AS owner,
    t.typacl::TEXT[] AS acl,
    (
        SELECT array_agg(v.enumlabel::TEXT ORDER BY v.enumsortorder)
        FROM pg_catalog.pg_enum AS v
        WHERE v.enumtypid = t.oid
    ) AS labels
FROM pg_catalog.pg_type AS t
INNER JOIN pg_catalog.pg_namespace AS n ON t.typnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_type'::REGCLASS AND t.oid = e.objid
WHERE
    t.typtype = 'e'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

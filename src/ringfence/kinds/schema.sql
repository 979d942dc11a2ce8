-- A row is a schema. public is in every database: it is here for its owner, grants and comment.
SELECT
    'pg_namespace'::REGCLASS::OID AS classid,
    n.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(n.nspowner) AS owner,
    n.nspacl::TEXT[] AS acl
FROM pg_catalog.pg_namespace AS n
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_namespace'::REGCLASS AND n.oid = e.objid
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

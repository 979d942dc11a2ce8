-- A row is a collation. Its version is left out: it is what the library had when it was made.
SELECT
    'pg_collation'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.collname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(c.collowner) AS owner,
    c.collprovider::TEXT AS provider,
    c.colliculocale::TEXT AS locale,
    c.collcollate::TEXT AS lc_collate,
    c.collctype::TEXT AS lc_ctype,
    NOT c.collisdeterministic AS nondeterministic
FROM pg_catalog.pg_collation AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.collnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_collation'::REGCLASS AND c.oid = e.objid
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

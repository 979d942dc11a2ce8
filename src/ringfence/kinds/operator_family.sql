-- A row is a family of operators.
SELECT
    'pg_opfamily'::REGCLASS::OID AS classid,
    f.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, f.opfname::TEXT, m.amname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(f.opfowner) AS owner
FROM pg_catalog.pg_opfamily AS f
INNER JOIN pg_catalog.pg_namespace AS n ON f.opfnamespace = n.oid
INNER JOIN pg_catalog.pg_am AS m ON f.opfmethod = m.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_opfamily'::REGCLASS AND f.oid = e.objid
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

-- A row is a range type, with its multirange type.
SELECT
    'pg_type'::REGCLASS::OID AS classid,
    t.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, t.typname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(t.typowner) AS owner,
    t.typacl::TEXT[] AS acl,
    pg_catalog.format_type(r.rngsubtype, NULL) AS subtype,
    CASE
        WHEN NOT oc.opcdefault THEN ARRAY[ocn.nspname::TEXT, oc.opcname::TEXT]
    END AS operator_class,
    CASE
        WHEN r.rngcollation <> s.typcollation THEN r.rngcollation::REGCOLLATION::TEXT
    END AS collation,
    CASE WHEN r.rngcanonical <> 0 THEN r.rngcanonical::REGPROC::TEXT END AS canonical,
    CASE WHEN r.rngsubdiff <> 0 THEN r.rngsubdiff::REGPROC::TEXT END AS subtype_diff,
    ARRAY[mn.nspname::TEXT, m.typname::TEXT] AS multirange
FROM pg_catalog.pg_range AS r
INNER JOIN pg_catalog.pg_type AS t ON r.rngtypid = t.oid
INNER JOIN pg_catalog.pg_type AS s ON r.rngsubtype = s.oid
INNER JOIN pg_catalog.pg_type AS m ON r.rngmultitypid = m.oid
INNER JOIN pg_catalog.pg_namespace AS n ON t.typnamespace = n.oid
INNER JOIN pg_catalog.pg_namespace AS mn ON m.typnamespace = mn.oid
INNER JOIN pg_catalog.pg_opclass AS oc ON r.rngsubopc = oc.oid
INNER JOIN pg_catalog.pg_namespace AS ocn ON oc.opcnamespace = ocn.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_type'::REGCLASS AND t.oid = e.objid
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

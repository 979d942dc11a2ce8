-- A row is a base type: one whose values only its own functions understand.
SELECT
    'pg_type'::REGCLASS::OID AS classid,
    t.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, t.typname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(t.typowner) AS owner,
    t.typacl::TEXT[] AS acl,
    t.typinput::REGPROC::TEXT AS input,
    t.typoutput::REGPROC::TEXT AS output,
    CASE WHEN t.typreceive <> 0 THEN t.typreceive::REGPROC::TEXT END AS receive,
    CASE WHEN t.typsend <> 0 THEN t.typsend::REGPROC::TEXT END AS send,
    CASE WHEN t.typmodin <> 0 THEN t.typmodin::REGPROC::TEXT END AS typmod_in,
    CASE WHEN t.typmodout <> 0 THEN t.typmodout::REGPROC::TEXT END AS typmod_out,
    CASE WHEN t.typanalyze <> 0 THEN t.typanalyze::REGPROC::TEXT END AS "analyze",
    CASE WHEN t.typsubscript <> 0 THEN t.typsubscript::REGPROC::TEXT END AS subscript,
    t.typlen::INTEGER AS length,
    t.typbyval AS by_value,
    t.typalign::TEXT AS alignment,
    t.typstorage::TEXT AS storage,
    t.typcategory::TEXT AS category,
    t.typispreferred AS preferred,
    t.typdefault AS expression,
    CASE WHEN t.typelem <> 0 THEN pg_catalog.format_type(t.typelem, NULL) END AS element,
    t.typdelim::TEXT AS delimiter,
    t.typcollation <> 0 AS collatable
FROM pg_catalog.pg_type AS t
INNER JOIN pg_catalog.pg_namespace AS n ON t.typnamespace = n.oid
LEFT JOIN pg_catalog.pg_type AS el ON t.typelem = el.oid AND t.oid = el.typarray
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_type'::REGCLASS AND t.oid = e.objid
WHERE
    t.typtype = 'b'
    AND t.typisdefined
    AND el.oid IS NULL
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

-- A row is a cast. That from a range type to its multirange type comes with them.
SELECT
    'pg_cast'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    ARRAY[
        '(' || pg_catalog.format_type(c.castsource, NULL) || ' AS '
        || pg_catalog.format_type(c.casttarget, NULL) || ')'
    ] AS name,
    c.castmethod::TEXT AS method,
    CASE WHEN c.castfunc <> 0 THEN c.castfunc::REGPROCEDURE::TEXT END AS function,
    NULLIF(c.castcontext, 'e') AS context
FROM pg_catalog.pg_cast AS c
LEFT JOIN pg_catalog.pg_depend AS e
    ON e.classid = 'pg_cast'::REGCLASS AND c.oid = e.objid AND e.deptype IN ('e', 'i')
WHERE c.oid >= 16384 AND e.objid IS NULL;

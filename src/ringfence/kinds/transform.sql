-- A row is a transform: how a language takes and gives a type.
SELECT
    'pg_transform'::REGCLASS::OID AS classid,
    t.oid AS objid,
    0 AS objsubid,
    ARRAY[
        '(FOR ' || pg_catalog.format_type(t.trftype, NULL)
        || ' LANGUAGE ' || pg_catalog.quote_ident(l.lanname) || ')'
    ] AS name,
    CASE WHEN t.trffromsql <> 0 THEN t.trffromsql::REGPROCEDURE::TEXT END AS from_sql,
    CASE WHEN t.trftosql <> 0 THEN t.trftosql::REGPROCEDURE::TEXT END AS to_sql
FROM pg_catalog.pg_transform AS t
INNER JOIN pg_catalog.pg_language AS l ON t.trflang = l.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_transform'::REGCLASS AND t.oid = e.objid
WHERE t.oid >= 16384 AND e.objid IS NULL;

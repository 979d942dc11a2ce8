-- A row is a text search template.
SELECT
    'pg_ts_template'::REGCLASS::OID AS classid,
    t.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, t.tmplname::TEXT] AS name,
    CASE WHEN t.tmplinit <> 0 THEN t.tmplinit::TEXT END AS init,
    t.tmpllexize::TEXT AS lexize
FROM pg_catalog.pg_ts_template AS t
INNER JOIN pg_catalog.pg_namespace AS n ON t.tmplnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_ts_template'::REGCLASS AND t.oid = e.objid
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

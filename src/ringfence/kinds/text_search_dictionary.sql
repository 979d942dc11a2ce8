-- A row is a text search dictionary.
SELECT
    'pg_ts_dict'::REGCLASS::OID AS classid,
    d.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, d.dictname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(d.dictowner) AS owner,
    pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.tmplname) AS template,
    d.dictinitoption AS options
FROM pg_catalog.pg_ts_dict AS d
INNER JOIN pg_catalog.pg_namespace AS n ON d.dictnamespace = n.oid
INNER JOIN pg_catalog.pg_ts_template AS t ON d.dicttemplate = t.oid
INNER JOIN pg_catalog.pg_namespace AS tn ON t.tmplnamespace = tn.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_ts_dict'::REGCLASS AND d.oid = e.objid
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

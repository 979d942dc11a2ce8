-- A row is a table, plain or partitioned.
SELECT
    'pg_class'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(c.relowner) AS owner,
    c.relacl::TEXT[] AS acl,
    c.relpersistence = 'u' AS unlogged,
    CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partition_key,
    CASE WHEN c.reloftype <> 0 THEN c.reloftype::REGTYPE::TEXT END AS of_type,
    CASE WHEN am.amname <> 'heap' OR c.relkind = 'p' THEN am.amname::TEXT END AS access_method,
    ts.spcname::TEXT AS tablespace,
    CASE
        WHEN c.reloptions IS NOT NULL
            THEN (SELECT array_agg(o.o ORDER BY o.o) FROM unnest(c.reloptions) AS o (o))
    END AS options,
    x.options AS toast_options,
    c.relrowsecurity AS row_security,
    c.relforcerowsecurity AS force_row_security
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_am AS am ON c.relam = am.oid
LEFT JOIN pg_catalog.pg_tablespace AS ts ON c.reltablespace = ts.oid
LEFT JOIN (
    SELECT
        x.oid,
        (SELECT array_agg(o.o ORDER BY o.o) FROM unnest(x.reloptions) AS o (o)) AS options
    FROM pg_catalog.pg_class AS x
    WHERE x.relkind = 't' AND x.reloptions IS NOT NULL
) AS x ON c.reltoastrelid = x.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid
WHERE
    c.relkind IN ('r', 'p')
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

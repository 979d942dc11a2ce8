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
    CASE WHEN am.amname <> 'heap' THEN am.amname::TEXT END AS access_method,
    ts.spcname::TEXT AS tablespace,
    c.reloptions AS options,
    (
        SELECT x.reloptions FROM pg_catalog.pg_class AS x WHERE c.reltoastrelid = x.oid
    ) AS toast_options,
    c.relrowsecurity AS row_security,
    c.relforcerowsecurity AS force_row_security,
    CASE c.relreplident WHEN 'd' THEN NULL WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' ELSE (
        SELECT ic.relname::TEXT
        FROM pg_catalog.pg_index AS i
        INNER JOIN pg_catalog.pg_class AS ic ON i.indexrelid = ic.oid
        WHERE i.indrelid = c.oid AND i.indisreplident
    ) END AS replica_identity,
    c.relreplident = 'i' AS replica_identity_index,
    CASE WHEN c.relhasindex THEN (
        SELECT ic.relname::TEXT
        FROM pg_catalog.pg_index AS i
        INNER JOIN pg_catalog.pg_class AS ic ON i.indexrelid = ic.oid
        WHERE i.indrelid = c.oid AND i.indisclustered
    ) END AS cluster_on
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_am AS am ON c.relam = am.oid
LEFT JOIN pg_catalog.pg_tablespace AS ts ON c.reltablespace = ts.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid AND e.deptype = 'e'
WHERE
    c.relkind IN ('r', 'p')
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

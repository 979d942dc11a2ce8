-- A row is an extended statistics object.
SELECT
    'pg_statistic_ext'::REGCLASS::OID AS classid,
    s.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, s.stxname::TEXT] AS name,
    CASE c.relkind
        WHEN 'f' THEN 'foreign_table' WHEN 'm' THEN 'materialized_view' ELSE 'table'
    END AS parent_kind,
    ARRAY[cn.nspname::TEXT, c.relname::TEXT] AS parent,
    pg_catalog.pg_get_userbyid(s.stxowner) AS owner,
    pg_catalog.pg_get_statisticsobjdef(s.oid) AS definition,
    CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget::INTEGER END AS target
FROM pg_catalog.pg_statistic_ext AS s
INNER JOIN pg_catalog.pg_namespace AS n ON s.stxnamespace = n.oid
INNER JOIN pg_catalog.pg_class AS c ON s.stxrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS cn ON c.relnamespace = cn.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_statistic_ext'::REGCLASS AND s.oid = e.objid
WHERE
    c.relpersistence <> 't'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

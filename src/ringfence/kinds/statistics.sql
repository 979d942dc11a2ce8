-- A row is an extended statistics object. Its columns are in the order of their names: PostgreSQL
-- has them in that of the table, which says nothing.
WITH
defined AS (
    SELECT
        s.oid,
        ARRAY(
            SELECT pg_catalog.quote_ident(a.attname)
            FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys::SMALLINT[])
            ORDER BY a.attname
        ) || ARRAY(
            SELECT '(' || x.expression || ')'
            FROM unnest(pg_catalog.pg_get_statisticsobjdef_expressions(s.oid)) AS x (expression)
        ) AS parts,
        array_to_string(
            ARRAY[
                CASE WHEN 'd' = ANY (s.stxkind) THEN 'ndistinct' END,
                CASE WHEN 'f' = ANY (s.stxkind) THEN 'dependencies' END,
                CASE WHEN 'm' = ANY (s.stxkind) THEN 'mcv' END
            ],
            ', '
        ) AS kinds
    FROM pg_catalog.pg_statistic_ext AS s
)

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
    'CREATE STATISTICS '
    || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(s.stxname)
    || CASE
        WHEN cardinality(d.parts) > 1 AND d.kinds <> 'ndistinct, dependencies, mcv'
            THEN ' (' || d.kinds || ')'
        ELSE ''
    END
    || ' ON ' || array_to_string(d.parts, ', ')
    || ' FROM ' || pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(c.relname)
        AS definition,
    CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget::INTEGER END AS target
FROM pg_catalog.pg_statistic_ext AS s
INNER JOIN defined AS d ON s.oid = d.oid
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

-- A row is a column of a table; that a partition refuses NULL in it counts for the whole table.
SELECT
    a.attrelid::BIGINT AS "table",
    a.attname AS name,
    a.atttypid::BIGINT AS type,
    a.atttypmod AS typmod,
    format_type(a.atttypid, a.atttypmod) AS sql,
    a.attnotnull OR EXISTS (
        SELECT
        FROM pg_partition_tree(c.oid) AS p
        INNER JOIN pg_attribute AS pa ON p.relid = pa.attrelid
        WHERE c.relkind = 'p' AND pa.attname = a.attname AND pa.attnotnull
    ) AS not_null,
    CASE WHEN a.attgenerated = '' THEN '' ELSE pg_get_expr(d.adbin, d.adrelid) END AS generated,
    CASE WHEN a.attgenerated = '' THEN COALESCE(pg_get_expr(d.adbin, d.adrelid), '') ELSE '' END
        AS default_expression,
    a.attidentity::TEXT AS identity
FROM pg_attribute AS a
INNER JOIN pg_class AS c ON a.attrelid = c.oid
LEFT JOIN pg_attrdef AS d ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE
    c.relkind IN ('r', 'p')
    AND c.relpersistence <> 't'
    AND c.relnamespace <> ALL(ARRAY['pg_catalog', 'information_schema']::REGNAMESPACE[])
    AND NOT c.relispartition
    AND a.attnum > 0
    AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum;

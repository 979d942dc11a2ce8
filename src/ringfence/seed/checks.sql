-- A row is an enforced CHECK constraint of a table, of one of its partitions, or of a domain.
SELECT
    COALESCE(pg_partition_root(c.conrelid)::OID, c.conrelid)::BIGINT AS "table",
    c.contypid::BIGINT AS domain,
    CASE WHEN r.relispartition THEN c.conrelid ELSE 0 END::BIGINT AS partition,
    c.conname AS name,
    pg_get_expr(c.conbin, c.conrelid) AS expression,
    c.connoinherit AS no_inherit
FROM pg_constraint AS c
LEFT JOIN pg_class AS r ON c.conrelid = r.oid
WHERE
    c.contype = 'c'
    AND COALESCE((to_jsonb(c) ->> 'conenforced')::BOOLEAN, true)
    AND NOT (COALESCE(r.relispartition, false) AND c.coninhcount > 0)
    AND c.connamespace <> ALL(ARRAY['pg_catalog', 'information_schema']::REGNAMESPACE[])
ORDER BY c.conrelid, c.contypid, c.conname;

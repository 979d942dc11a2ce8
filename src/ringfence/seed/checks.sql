-- A row is an enforced CHECK constraint of a table, of one of its partitions, or of a domain.
SELECT
    coalesce(pg_partition_root(c.conrelid)::OID, c.conrelid)::BIGINT AS "table",
    c.contypid::BIGINT AS domain,
    CASE WHEN r.relispartition THEN c.conrelid ELSE 0 END::BIGINT AS partition,
    c.conname AS name,
    pg_get_expr(c.conbin, c.conrelid) AS expression,
    c.connoinherit AS no_inherit
FROM pg_constraint AS c
LEFT JOIN pg_class AS r ON c.conrelid = r.oid
WHERE
    c.contype = 'c'
    AND coalesce((to_jsonb(c) ->> 'conenforced')::BOOLEAN, true)
    AND (
        c.contypid = ANY(%(types)s::OID[])
        OR c.conrelid = ANY(%(tables)s::OID[])
        OR (
            r.relispartition
            AND c.coninhcount = 0
            AND pg_partition_root(c.conrelid)::OID = ANY(%(tables)s::OID[])
        )
    )
ORDER BY c.conrelid, c.contypid, c.conname;

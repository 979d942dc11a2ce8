-- A row is a partition that holds rows itself, with what it asks of each of them.
SELECT
    t.oid::BIGINT AS "table",
    p.relid::OID::BIGINT AS oid,
    p.relid::REGCLASS::TEXT AS name,
    COALESCE(pg_get_partition_constraintdef(p.relid), 'true') AS bound
FROM pg_class AS t
CROSS JOIN LATERAL pg_partition_tree(t.oid) AS p
INNER JOIN pg_class AS c ON p.relid = c.oid
WHERE t.relkind = 'p' AND NOT t.relispartition AND p.isleaf AND c.relkind = 'r' AND c.relispartition
ORDER BY t.oid, p.relid::REGCLASS::TEXT;

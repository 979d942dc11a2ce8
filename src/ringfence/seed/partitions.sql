-- A row is a partition that holds rows itself, with what it asks of each of them.
SELECT
    t.oid::BIGINT AS "table",
    p.relid::OID::BIGINT AS oid,
    p.relid::REGCLASS::TEXT AS name,
    coalesce(pg_get_partition_constraintdef(p.relid), 'true') AS bound
FROM unnest(%(tables)s::OID[]) AS t (oid)
CROSS JOIN LATERAL pg_partition_tree(t.oid) AS p
INNER JOIN pg_class AS c ON p.relid = c.oid
WHERE p.isleaf AND c.relkind = 'r' AND c.relispartition
ORDER BY t.oid, p.relid::REGCLASS::TEXT;

-- A row is a foreign key of a table, or one that only some of its partitions have.
SELECT
    COALESCE(pg_partition_root(c.conrelid)::OID, c.conrelid)::BIGINT AS "table",
    c.conname AS name,
    n.nspname AS schema,
    COALESCE(pg_partition_root(c.confrelid)::OID, c.confrelid)::BIGINT AS target,
    c.confrelid::REGCLASS::TEXT AS target_name,
    ARRAY(
        SELECT a.attname::TEXT
        FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, n)
        INNER JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND k.attnum = a.attnum
        ORDER BY k.n
    ) AS columns,
    ARRAY(
        SELECT a.attname::TEXT
        FROM unnest(c.confkey) WITH ORDINALITY AS k (attnum, n)
        INNER JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND k.attnum = a.attnum
        ORDER BY k.n
    ) AS target_columns,
    CASE
        WHEN f.relispartition
            THEN ARRAY(
                SELECT p.relid::BIGINT
                FROM pg_partition_tree(c.confrelid) AS p
                WHERE p.isleaf
                ORDER BY p.relid
            )
        ELSE ARRAY[]::BIGINT[]
    END AS leaves,
    c.condeferrable AS "deferrable",
    c.confmatchtype = 'f' AS match_full
FROM pg_constraint AS c
INNER JOIN pg_class AS r ON c.conrelid = r.oid
INNER JOIN pg_class AS f ON c.confrelid = f.oid
INNER JOIN pg_namespace AS n ON c.connamespace = n.oid
WHERE
    c.contype = 'f'
    AND c.conparentid = 0
    AND COALESCE((to_jsonb(c) ->> 'conenforced')::BOOLEAN, true)
ORDER BY r.relname, c.conname, c.oid;

-- A row is a unique index or an exclusion constraint of a table, or of some of its partitions only.
SELECT
    COALESCE(pg_partition_root(i.indrelid)::OID, i.indrelid)::BIGINT AS "table",
    x.relname AS name,
    i.indisprimary AS is_primary,
    i.indisexclusion AS is_exclusion,
    NOT COALESCE((to_jsonb(i) ->> 'indnullsnotdistinct')::BOOLEAN, false) AS nulls_distinct,
    ARRAY(
        SELECT pg_get_indexdef(i.indexrelid, k, true)
        FROM generate_series(1, i.indnkeyatts) AS k
        ORDER BY k
    ) AS elements,
    ARRAY(
        SELECT COALESCE(a.attname::TEXT, '')
        FROM generate_series(1, i.indnkeyatts) AS k
        LEFT JOIN pg_attribute AS a
            ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1] AND a.attnum <> 0
        ORDER BY k
    ) AS columns,
    ARRAY(
        SELECT 'OPERATOR(' || quote_ident(s.nspname) || '.' || o.oprname || ')'
        FROM unnest(c.conexclop) WITH ORDINALITY AS e (oid, n)
        INNER JOIN pg_operator AS o ON e.oid = o.oid
        INNER JOIN pg_namespace AS s ON o.oprnamespace = s.oid
        ORDER BY e.n
    ) AS operators,
    COALESCE(pg_get_expr(i.indpred, i.indrelid), '') AS predicate
FROM pg_index AS i
INNER JOIN pg_class AS x ON i.indexrelid = x.oid
INNER JOIN pg_class AS r ON i.indrelid = r.oid
LEFT JOIN pg_constraint AS c ON i.indexrelid = c.conindid AND c.contype IN ('p', 'u', 'x')
WHERE
    (i.indisunique OR i.indisexclusion)
    AND i.indislive
    AND r.relkind IN ('r', 'p')
    AND r.relnamespace <> ALL(
        ARRAY['pg_catalog', 'information_schema', 'pg_toast']::REGNAMESPACE[]
    )
    AND NOT EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhrelid = i.indexrelid)
ORDER BY r.relname, x.relname;
